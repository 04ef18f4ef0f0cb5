"""Whether there is anything for the sender to do: looked for many times a second, so without a lock, which would be a write."""

from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db
from app.db.tables import chain_state, payments
from app.domain import installation
from app.domain.installation import InstallationState
from app.domain.payments import broadcast, cancelling_transaction, renewals, replacements, signing_queue


class Work(NamedTuple):
    """Why nothing may be signed or sent (None: it may), which database this is, and what there is to do."""

    paused: str | None
    database: InstallationState
    signs: bool
    sends: bool


# The state is said, not given as a parameter: otherwise the index of the few that wait could not be asked.
_PENDING: Final = sa.exists().where(payments.c.state == sa.literal_column("'PENDING'", sa.Text))
_FOLLOWED: Final = sa.exists().select_from(chain_state)
_PAUSED: Final = sa.select(chain_state.c.payments_paused).scalar_subquery()
_LOOK: Final = sa.select(
    sa.case((_FOLLOWED, _PAUSED), else_=signing_queue.NOT_FOLLOWED).label("paused"),
    sa.or_(
        _PENDING,
        sa.exists(cancelling_transaction.WANTED),
        sa.exists(replacements.WANTED),
        sa.exists(renewals.WANTED),
    ).label("signs"),
    sa.exists().where(broadcast.DUE).label("sends"),
    *installation.COLUMNS,
)


async def look(db: Db) -> Work:
    """Return what there is to do just now; whoever does it asks again under the locks that it needs."""
    paused, signs, sends, *database = (await db.execute(_LOOK)).one()
    return Work(paused, InstallationState(*database), signs, sends)
