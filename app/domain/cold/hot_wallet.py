"""The hot wallet: what our coins are worth beside all that is on its way in or out."""

from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import COLD_STORAGE, NETWORK_FEES, WORLD, balances
from app.money import DOGE, Koinu

# Coins and what is in transit are what has come from the world and not gone there. Of that, deposits without their
# confirmations may be taken back, and what payments have set aside is about to leave, whether signed or not.
HOT_KOINU: Final = f"""
    WITH under_way AS (
        SELECT coalesce(replaces, id) AS id FROM transactions WHERE state IN ('signed', 'sent')
        UNION SELECT coalesce(replaces, id) FROM transactions WHERE state = 'mined'
    )
    SELECT (SELECT coalesce(-sum(available), 0) FROM balances
            WHERE account_id IN ({WORLD}, {NETWORK_FEES}) AND asset = '{DOGE}')
        - (SELECT coalesce(sum(amount), 0) FROM deposits WHERE state = 'incoming')
        - (SELECT coalesce(sum(reserved), 0) FROM payments WHERE state = 'PENDING')
        - (SELECT coalesce(sum(reserved), 0) FROM payments WHERE state = 'AWAITING_APPROVAL')
        - (SELECT coalesce(sum(reserved), 0) FROM payments WHERE state = 'CANCELLING')
        - (SELECT coalesce(sum(reserved), 0) FROM payments JOIN under_way ON transaction_id = under_way.id
            WHERE state IN ('PROCESSING', 'BROADCAST'))
"""  # noqa: S608  constants
"""What remains in coins once all that is on its way has arrived or left, in koinu; each part has its index."""
_HOT: Final = sa.text(HOT_KOINU)


async def hot(db: Db) -> Koinu:
    """Return what the hot wallet has; below zero where payments wait for more coins than there are."""
    return Koinu(int(await db.scalar(_HOT) or 0))


_STORED: Final = sa.select(-(balances.c.available + balances.c.incoming + balances.c.outgoing)).where(
    balances.c.account_id == COLD_STORAGE, balances.c.asset == DOGE
)


async def stored(db: Db) -> Koinu:
    """Return what lies in cold storage, or is on its way there or back."""
    return Koinu(int(await db.scalar(_STORED) or 0))
