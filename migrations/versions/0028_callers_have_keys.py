"""Callers have keys of their own, and some reach only the accounts whose names begin alike."""

from alembic import op

from app.db import cell_ddl

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    cell_ddl.shared(_make_keys)
    op.execute("CREATE INDEX IF NOT EXISTS accounts_prefix_idx ON accounts (foreign_id text_pattern_ops)")


def _make_keys() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS api_keys (
            id bigint GENERATED ALWAYS AS IDENTITY,
            digest bytea NOT NULL,
            scopes text[] NOT NULL,
            accounts text[] DEFAULT '{}' NOT NULL,
            prefix text DEFAULT '' NOT NULL,
            description text DEFAULT '' NOT NULL,
            requests_per_second integer,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            expires timestamp with time zone,
            last_used timestamp with time zone,
            revoked timestamp with time zone,
            CONSTRAINT api_keys_pkey PRIMARY KEY (id),
            CONSTRAINT api_keys_digest_check CHECK (octet_length(digest) = 32),
            CONSTRAINT api_keys_scopes_check CHECK (cardinality(scopes) > 0),
            CONSTRAINT api_keys_reach_check CHECK (prefix = '' OR cardinality(accounts) = 0)
        )"""
    )
