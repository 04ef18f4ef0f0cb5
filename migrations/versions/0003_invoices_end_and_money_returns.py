"""Invoices end, are settled inside and refunded; deposit addresses are given out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("expired", "cancelled", "late"):
        op.add_column("invoices", sa.Column(name, sa.Boolean(), server_default="false", nullable=False))
    for name in ("settled_inside", "refunded_inside"):
        op.add_column("invoices", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("invoices", sa.Column("expires", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("invoices_inside_check"),
        "invoices",
        "settled_inside BETWEEN 0 AND confirmed AND refunded_inside >= 0",
    )
    for name, where in (
        ("created", None),
        ("reference", "reference <> ''"),
        ("expires", "expires IS NOT NULL AND NOT (expired OR cancelled OR settled)"),
    ):
        columns = ["expires"] if name == "expires" else ["account_id", name]
        op.create_index(
            f"invoices_{name}_idx",
            "invoices",
            columns,
            postgresql_where=None if where is None else sa.text(where),
        )
    op.create_index(
        "addresses_deposit_idx",
        "addresses",
        ["account_id", "index"],
        postgresql_where=sa.text("purpose = 'deposit'"),
    )
    op.create_index("deposits_created_idx", "deposits", ["account_id", "created"])
    op.create_index(
        "deposits_address_idx",
        "deposits",
        ["account_id", "branch", "index"],
        postgresql_where=sa.text("invoice IS NULL"),
    )
