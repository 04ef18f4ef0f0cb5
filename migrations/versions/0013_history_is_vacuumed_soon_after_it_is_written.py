"""History is vacuumed soon after it is written, for good; and it, invoices and balances are seldom counted."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for table in ("addresses", "entries", "postings", "idempotency", "events"):
        op.execute(f"""
            ALTER TABLE {table} SET (
                autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
                autovacuum_freeze_min_age = 0, autovacuum_analyze_scale_factor = 1
            )
        """)
    for table in ("invoices", "balances"):
        op.execute(f"ALTER TABLE {table} SET (autovacuum_analyze_scale_factor = 1)")
