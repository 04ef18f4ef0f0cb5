"""Twins: a transaction of ours under another txid, which spends the same coins and pays the same.

A node or a miner can change the bytes of signatures, and with them the txid; the holder of the keys can sign
in another way. Nobody else can change what a transaction pays. So twins are recognised by what they spend and
pay, and by nothing else: lock times, sequences and the like have had their effect once a block contains it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.db import Db
from app.domain.blocks.block_effects import Block
from app.domain.blocks.deposits import Coin
from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import Outpoint
from app.domain.payments import versions

Paid = tuple[bytes, int]
"""The script of an output, and its amount."""


class UnknownTransaction(NamedTuple):
    """A transaction of a block that spends coins of ours and that we do not know."""

    txid: bytes
    raw: bytes
    spends: frozenset[Outpoint]
    pays: tuple[Paid, ...]


def unknown(
    blocks: Sequence[Block], ours: Collection[OwnTransaction], coins: Mapping[Outpoint, Coin]
) -> set[bytes]:
    """Return the txids that we do not know and that spend a coin which our transactions spend.

    `coins` are those that the blocks spend. A coin that was booked as spent by others stays so, though its
    block is read again.
    """
    if not ours:
        return set()
    known = {transaction.txid for transaction in ours}
    inputs = {outpoint for transaction in ours for outpoint in transaction.inputs}
    return {
        by
        for block in blocks
        for outpoint, by in block.spends
        if outpoint in inputs
        and by not in known
        and (coin := coins.get(outpoint)) is not None
        and coin.spent_height is None
    }


def read(blocks: Sequence[Block], txids: Collection[bytes]) -> Iterator[UnknownTransaction]:
    """Read these transactions from the blocks."""
    for block in blocks:
        spends: dict[bytes, list[Outpoint]] = defaultdict(list)
        for outpoint, by in block.spends:
            if by in txids:
                spends[by].append(outpoint)
        pays: dict[bytes, list[Paid]] = defaultdict(list)
        for output in block.outputs if spends else ():
            if output.outpoint.txid in spends:
                pays[output.outpoint.txid].append((output.script, output.amount))
        for txid, spent in spends.items():
            yield UnknownTransaction(txid, block.bytes_of(txid), frozenset(spent), tuple(pays[txid]))


async def recognise(
    db: Db,
    unknown: Iterable[UnknownTransaction],
    ours: Collection[OwnTransaction],
    change: Collection[Coin],
) -> tuple[dict[int, OwnTransaction], dict[Outpoint, Coin]]:
    """Store the unknown transactions that are twins of `ours`; returns them by id, and their change.

    `change` is that of `ours`. The caller has locked all of these rows.
    """
    change_of = {coin.outpoint.txid: coin for coin in change}
    known = {
        (transaction.inputs, _pays(transaction, change_of.get(transaction.txid))): transaction
        for transaction in ours
    }
    pairs = [
        (original, twin) for twin in unknown if (original := known.get((twin.spends, twin.pays))) is not None
    ]
    if not pairs:
        return {}, {}
    rows = [versions.Twin(original.id, twin.txid, twin.raw, "sent") for original, twin in pairs]
    ids = await versions.insert_twins(db, rows)
    await versions.copy_inputs(db, rows)
    twins = {ids[twin.txid]: _twin(original, twin.txid, ids[twin.txid]) for original, twin in pairs}
    coins = [
        coin._replace(outpoint=Outpoint(twin.txid, coin.outpoint.vout), height=None)
        for original, twin in pairs
        if (coin := change_of.get(original.txid)) is not None
    ]
    return twins, {coin.outpoint: coin for coin in coins}


def _pays(transaction: OwnTransaction, change: Coin | None) -> tuple[Paid, ...]:
    """Return what it pays, in order: its payments' outputs, none where it cancels them, then its change."""
    carried = transaction.priced()[0].payments if transaction.pays else ()
    paid = [(output.script, output.paid or 0) for payment in carried for output in payment.outputs]
    if change is not None:
        paid.append((change.address.script, change.amount))
    return tuple(paid)


def _twin(original: OwnTransaction, txid: bytes, number: int) -> OwnTransaction:
    """Return the transaction as another version of the same payments, which was sent under another txid."""
    return original._replace(
        id=number, txid=txid, replaces=original.first, state="sent", height=None,
        confirm_height=None, conflict_height=None, mined_count=0,
    )  # fmt: skip
