"""Callers that wait until their payment is sent: one reader in each process looks for all of them."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import payments
from app.domain.payments import Payment

MOST: Final = 1_000
"""Callers that wait at once in one process; more are answered at once with what is known."""


@dataclass(slots=True, eq=False)
class _Caller:
    """Waits while `payment`, which is as it was last read, is in one of the `states`."""

    payment: Payment
    states: Collection[str]
    over: asyncio.Event

    def hear(self, payment: Payment) -> None:
        self.payment = payment
        if payment.state not in self.states:
            self.over.set()


class PaymentWaiter:
    """One statement looks for all callers; the sender's wake-up calls for it, and a calm clock where the sender is elsewhere.

    What a caller asked for is committed before it waits here. So nothing that fails here is the caller's error: it gets the
    payment as it was last known.
    """

    def __init__(self, reads: AsyncEngine) -> None:
        self._reads = reads
        self._callers: set[_Caller] = set()
        self._ended = False

    async def wait(self, payment: Payment, states: Collection[str], seconds: float) -> Payment:
        """Return the payment once it is in none of the `states`, or as it was last known when `seconds` are over."""
        if payment.state not in states or seconds <= 0 or self._ended or len(self._callers) >= MOST:
            return payment
        caller = _Caller(payment, states, asyncio.Event())
        self._callers.add(caller)
        try:
            async with asyncio.timeout(seconds):
                await caller.over.wait()
        except TimeoutError:
            pass
        finally:
            self._callers.discard(caller)
        return caller.payment

    async def step(self) -> bool:
        """Look what became of the payments that are waited for, and tell their callers; nothing is asked while nobody waits."""
        callers = list(self._callers)  # who comes meanwhile may know more than is read here
        if callers:
            async with self._reads.connect() as db:
                states = await payments.states(db, list({caller.payment.id for caller in callers}))
                moved = {one.payment.id for one in callers if states[one.payment.id] != one.payment.state}
                found = await payments.by_ids(db, list(map(str, moved))) if moved else {}
            for caller in callers:
                caller.hear(found.get(str(caller.payment.id), caller.payment))
        return False

    def end(self) -> None:
        """Let every caller go with what is known: the program stops."""
        self._ended = True
        for caller in self._callers:
            caller.over.set()
