"""An account says whether its payments may share transactions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("batch", sa.Boolean(), server_default="false", nullable=False))
