"""Payments are seen before a block has them: sightings, what their transactions spend, and their sums on invoices.

The two indexes of invoices by state are built again, because there is a state more. Meanwhile nobody writes invoices:
about two seconds for each million of them and index.
"""

from alembic import op

revision = "0024"
down_revision = "0025"

STATE = """(CASE
    WHEN settled THEN 'confirmed' WHEN received >= due THEN 'detected' WHEN cancelled THEN 'cancelled'
    WHEN expired THEN 'expired' WHEN received > 0 THEN 'partial' WHEN seen > 0 THEN 'seen' ELSE 'unpaid'
END)"""
BUILT_AGAIN = {
    "invoices_state_idx": f"invoices (account_id, {STATE}, index)",
    "invoices_reference_state_idx": f"invoices (account_id, reference, {STATE}, index) WHERE reference <> ''",
}
MADE = {
    "sightings_txid_idx": "sightings (txid)",
    "sightings_seen_idx": "sightings (account_id, created, txid, vout) WHERE state = 'seen'",
    "sightings_ended_idx": "sightings (ended) WHERE ended IS NOT NULL",
    "sighted_inputs_spent_by_idx": "sighted_inputs (spent_by)",
}


def upgrade() -> None:
    for name in ("seen", "acceptable"):
        op.execute(f"ALTER TABLE invoices ADD COLUMN IF NOT EXISTS {name} bigint DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE invoices DROP CONSTRAINT IF EXISTS invoices_seen_check")
    op.execute(
        "ALTER TABLE invoices ADD CONSTRAINT invoices_seen_check CHECK (acceptable >= 0 AND seen >= acceptable)"
    )
    for name, columns in BUILT_AGAIN.items():
        op.execute(f"DROP INDEX IF EXISTS {name}")
        op.execute(f"CREATE INDEX {name} ON {columns}")
    _make_tables()
    for name, columns in MADE.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")


def _make_tables() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS sightings (
            account_id bigint NOT NULL,
            txid bytea NOT NULL,
            vout integer NOT NULL,
            branch smallint NOT NULL,
            index bigint NOT NULL,
            invoice bigint,
            amount bigint NOT NULL,
            required_confirmations integer NOT NULL,
            acceptable boolean NOT NULL,
            state text DEFAULT 'seen' NOT NULL,
            ended timestamp with time zone,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT sightings_pkey PRIMARY KEY (account_id, txid, vout),
            CONSTRAINT sightings_state_check CHECK (state IN ('seen', 'double_spent', 'dropped')),
            CONSTRAINT sightings_ended_check CHECK ((state = 'seen') = (ended IS NULL)),
            CONSTRAINT sightings_amount_check CHECK (amount > 0)
        )
    """)
    op.execute("""
        CREATE TABLE IF NOT EXISTS sighted_inputs (
            txid bytea NOT NULL,
            vout integer NOT NULL,
            spent_by bytea NOT NULL,
            CONSTRAINT sighted_inputs_pkey PRIMARY KEY (txid, vout, spent_by)
        )
    """)
