"""Invoices are priced in money: the price, and the rate by which it became DOGE, which never change."""

from alembic import op

revision = "0041"
down_revision = "0040"

FIXED = ("items", "total", "due", "address", "fiat_total", "fiat_currency", "rate", "rate_source", "rate_at")


def upgrade() -> None:
    for name, kind in (
        ("fiat_total", "bigint"),
        ("fiat_currency", "text"),
        ("rate", "numeric(30, 12)"),
        ("rate_at", "timestamp with time zone"),
        ("rate_source", "text"),
    ):
        op.execute(f"ALTER TABLE invoices ADD COLUMN IF NOT EXISTS {name} {kind}")
    old, new = (", ".join(f"{row}.{name}" for name in FIXED) for row in ("OLD", "NEW"))
    op.execute(
        "CREATE OR REPLACE TRIGGER invoices_fixed BEFORE UPDATE ON invoices FOR EACH ROW "
        f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION refuse_change()"
    )
