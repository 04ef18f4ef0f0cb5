"""What the sender has to do. It looks many times a second, so without locks, which would be writes."""

from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, bulk
from app.db.tables import chain_state, payments
from app.domain import installation
from app.domain.installation import InstallationState
from app.domain.payments import (
    broadcast,
    cancelling_transaction,
    renewals,
    replacements,
    signing_queue,
    versions,
)


class Work(NamedTuple):
    """Why nothing may be signed or sent (None: it may), which database this is, and what there is to do."""

    paused: str | None
    database: InstallationState
    signs: bool
    sends: bool


_FOLLOWED: Final = sa.exists().select_from(chain_state)
_PAUSED: Final = sa.select(chain_state.c.payments_paused).scalar_subquery()
_FIRST_PENDING: Final = sa.select(payments.c.id).where(versions.has_state(payments, "PENDING"))
_SIGNS: Final = sa.or_(
    # In the order of its index, so that no plan reads all payments where many were pending before.
    _FIRST_PENDING.order_by(payments.c.id).limit(1).scalar_subquery().is_not(None),
    sa.exists(cancelling_transaction.TO_CANCEL),
    sa.exists(replacements.OUTBID),
    sa.exists(renewals.BROKEN),
)
_SENDS: Final = sa.exists().where(broadcast.DUE)
ANY: Final = sa.or_(_SIGNS, _SENDS)
"""Whether there is anything to do."""
_LOOK: Final = Prepared(
    sa.select(
        sa.case((_FOLLOWED, _PAUSED), else_=signing_queue.NOT_FOLLOWED).label("paused"),
        _SIGNS.label("signs"),
        _SENDS.label("sends"),
        *installation.COLUMNS,
    )
)


async def look(db: Db) -> Work:
    """Return what there is to do now. The sender decides again under the locks that it needs."""
    [(paused, signs, sends, *database)] = await bulk.fetch_values(db, _LOOK)
    return Work(paused, InstallationState(*database), signs, sends)
