"""Payments keep what clawback is owed for them; the inputs of deposits' transactions are watched."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

CLAWBACK = -3
OWED = sa.text("""
    UPDATE payments SET owed = charged.amount
    FROM (
        SELECT cast(entries.cause_id AS bigint) AS payment, -sum(postings.amount) AS amount
        FROM postings JOIN entries ON entries.id = postings.entry_id
        WHERE postings.account_id = :clawback AND entries.cause_type = 'payment'
        GROUP BY 1
    ) AS charged
    WHERE payments.id = charged.payment
""")
"""What clawback was charged for payments until now, none of which was ever repaid."""


def upgrade() -> None:
    op.add_column("chain_state", sa.Column("reorg_top", sa.Integer()))
    op.add_column("payments", sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(OWED.bindparams(clawback=CLAWBACK))
    watch_inputs()
    for table in ("deposits", "payments"):
        op.create_index(f"{table}_owed_idx", table, ["account_id"], postgresql_where=sa.text("owed > 0"))


def watch_inputs() -> None:
    """Deposits that are there already are not watched: what their transactions spend was never written."""
    op.create_table(
        "watched_inputs",
        sa.Column("txid", sa.LargeBinary(), nullable=False),
        sa.Column("vout", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("by", sa.LargeBinary(), nullable=False),
        sa.Column("height", sa.Integer()),
        sa.PrimaryKeyConstraint("txid", "vout", "by", name="watched_inputs_pkey"),
    )
    op.create_index("watched_inputs_height_idx", "watched_inputs", ["height"])
    nowhere = sa.text("height IS NULL")
    op.create_index(
        "watched_inputs_nowhere_idx", "watched_inputs", ["txid", "vout"], postgresql_where=nowhere
    )
