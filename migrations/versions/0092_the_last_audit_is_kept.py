"""What the last whole audit has found is kept."""

from alembic import op

revision = "0092"
down_revision = "0090"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS audits (
            id smallint NOT NULL,
            ended timestamp with time zone NOT NULL,
            ok boolean NOT NULL,
            detail text NOT NULL,
            CONSTRAINT audits_pkey PRIMARY KEY (id),
            CONSTRAINT audits_single_check CHECK (id = 1)
        )"""
    )
