"""What blocks post and what they move is summed, and compared at every block."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("owned", "kept"):
        op.add_column("chain_state", sa.Column(name, sa.Numeric(38, 0), server_default="0", nullable=False))
