"""An invoice knows the pages of the shop to which its payer goes on."""

from alembic import op

revision = "0025"
down_revision = "0022"


def upgrade() -> None:
    for name in ("return_url", "cancel_url"):
        op.execute(f"ALTER TABLE invoices ADD COLUMN IF NOT EXISTS {name} text DEFAULT '' NOT NULL")
