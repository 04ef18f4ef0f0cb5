"""Columns say what they hold, in the words of the code.

Each renaming changes the catalogue alone, whatever the size of its table. It waits for the statements that run on
the table; the version before cannot run beside it.
"""

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


def upgrade() -> None:
    for table, columns in RENAMED.items():
        for old, new in columns.items():
            op.execute(f'ALTER TABLE {table} RENAME COLUMN "{old}" TO {new}')
    op.execute("ALTER INDEX transactions_outbid_idx RENAME TO transactions_underpriced_idx")
