"""Methods that mine, that describe the network and the fees, and that control the node."""

from app.chain import header
from app.money import DUST
from devnet import mempool, mining, signatures, validation
from devnet.json_text import Amount
from devnet.methods import call
from devnet.methods.blockchain import WARNING
from devnet.methods.call import Arguments, RpcError
from devnet.node import Node
from devnet.shapes import Shape, difficulty

MAX_BLOCKS = 100_000  # one call's work
MAX_HARDENING = 2**16  # hashes expected for a block
MAX_FEE_TARGET = 25
_OTHER_NETWORKS = (("ipv4", True), ("ipv6", True), ("onion", False))


@call.method('generatetoaddress nblocks "address" ( maxtries auxpow )', "Mines blocks that pay an address.")
def generatetoaddress(node: Node, arguments: Arguments) -> list[str]:
    """Mine blocks on the tip; `auxpow` proves them by a parent chain, as regtest allows from height 20."""
    output_script = call.script_of(arguments[1], "Error: Invalid address")
    return _generate(node, arguments[0], output_script, arguments[2:4])


@call.method("generate nblocks ( maxtries auxpow )", "Mines blocks that pay the wallet.")
def generate(node: Node, arguments: Arguments) -> list[str]:
    """Mine blocks that pay the faucet."""
    return _generate(node, arguments[0], node.wallet.faucet_script(), arguments[1:3])


@call.method('generateharder nblocks "address" bits', "Mines blocks of another difficulty; this node only.")
def generateharder(node: Node, arguments: Arguments) -> list[str]:
    """Mine blocks that are worth more work; `bits` is compact, in hexadecimal, such as "1f7fffff"."""
    output_script = call.script_of(arguments[1], "Error: Invalid address")
    try:
        bits = int(call.text(arguments[2]), 16)
    except ValueError:
        raise RpcError(call.PARAMETER, "bits must be hexadecimal") from None
    if not 0 < header.target(bits) <= header.target(mining.EASY_BITS) or header.work(bits) > MAX_HARDENING:
        raise RpcError(call.PARAMETER, "bits are easier than regtest's, or too hard")
    mined = (node.generate(output_script, bits=bits) for _ in range(_count(arguments[0])))
    return [header.display(entry.header.hash) for entry in mined if entry]


@call.method(
    'generateblock "address" ["rawtx",...]', "Mines a block with exactly these transactions; this node only."
)
def generateblock(node: Node, arguments: Arguments) -> str:
    """Mine one block of these transactions, even if they conflict with some that wait."""
    output_script = call.script_of(arguments[0], "Error: Invalid address")
    if not isinstance(arguments[1], list):
        raise RpcError(call.MISC, "JSON value is not an array as expected")
    try:
        entry = node.generate_with(output_script, [call.transaction(raw) for raw in arguments[1]])
    except validation.Refused as refused:
        raise RpcError(call.REJECTED, str(refused)) from None
    except validation.MissingInputs:
        raise RpcError(call.VERIFY, "Missing inputs") from None
    if entry is None:
        raise RpcError(call.MISC, "No proof of work was found")
    return header.display(entry.header.hash)


@call.method('malleate "rawtx"', "Writes a transaction under another txid; this node only.")
def malleate(node: Node, arguments: Arguments) -> str:
    """Give its signatures the high S, as any miner can. Nodes do not relay that; `generateblock` takes it."""
    return signatures.with_high_s(call.transaction(arguments[0])).raw.hex()


@call.method("getmininginfo", "Shows what the miner does.")
def getmininginfo(node: Node, arguments: Arguments) -> Shape:
    """Show the difficulty and the size of the mempool."""
    tip = node.chain.tip
    sizes: Shape = {"blocks": tip.height, "currentblocksize": 0, "currentblockweight": 0, "currentblocktx": 0}
    shape = {**sizes, "difficulty": difficulty(tip.header.bits), "errors": WARNING, "networkhashps": 0}
    return {**shape, "pooledtx": len(node.mempool.entries), "chain": "regtest"}


@call.method("getnetworkinfo", "Shows version, fees and limits of the node.")
def getnetworkinfo(node: Node, arguments: Arguments) -> Shape:
    """Show what Core shows; there are no peers."""
    networks = [
        {
            "name": name,
            "limited": not reachable,
            "reachable": reachable,
            "proxy": "",
            "proxy_randomize_credentials": False,
        }
        for name, reachable in _OTHER_NETWORKS
    ]
    return {
        "version": 1_149_900,
        "subversion": "/Shibetoshi:1.14.99/",
        "protocolversion": 70015,
        "localservices": "000000000000000d",
        "localrelay": True,
        "timeoffset": 0,
        "networkactive": True,
        "connections": 0,
        "networks": networks,
        "relayfee": Amount(validation.MIN_RELAY_PER_KB),
        "incrementalfee": Amount(mempool.INCREMENTAL_PER_KB),
        "softdustlimit": Amount(DUST),
        "harddustlimit": Amount(validation.HARD_DUST),
        "localaddresses": [],
        "warnings": WARNING,
    }


@call.method("getconnectioncount", "Counts the peers.")
def getconnectioncount(node: Node, arguments: Arguments) -> int:
    """Count the peers; there are none."""
    return 0


@call.method("estimatefee nblocks", "Estimates a fee, of which this node knows too little.")
def estimatefee(node: Node, arguments: Arguments) -> int:
    """Say that nothing is known, as a new regtest node does."""
    call.expect(arguments, int)
    return -1


@call.method("estimatesmartfee nblocks", "Estimates a fee, of which this node knows too little.")
def estimatesmartfee(node: Node, arguments: Arguments) -> Shape:
    """Say that nothing is known, as a new regtest node does."""
    call.expect(arguments, int)
    target = call.integer(arguments[0])
    return {"feerate": -1, "blocks": MAX_FEE_TARGET if 0 < target <= MAX_FEE_TARGET else target}


@call.method("setmocktime timestamp", "Sets the clock; 0 lets it run again.")
def setmocktime(node: Node, arguments: Arguments) -> None:
    """Stop the node's clock at a time in seconds."""
    call.expect(arguments, int)
    seconds = arguments[0]
    if not isinstance(seconds, int) or not 0 <= seconds < 2**32:
        raise RpcError(call.PARAMETER, "Timestamp out of range")
    node.clock.mocked = seconds


@call.method("stop", "Stops the node.")
def stop(node: Node, arguments: Arguments) -> str:
    """Stop the node after the answer to this."""
    node.stop()
    return "Dogecoin server stopping"


def _generate(node: Node, count: object, output_script: bytes, options: Arguments) -> list[str]:
    blocks, max_tries = _count(count), call.integer(options[0], 1_000_000)
    if node.is_reindexing:
        raise RpcError(call.DOWNLOADING, "Dogecoin is downloading blocks...")
    merged = call.flag(options[1]) != 0
    hashes: list[str] = []
    for _ in range(blocks):
        if merged and node.chain.height + 1 < mining.AUXPOW_HEIGHT:
            raise RpcError(-32603, "ProcessNewBlock, block not accepted")
        entry = node.generate(output_script, merged=merged, max_tries=max_tries)
        if entry is None:
            break
        hashes.append(header.display(entry.header.hash))
    return hashes


def _count(value: object) -> int:
    count = call.integer(value)
    if count > MAX_BLOCKS:
        raise RpcError(call.PARAMETER, f"At most {MAX_BLOCKS} blocks at once")
    return max(count, 0)
