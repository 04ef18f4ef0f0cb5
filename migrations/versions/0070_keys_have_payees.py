"""The payments of a key have limits of their own: which addresses it pays, and for how long those must be listed."""

from alembic import op

from app.db import cell_ddl

revision = "0070"
down_revision = "0060"


def upgrade() -> None:
    cell_ddl.shared(_give_keys_payees)


def _give_keys_payees() -> None:
    op.execute("ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS only_payees boolean DEFAULT 'false' NOT NULL")
    op.execute(
        "ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS payee_delay_seconds bigint DEFAULT '0' NOT NULL"
    )
    op.execute(
        """CREATE TABLE IF NOT EXISTS key_payees (
            key_id bigint NOT NULL,
            address text NOT NULL,
            since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT key_payees_pkey PRIMARY KEY (key_id, address)
        )"""
    )
