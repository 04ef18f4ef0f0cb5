"""Webhook endpoints as a resource: descriptions, secrets that overlap, what they have still to hear, and why one was disabled."""

import sqlalchemy as sa
from alembic import op

from app.db import cell_ddl

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _endpoints()
    _backlogs()
    op.add_column("deliveries", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE deliveries SET tries = attempts")
    op.create_index("deliveries_state_idx", "deliveries", ["endpoint_id", "state", "position"], unique=False)
    op.execute(
        "UPDATE webhook_endpoints SET disabled_reason = 'its section is not in the configuration' WHERE state = 'disabled'"
    )
    # One position for all endpoints; each goes on hearing only of what comes after its own.
    op.execute(
        """INSERT INTO cursors (name, position) SELECT 'webhooks', coalesce(
               (SELECT min(position) FROM webhook_endpoints WHERE state = 'active'),
               (SELECT last FROM sequencer WHERE account_id = -9223372036854775808), 0)"""
    )


def _endpoints() -> None:
    for column in (
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("previous_secret", sa.Text(), server_default="", nullable=False),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("legacy_base64_message", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.Text(), server_default="", nullable=False),
    ):
        op.add_column("webhook_endpoints", column)
    op.drop_constraint(op.f("webhook_endpoints_state_check"), "webhook_endpoints")
    op.create_check_constraint(
        op.f("webhook_endpoints_state_check"),
        "webhook_endpoints",
        "state IN ('active', 'disabled', 'deleted')",
    )
    op.create_index(
        "webhook_endpoints_active_idx",
        "webhook_endpoints",
        ["foreign_id"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )


def _backlogs() -> None:
    op.create_table(
        "webhook_backlogs",
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(always=True), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_backlogs_pkey")),
    )
    op.create_index(
        op.f("webhook_backlogs_endpoint_id_idx"), "webhook_backlogs", ["endpoint_id"], unique=False
    )
