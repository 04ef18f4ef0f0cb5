"""The effects of blocks on sightings: what a block has is a deposit, and what it spends elsewhere never will be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import sightings
from app.domain.dogecoin import Network, Outpoint
from app.domain.sightings import sighting_rows
from app.domain.sightings.recording import double_spend
from app.domain.sightings.sighting import Sighting

Spends = Sequence[tuple[Outpoint, bytes]]
"""Outpoints, each with the transaction that spends it."""

STATES: Final = ("double_spent", "dropped", "seen")
ANY: Final = sa.exists().where(sightings.c.vout.is_not(None))
"""Whether there is any sighting."""


@dataclass(slots=True)
class SightingEffects:
    """Locked sightings by their transactions, changed block by block, and then written.

    `spenders` are the sighted transactions that spend what the blocks spend.
    """

    by_txid: dict[bytes, list[Sighting]] = field(default_factory=dict)
    spenders: dict[Outpoint, set[bytes]] = field(default_factory=dict)
    mined: list[Sighting] = field(default_factory=list)
    double_spent: list[Sighting] = field(default_factory=list)

    @property
    def all(self) -> list[Sighting]:
        """All of them."""
        return [sighting for group in self.by_txid.values() for sighting in group]

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.mined or self.double_spent)

    def mine(self, txids: Collection[bytes]) -> list[Sighting]:
        """Take out the sightings of these transactions, which a block has; return them."""
        mined = [sighting for txid in txids for sighting in self.by_txid.pop(txid, ())]
        self.mined += mined
        return mined

    def conflict(self, spends: Spends) -> list[tuple[Sighting, int, bytes]]:
        """Double-spend the sightings whose coins another transaction of a block spends; the block's are taken out.

        Returns each with how much less its invoice's `seen` is now, and that transaction.
        """
        ended = []
        for outpoint, by in spends if self.spenders else ():
            for txid in sorted(self.spenders.get(outpoint, ())):
                ended += [(*ending, by) for ending in self._end(txid)]
        return ended

    def _end(self, txid: bytes) -> list[tuple[Sighting, int]]:
        group = self.by_txid.get(txid, [])
        ended = [double_spend(sighting) for sighting in group if sighting.state != "double_spent"]
        if ended:
            self.by_txid[txid] = [sighting for sighting, _ in ended]
            self.double_spent += self.by_txid[txid]
        return ended


async def of_blocks(db: Db, network: Network, paid: Collection[bytes], seen: Spends) -> SightingEffects:
    """Lock the sightings of the transactions that pay us in the blocks, and of the `seen` that conflict with them."""
    effects = SightingEffects()
    for outpoint, txid in seen:
        effects.spenders.setdefault(outpoint, set()).add(txid)
    txids = {txid for _, txid in seen} | set(paid)
    if not txids:
        return effects
    for sighting in await sighting_rows.lock(db, network, list(txids), STATES):
        effects.by_txid.setdefault(sighting.outpoint.txid, []).append(sighting)
    return effects


async def write(db: Db, effects: SightingEffects) -> None:
    """Delete the sightings that are deposits now, and write which are double-spent."""
    if effects.mined:
        await sighting_rows.delete(db, effects.mined)
    if effects.double_spent:
        await sighting_rows.end(db, effects.double_spent)
