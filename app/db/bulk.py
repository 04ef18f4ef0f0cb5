"""Set-based statements: many rows in one statement, their values sent as one array a column."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from app.db import driven
from app.db.engine import Db, ReadDb
from app.db.prepared import Prepared, Row
from app.db.reading import Reader

Step = TypeVar("Step")
Result = TypeVar("Result")
INPUT: Final = "input"
"""The name of the rows that a statement is given; one with several kinds of rows names each."""


class Array(sa.types.TypeDecorator[Sequence[Any]]):
    """An array parameter that is sent as one text.

    The driver looks at each value of a list four times, which took a tenth of the time of a transfer.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        """Hold values of the type `item`."""
        super().__init__()
        self.item = item

    def bind_expression(self, bindparam: sa.BindParameter[Any]) -> sa.ColumnElement[Any]:
        """Have PostgreSQL read the text as an array."""
        return sa.cast(bindparam, ARRAY(self.item))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: sa.Dialect) -> str | None:
        """Write the values as PostgreSQL writes an array."""
        del dialect
        return None if value is None else _array(value)


class RowId(sa.types.UserDefinedType[str]):
    """The address of a version of a row (ctid).

    A transaction that has locked the row finds it by its ctid without an index, until it changes the row.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name PostgreSQL's type."""
        return "tid"


BIGINTS: Final = Array(sa.BigInteger())
TEXTS: Final = Array(sa.Text())
BYTES: Final = Array(sa.LargeBinary())


def rows(table: sa.Table, columns: Sequence[str], records: Sequence[Row]) -> sa.TableValuedAlias:
    """Return the records as a FROM element named "input": one array parameter a column."""
    arrays = [sa.literal([row[name] for row in records], Array(table.c[name].type)) for name in columns]
    return _unnest(table, columns, arrays)


async def insert(
    db: Db, table: sa.Table, records: Sequence[Row], returning: tuple[str, ...] = ()
) -> Sequence[Row]:
    """Insert records, each with the columns of the first, in one statement; returns columns `returning`."""
    return await fetch_all(db, insertion(table, tuple(records[0]), returning), arrays(records))


async def update(
    db: Db,
    table: sa.Table,
    keys: tuple[str, ...],
    records: Sequence[Row],
    condition: sa.ColumnElement[bool] | None = None,
) -> int:
    """Set the rows with these `keys` to the other columns of the records, where a constant `condition` holds.

    Returns how many were set. Lock the rows in order before.
    """
    return await execute(db, _change(table, keys, tuple(records[0]), condition), arrays(records))


def arrays(records: Sequence[Row], columns: Sequence[str] = (), source: str = INPUT) -> dict[str, list[Any]]:
    """Return the parameters of a statement with `unnested` in it: the records, column by column.

    Without `columns` they are those of the first record.
    """
    return {f"{source}_{name}": [row[name] for row in records] for name in columns or records[0]}


def columns(
    names: Sequence[str], records: Sequence[tuple[Any, ...]], source: str = INPUT
) -> dict[str, tuple[Any, ...]]:
    """Return the same for records that are tuples with their values in the order of `names`."""
    values = zip(*records, strict=True) if records else [()] * len(names)
    return {f"{source}_{name}": column for name, column in zip(names, values, strict=True)}


def _array(values: Sequence[Any]) -> str:
    """Write an array as PostgreSQL does. Values of one type, the usual case, take a fraction of the time."""
    types = set(map(type, values))
    if types == {int}:
        inner = ",".join(["%d"] * len(values)) % tuple(values)
    elif types == {bytes}:
        inner = _BYTES + f'",{_BYTES}'.join(map(bytes.hex, values)) + '"'
    elif types == {str}:
        text = "".join(values)
        quoted = map(_quoted, values) if '"' in text or "\\" in text else values
        inner = '"' + '","'.join(quoted) + '"'
    elif types == {type(None)}:
        inner = ",".join([_NULL] * len(values))
    else:
        inner = ",".join(map(_element, values))
    return f"{{{inner}}}"


_BYTES: Final = r'"\\x'
"""How the hex digits of a binary string begin in an array."""
_NULL: Final = "NULL"


def _element(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bytes):
        return f'{_BYTES}{value.hex()}"'
    return f'"{_quoted(str(value))}"'


