"""Webhook endpoints as a resource: descriptions, secrets that overlap, and why one was disabled."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing yet."""
