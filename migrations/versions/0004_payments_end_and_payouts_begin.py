"""Payments are voided and end in time, payouts are due, and consolidations pay nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    now = sa.text("clock_timestamp()")
    op.add_column(
        "accounts", sa.Column("payout_since", sa.DateTime(timezone=True), server_default=now, nullable=False)
    )
    op.add_column("accounts", sa.Column("payout_after", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "accounts_payout_idx", "accounts", ["id"], postgresql_where=sa.text("payout_address <> ''")
    )
    op.drop_constraint(op.f("payments_amount_check"), "payments")
    op.create_check_constraint(
        op.f("payments_amount_check"),
        "payments",
        "(amount > 0 OR amount = 0 AND kind = 'consolidation') AND reserved >= 0",
    )
    op.create_index(
        "payments_cancelling_idx", "payments", ["id"], postgresql_where=sa.text("state = 'CANCELLING'")
    )
    op.drop_index("payments_expires_idx", table_name="payments")
    op.create_index(
        "payments_expires_idx",
        "payments",
        ["expires"],
        postgresql_where=sa.text("expires IS NOT NULL AND state IN ('PENDING', 'PROCESSING')"),
    )
