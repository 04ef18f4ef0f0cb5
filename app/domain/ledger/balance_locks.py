"""Rows of balances: locked in one order, made where they are missing, and written where they lie."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk, serialization_failure
from app.db.tables import Time, balances
from app.domain.ledger.journal import Balance, BalanceKey


class LockedBalances(NamedTuple):
    """Balances, where they lie, and when any of them moved last."""

    balances: dict[BalanceKey, Balance]
    rows: dict[BalanceKey, str]
    latest: datetime


_KEY: Final = ("account_id", "asset")
_GIVEN: Final = bulk.unnested(balances, _KEY)
_MAKE: Final = (
    insert(balances)
    .from_select(_KEY, sa.select(_GIVEN).order_by(_GIVEN.c.account_id, _GIVEN.c.asset))
    .on_conflict_do_nothing()
)
_ROWS: Final = sa.table(
    "balances",
    sa.column("ctid", bulk.RowId()),
    *(sa.column(column.name, column.type) for column in balances.c),
)
"""The balances, and where each lies."""


def _locking(*, skip_locked: bool = False) -> sa.Select[Any]:
    """Lock those of the balances that there are, in the order of their keys, and return them as one row of arrays."""
    wanted = bulk.unnested(balances, _KEY, "place")
    same = sa.and_(_ROWS.c.account_id == wanted.c.account_id, _ROWS.c.asset == wanted.c.asset)
    locked = (
        sa.select(
            wanted.c.place,
            sa.cast(_ROWS.c.ctid, sa.Text).label("row"),
            *(_ROWS.c[name] for name in (*Balance._fields, "updated")),
        )
        .join(wanted, same)
        .order_by(_ROWS.c.account_id, _ROWS.c.asset)
        .with_for_update(key_share=True, of=_ROWS, skip_locked=skip_locked)
        .subquery("locked")
    )
    arrays = [bulk.gathered(locked.c[name]) for name in ("place", "row", *Balance._fields)]
    return sa.select(*arrays, sa.func.max(locked.c.updated))


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_LOCK: Final = _locking()
_LOCK_WITHOUT_WAITING: Final = _locking(skip_locked=True)


async def lock(db: Db, keys: Sequence[BalanceKey]) -> LockedBalances:
    """Lock the balances of `keys`, which are sorted; those that have no row yet, as few have, get one.

    Nobody waits in a circle: rows that are there are waited for in order; then whoever is making the same missing rows,
    in order too, and who does that waits for no row that is there. So a row that another has made meanwhile, and a third
    holds by now, is not waited for: all is to be done again, and finds it there.
    """
    if not keys:
        return LockedBalances({}, {}, _NEVER)
    locked = await _locked(db, _LOCK, keys)
    missing = [key for key in keys if key not in locked.rows] if len(locked.rows) < len(keys) else []
    if not missing:
        return locked
    await db.execute(_MAKE, bulk.columns(_KEY, missing))
    made = await _locked(db, _LOCK_WITHOUT_WAITING, missing)
    if len(made.rows) < len(missing):
        raise serialization_failure("balances were made and locked by others meanwhile")
    return LockedBalances(
        locked.balances | made.balances, locked.rows | made.rows, max(locked.latest, made.latest)
    )


async def forget_empty(db: Db, locked: LockedBalances) -> None:
    """Remove those of the locked rows on which nothing was ever posted.

    Whoever makes one of them meanwhile waits for this transaction as for one that is there, and makes it then.
    """
    empty = [locked.rows[key] for key, balance in locked.balances.items() if not balance.seq]
    if empty:
        lies = _ROWS.c.ctid == sa.any_(sa.bindparam("rows", type_=bulk.Array(bulk.RowId())))
        await db.execute(sa.delete(_ROWS).where(lies), {"rows": empty})


async def _locked(db: Db, statement: sa.Select[Any], keys: Sequence[BalanceKey]) -> LockedBalances:
    positions, rows, *buckets, latest = (await db.execute(statement, bulk.columns(_KEY, keys))).one()
    if positions is None:
        return LockedBalances({}, {}, _NEVER)
    locked_keys = [keys[position - 1] for position in positions]
    return LockedBalances(
        dict(zip(locked_keys, map(Balance, *buckets), strict=True)),
        dict(zip(locked_keys, rows, strict=True)),
        latest,
    )


async def move(
    db: Db,
    rows: Mapping[BalanceKey, str],
    last: Mapping[BalanceKey, Balance],
    touched: Collection[str],
    time: datetime,
) -> None:
    """Write what lies in the `touched` buckets of locked balances, as a rule all of one kind; `rows` says where they lie."""
    columns = tuple([name for name in Balance._fields if name in touched or name == "seq"])
    values = attrgetter(*columns)
    moved = [(rows[key], *values(balance)) for key, balance in last.items()]
    result = await db.execute(_moving(columns), {**bulk.columns(("row", *columns), moved), "time": time})
    if result.rowcount != len(moved):
        raise RuntimeError("a locked balance is not where it was")


@cache
def _moving(columns: tuple[str, ...]) -> sa.Update:
    rows = sa.bindparam("input_row", type_=bulk.Array(bulk.RowId()))
    values = [sa.bindparam(f"input_{name}", type_=bulk.BIGINTS) for name in columns]
    typed: list[sa.ColumnClause[Any]] = [sa.column("row", bulk.RowId())]
    typed += [sa.column(name, sa.BigInteger) for name in columns]
    new_values = sa.func.unnest(rows, *values).table_valued(*typed, name="input").render_derived()
    new = {name: new_values.c[name] for name in columns} | {"updated": sa.bindparam("time", type_=Time)}
    return sa.update(_ROWS).values(new).where(_ROWS.c.ctid == new_values.c.row)
