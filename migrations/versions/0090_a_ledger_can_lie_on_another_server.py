"""What guards the ledger works on another server than the one that is asked too.

A distributed engine leaves a trigger out that concerns TRUNCATE and something else. It numbers transactions by server, so
seals wait by gates (app.domain.ledger.seal_gates) and no longer by those numbers.
"""

from alembic import op

revision = "0090"
down_revision = "0082"

CONTRACTS = "0.2.0: a program that shares no gate could post an entry behind a seal."


def upgrade() -> None:
    for table in ("entries", "postings"):
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        """CREATE TABLE IF NOT EXISTS seal_gates (
            number bigint NOT NULL,
            is_open boolean NOT NULL,
            CONSTRAINT seal_gates_pkey PRIMARY KEY (number)
        )"""
    )
    op.execute("CREATE UNIQUE INDEX IF NOT EXISTS seal_gates_open_idx ON seal_gates (is_open) WHERE is_open")
    op.execute("INSERT INTO seal_gates (number, is_open) VALUES (1, true) ON CONFLICT DO NOTHING")
    op.execute("ALTER TABLE installation ALTER COLUMN usable_since SET DEFAULT '0090'")
    op.execute("UPDATE installation SET usable_since = '0090'")
