"""An installation knows its cells, and where accounts are that are called otherwise than when they were opened."""

from alembic import op

from app.db import cell_ddl

revision = "0111"
down_revision = "0110"


def upgrade() -> None:
    op.execute("ALTER TABLE installation ADD COLUMN IF NOT EXISTS cell smallint DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE installation ADD COLUMN IF NOT EXISTS cells smallint DEFAULT '1' NOT NULL")
    op.execute("ALTER TABLE installation DROP CONSTRAINT IF EXISTS installation_cell_check")
    op.execute(
        "ALTER TABLE installation ADD CONSTRAINT installation_cell_check CHECK (cell >= 0 AND cell < cells)"
    )
    cell = cell_ddl.cell()
    if cell.cells > 1:
        op.execute(f"UPDATE installation SET cell = {cell.number}, cells = {cell.cells}")  # noqa: S608  numbers
    cell_ddl.shared(_make_names)


def _make_names() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS account_names (
            foreign_id text NOT NULL,
            cell smallint NOT NULL,
            CONSTRAINT account_names_pkey PRIMARY KEY (foreign_id)
        )"""
    )
