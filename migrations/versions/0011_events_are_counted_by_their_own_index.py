"""Events are counted and read by their own index: what was kept beside them for each account is written with each of them no more."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.drop_index("events_foreign_id_position_idx", table_name="events")
    # An account's newest event tells how far it has counted. The numbers that were kept for all stay: those are needed
    # whose events were forgotten, and a process of the version before that still runs counts on from the others.
    op.execute("ALTER TABLE sequencer RESET (fillfactor)")
