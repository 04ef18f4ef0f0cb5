"""Makes blocks: coinbase, merkle root, and regtest's proof of work, plain or merged.

Core: `miner.cpp`, `auxpow.cpp`.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.chain import header, wire
from app.chain.header import Header
from app.chain.wire import Input, Output, Transaction
from app.domain import dogecoin
from app.money import COIN
from devnet import script
from devnet.mempool import Mempool, MempoolEntry

EASY_BITS: Final = 0x207FFFFF
VERSION: Final = 0x00620004  # base version 4, chain id 0x62
AUXPOW_HEIGHT: Final = 20
MIN_FEE_PER_KB: Final = COIN // 100  # Core: -blockmintxfee, without its area for old coins
MAX_MINED_BYTES: Final = 750_000
GENESIS: Final = bytes.fromhex(
    "010000000000000000000000000000000000000000000000000000000000000000000000696ad20e2dd4365c7459b4a4a5af743d"
    "5e92c6da3229e6532cd605f6533f2a5bdae5494dffff7f20020000000101000000010000000000000000000000000000000000"
    "000000000000000000000000000000ffffffff1004ffff001d0104084e696e746f6e646fffffffff010058850c02000000434104"
    "0184710fa689ad5023690c80f3a49c8f13f8d45b8c857fbcbc8bc4a8e4d3eb4b10f4d4604fa08dce601aaf0f470216fe1b51850b"
    "4acf21b179c45070ac7b03a9ac00000000"
)

_HEADER = struct.Struct("<i32s32sIII")
_PARENT_VERSION = 1
_ONE_CHAIN = struct.pack("<II", 1, 0)  # how many chains are merged, and the nonce that spreads them


@dataclass(frozen=True, slots=True)
class Template:
    """What a block is made of. `previous` is a hash; `extra_nonce` differs among children of one parent."""

    previous: bytes
    height: int
    time: int
    bits: int
    output_script: bytes
    extra_nonce: int
    transactions: Sequence[Transaction]
    fees: int


def subsidy(height: int) -> int:
    """Return the koinu that a block of regtest makes (Core: `GetDogecoinBlockSubsidy`)."""
    return (500_000 * COIN) >> (height // 150) if height < 900 else 10_000 * COIN


def choose(mempool: Mempool) -> list[MempoolEntry]:
    """Choose the entries for a block: all that pay 0.01 DOGE/kB and whose parents are chosen or mined."""
    chosen: dict[bytes, MempoolEntry] = {}
    room = MAX_MINED_BYTES - 1000
    for waiting in mempool.entries.values():
        missing = any(parent not in chosen for parent in mempool.parents(waiting.transaction))
        if missing or waiting.fee * 1000 < MIN_FEE_PER_KB * waiting.size or waiting.size > room:
            continue
        chosen[waiting.txid] = waiting
        room -= waiting.size
    return list(chosen.values())


def mine(template: Template, *, merged: bool = False, max_tries: int = 1_000_000) -> bytes | None:
    """Make the block's bytes; None if `max_tries` hashes were too few."""
    transactions = [_coinbase(template), *template.transactions]
    root = wire.merkle_root([transaction.txid for transaction in transactions])
    version = VERSION | header.AUXPOW_FLAG if merged else VERSION
    top = Header(version, template.previous, root, template.time, template.bits, 0, b"")
    proved = _merged_proof(top, max_tries) if merged else _proof(top, template.bits, max_tries)
    if proved is None:
        return None
    return (
        proved
        + wire.compact_size(len(transactions))
        + b"".join(transaction.raw for transaction in transactions)
    )


def header_bytes(top: Header) -> bytes:
    """Write the 80 bytes of a header; ignore its own `hash`."""
    return _HEADER.pack(top.version, top.previous, top.merkle_root, top.time, top.bits, top.nonce)


def _proof(top: Header, bits: int, max_tries: int) -> bytes | None:
    """Count the nonce up until the header's scrypt hash meets the target of `bits`; return the header."""
    limit = header.target(bits)
    head = header_bytes(top)[:76]
    for nonce in range(min(max_tries, 2**32)):
        raw = head + nonce.to_bytes(4, "little")
        if int.from_bytes(hashlib.scrypt(raw, salt=raw, n=1024, r=1, p=1, dklen=32), "little") <= limit:
            return raw
    return None


def _merged_proof(top: Header, max_tries: int) -> bytes | None:
    """Let a parent header, whose coinbase names this one, prove the work; return the header and the proof."""
    own = header_bytes(top)
    commitment = dogecoin.hash256(own)[::-1] + _ONE_CHAIN
    coinbase = wire.assemble([Input(header.NO_HASH, 0xFFFFFFFF, script.push(commitment), 0xFFFFFFFF)], [])
    parent = replace(
        top, version=_PARENT_VERSION, previous=header.NO_HASH, merkle_root=coinbase.txid, time=0, bits=0
    )
    proved = _proof(parent, top.bits, max_tries)
    if proved is None:
        return None
    no_branch = bytes(1 + 4)  # no hashes, at index 0: once for the coinbase, once for the chain
    return own + coinbase.raw + header.NO_HASH + no_branch + no_branch + proved


def _coinbase(template: Template) -> Transaction:
    """Pay subsidy and fees. The script has the height (BIP34) and the extra nonce.

    The second output commits to the witnesses.
    """
    height = (
        bytes((script.OP_1 + template.height - 1,))
        if template.height <= 16
        else script.push(script.number(template.height))
    )
    own = Input(
        header.NO_HASH, 0xFFFFFFFF, height + script.push(script.number(template.extra_nonce)), 0xFFFFFFFF
    )
    root = wire.merkle_root([header.NO_HASH, *(transaction.txid for transaction in template.transactions)])
    commitment = b"\x6a\x24\xaa\x21\xa9\xed" + dogecoin.hash256(root + bytes(32))
    pays = Output(subsidy(template.height) + template.fees, template.output_script)
    return wire.assemble([own], [pays, Output(0, commitment)])
