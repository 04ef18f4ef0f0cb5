"""An invoice knows the pages of the shop to which its payer goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0022"


def upgrade() -> None:
    for name in ("return_url", "cancel_url"):
        op.add_column("invoices", sa.Column(name, sa.Text(), server_default="", nullable=False))
