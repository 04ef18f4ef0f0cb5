"""Methods that read the chain, and those that turn it back."""

from typing import Final

from app.chain import header, wire
from devnet import script, shapes
from devnet.chainstate import Entry
from devnet.json_text import Amount
from devnet.methods import call
from devnet.methods.call import Arguments, RpcError
from devnet.node import Node
from devnet.pruning import CannotPrune
from devnet.shapes import Shape
from devnet.validation import MEMPOOL_HEIGHT

WARNING: Final = (
    "This is a pre-release test build - use at your own risk - do not use for mining or merchant applications"
)
_SOFT_FORKS = (("bip34", 2), ("bip66", 3), ("bip65", 4))


@call.method("getblockchaininfo", "Shows the state of the chain.")
def getblockchaininfo(node: Node, arguments: Arguments) -> Shape:
    """Shape the chain's state; heights, hashes and work are those of the active chain."""
    tip = node.chain.tip
    fork = {"status": "defined", "startTime": 0, "timeout": 999_999_999_999, "since": 0}
    return {
        "chain": "regtest",
        "blocks": tip.height,
        "headers": node.chain.best().height,
        "bestblockhash": header.display(tip.header.hash),
        "difficulty": shapes.difficulty(tip.header.bits),
        "mediantime": tip.median_time,
        "verificationprogress": 1,
        "initialblockdownload": node.syncing,
        "chainwork": f"{tip.chainwork:064x}",
        "size_on_disk": node.chain.bytes_stored,
        **_pruned(node),
        "softforks": [
            {"id": name, "version": version, "reject": {"status": False}} for name, version in _SOFT_FORKS
        ],
        "bip9_softforks": {"csv": fork, "segwit": fork},
        "warnings": WARNING,
    }


@call.method("getblockcount", "Returns the height of the tip.")
def getblockcount(node: Node, arguments: Arguments) -> int:
    """Return the tip's height."""
    return node.chain.height


@call.method("getbestblockhash", "Returns the hash of the tip.")
def getbestblockhash(node: Node, arguments: Arguments) -> str:
    """Return the tip's hash."""
    return header.display(node.chain.tip.header.hash)


@call.method("getdifficulty", "Returns the difficulty of the tip.")
def getdifficulty(node: Node, arguments: Arguments) -> float:
    """Return the tip's difficulty."""
    return shapes.difficulty(node.chain.tip.header.bits)


@call.method("getblockhash height", "Returns the hash of the block at this height of the active chain.")
def getblockhash(node: Node, arguments: Arguments) -> str:
    """Return the hash at a height; error -8 above the tip."""
    height = call.integer(arguments[0])
    if not 0 <= height <= node.chain.height:
        raise RpcError(call.PARAMETER, "Block height out of range")
    return header.display(node.chain.active[height].header.hash)


@call.method(
    'getblock "blockhash" ( verbosity )',
    "Shows a block: 0 or false its bytes, 1 or true its txids, 2 its transactions.",
)
def getblock(node: Node, arguments: Arguments) -> object:
    """Show a block, even outside of the active chain; error -5 if it is unknown."""
    entry = _entry(node, arguments[0])
    verbosity = call.flag(arguments[1], 1)
    if not node.pruning.holds(entry):
        raise RpcError(call.MISC, "Block not available (pruned data)")
    raw = node.chain.read(entry)
    if verbosity <= 0:
        return raw.hex()
    return shapes.block(node.chain, entry, wire.parse_block(raw), with_transactions=verbosity > 1)


@call.method('getblockheader "hash" ( verbose )', "Shows a block's header.")
def getblockheader(node: Node, arguments: Arguments) -> object:
    """Show a header. Not verbose, it is the bytes with the proof of a parent chain, if there is one."""
    entry = _entry(node, arguments[0])
    if call.boolean(arguments[1], default=True):
        return shapes.header(node.chain, entry)
    if not node.pruning.holds(entry):
        return bytes(header.HEADER_BYTES).hex()  # Core does not notice that it read nothing
    raw = node.chain.read(entry)
    return raw[: header.HEADER_BYTES + len(wire.parse_block(raw).auxpow)].hex()


@call.method("getchaintips", "Lists the ends of all branches.")
def getchaintips(node: Node, arguments: Arguments) -> list[Shape]:
    """List the tips, the highest first, with the length and the status of their branches."""
    tips = {node.chain.tip, *node.chain.tips}
    ends = [tip for tip in tips if tip is node.chain.tip or not node.chain.is_active(tip)]
    return [_tip(node, tip) for tip in sorted(ends, key=lambda tip: (-tip.height, tip.sequence))]