def _quoted(text: str) -> str:
    """Escape what ends an element: two replacements take a tenth of the time of one translation."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


# A statement is made once for a table and its columns: making one took longer than running it.


@cache
def unnested(table: sa.Table, columns: tuple[str, ...], source: str = INPUT) -> sa.TableValuedAlias:
    """Return rows with these columns of `table` as a FROM element named `source`; `arrays` are its parameters."""
    parameters = [sa.bindparam(f"{source}_{name}", type_=Array(table.c[name].type)) for name in columns]
    return _unnest(table, columns, parameters, source)


def _unnest(
    table: sa.Table, columns: Sequence[str], arrays: Sequence[sa.ColumnElement[Any]], source: str = INPUT
) -> sa.TableValuedAlias:
    typed = [sa.column(name, table.c[name].type) for name in columns]
    return sa.func.unnest(*arrays).table_valued(*typed, name=source).render_derived()


def materialized(rows: sa.SelectBase, name: str) -> sa.CTE:
    """Return all that an INSERT ... SELECT reads of tables: a distributed engine carries it out first, alone."""
    return rows.cte(name).prefix_with("MATERIALIZED")


def constant(value: str | bytes) -> sa.ColumnElement[Any]:
    """Return what stands in the statement itself, as where an INSERT ... SELECT meets a row: parameters are refused there."""
    return sa.literal_column(f"decode('{value.hex()}', 'hex')" if isinstance(value, bytes) else f"'{value}'")


def gathered(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the column's values as one array, as the driver reads it.

    For both sides it is a fraction of the work of as many rows.
    """
    return sa.func.array_agg(column, type_=sa.types.NULLTYPE)


@cache
def _change(
    table: sa.Table,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    condition: sa.ColumnElement[bool] | None,
) -> Prepared:
    source = unnested(table, columns)
    values = {name: source.c[name] for name in columns if name not in keys}
    matching = [table.c[key] == source.c[key] for key in keys]
    if condition is not None:
        matching.append(condition)
    return Prepared(sa.update(table).values(values).where(*matching))


@cache
def insertion(table: sa.Table, columns: tuple[str, ...], returning: tuple[str, ...] = ()) -> Prepared:
    """Return the INSERT of `insert`."""
    statement = sa.insert(table).from_select(columns, sa.select(*unnested(table, columns).c))
    return Prepared(statement.returning(*(table.c[name] for name in returning)) if returning else statement)


async def new_ids(db: Db, table: sa.Table, count: int) -> list[int]:
    """Take `count` new values of the identity column `id`, for rows whose ids are needed before the write."""
    if not count:
        return []
    [ids] = await fetch_values(db, _new_ids(table), {"count": count})
    return list(ids[0])


@cache
def _new_ids(table: sa.Table) -> Prepared:
    sequence: sa.ColumnElement[str] = sa.literal_column(f"'{table.name}_id_seq'::regclass")
    series = sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer))
    numbers = sa.select(sa.func.nextval(sequence)).select_from(series)
    return Prepared(sa.select(sa.func.array(numbers.scalar_subquery())))


async def meanwhile(work: Coroutine[Any, Any, Result], steps: Iterable[Step]) -> tuple[Result, list[Step]]:
    """Take the steps while the database does `work`; return what both gave when all is done.

    Without it Python and PostgreSQL would wait for each other. A step is short and may not use the database.
    """
    task = asyncio.create_task(work)
    results: list[Step] = []
    try:
        await asyncio.sleep(0)  # the work is on its way before anything else is done
        for step in steps:
            results.append(step)
            await asyncio.sleep(0)
    finally:
        await task
    return task.result(), results


def among(column: sa.Column[int], ids: sa.Select[int]) -> sa.ColumnElement[bool]:
    """Match the rows of the limited select `ids`: PostgreSQL finds them before it joins anything to them."""
    return column == sa.any_(sa.func.array(ids.scalar_subquery(), type_=BIGINTS))


async def fetch_all(
    db: ReadDb, statement: Prepared | sa.Executable, parameters: Row | None = None
) -> Sequence[Row]:
    """Return all rows of a statement that has its own limit. A Reader runs only what is Prepared."""
    if isinstance(db, Reader):
        assert isinstance(statement, Prepared)  # noqa: S101  made once, and not for each request
        return await db.fetch_all(statement, parameters)
    if isinstance(statement, Prepared):
        if (driver := driven.connection(db)) is not None:
            return cast("Sequence[Row]", await driven.fetch(db, driver, statement, parameters or {}))
        statement = statement.statement
    result = await db.execute(statement, parameters)
    return cast("Sequence[Row]", result.mappings().all()) if result.returns_rows else ()


async def fetch_values(
    db: Db, prepared: Prepared, parameters: Row | None = None
) -> Sequence[tuple[Any, ...]]:
    """Return the same as tuples, in the order of the columns."""
    if (driver := driven.connection(db)) is not None:
        return [tuple(row) for row in await driven.fetch(db, driver, prepared, parameters or {})]
    return [tuple(row) for row in await db.execute(prepared.statement, parameters)]


async def fetch_value(db: Db, prepared: Prepared, parameters: Row | None = None) -> Any:
    """Return the first value of the first row; None where there is no row."""
    rows = await fetch_values(db, prepared, parameters)
    return rows[0][0] if rows else None


async def execute(db: Db, prepared: Prepared, parameters: Row | None = None) -> int:
    """Run a statement that returns no rows; return how many it has changed."""
    if (driver := driven.connection(db)) is not None:
        return await driven.execute(db, driver, prepared, parameters or {})
    return (await db.execute(prepared.statement, parameters)).rowcount
