"""The cells in the database: a schema and a role for each, and the schema of what they share. They are made at the first start.

A role has the name of its schema, the password of the installation's own user, and a `search_path`: so no statement names
a schema, and a cell is a URL. The installation's user is a member of all of these roles.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.cells import SHARED, Cell, CellMap, WrongCells
from app.db import migrate, scram

CITUS_SETTINGS: Final = {
    "citus.propagate_set_commands": "local",
    "citus.enable_unsafe_triggers": "on",
    "citus.override_table_visibility": "off",
}
"""What roles need on Citus: SET LOCAL reaches the servers, tables have triggers, and the driver reads types at once."""
_STATE: Final = sa.text("""
    SELECT current_user, current_database() AS database,
        to_regclass('alembic_version') IS NOT NULL AS migrated,
        EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS citus,
        ARRAY(SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^cell_[0-9]{3}$') AS schemas,
        ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname ~ '^cell_[0-9]{3}$') AS roles,
        ARRAY(
            SELECT rolname::text FROM pg_roles
            WHERE rolname ~ '^cell_[0-9]{3}$' AND pg_has_role(oid, 'USAGE')
        ) AS memberships,
        ARRAY(
            SELECT rolname || ' ' || setting
            FROM pg_db_role_setting
            JOIN pg_roles ON pg_roles.oid = setrole
            JOIN pg_database ON pg_database.oid = setdatabase
            CROSS JOIN unnest(setconfig) AS setting
            WHERE datname = current_database()
        ) AS settings
""")
_OTHER_DATABASE: Final = sa.text("""
    SELECT datname FROM pg_db_role_setting
    JOIN pg_roles ON pg_roles.oid = setrole
    JOIN pg_database ON pg_database.oid = setdatabase
    WHERE rolname = 'cell_000' AND datname <> current_database()
    ORDER BY 1 LIMIT 1
""")


class NotAdmitted(Exception):
    """The roles of the cells cannot log in; the message says why, as the end of a sentence."""


class State(NamedTuple):
    """What a database has of cells.

    `migrated`: it has an installation without cells. `settings` are those of roles in this database, each with the role
    before it.
    """

    current_user: str
    database: str
    migrated: bool
    citus: bool
    schemas: tuple[str, ...]
    roles: tuple[str, ...]
    memberships: tuple[str, ...]
    settings: tuple[str, ...]


async def state(db: AsyncConnection) -> State:
    """Return what there is."""
    columns = (await db.execute(_STATE)).one()
    return State._make(tuple(value) if isinstance(value, list) else value for value in columns)


async def make(engine: AsyncEngine, cells: CellMap, password: str | None) -> None:
    """Make what is missing in one transaction, after any other process that does the same; raises WrongCells."""
    async with engine.connect() as db:
        if not missing(await state(db), cells, password):
            return
    async with engine.begin() as db:
        await migrate.lock(db)
        for statement in missing(await state(db), cells, password):
            await db.exec_driver_sql(statement)
    await engine.dispose()  # a connection that is open by now has none of the settings of its role


async def change_passwords(engine: AsyncEngine, cells: CellMap, password: str | None) -> None:
    """Give the roles the password that the installation's user has by now; raises NotAdmitted."""
    if password is None:
        raise NotAdmitted(
            "the roles of its cells log in with the password of KENNEL_DATABASE_URL, which has none"
        )
    async with engine.begin() as db:
        await migrate.lock(db)
        if other := await db.scalar(_OTHER_DATABASE):
            raise NotAdmitted(
                f"the roles of its cells are those of the database {other} too, with another password"
            )
        for cell in cells:
            await db.exec_driver_sql(f"ALTER ROLE {cell.schema} PASSWORD '{scram.verifier(password)}'")


def missing(there: State, cells: CellMap, password: str | None) -> list[str]:
    """Return the statements that make what is missing; raises WrongCells where there are others than `cells`."""
    if there.migrated or len(there.schemas) not in (0, cells.cells):
        raise WrongCells(cells.cells, len(there.schemas) or 1)
    schemas = [] if there.schemas else _schemas(cells, citus=there.citus)
    return [*_roles(there, cells, password), *schemas, *_settings(there, cells)]


def _roles(there: State, cells: CellMap, password: str | None) -> Iterator[str]:
    for cell in cells:
        if cell.schema not in there.roles:
            login = "" if password is None else f" PASSWORD '{scram.verifier(password)}'"
            yield f"CREATE ROLE {cell.schema} LOGIN{login}"
        if cell.schema not in there.memberships:
            yield f"GRANT {cell.schema} TO CURRENT_USER"


def _schemas(cells: CellMap, *, citus: bool) -> Iterator[str]:
    """Make all schemas: on Citus those of the cells lie on one server each, as a whole."""
    first, *others = cells
    if citus:
        yield "SET LOCAL citus.enable_schema_based_sharding = on"
    for cell in cells:
        yield f"CREATE SCHEMA {cell.schema} AUTHORIZATION {cell.schema}"
    if citus:
        yield "SET LOCAL citus.enable_schema_based_sharding = off"
    yield f"CREATE SCHEMA {SHARED} AUTHORIZATION {first.schema}"
    yield f"GRANT USAGE ON SCHEMA {SHARED} TO {', '.join(cell.schema for cell in others)}"


def _settings(there: State, cells: CellMap) -> Iterator[str]:
    of_citus = CITUS_SETTINGS if there.citus else {}
    for cell in cells:
        wanted = {"search_path": f"{cell.schema}, {SHARED}"} | of_citus
        yield from _role_settings(there, cell.schema, wanted)
    yield from _role_settings(there, there.current_user, of_citus)


def _role_settings(there: State, role: str, wanted: Mapping[str, str]) -> Iterator[str]:
    for name, value in wanted.items():
        if f"{role} {name}={value}" not in there.settings:
            yield f"ALTER ROLE {quoted(role)} IN DATABASE {quoted(there.database)} SET {name} = {value}"


def quoted(name: str) -> str:
    """Return a name as it stands in a statement."""
    return '"{}"'.format(name.replace('"', '""'))


def enter(cell: Cell) -> str:
    """Return the statement by which a transaction of the installation's user works in a cell."""
    return f"SET LOCAL search_path = {cell.schema}, {SHARED}"
