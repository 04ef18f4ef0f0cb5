"""Blocks and transactions as the node's JSON shows them: its names, in its order."""

from app.chain.header import HEADER_BYTES, NO_HASH, display
from app.chain.wire import Block, Input, Transaction, assemble
from app.domain import dogecoin
from devnet import script
from devnet.chainstate import Chain, Entry
from devnet.json_text import Amount
from devnet.mempool import Mempool, MempoolEntry

Shape = dict[str, object]


def transaction(content: Transaction) -> Shape:
    """Shape a transaction."""
    txid = display(content.txid)
    sizes = {"txid": txid, "hash": txid, "size": content.size, "vsize": content.size}
    spends = [_coinbase(spent) if content.is_coinbase else _spend(spent) for spent in content.inputs]
    pays = [
        {"value": Amount(output.value), "n": vout, "scriptPubKey": script.describe(output.script)}
        for vout, output in enumerate(content.outputs)
    ]
    return {**sizes, "version": content.version, "locktime": content.lock_time, "vin": spends, "vout": pays}


def header(chain: Chain, entry: Entry) -> Shape:
    """Shape a block's header and its place in the chain."""
    top = entry.header
    shape: Shape = {
        "hash": display(top.hash),
        "confirmations": confirmations(chain, entry),
        "height": entry.height,
        "version": top.version,
        "versionHex": f"{top.version & 0xFFFFFFFF:08x}",
        "merkleroot": display(top.merkle_root),
    }
    return {**shape, **_proof(entry), **_neighbours(chain, entry)}


def block(chain: Chain, entry: Entry, content: Block, *, with_transactions: bool) -> Shape:
    """Shape a block, with its transactions or only with their txids."""
    top = header(chain, entry)
    stripped = entry.size
    sizes = {"strippedsize": stripped, "size": entry.size, "weight": stripped * 3 + entry.size}
    txs = [transaction(tx) if with_transactions else display(tx.txid) for tx in content.transactions]
    first = {name: top[name] for name in ("hash", "confirmations")}
    second = {name: top[name] for name in ("height", "version", "versionHex", "merkleroot")}
    merged = {"auxpow": _auxpow(content.auxpow)} if content.auxpow else {}
    return {**first, **sizes, **second, "tx": txs, **_proof(entry), **merged, **_neighbours(chain, entry)}


def mempool_entry(mempool: Mempool, entry: MempoolEntry, height: int) -> Shape:
    """Shape an entry of the mempool. As with Core, the fees of ancestors and descendants are in koinu."""
    above, below = mempool.ancestors(entry.transaction), mempool.descendants(entry.transaction)
    return {
        "size": entry.size,
        "fee": Amount(entry.fee),
        "modifiedfee": Amount(entry.fee),
        "time": entry.time,
        "height": entry.height,
        "startingpriority": entry.priority(entry.height),
        "currentpriority": entry.priority(height),
        "descendantcount": len(below) + 1,
        "descendantsize": entry.size + sum(relative.size for relative in below),
        "descendantfees": entry.fee + sum(relative.fee for relative in below),
        "ancestorcount": len(above) + 1,
        "ancestorsize": entry.size + sum(relative.size for relative in above),
        "ancestorfees": entry.fee + sum(relative.fee for relative in above),
        "depends": [display(txid) for txid in mempool.parents(entry.transaction)],
    }


def confirmations(chain: Chain, entry: Entry) -> int:
    """Count the blocks from this one to the tip, both included; -1 off the active chain."""
    return chain.height - entry.height + 1 if chain.is_active(entry) else -1


def difficulty(bits: int) -> float:
    """Return how much harder it is to find a block than at difficulty 1 (Core: `GetDifficulty`)."""
    return 0xFFFF / (bits & 0xFFFFFF) * 256.0 ** (29 - (bits >> 24))


def _coinbase(spent: Input) -> Shape:
    return {"coinbase": spent.script.hex(), "sequence": spent.sequence}


def _spend(spent: Input) -> Shape:
    signature = {"asm": script.asm(spent.script, signatures=True), "hex": spent.script.hex()}
    return {
        "txid": display(spent.txid),
        "vout": spent.vout,
        "scriptSig": signature,
        "sequence": spent.sequence,
    }


def _proof(entry: Entry) -> Shape:
    top = entry.header
    return {
        "time": top.time,
        "mediantime": entry.median_time,
        "nonce": top.nonce,
        "bits": f"{top.bits:08x}",
        "difficulty": difficulty(top.bits),
        "chainwork": f"{entry.chainwork:064x}",
    }


def _neighbours(chain: Chain, entry: Entry) -> Shape:
    shape: Shape = {}
    if entry.previous is not None:
        shape["previousblockhash"] = display(entry.previous.header.hash)
    if chain.is_active(entry) and entry.height < chain.height:
        shape["nextblockhash"] = display(chain.active[entry.height + 1].header.hash)
    return shape


def _auxpow(raw: bytes) -> Shape:
    """Shape a proof that this node made: its coinbase has no outputs, and its branches are empty."""
    parent = raw[-HEADER_BYTES:]
    coinbase = raw[: len(raw) - HEADER_BYTES - 10 - 32]
    spent = Input(NO_HASH, 0xFFFFFFFF, coinbase[42:-9], 0xFFFFFFFF)
    parent_coinbase = transaction(assemble([spent], []))
    return {
        "tx": {"hex": coinbase.hex(), **parent_coinbase, "blockhash": display(dogecoin.hash256(parent))},
        "index": 0,
        "chainindex": 0,
        "merklebranch": [],
        "chainmerklebranch": [],
        "parentblock": parent.hex(),
    }
