"""Leases say what the loop of their holder is in trouble with."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("ALTER TABLE leases ADD COLUMN IF NOT EXISTS trouble text DEFAULT '' NOT NULL")
