"""Money going out."""

import sqlalchemy as sa
from alembic import op

from app.db import cell_ddl

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "payment_outputs",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("script", sa.LargeBinary(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("payment_outputs_amount_check")),
        sa.PrimaryKeyConstraint("account_id", "payment_id", "number", name=op.f("payment_outputs_pkey")),
    )
    op.create_table(
        "payments",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("explicit_fee", sa.BigInteger(), nullable=False),
        sa.Column("max_fee", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.BigInteger(), nullable=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("batch", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("invoice_account", sa.BigInteger(), nullable=True),
        sa.Column("invoice_index", sa.BigInteger(), nullable=True),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "kind IN ('pay', 'paytx', 'payout', 'refund', 'consolidation')", name=op.f("payments_kind_check")
        ),
        sa.CheckConstraint(
            "state IN ('PENDING', 'PROCESSING', 'BROADCAST', 'CONFIRMED', 'FAILED', 'CANCELLING', 'VOIDED')",
            name=op.f("payments_state_check"),
        ),
        sa.CheckConstraint("(transaction_id IS NULL) = (fee IS NULL)", name=op.f("payments_signed_check")),
        sa.CheckConstraint("amount > 0 AND reserved >= 0", name=op.f("payments_amount_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("payments_pkey")),
    )
    op.create_index(
        "payments_expires_idx",
        "payments",
        ["expires"],
        unique=False,
        postgresql_where=sa.text("expires IS NOT NULL"),
    )
    op.create_index("payments_id_idx", "payments", ["id"], unique=False)
    op.create_index(
        "payments_invoice_idx",
        "payments",
        ["invoice_account", "invoice_index"],
        unique=False,
        postgresql_where=sa.text("invoice_index IS NOT NULL"),
    )
    op.create_index(
        "payments_pending_idx",
        "payments",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(
        "payments_transaction_idx",
        "payments",
        ["transaction_id"],
        unique=False,
        postgresql_where=sa.text("transaction_id IS NOT NULL"),
    )
    op.create_table(
        "transaction_inputs",
        sa.Column("txid", sa.LargeBinary(), nullable=False),
        sa.Column("vout", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("txid", "vout", "transaction_id", name=op.f("transaction_inputs_pkey")),
    )
    op.create_index(
        op.f("transaction_inputs_transaction_id_idx"), "transaction_inputs", ["transaction_id"], unique=False
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(), nullable=False),
        sa.Column("txid", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=True),
        sa.Column("sends", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("confirm_height", sa.Integer(), nullable=True),
        sa.Column("conflict_height", sa.Integer(), nullable=True),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ancestors", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tried", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "(state IN ('mined', 'settled')) = (height IS NOT NULL)", name=op.f("transactions_height_check")
        ),
        sa.CheckConstraint(
            "state IN ('signed', 'sent', 'mined', 'settled', 'dead')", name=op.f("transactions_state_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transactions_pkey")),
        sa.UniqueConstraint("txid", name=op.f("transactions_txid_key")),
    )
    op.create_index(
        "transactions_conflict_idx",
        "transactions",
        ["conflict_height"],
        unique=False,
        postgresql_where=sa.text("conflict_height IS NOT NULL"),
    )
    op.create_index(
        "transactions_due_idx",
        "transactions",
        ["confirm_height"],
        unique=False,
        postgresql_where=sa.text("state = 'mined'"),
    )
    op.create_index(
        "transactions_height_idx",
        "transactions",
        ["height"],
        unique=False,
        postgresql_where=sa.text("height IS NOT NULL"),
    )
    op.create_index(op.f("transactions_replaces_idx"), "transactions", ["replaces"], unique=False)
    op.create_index(
        "transactions_unmined_idx",
        "transactions",
        ["tried"],
        unique=False,
        postgresql_where=sa.text("state IN ('signed', 'sent')"),
    )
    op.add_column("chain_state", sa.Column("payments_paused", sa.Text(), nullable=True))
    op.add_column("coins", sa.Column("change", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("coins", sa.Column("transaction_id", sa.BigInteger(), nullable=True))
    op.drop_index(op.f("coins_unspent_idx"), table_name="coins", postgresql_where="(spent_height IS NULL)")
    op.create_index(
        "coins_free_of_account_idx",
        "coins",
        ["account_id", "amount"],
        unique=False,
        postgresql_where=sa.text("spent_height IS NULL AND transaction_id IS NULL"),
    )
    op.create_index(
        "coins_free_idx",
        "coins",
        ["amount"],
        unique=False,
        postgresql_where=sa.text("spent_height IS NULL AND transaction_id IS NULL"),
    )
    op.create_index(
        "coins_transaction_idx",
        "coins",
        ["transaction_id"],
        unique=False,
        postgresql_where=sa.text("transaction_id IS NOT NULL"),
    )
