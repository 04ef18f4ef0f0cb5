"""Holds, escrows and seals; transfers are found by their reference."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from app.db import cell_ddl

revision = "0008"
down_revision = "0007"

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="HELD", nullable=False),
        sa.Column("moves", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reference_type", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.Column("created", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "state IN ('HELD', 'RELEASED', 'CAPTURED', 'CONVERTED', 'EXPIRED')",
            name=op.f("holds_state_check"),
        ),
        sa.CheckConstraint(
            "remaining >= 0 AND captured >= 0 AND remaining + captured <= amount",
            name=op.f("holds_remaining_check"),
        ),
        sa.CheckConstraint("(state = 'HELD') = (remaining > 0)", name=op.f("holds_held_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("holds_pkey")),
    )
    op.create_index("holds_id_idx", "holds", ["id"], unique=True)
    op.create_index("holds_state_idx", "holds", ["account_id", "state", "id"])
    expiring = sa.text("state = 'HELD' AND expires IS NOT NULL")
    op.create_index("holds_expires_idx", "holds", ["expires"], postgresql_where=expiring)
    op.create_table(
        "escrows",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("seller_id", sa.BigInteger(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger()),
        sa.Column("state", sa.Text(), server_default="LOCKED", nullable=False),
        sa.Column("to_seller", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("to_buyer", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reference_type", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "state IN ('LOCKED', 'RELEASED', 'REFUNDED', 'DISPUTED', 'RESOLVED')",
            name=op.f("escrows_state_check"),
        ),
        sa.CheckConstraint("amount > 0 AND fee BETWEEN 0 AND amount", name=op.f("escrows_amount_check")),
        sa.CheckConstraint(
            "to_seller >= 0 AND to_buyer >= 0 AND amount - to_seller - to_buyer >= 0",
            name=op.f("escrows_parts_check"),
        ),
        sa.CheckConstraint("account_id <> seller_id", name=op.f("escrows_sides_check")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("escrows_pkey")),
        sa.UniqueConstraint("order_id", name=op.f("escrows_order_id_key")),
    )
    op.create_index("escrows_id_idx", "escrows", ["id"], unique=True)
    op.create_index("escrows_buyer_state_idx", "escrows", ["account_id", "state", "id"])
    op.create_index("escrows_seller_idx", "escrows", ["seller_id", "id"])
    op.create_index("escrows_seller_state_idx", "escrows", ["seller_id", "state", "id"])
    op.create_index("escrows_state_idx", "escrows", ["state", "id"])
    op.create_table(
        "seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_entry", sa.BigInteger(), nullable=False),
        sa.Column("last_entry", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("treasury", JSONB(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("seals_pkey")),
        sa.UniqueConstraint("last_entry", name=op.f("seals_last_entry_key")),
    )
    open_still = sa.text("NOT (expired OR cancelled OR settled)")
    op.create_index("invoices_open_idx", "invoices", ["account_id"], postgresql_where=open_still)
    found = sa.text("reference <> ''")
    op.create_index("entries_reference_idx", "entries", ["reference", "id"], postgresql_where=found)
