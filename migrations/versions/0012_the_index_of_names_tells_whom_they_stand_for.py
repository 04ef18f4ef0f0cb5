"""Whom a name stands for is read from the index of names alone, not from the account's wide row as well."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_foreign_id_key")
    op.execute(
        "ALTER TABLE accounts ADD CONSTRAINT accounts_foreign_id_key "
        "UNIQUE (foreign_id) INCLUDE (id, address, state)"
    )
