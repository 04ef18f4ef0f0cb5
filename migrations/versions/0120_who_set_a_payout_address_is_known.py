"""An account knows who has set its payout address: a payout counts as asked for by them."""

from alembic import op

revision = "0120"
down_revision = "0111"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN IF NOT EXISTS payout_by text DEFAULT '' NOT NULL")
