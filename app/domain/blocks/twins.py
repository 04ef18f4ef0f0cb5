"""Twins: a transaction of ours under another txid. It spends the same coins and pays the same, so it is the same payment.

Whoever relays or mines a transaction can change the bytes of its signatures, and its txid with them; whoever has the keys can sign
it in another way. What it pays can nobody change. So twins are known by what they spend and pay, and by nothing else: lock times,
sequences and the like have had their effect once a block holds it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.db import Db
from app.domain import dogecoin, payments
from app.domain.blocks.block_effects import Block
from app.domain.blocks.deposits import Coin
from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import Network, Outpoint
from app.domain.payments import Twin

Paid = tuple[bytes, int]
"""The script of an output, and its amount."""


class Found(NamedTuple):
    """A transaction of a block that spends coins of ours and that we do not know."""

    txid: bytes
    raw: bytes
    spends: frozenset[Outpoint]
    pays: tuple[Paid, ...]


def unknown(
    blocks: Sequence[Block], sent: Collection[OwnTransaction], kept: Mapping[Outpoint, Coin]
) -> set[bytes]:
    """Return the transactions that we do not know and that spend what ours were to spend, `kept` being the coins of both."""
    if not sent:
        return set()
    known = {sending.txid for sending in sent}
    wanted = {outpoint for sending in sent for outpoint in sending.inputs}
    return {
        by
        for block in blocks
        for outpoint, by in block.spends
        if outpoint in wanted and by not in known and _is_unspent(kept.get(outpoint))
    }


async def recognise(
    db: Db,
    network: Network,
    found: Iterable[Found],
    sent: Collection[OwnTransaction],
    change: Collection[Coin],
) -> tuple[dict[int, OwnTransaction], dict[Outpoint, Coin]]:
    """Keep those of the `found` that are twins of the transactions `sent`; returns them, and their change.

    `change` is that of the transactions `sent`. The caller has locked all of these rows.
    """
    returned = {coin.outpoint.txid: coin for coin in change}
    known = {(one.inputs, _pays(network, one, returned.get(one.txid))): one for one in sent}
    pairs = [(same, one) for one in found if (same := known.get((one.spends, one.pays))) is not None]
    if not pairs:
        return {}, {}
    numbers = await payments.insert(db, [Twin(same.id, one.txid, one.raw, "sent") for same, one in pairs])
    await payments.copy_inputs(db, {numbers[one.txid]: same.id for same, one in pairs})
    fresh = [
        replace(coin, outpoint=Outpoint(one.txid, coin.outpoint.vout), height=None)
        for same, one in pairs
        if (coin := returned.get(same.txid)) is not None
    ]
    twins = {numbers[one.txid]: _twin(same, one.txid, numbers[one.txid]) for same, one in pairs}
    return twins, {coin.outpoint: coin for coin in fresh}


def _is_unspent(coin: Coin | None) -> bool:
    """What was booked as spent by somebody else stays so, though its block is read again."""
    return coin is not None and coin.spent_height is None


def found(blocks: Sequence[Block], txids: Collection[bytes]) -> Iterator[Found]:
    """Yield what the blocks say of these transactions."""
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
            yield Found(txid, block.bytes_of(txid), frozenset(spent), tuple(pays[txid]))


def _pays(network: Network, sending: OwnTransaction, change: Coin | None) -> tuple[Paid, ...]:
    """Return what it pays, in order: its payments as it carries them, none where it cancels them, then its change."""
    carried = sending.priced()[0].payments if sending.pays else ()
    paid = [(output.script, output.paid or 0) for payment in carried for output in payment.outputs]
    if change is not None:
        paid.append((dogecoin.to_script(network, change.place.address), change.amount))
    return tuple(paid)


def _twin(same: OwnTransaction, txid: bytes, number: int) -> OwnTransaction:
    """Return the transaction as another version of the same payments, which was sent under another txid."""
    return replace(
        same, id=number, txid=txid, replaces=same.first, state="sent", height=None, confirm_height=None,
        conflict_height=None, round=0,
    )  # fmt: skip
