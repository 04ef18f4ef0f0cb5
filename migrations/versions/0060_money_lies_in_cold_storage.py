"""Money lies in cold storage: its targets, payments that go there, and addresses by which it comes back."""

from alembic import op

revision = "0060"
down_revision = "0042"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS cold_storage (
            target text NOT NULL,
            next_index bigint DEFAULT '0'::bigint NOT NULL,
            ceiling bigint DEFAULT '0'::bigint NOT NULL,
            CONSTRAINT cold_storage_pkey PRIMARY KEY (target),
            CONSTRAINT cold_storage_ceiling_check CHECK (ceiling >= 0)
        )"""
    )
    op.execute("ALTER TABLE addresses DROP CONSTRAINT IF EXISTS addresses_purpose_check")
    op.execute(
        "ALTER TABLE addresses ADD CONSTRAINT addresses_purpose_check CHECK "
        "(purpose IN ('invoice', 'deposit', 'change', 'account', 'cold'))"
    )
    op.execute("ALTER TABLE payments DROP CONSTRAINT IF EXISTS payments_kind_check")
    op.execute(
        "ALTER TABLE payments ADD CONSTRAINT payments_kind_check CHECK "
        "(kind IN ('pay', 'paytx', 'payout', 'refund', 'consolidation', 'cold'))"
    )
    op.execute("CREATE INDEX IF NOT EXISTS payments_cold_idx ON payments (id) WHERE kind = 'cold'")
    op.execute(
        "CREATE INDEX IF NOT EXISTS addresses_cold_idx ON addresses (account_id, index) WHERE purpose = 'cold'"
    )
