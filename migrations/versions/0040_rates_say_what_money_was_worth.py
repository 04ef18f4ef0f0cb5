"""Rates say what a DOGE is worth; deposits and payments know what it was worth then."""

from alembic import op

from app.db import cell_ddl

revision = "0040"
down_revision = "0031"


def upgrade() -> None:
    cell_ddl.shared(_make_rates)
    for table in ("deposits", "payments"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS fiat_currency text")
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS rate numeric(30, 12)")
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS rate_at timestamp with time zone")


def _make_rates() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS currencies (
            code text NOT NULL,
            position smallint NOT NULL,
            max_age_seconds integer NOT NULL,
            CONSTRAINT currencies_pkey PRIMARY KEY (code)
        )"""
    )
    op.execute(
        """CREATE TABLE IF NOT EXISTS rates (
            pair text NOT NULL,
            at timestamp with time zone NOT NULL,
            source text NOT NULL,
            value numeric(30, 12) NOT NULL,
            CONSTRAINT rates_pkey PRIMARY KEY (pair, at, source),
            CONSTRAINT rates_value_check CHECK (value > 0)
        ) WITH (
            autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
            autovacuum_freeze_min_age = 0, autovacuum_analyze_scale_factor = 1
        )"""
    )
    op.execute("CREATE INDEX IF NOT EXISTS rates_at_idx ON rates (at, pair, source)")
