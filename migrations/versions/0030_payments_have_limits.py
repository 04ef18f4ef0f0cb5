"""Payments of accounts and keys have limits, and what is above one waits for approval."""

from alembic import op

from app.db import cell_ddl

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    cell_ddl.shared(_limit_keys)
    op.execute("ALTER TABLE payments ADD COLUMN IF NOT EXISTS asked_by text DEFAULT '' NOT NULL")
    op.execute("ALTER TABLE payments DROP CONSTRAINT IF EXISTS payments_state_check")
    op.execute(
        "ALTER TABLE payments ADD CONSTRAINT payments_state_check CHECK (state IN ('AWAITING_APPROVAL', "
        "'PENDING', 'PROCESSING', 'BROADCAST', 'CONFIRMED', 'FAILED', 'CANCELLING', 'VOIDED'))"
    )
    op.execute(
        "CREATE INDEX IF NOT EXISTS payments_awaiting_idx ON payments (id) WHERE state = 'AWAITING_APPROVAL'"
    )
    op.execute("CREATE INDEX IF NOT EXISTS payments_day_idx ON payments (account_id, created)")
    op.execute("CREATE INDEX IF NOT EXISTS payments_asked_by_idx ON payments (asked_by, created)")
    op.execute(
        """CREATE TABLE IF NOT EXISTS payment_limits (
            account_id bigint NOT NULL,
            per_payment bigint DEFAULT '0'::bigint NOT NULL,
            per_day bigint DEFAULT '0'::bigint NOT NULL,
            approve_above bigint DEFAULT '0'::bigint NOT NULL,
            only_payees boolean DEFAULT false NOT NULL,
            payee_delay_seconds bigint DEFAULT '0'::bigint NOT NULL,
            CONSTRAINT payment_limits_pkey PRIMARY KEY (account_id)
        )"""
    )
    op.execute(
        """CREATE TABLE IF NOT EXISTS payees (
            account_id bigint NOT NULL,
            address text NOT NULL,
            since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT payees_pkey PRIMARY KEY (account_id, address)
        )"""
    )


def _limit_keys() -> None:
    for column in ("per_payment", "per_day", "approve_above"):
        op.execute(
            f"ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS {column} bigint DEFAULT '0'::bigint NOT NULL"
        )
