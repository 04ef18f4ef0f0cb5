"""What the node refuses for its fee is replaced by itself: another transaction that pays the same payments, with more fee."""

from alembic import op

revision = "0017"
down_revision = "0019"


def upgrade() -> None:
    op.execute("ALTER TABLE transactions ADD COLUMN IF NOT EXISTS pays BOOLEAN NOT NULL DEFAULT true")
    op.execute("UPDATE transactions SET pays = false WHERE replaces IS NOT NULL AND pays")
    op.execute("ALTER TABLE transactions ADD COLUMN IF NOT EXISTS outbid BOOLEAN NOT NULL DEFAULT false")
    op.execute("CREATE INDEX IF NOT EXISTS transactions_outbid_idx ON transactions (id) WHERE outbid")
    op.execute("ALTER TABLE payments ADD COLUMN IF NOT EXISTS repriced INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE payments ADD COLUMN IF NOT EXISTS version_id BIGINT")
