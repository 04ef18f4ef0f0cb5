"""What a migration asks of the cell that it migrates: where numbers begin, and which tables all cells share."""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from alembic import op

from app.cells import SHARED, Cell

OPTION: Final = "cell"
"""The attribute of Alembic's configuration that has the cell; without it there is one."""

_CITUS: Final = sa.text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
_LOCAL: Final = sa.text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        AND oid NOT IN (SELECT logicalrelid FROM pg_dist_partition) AND NOT relation_is_a_known_shard(oid)
    ORDER BY 1
""")


def cell() -> Cell:
    """Return the cell that is migrated."""
    config = op.get_context().config
    return Cell() if config is None else config.attributes.get(OPTION, Cell())


def identity(*, always: bool = False) -> sa.Identity:
    """Return the identity of a column: its numbers begin with the cell's first and are all the cell's own."""
    own = cell()
    if own.cells == 1:
        return sa.Identity(always=always)
    return sa.Identity(always=always, start=own.first_number, increment=own.cells)


def identity_sql() -> str:
    """Return the same for the text of a CREATE TABLE, after the column's type."""
    own = cell()
    numbers = f" (START WITH {own.first_number} INCREMENT BY {own.cells})" if own.cells > 1 else ""
    return f"GENERATED ALWAYS AS IDENTITY{numbers}"


def shared(change: Callable[[], None]) -> None:
    """Change tables of `app.db.tables.SHARED`: with several cells in `common`, and only with the first of them."""
    own = cell()
    if own.cells == 1:
        change()
    elif own.number == 0:
        op.execute(f"SET LOCAL search_path = {SHARED}")
        change()
        _distribute()
        others = ", ".join(Cell(number, own.cells).schema for number in range(1, own.cells))
        op.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {SHARED} TO {others}")
        op.execute(f"SET LOCAL search_path = {own.schema}, {SHARED}")


def _distribute() -> None:
    """Have all servers keep what is new in `common`, where the database is one of several (Citus)."""
    db = op.get_bind()
    if db.scalar(_CITUS):
        for table in db.scalars(_LOCAL).all():
            op.execute(f"SELECT create_reference_table('{table}')")
