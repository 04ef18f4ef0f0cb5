"""Wallets submit their transactions for invoices (DogeConnect)."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS dogeconnect_payments (
            address text NOT NULL,
            account_id bigint NOT NULL,
            index bigint NOT NULL,
            txid bytea NOT NULL,
            raw bytea NOT NULL,
            refund text DEFAULT '' NOT NULL,
            state text NOT NULL,
            reason text DEFAULT '' NOT NULL,
            offer_at timestamp with time zone,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT dogeconnect_payments_pkey PRIMARY KEY (address),
            CONSTRAINT dogeconnect_payments_state_check CHECK (state IN ('stored', 'accepted', 'declined'))
        )"""
    )
    op.execute(
        "CREATE INDEX IF NOT EXISTS dogeconnect_payments_offer_at_idx ON dogeconnect_payments (offer_at) "
        "WHERE offer_at IS NOT NULL"
    )
