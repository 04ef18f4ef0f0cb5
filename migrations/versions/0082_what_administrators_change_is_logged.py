"""What administrators change is logged, by rows that nobody can change or delete."""

from alembic import op

from app.db import cell_ddl

revision = "0082"
down_revision = "0081"

INDEXES = {
    "audit_log_at_idx": "audit_log (at, id)",
    "audit_log_actor_idx": "audit_log (actor, at, id)",
    "audit_log_actor_action_idx": "audit_log (actor, action, at, id)",
    "audit_log_action_idx": "audit_log (action, at, id)",
    "audit_log_foreign_id_idx": "audit_log (foreign_id, at, id) WHERE foreign_id <> ''",
}


def upgrade() -> None:
    cell_ddl.shared(_make_log)


def _make_log() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS audit_log (
            id bigint GENERATED ALWAYS AS IDENTITY,
            at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            actor text NOT NULL,
            actor_name text DEFAULT '' NOT NULL,
            action text NOT NULL,
            foreign_id text DEFAULT '' NOT NULL,
            subject text DEFAULT '' NOT NULL,
            request_id text DEFAULT '' NOT NULL,
            before text NOT NULL,
            after text NOT NULL,
            CONSTRAINT audit_log_pkey PRIMARY KEY (id)
        )"""
    )
    for name, columns in INDEXES.items():
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {columns}")
    for name, what in (("append_only", "UPDATE OR DELETE"), ("never_emptied", "TRUNCATE")):
        op.execute(
            f"CREATE OR REPLACE TRIGGER audit_log_{name} BEFORE {what} ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
