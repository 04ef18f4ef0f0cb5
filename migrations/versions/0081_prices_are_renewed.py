"""The price of an invoice in money is renewed: another invoice takes its place, and both know of it.

The index is built while nobody writes invoices: no invoice is in it, so that takes one look at each.
"""

from alembic import op

revision = "0081"
down_revision = "0080"

FIXED = (
    "items", "total", "due", "address", "fiat_total", "fiat_currency", "rate", "rate_source", "rate_at",
    "renewable_until", "renews",
)  # fmt: skip


def upgrade() -> None:
    op.execute("ALTER TABLE invoices ADD COLUMN IF NOT EXISTS renewable_until timestamp with time zone")
    op.execute("ALTER TABLE invoices ADD COLUMN IF NOT EXISTS renews text")
    op.execute("ALTER TABLE invoices ADD COLUMN IF NOT EXISTS renewed_by text")
    op.execute(
        "CREATE INDEX IF NOT EXISTS invoices_renews_idx ON invoices (renews, index) WHERE renews IS NOT NULL"
    )
    old, new = (", ".join(f"{row}.{name}" for name in FIXED) for row in ("OLD", "NEW"))
    op.execute(
        "CREATE OR REPLACE TRIGGER invoices_fixed BEFORE UPDATE ON invoices FOR EACH ROW "
        f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION refuse_change()"
    )
