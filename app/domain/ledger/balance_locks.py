"""Balance rows: locked in one order, made where they are missing, and written by their row ids."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, bulk, serialization_failure, timed
from app.db.tables import Time, balances
from app.domain.ledger.journal import Balance, BalanceKey


class LockedBalances(NamedTuple):
    """Balances and their row ids by key, and when any of them moved last."""

    balances: dict[BalanceKey, Balance]
    rows: dict[BalanceKey, str]
    latest: datetime


_KEY: Final = ("account_id", "asset")
_INPUT: Final = bulk.unnested(balances, _KEY)
_MAKE: Final = (
    insert(balances)
    .from_select(_KEY, sa.select(_INPUT).order_by(_INPUT.c.account_id, _INPUT.c.asset))
    .on_conflict_do_nothing()
)
_ROWS: Final = sa.table(
    "balances",
    sa.column("ctid", bulk.RowId()),
    *(sa.column(column.name, column.type) for column in balances.c),
)
"""The table with its row ids."""


def _locking(*, wait: bool) -> Prepared:
    """Lock the existing rows in the order of their keys; return arrays, first the numbers of the keys."""
    statement = sa.text(f"""
        SELECT array_agg(number), array_agg(row), array_agg(available), array_agg(incoming), array_agg(held),
            array_agg(outgoing), array_agg(seq), max(updated)
        FROM (
            SELECT number, balances.ctid::text AS row, available, incoming, held, outgoing, seq, updated
            FROM unnest(:input_account_id, :input_asset) WITH ORDINALITY AS input (account_id, asset, number)
            JOIN balances USING (account_id, asset)
            ORDER BY account_id, asset
            FOR NO KEY UPDATE OF balances {"" if wait else "SKIP LOCKED"}
        ) AS locked
    """).bindparams(  # noqa: S608  nothing of a caller's
        sa.bindparam("input_account_id", type_=bulk.BIGINTS), sa.bindparam("input_asset", type_=bulk.TEXTS)
    )
    return Prepared(timed(statement) if wait else statement)


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_LOCK: Final = _locking(wait=True)
_LOCK_WITHOUT_WAITING: Final = _locking(wait=False)


async def lock(db: Db, keys: Sequence[BalanceKey]) -> LockedBalances:
    """Lock the balances of `keys`, which are sorted; make the rows that are missing, as few are.

    Transactions never wait in a circle. A transaction waits for existing rows in order, then for others that
    make the same missing rows, in order too. After that it waits for no row: another may have made a missing
    row meanwhile, and a third may hold it. Then this raises a serialization failure, so that the whole
    transaction is run again.
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
    latest = max(locked.latest, made.latest)
    return LockedBalances(locked.balances | made.balances, locked.rows | made.rows, latest)


async def delete_unused(db: Db, locked: LockedBalances) -> None:
    """Delete the locked rows that have no posting. Who makes one meanwhile waits until this commits."""
    unused = [locked.rows[key] for key, balance in locked.balances.items() if not balance.seq]
    if unused:
        named = _ROWS.c.ctid == sa.any_(sa.bindparam("rows", type_=bulk.Array(bulk.RowId())))
        await db.execute(sa.delete(_ROWS).where(named), {"rows": unused})


async def _locked(db: Db, statement: Prepared, keys: Sequence[BalanceKey]) -> LockedBalances:
    [found] = await bulk.fetch_values(db, statement, bulk.columns(_KEY, keys))
    numbers, rows, *buckets, latest = found
    if numbers is None:
        return LockedBalances({}, {}, _NEVER)
    locked_keys = [keys[number - 1] for number in numbers]
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
    """Write the `touched` buckets of locked balances, whose row ids are `rows`."""
    columns = tuple([name for name in Balance._fields if name in touched or name == "seq"])
    values = attrgetter(*columns)
    moved = [(rows[key], *values(balance)) for key, balance in last.items()]
    changed = await bulk.execute(
        db, _moving(columns), {**bulk.columns(("row", *columns), moved), "time": time}
    )
    if changed != len(moved):
        raise RuntimeError("a locked balance is not where it was")


@cache
def _moving(columns: tuple[str, ...]) -> Prepared:
    rows = sa.bindparam("input_row", type_=bulk.Array(bulk.RowId()))
    values = [sa.bindparam(f"input_{name}", type_=bulk.BIGINTS) for name in columns]
    typed: list[sa.ColumnClause[Any]] = [sa.column("row", bulk.RowId())]
    typed += [sa.column(name, sa.BigInteger) for name in columns]
    new_values = sa.func.unnest(rows, *values).table_valued(*typed, name="input").render_derived()
    new = {name: new_values.c[name] for name in columns} | {"updated": sa.bindparam("time", type_=Time)}
    return Prepared(sa.update(_ROWS).values(new).where(_ROWS.c.ctid == new_values.c.row))
