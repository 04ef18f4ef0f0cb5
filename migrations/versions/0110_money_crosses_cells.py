"""Money goes from cell to cell: what accounts of others gave and got, who they are, and clearing in the seals."""

from alembic import op

revision = "0110"
down_revision = "0093"


def upgrade() -> None:
    op.execute("ALTER TABLE seals ADD COLUMN IF NOT EXISTS clearing jsonb DEFAULT '{}' NOT NULL")
    op.execute(
        """CREATE TABLE IF NOT EXISTS crossings (
            entry_id bigint NOT NULL,
            account_id bigint NOT NULL,
            amount bigint NOT NULL,
            transfer_id bigint NOT NULL,
            CONSTRAINT crossings_pkey PRIMARY KEY (entry_id, account_id)
        ) WITH (
            autovacuum_vacuum_insert_scale_factor=0,
            autovacuum_vacuum_insert_threshold=20000,
            autovacuum_freeze_min_age=0,
            autovacuum_analyze_scale_factor=1
        )"""
    )
    op.execute(
        """CREATE TABLE IF NOT EXISTS counterparties (
            id bigint NOT NULL,
            foreign_id text NOT NULL,
            address text NOT NULL,
            CONSTRAINT counterparties_pkey PRIMARY KEY (id)
        )"""
    )
    op.execute("ALTER TABLE addresses DROP CONSTRAINT IF EXISTS addresses_purpose_check")
    op.execute(
        "ALTER TABLE addresses ADD CONSTRAINT addresses_purpose_check CHECK"
        " (purpose IN ('invoice', 'deposit', 'change', 'account', 'cold', 'elsewhere'))"
    )
