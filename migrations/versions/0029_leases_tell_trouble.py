"""Leases say what the loop of their holder is in trouble with."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("ALTER TABLE leases ADD COLUMN IF NOT EXISTS trouble text DEFAULT '' NOT NULL")
