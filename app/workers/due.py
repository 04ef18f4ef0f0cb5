"""Looks for all loops of a process, in one statement, where there is work, and wakes those: the others sleep."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Prepared, bulk, reads
from app.domain import dogeconnect, holds, invoices, outbox, webhooks
from app.domain.payments import sender_work, voiding

SECONDS: Final = 1.0
"""How late what has a time of its own may be tried or told: a transaction, a webhook, an invoice, a hold."""
WORK: Final[Mapping[str, Mapping[str, sa.ColumnElement[bool]]]] = {
    "send": {
        "send": sender_work.ANY,
        "dogeconnect": dogeconnect.ANY_DUE,
        "abandoned": voiding.ANY_ABANDONED,
        "expiry": invoices.ANY_LATE,
        "holds": holds.ANY_LATE,
    },
    "relay": {"sequencer": outbox.ANY_UNNUMBERED, "webhooks": webhooks.ANY_WORK},
}
"""By role and loop the condition of the database under which the loop has work."""


def work_of(roles: Collection[str]) -> Mapping[str, sa.ColumnElement[bool]]:
    """Return the conditions of all loops of these roles."""
    return {
        loop: condition for role, work in WORK.items() if role in roles for loop, condition in work.items()
    }


class Due:
    """Wakes each loop that has work now. The loop decides again what there is to do, under its locks."""

    def __init__(
        self, engine: AsyncEngine, work: Mapping[str, sa.ColumnElement[bool]], wake: Callable[[str], object]
    ) -> None:
        self._reads = reads(engine)
        self.loops = tuple(work)
        columns: list[sa.ColumnElement[Any]] = [condition.label(loop) for loop, condition in work.items()]
        self._look = Prepared(sa.select(*columns))
        self._wake = wake

    async def step(self) -> bool:
        """Look once; there is never more to do. Raises the errors of the database."""
        async with self._reads.connect() as db:
            [row] = await bulk.fetch_all(db, self._look)
        for loop, has_work in row.items():
            if has_work:
                self._wake(loop)
        return False
