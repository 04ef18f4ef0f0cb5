"""Payments keep what clawback is owed for them; the inputs of deposits' transactions are watched."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
