"""How full a cell is, where it lies, and how far it has followed the chain."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db


@dataclass(frozen=True, slots=True)
class CellFigures:
    """Figures of one cell. `node` is its server on Citus, as `host:port`, else empty; `height` None before the first block."""

    schema: str
    node: str
    accounts: int
    size_bytes: int
    height: int | None


_ROWS: Final = sa.text("""
    SELECT current_schema() AS schema, (SELECT count(*) FROM accounts) AS accounts,
        (SELECT height FROM chain_state) AS height
""")
_HERE: Final = sa.text("""
    SELECT '' AS node, coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS size_bytes
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
""")
_ON_CITUS: Final = sa.text("""
    SELECT coalesce((
            SELECT nodename || ':' || nodeport FROM pg_dist_shard
            JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid)
            WHERE logicalrelid = to_regclass('accounts') AND noderole = 'primary'
        ), '') AS node, coalesce(sum(citus_total_relation_size(oid)), 0)::bigint AS size_bytes
    FROM pg_class JOIN pg_dist_partition ON logicalrelid = oid
    WHERE relnamespace = current_schema()::regnamespace
""")
"""Its own user may not ask `citus_shards` for sizes: that looks into the other cells too."""
_CITUS: Final = sa.text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
_MOVE: Final = sa.text("SELECT citus_schema_move(CAST(:schema AS regnamespace), :host, :port)").bindparams(
    sa.bindparam("schema", type_=sa.Text),
    sa.bindparam("host", type_=sa.Text),
    sa.bindparam("port", type_=sa.Integer),
)


async def figures(db: Db) -> CellFigures:
    """Return the figures of the cell in which the transaction works. Counting its accounts may take seconds."""
    rows = (await db.execute(_ROWS)).one()
    size = (await db.execute(_ON_CITUS if await is_distributed(db) else _HERE)).one()
    return CellFigures(rows.schema, size.node, rows.accounts, size.size_bytes, rows.height)


async def is_distributed(db: Db) -> bool:
    """Say whether the database is one of several servers, so that cells can be moved."""
    return bool(await db.scalar(_CITUS))


async def move(db: Db, schema: str, host: str, port: int) -> None:
    """Move a cell to another server of the same Citus, while it is in use. No transaction may be open."""
    await db.execute(_MOVE, {"schema": schema, "host": host, "port": port})
