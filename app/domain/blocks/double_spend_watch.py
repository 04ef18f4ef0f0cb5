"""The inputs of deposits' transactions: a block that spends one elsewhere proves the deposit dead."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, bulk
from app.db.tables import watched_inputs
from app.domain.dogecoin import Outpoint

MOST_INPUTS: Final = 1_000
"""How many inputs of a transaction are watched; nodes relay none with more. Its others prove nothing."""

Spends = Sequence[tuple[Outpoint, bytes]]
"""Outpoints, each with the txid that spends it."""


@dataclass(slots=True)
class DoubleSpendWatch:
    """The watched inputs, changed block by block.

    `waiting` has the inputs of unmined transactions, with their txids. `lost` are those of these transactions
    that the blocks at hand may prove dead, and `descendants` their unmined descendants, by what they spend.
    Blocks up to the height `final` are never disconnected; `has_final` says whether inputs of theirs are watched.
    """

    final: int = 0
    waiting: dict[Outpoint, set[bytes]] = field(default_factory=dict)
    lost: set[bytes] = field(default_factory=set)
    descendants: Mapping[bytes, Collection[bytes]] = field(default_factory=dict)
    mined: dict[tuple[Outpoint, bytes], int] = field(default_factory=dict)
    has_final: bool = False
    disconnected: int | None = None

    def connect(self, height: int, spends: Spends, deposit_txids: Collection[bytes]) -> set[bytes]:
        """Apply a block's spends and watch the transactions with deposits; returns the txids now dead."""
        dead: set[bytes] = set()
        for outpoint, by in spends if self.waiting else ():
            if (rivals := self.waiting.get(outpoint)) is not None:
                dead |= rivals - {by}
                if by in rivals:
                    self.mined[outpoint, by] = height
                    rivals.remove(by)
        if deposit_txids and height > self.final:
            for by, inputs in _inputs(spends, deposit_txids).items():
                self.mined |= {(outpoint, by): height for outpoint in inputs}
        return dead


def _inputs(spends: Spends, txids: Collection[bytes]) -> dict[bytes, list[Outpoint]]:
    """Return the inputs of transactions and of their ancestors in the same block, which fall together."""
    inputs: dict[bytes, list[Outpoint]] = defaultdict(list)
    for outpoint, by in spends:
        inputs[by].append(outpoint)
    watched: dict[bytes, list[Outpoint]] = {}
    rest = list(txids)
    while rest:
        if (txid := rest.pop()) in inputs and txid not in watched:
            watched[txid] = inputs[txid][:MOST_INPUTS]
            rest += [outpoint.txid for outpoint in watched[txid]]
    return watched


_KEY: Final = ("txid", "vout")
_SPENT: Final = bulk.unnested(watched_inputs, _KEY)
_UNMINED: Final = watched_inputs.c.height.is_(None)
_FINAL: Final = watched_inputs.c.height <= sa.bindparam("final", type_=sa.Integer)
ANY_UNMINED: Final = sa.exists().where(_UNMINED)
"""Whether any input is watched whose transaction is in no block: only reorgs leave such."""
ANY_FINAL: Final = sa.exists().where(_FINAL)
"""Whether any input is watched whose block is never disconnected."""
_MATCHED: Final = Prepared(
    sa.select(watched_inputs)
    .join(_SPENT, sa.and_(*(watched_inputs.c[name] == _SPENT.c[name] for name in _KEY)))
    .where(_UNMINED)
)


async def find(db: Db, blocks: Iterable[Spends], watch: DoubleSpendWatch) -> DoubleSpendWatch:
    """Add to the watch the inputs without a block that blocks spend. The caller has moved the tip."""
    spends = [spend for block in blocks for spend in block]
    rows = await bulk.fetch_all(db, _MATCHED, bulk.columns(_KEY, [outpoint for outpoint, _ in spends]))
    for row in rows:
        watch.waiting.setdefault(Outpoint(bytes(row["txid"]), row["vout"]), set()).add(bytes(row["spent_by"]))
    watch.lost = {
        rival for outpoint, by in spends for rival in watch.waiting.get(outpoint, ()) if rival != by
    }
    return watch


async def descendants(db: Db, txids: Collection[bytes]) -> dict[bytes, set[bytes]]:
    """Return the watched unmined descendants of these transactions, by what they spend."""
    edge = sa.select(watched_inputs.c.txid, watched_inputs.c.spent_by).where(_UNMINED)
    first = watched_inputs.c.txid == sa.any_(sa.literal(list(txids), bulk.BYTES))
    edges = edge.where(first).cte(recursive=True)
    edges = edges.union(edge.join(edges, edges.c.spent_by == watched_inputs.c.txid))
    children: dict[bytes, set[bytes]] = {}
    for row in await db.execute(sa.select(edges)) if txids else ():
        children.setdefault(bytes(row.txid), set()).add(bytes(row.spent_by))
    return children


async def end(db: Db, watch: DoubleSpendWatch) -> None:
    """Write what blocks unmined, and delete what is final, after what was mined is written (MINE)."""
    if watch.disconnected is not None:
        unmined = sa.update(watched_inputs).where(watched_inputs.c.height == watch.disconnected)
        await db.execute(unmined.values(height=None))
        return
    if watch.has_final or any(height <= watch.final for height in watch.mined.values()):
        await bulk.execute(db, _DELETE, {"final": watch.final})


def mined(watch: DoubleSpendWatch) -> dict[str, tuple[Any, ...]]:
    """Return the parameters of MINE."""
    rows = [(*outpoint, by, height) for (outpoint, by), height in watch.mined.items()]
    return bulk.columns(_COLUMNS, rows, _MINED)


_MINED: Final = "watched"
_COLUMNS: Final = (*_KEY, "spent_by", "height")
_ROWS: Final = insert(watched_inputs).from_select(
    _COLUMNS, sa.select(bulk.unnested(watched_inputs, _COLUMNS, _MINED))
)
MINE: Final = _ROWS.on_conflict_do_update(
    index_elements=[*_KEY, "spent_by"], set_={"height": _ROWS.excluded.height}
)
"""Writes in which block each watched input is; the deposit may be in another one than before."""
_DELETE: Final = Prepared(sa.delete(watched_inputs).where(_FINAL))
