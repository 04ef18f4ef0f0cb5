"""Which sightings count as confirmed for their invoices, where the account wants that. No money is credited.

A transaction must not signal that it may be replaced, must pay what every node relays, and must not build on what
strangers may still spend elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import transactions
from app.domain.sightings.sighting import Sighting, WaitingTransaction
from app.money import COIN, DUST, Koinu

RELAY_RATE: Final = Koinu(COIN // 1000)
"""The lowest fee per kB that nodes relay by default (-minrelaytxfee)."""

_KB: Final = 1000
_RETURN: Final = b"\x6a"
"""A script that begins with it pays nobody."""


class MempoolEntry(NamedTuple):
    """What the node says of a transaction in its mempool: fee in koinu, size in bytes, and what it builds on.

    `parents` are the txids in the mempool that it spends, `ancestors` the number of those, of theirs, and so on.
    """

    fee: Koinu
    size: int
    parents: Sequence[bytes]
    ancestors: int


async def accept(
    db: Db,
    found: Sequence[Sighting],
    waiting: Mapping[bytes, WaitingTransaction],
    entries: Mapping[bytes, MempoolEntry],
    relay_rate: Koinu,
) -> list[Sighting]:
    """Return what was found, `acceptable` only where its transaction is safe; the node's rate is per kB."""
    parents = {parent for entry in entries.values() for parent in entry.parents}
    ours = await _ours(db, parents)
    safe = {
        txid
        for txid, entry in entries.items()
        if not waiting[txid].replaceable
        and entry.fee >= relayed_fee(waiting[txid], entry.size, relay_rate)
        and entry.ancestors == len(entry.parents)
        and ours.issuperset(entry.parents)
    }
    return [
        replace(sighting, acceptable=sighting.acceptable and sighting.outpoint.txid in safe)
        for sighting in found
    ]


async def _ours(db: Db, txids: set[bytes]) -> set[bytes]:
    """Return those of the txids that are of our own transactions."""
    if not txids:
        return set()
    query = sa.select(transactions.c.txid)
    query = query.where(transactions.c.txid == sa.any_(sa.literal(list(txids), bulk.BYTES)))
    return {bytes(txid) for txid in await db.scalars(query)}


def relayed_fee(transaction: WaitingTransaction, size: int, relay_rate: Koinu) -> int:
    """Return the fee for which nodes relay it (Core: `GetDogecoinMinRelayFee`): more for each small output."""
    small = sum(
        output.amount < DUST and not output.script.startswith(_RETURN) for output in transaction.outputs
    )
    return max(relay_rate, RELAY_RATE) * size // _KB + DUST * small
