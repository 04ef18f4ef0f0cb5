"""Events are counted and read by their own index: what was kept beside them for each account is written with each of them no more."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.drop_index("events_foreign_id_position_idx", table_name="events")
    # An account's last event tells how far it has counted; only of those whose events were forgotten this must be kept.
    op.execute("DELETE FROM sequencer WHERE EXISTS (SELECT FROM events WHERE events.account_id = sequencer.account_id)")
    op.execute("ALTER TABLE sequencer RESET (fillfactor)")
