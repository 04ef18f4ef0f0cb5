"""What was agreed of a hold or an escrow is fixed: who, of what, how much and for what; only how it goes on changes."""

from alembic import op

revision = "0014"
down_revision = "0013"

TERMS = {
    "holds": ("account_id", "asset", "amount", "reference_type", "reference"),
    "escrows": (
        "account_id", "seller_id", "order_id", "asset", "amount", "fee", "hold_id", "reference_type", "reference",
        "metadata",
    ),
}  # fmt: skip


def upgrade() -> None:
    for table, columns in TERMS.items():
        old, new = (", ".join(f"{version}.{column}" for column in columns) for version in ("OLD", "NEW"))
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_fixed BEFORE UPDATE ON {table} FOR EACH ROW "
            f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION refuse_change()"
        )
