"""Which postings a report is about: of which accounts and asset, from when to when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.db import Db
from app.db.tables import NOW, accounts, currencies
from app.domain.access import EVERYTHING, Reach


@dataclass(frozen=True, slots=True)
class Selection:
    """Postings from `start` on (None: from the first) and before `end`; of an asset, or of all.

    They are those of the accounts within the caller's `reach`, and within `wanted`. Amounts are valued by quotes
    in the `currency` alone; None: no money is shown.
    """

    end: datetime
    start: datetime | None = None
    asset: str | None = None
    reach: Reach = EVERYTHING
    wanted: Reach = EVERYTHING
    currency: str | None = None

    def accounts_from(self, name: str) -> sa.Select[Any]:
        """Select the accounts from a name on, by the bytes of their names: one part of an index."""
        column = accounts.c.foreign_id
        listed = sa.select(accounts.c.id, column).where(
            self.reach.includes(column), self.wanted.includes(column)
        )
        if name:
            listed = listed.where(column.op("~>=~", is_comparison=True)(sa.literal(name, sa.Text)))
        return listed.order_by(sa.text("accounts.foreign_id USING ~<~"))


async def as_of(db: Db) -> datetime:
    """Return the database's time: no report goes on behind it."""
    now: datetime = (await db.execute(sa.select(NOW))).scalar_one()
    return now


async def main_currency(db: Db) -> str | None:
    """Return the first configured currency, in which deposits and payments are valued."""
    return await db.scalar(sa.select(currencies.c.code).where(currencies.c.position == 0))
