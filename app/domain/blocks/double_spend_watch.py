"""The inputs of deposits' transactions: a block that spends one elsewhere proves the deposit dead, and what is built on it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk
from app.db.tables import watched_inputs
from app.domain.dogecoin import Outpoint

INPUTS: Final = 1_000
"""Watched of one transaction; what nodes relay has fewer. Of a larger one the spends of its others prove nothing."""

Spends = Sequence[tuple[Outpoint, bytes]]
"""Outpoints, each with the transaction that spends it."""


@dataclass(slots=True)
class Watches:
    """What is watched, moved on block by block. `waiting`: what transactions were to spend that no block holds now.

    `lost` are those of them that the blocks at hand may prove dead, and `descendants` are others by what they are built on.
    A block at the height `final` or below is never taken back.
    """

    final: int = 0
    waiting: dict[Outpoint, set[bytes]] = field(default_factory=dict)
    lost: set[bytes] = field(default_factory=set)
    descendants: Mapping[bytes, Collection[bytes]] = field(default_factory=dict)
    kept: dict[tuple[Outpoint, bytes], int] = field(default_factory=dict)
    disconnected: int | None = None

    def connect(self, height: int, spends: Spends, brought: Collection[bytes]) -> set[bytes]:
        """Take a block's spends and watch those of the transactions that `brought` deposits; returns who is dead now."""
        dead: set[bytes] = set()
        for outpoint, by in spends if self.waiting else ():
            if (rivals := self.waiting.get(outpoint)) is not None:
                dead |= rivals - {by}
                if by in rivals:
                    self.kept[outpoint, by] = height
                    rivals.remove(by)
        if brought and height > self.final:
            for by, inputs in _inputs(spends, brought).items():
                self.kept |= {(outpoint, by): height for outpoint in inputs}
        return dead


def _inputs(spends: Spends, brought: Collection[bytes]) -> dict[bytes, list[Outpoint]]:
    """Return what these transactions spend, and those of the same block that they are built on: they fall together."""
    spent: dict[bytes, list[Outpoint]] = defaultdict(list)
    for outpoint, by in spends:
        spent[by].append(outpoint)
    found: dict[bytes, list[Outpoint]] = {}
    rest = list(brought)
    while rest:
        if (txid := rest.pop()) in spent and txid not in found:
            found[txid] = spent[txid][:INPUTS]
            rest += [outpoint.txid for outpoint in found[txid]]
    return found


_KEY: Final = ("txid", "vout")
_GIVEN: Final = bulk.unnested(watched_inputs, _KEY)
_NOWHERE: Final = watched_inputs.c.height.is_(None)
_ANY: Final = sa.select(sa.exists().where(_NOWHERE))
_MATCHED: Final = (
    sa.select(watched_inputs)
    .join(_GIVEN, sa.and_(*(watched_inputs.c[name] == _GIVEN.c[name] for name in _KEY)))
    .where(_NOWHERE)
)


async def find(db: Db, blocks: Iterable[Spends], final: int) -> Watches:
    """Return what is watched of the blocks' spends; only after a reorg is there anything. The caller has moved the tip."""
    watches = Watches(final)
    if not await db.scalar(_ANY):
        return watches
    spends = [spend for block in blocks for spend in block]
    given = {f"input_{name}": [getattr(outpoint, name) for outpoint, _ in spends] for name in _KEY}
    for row in await bulk.fetch_all(db, _MATCHED, given):
        watches.waiting.setdefault(Outpoint(bytes(row["txid"]), row["vout"]), set()).add(bytes(row["by"]))
    watches.lost = {
        rival for outpoint, by in spends for rival in watches.waiting.get(outpoint, ()) if rival != by
    }
    return watches


async def descendants(db: Db, txids: Collection[bytes]) -> dict[bytes, set[bytes]]:
    """Return the watched transactions in no block that are built on these, and on those; by what they spend."""
    edge = sa.select(watched_inputs.c.txid, watched_inputs.c.by).where(_NOWHERE)
    given = sa.literal(list(txids), bulk.BYTES)
    edges = edge.where(watched_inputs.c.txid == sa.any_(given)).cte(recursive=True)
    edges = edges.union(edge.join(edges, edges.c.by == watched_inputs.c.txid))
    found: dict[bytes, set[bytes]] = {}
    for row in await db.execute(sa.select(edges)) if txids else ():
        found.setdefault(bytes(row.txid), set()).add(bytes(row.by))
    return found


async def write(db: Db, watches: Watches) -> None:
    """Write what blocks brought and took away, and forget what is deep enough."""
    if watches.disconnected is not None:
        gone = sa.update(watched_inputs).where(watched_inputs.c.height == watches.disconnected)
        await db.execute(gone.values(height=None))
        return
    if watches.kept:
        rows = [{**outpoint._asdict(), "by": by, "height": at} for (outpoint, by), at in watches.kept.items()]
        await db.execute(_KEEP, bulk.arrays(rows))
    await db.execute(_FORGET, {"final": watches.final})


_COLUMNS: Final = (*_KEY, "by", "height")
_MADE: Final = insert(watched_inputs).from_select(
    _COLUMNS, sa.select(bulk.unnested(watched_inputs, _COLUMNS))
)
_KEEP: Final = _MADE.on_conflict_do_update(
    index_elements=[*_KEY, "by"], set_={"height": _MADE.excluded.height}
)  # the deposit may be in another block than before
_FORGET: Final = sa.delete(watched_inputs).where(
    watched_inputs.c.height <= sa.bindparam("final", type_=sa.Integer)
)
