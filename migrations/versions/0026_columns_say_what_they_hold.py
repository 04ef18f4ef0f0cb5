"""Columns say what they hold, in the words of the code.

Each renaming changes the catalogue alone, whatever the size of its table. It waits for the statements that run on
the table; the version before cannot run beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"

RENAMED = {
    "chain_state": {"owned": "liabilities", "kept": "assets"},
    "coins": {"spends": "spend_count"},
    "deposits": {"round": "mined_count", "owed": "clawback_debt"},
    "deliveries": {"tries": "attempts_since_due"},
    "holds": {"moves": "movements"},
    "idempotency": {"thing": "resource_id"},
    "invoices": {
        "unsettled": "confirmation_lost",
        "settled_inside": "confirmed_in_ledger",
        "refunded_inside": "refunded_in_ledger",
    },
    "payments": {"owed": "clawback_debt"},
    "seals": {"marks": "row_checksums"},
    "transactions": {
        "outbid": "underpriced",
        "round": "mined_count",
        "sends": "broadcast_by_us",
        "tried": "last_broadcast",
    },
    "watched_inputs": {"by": "spent_by"},
    "webhook_backlogs": {"again": "redelivers"},
}


NOT_NULL = sa.text(
    "SELECT 1 FROM pg_constraint WHERE conrelid = cast(:table AS regclass) AND conname = :name"
)
"""Since PostgreSQL 18 each NOT NULL is a constraint, whose name has that of the column."""


def upgrade() -> None:
    for table, columns in RENAMED.items():
        for old, new in columns.items():
            op.execute(f'ALTER TABLE {table} RENAME COLUMN "{old}" TO {new}')
            constraint = f"{table}_{old}_not_null"
            if op.get_bind().scalar(NOT_NULL, {"table": table, "name": constraint}):
                op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO {table}_{new}_not_null")
    op.execute("ALTER INDEX transactions_outbid_idx RENAME TO transactions_underpriced_idx")
