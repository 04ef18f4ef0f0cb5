"""The installation's row: which history this database is, what it was held against, and which seed its keys come from.

A database from before gets an epoch of its own. Two that were restored from the same older dump get two.
"""

from alembic import op

revision = "0019"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS installation (
            id smallint NOT NULL,
            epoch text NOT NULL,
            sent bigint DEFAULT '0' NOT NULL,
            restores bigint DEFAULT '0' NOT NULL,
            compared text,
            behind text,
            seed text,
            CONSTRAINT installation_pkey PRIMARY KEY (id),
            CONSTRAINT installation_single_check CHECK (id = 1)
        )
    """)
    op.execute("INSERT INTO installation (id, epoch) VALUES (1, gen_random_uuid()) ON CONFLICT DO NOTHING")
