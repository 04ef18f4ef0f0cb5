"""The database: the engine, and rows in bulk in one statement."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.engine import Db, Row

Step = TypeVar("Step")
STOPPED: Final = "57014"
"""A statement that took longer than the time limit, or that an operator has cancelled."""


class Array(sa.types.TypeDecorator[Sequence[Any]]):
    """An array parameter, sent as one text: the driver looks at each value of a list four times, which took a tenth of a transfer."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: sa.types.TypeEngine[Any]) -> None:
        """Hold values of the type `item`."""
        super().__init__()
        self.item = item

    def bind_expression(self, bindparam: sa.BindParameter[Any]) -> sa.ColumnElement[Any]:
        """Have PostgreSQL read it."""
        return sa.cast(bindparam, ARRAY(self.item))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: sa.Dialect) -> str | None:
        """Write the values as PostgreSQL writes an array."""
        del dialect
        return None if value is None else _array(value)


class RowId(sa.types.UserDefinedType[str]):
    """Where a version of a row lies (ctid): whoever has locked the row finds it there without an index until it changes it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name PostgreSQL's type."""
        return "tid"


BIGINTS: Final = Array(sa.BigInteger())
TEXTS: Final = Array(sa.Text())
BYTES: Final = Array(sa.LargeBinary())


def rows(table: sa.Table, columns: Sequence[str], given: Sequence[Row]) -> sa.TableValuedAlias:
    """Return `given` as a FROM element named "given", one array parameter a column, whatever the number of rows."""
    arrays = [sa.literal([row[name] for row in given], Array(table.c[name].type)) for name in columns]
    typed = [sa.column(name, table.c[name].type) for name in columns]
    return sa.func.unnest(*arrays).table_valued(*typed, name="given").render_derived()


async def insert(
    db: Db, table: sa.Table, given: Sequence[Row], returning: tuple[str, ...] = ()
) -> Sequence[Row]:
    """Insert all rows in one statement; every row has the columns of the first. Returns what is asked for of each."""
    columns = tuple(given[0])
    found = await db.execute(insertion(table, columns, returning), arrays(given))
    return cast("Sequence[Row]", found.mappings().all()) if returning else ()


async def update(db: Db, table: sa.Table, keys: tuple[str, ...], given: Sequence[Row]) -> None:
    """Set each row found by its `keys` to the rest of its columns, in one statement; lock the rows in order before."""
    await db.execute(change(table, keys, tuple(given[0])), arrays(given))


def arrays(given: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the parameters of a statement with `unnested` in it: the rows, column by column."""
    return {f"given_{name}": [row[name] for row in given] for name in given[0]}


def _array(values: Sequence[Any]) -> str:
    """Write an array as PostgreSQL does; of one type, as nearly all are, in a fraction of the time."""
    kinds = set(map(type, values))
    if kinds == {int}:
        inner = ",".join(["%d"] * len(values)) % tuple(values)
    elif kinds == {bytes}:
        inner = _BYTES + f'",{_BYTES}'.join(map(bytes.hex, values)) + '"'
    elif kinds == {str}:
        together = "".join(values)
        texts = (
            [text.translate(_QUOTED) for text in values] if '"' in together or "\\" in together else values
        )
        inner = '"' + '","'.join(texts) + '"'
    else:
        inner = ",".join(map(_element, values))
    return f"{{{inner}}}"


_BYTES: Final = r'"\\x'
"""How the hex digits of a binary string begin in an array."""


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'{_BYTES}{value.hex()}"'
    return f'"{str(value).translate(_QUOTED)}"'


_QUOTED: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def columns(names: Sequence[str], given: Sequence[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Return the same of rows that are tuples (at least one), their values in the order of `names`."""
    return {f"given_{name}": values for name, values in zip(names, zip(*given, strict=True), strict=True)}


# Statements are made once for a table and its columns: making one took longer than running it.


@cache
def unnested(table: sa.Table, columns: tuple[str, ...], counted: str | None = None) -> sa.TableValuedAlias:
    """Return rows with these columns of `table` as a FROM element named "given"; `arrays` are its parameters.

    `counted` names one more column, which counts them from 1.
    """
    given = [sa.bindparam(f"given_{name}", type_=Array(table.c[name].type)) for name in columns]
    typed = [sa.column(name, table.c[name].type) for name in columns]
    return sa.func.unnest(*given).table_valued(*typed, with_ordinality=counted, name="given").render_derived()


def gathered(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the column's values as one array, as the driver reads it: a fraction of the work of so many rows, for both sides."""
    return sa.func.array_agg(column, type_=sa.types.NULLTYPE)


@cache
def change(table: sa.Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> sa.Update:
    """Return the UPDATE of `update`."""
    source = unnested(table, columns)
    new = {name: source.c[name] for name in columns if name not in keys}
    return sa.update(table).values(new).where(*(table.c[key] == source.c[key] for key in keys))


@cache
def insertion(table: sa.Table, columns: tuple[str, ...], returning: tuple[str, ...] = ()) -> sa.Insert:
    """Return the INSERT of `insert`."""
    source = unnested(table, columns)
    made = sa.insert(table).from_select(columns, sa.select(*(source.c[name] for name in columns)))
    return made.returning(*(table.c[name] for name in returning))


async def new_ids(db: Db, table: sa.Table, count: int) -> list[int]:
    """Take `count` new numbers of the table's identity column `id`, for rows whose number is needed before they are written."""
    return list((await db.execute(_numbers(table), {"count": count})).scalar_one()) if count else []


@cache
def _numbers(table: sa.Table) -> sa.Select[Sequence[int]]:
    sequence: sa.ColumnElement[str] = sa.literal_column(f"'{table.name}_id_seq'::regclass")
    all_of_them = sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer))
    return sa.select(
        sa.func.array(sa.select(sa.func.nextval(sequence)).select_from(all_of_them).scalar_subquery())
    )


async def meanwhile(work: Coroutine[Any, Any, object], steps: Iterable[Step]) -> list[Step]:
    """Let the database do `work`, take the steps while it does, and return what they gave when all is done.

    Python and PostgreSQL would wait for each other otherwise. A step is short, and the database is not its to use.
    """
    task = asyncio.create_task(work)
    taken: list[Step] = []
    try:
        await asyncio.sleep(0)  # the work is on its way before anything else is done
        for step in steps:
            taken.append(step)
            await asyncio.sleep(0)
    finally:
        await task
    return taken


def one_of(column: sa.Column[int], some: sa.Select[int]) -> sa.ColumnElement[bool]:
    """Ask for the rows that `some` names, a limited select of ids: they are found before anything is joined to them."""
    return column == sa.any_(sa.func.array(some.scalar_subquery(), type_=BIGINTS))


async def fetch_all(db: Db, statement: sa.Executable, parameters: Row | None = None) -> Sequence[Row]:
    """Return all rows of a statement that has its own limit."""
    return cast("Sequence[Row]", (await db.execute(statement, parameters)).mappings().all())