@call.method('gettxout "txid" n ( include_mempool )', "Shows an output that is not spent.")
def gettxout(node: Node, arguments: Arguments) -> Shape | None:
    """Show a coin, or null. By default, a coin that the mempool spends is null too."""
    txid, vout = call.loose_hash(arguments[0]), call.integer(arguments[1])
    with_mempool = call.boolean(arguments[2], default=True)
    coins = node.rules.find(txid) if with_mempool else node.chain.coins.get(txid)
    output = coins.outputs.get(vout) if coins else None
    if coins is None or output is None or (with_mempool and (txid, vout) in node.mempool.spenders):
        return None
    return {
        "bestblock": header.display(node.chain.tip.header.hash),
        "confirmations": 0 if coins.height == MEMPOOL_HEIGHT else node.chain.height - coins.height + 1,
        "value": Amount(output.value),
        "scriptPubKey": script.describe(output.script),
        "version": coins.version,
        "coinbase": coins.coinbase,
    }


@call.method("getrawmempool ( verbose )", "Lists the transactions that wait.")
def getrawmempool(node: Node, arguments: Arguments) -> object:
    """List the txids that wait, or show each."""
    entries = node.mempool.entries
    if not call.boolean(arguments[0], default=False):
        return [header.display(txid) for txid in entries]
    height = node.chain.height
    return {
        header.display(txid): shapes.mempool_entry(node.mempool, entry, height)
        for txid, entry in entries.items()
    }


@call.method("getmempoolentry txid", "Shows a transaction that waits.")
def getmempoolentry(node: Node, arguments: Arguments) -> Shape:
    """Show a transaction that waits; error -5 if it does not."""
    entry = node.mempool.entries.get(call.hash_of(arguments[0], "parameter 1"))
    if entry is None:
        raise RpcError(call.ADDRESS, "Transaction not in mempool")
    return shapes.mempool_entry(node.mempool, entry, node.chain.height)


@call.method("getmempoolinfo", "Counts the transactions that wait, and says what they must pay at least.")
def getmempoolinfo(node: Node, arguments: Arguments) -> Shape:
    """Count what waits."""
    return {
        "size": len(node.mempool.entries),
        "bytes": sum(entry.size for entry in node.mempool.entries.values()),
        "usage": node.mempool.usage,
        "maxmempool": node.mempool.limit,
        "mempoolminfee": Amount(node.mempool.min_rate(node.clock.now())),
    }


@call.method("pruneblockchain height", "Deletes old blocks.")
def pruneblockchain(node: Node, arguments: Arguments) -> int:
    """Delete the blocks up to a height, or as far as allowed; return that height."""
    call.expect(arguments, int)
    try:
        return node.pruning.prune(call.integer(arguments[0]))
    except CannotPrune as error:
        raise RpcError(call.PARAMETER if error.bad_height else call.MISC, str(error)) from None


@call.method('invalidateblock "hash"', "Marks a block as invalid.")
def invalidateblock(node: Node, arguments: Arguments) -> None:
    """Mark a block as invalid, and go to the best chain of the others."""
    entry = _entry(node, arguments[0])
    if entry.previous is None:
        raise RpcError(call.MISC, "The first block cannot be invalid")
    node.invalidate(entry)


@call.method('reconsiderblock "hash"', "Undoes invalidateblock.")
def reconsiderblock(node: Node, arguments: Arguments) -> None:
    """Mark a block, its ancestors and its descendants as valid again."""
    node.reconsider(_entry(node, arguments[0]))


def _pruned(node: Node) -> Shape:
    if not node.pruning.enabled:
        return {"pruned": False}
    return {"pruned": True, "pruneheight": node.pruning.lowest, "automatic_pruning": False}


def _entry(node: Node, value: object) -> Entry:
    entry = node.chain.entries.get(call.loose_hash(value))
    if entry is None:
        raise RpcError(call.ADDRESS, "Block not found")
    return entry


def _tip(node: Node, tip: Entry) -> Shape:
    status = "active" if tip is node.chain.tip else "invalid" if tip.invalid else "valid-fork"
    length = tip.height - node.chain.fork(tip).height
    return {
        "height": tip.height,
        "hash": header.display(tip.header.hash),
        "branchlen": length,
        "status": status,
    }
