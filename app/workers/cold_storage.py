"""The clock that sends what the hot wallet has above its ceiling to cold storage."""

import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config.settings import Settings
from app.db import reads
from app.domain import cold, dogecoin
from app.domain.cold import ColdTerms, Target
from app.domain.payments import Payment
from app.domain.refusals import Refusal
from app.money import Koinu, show

_log = logging.getLogger(__name__)
SECONDS: Final = 30.0
"""A block comes once a minute."""


def terms_of(settings: Settings, cells: int = 1) -> ColdTerms | None:
    """Return what the settings say for a cell, an equal part of the ceiling; None where there is no ceiling."""
    if settings.cold_address is None:
        return None
    target = Target.of(dogecoin.network_by_name(settings.network), settings.cold_address)
    return ColdTerms(Koinu(settings.hot_ceiling // cells), target, settings.platform_account)


class ColdStorage:
    """Requests the payments. Any number of processes may: they wait for each other, and the second finds none due."""

    def __init__(self, engine: AsyncEngine, terms: ColdTerms | None, committed: Callable[[], None]) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._terms = terms
        self._committed = committed
        self._noted = False
        self._refusal = ""

    async def step(self) -> bool:
        """Request a payment if one is due; there is never more to do."""
        await self._note()
        if self._terms is None:
            return False
        async with self._reads.connect() as db:
            if not await cold.is_due(db, self._terms):
                return False
        async with self._engine.begin() as db:
            outcome = await cold.sweep(db, self._terms)
        if isinstance(outcome, Payment):
            self._committed()
            _log.info("payment %s brings %s DOGE to cold storage", outcome.id, show(outcome.amount))
        self._report(str(outcome) if isinstance(outcome, Refusal) else "")
        return False

    async def _note(self) -> None:
        """Write once what the settings say."""
        if not self._noted:
            async with self._engine.begin() as db:
                await (cold.switch_off(db) if self._terms is None else cold.switch_on(db, self._terms))
            self._noted = True

    def _report(self, refusal: str) -> None:
        """Log a refusal once, not at each attempt."""
        if refusal and refusal != self._refusal:
            _log.warning("nothing goes to cold storage: %s", refusal)
        self._refusal = refusal
