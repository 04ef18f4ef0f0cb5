"""Keys are granted on a page, for codes that plugins exchange; links let an operator grant one request."""

from alembic import op

from app.db import cell_ddl

revision = "0093"
down_revision = "0092"


def upgrade() -> None:
    cell_ddl.shared(_make_grants)


def _make_grants() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS key_grants (
            digest bytea NOT NULL,
            name text DEFAULT '' NOT NULL,
            scopes text[] NOT NULL,
            accounts text[] DEFAULT '{}' NOT NULL,
            prefix text DEFAULT '' NOT NULL,
            redirect_uri text NOT NULL,
            challenge text NOT NULL,
            granted_by text DEFAULT '' NOT NULL,
            key_id bigint,
            expires timestamp with time zone NOT NULL,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT key_grants_pkey PRIMARY KEY (digest),
            CONSTRAINT key_grants_digest_check CHECK (octet_length(digest) = 32)
        )"""
    )
    op.execute("CREATE INDEX IF NOT EXISTS key_grants_expires_idx ON key_grants (expires)")
    op.execute(
        """CREATE TABLE IF NOT EXISTS grant_links (
            digest bytea NOT NULL,
            request bytea NOT NULL,
            grant_digest bytea,
            expires timestamp with time zone NOT NULL,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT grant_links_pkey PRIMARY KEY (digest)
        )"""
    )
    op.execute("CREATE INDEX IF NOT EXISTS grant_links_expires_idx ON grant_links (expires)")
