"""Callers that wait until their payment is sent: each process has one reader for all of them."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import payments
from app.domain.payments import Payment

MOST: Final = 1_000
"""How many callers may wait at once in one process; any other gets the payment as it is."""


@dataclass(slots=True, eq=False)
class _Caller:
    """Waits while `payment`, as it was last read, is in one of the `states`."""

    payment: Payment
    states: Collection[str]
    over: asyncio.Event

    def hear(self, payment: Payment) -> None:
        self.payment = payment
        if payment.state not in self.states:
            self.over.set()


class PaymentWaiter:
    """Reads the payments of all callers in one statement.

    The sender's wake-up starts a step; where the sender runs in another process, a slow clock does.
    A caller's payment is committed before the caller waits here. So no failure here is the caller's error:
    the caller gets the payment as it was last read.
    """

    def __init__(self, reads: AsyncEngine) -> None:
        self._reads = reads
        self._callers: set[_Caller] = set()
        self._ended = False

    async def wait(self, payment: Payment, states: Collection[str], seconds: float) -> Payment:
        """Return the payment once it is in none of the `states`, or as it was last read after `seconds`."""
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
        """Read the callers' payments and tell each its own; without callers the database is not asked."""
        callers = list(self._callers)  # a caller that comes meanwhile may know more than is read here
        if callers:
            async with self._reads.connect() as db:
                states = await payments.states(db, list({caller.payment.id for caller in callers}))
                moved = {
                    str(caller.payment.id)
                    for caller in callers
                    if caller.payment.state != states[caller.payment.id]
                }
                current = await payments.by_ids(db, list(moved)) if moved else {}
            for caller in callers:
                caller.hear(current.get(str(caller.payment.id), caller.payment))
        return False

    def end(self) -> None:
        """Let every caller go with the payment as it was last read: the program stops."""
        self._ended = True
        for caller in self._callers:
            caller.over.set()
