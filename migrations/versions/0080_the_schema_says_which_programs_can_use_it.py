"""The schema says which programs can use it: so one of the version before may start beside the next."""

from alembic import op

revision = "0080"
down_revision = "0070"


def upgrade() -> None:
    op.execute("ALTER TABLE installation ADD COLUMN IF NOT EXISTS usable_since text DEFAULT '0080' NOT NULL")
