"""Sightings are found by their invoices."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX IF NOT EXISTS sightings_invoice_idx ON sightings (account_id, invoice, created) "
        "WHERE invoice IS NOT NULL"
    )
