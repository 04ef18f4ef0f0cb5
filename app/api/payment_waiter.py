"""Callers that wait until their payment is sent."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.waiter import Waiter
from app.db import Db
from app.domain import payments
from app.domain.payments import Payment

MOST: Final = 1_000
"""How many callers may wait at once in one process; any other gets the payment as it is."""


class PaymentWaiter(Waiter[int, Payment]):
    """Reads the payments of all callers.

    The sender's wake-up starts a step; where the sender runs in another process, a slow clock does.
    """

    def __init__(self, reads: AsyncEngine) -> None:
        super().__init__(reads, MOST)

    async def wait(self, payment: Payment, states: Collection[str], seconds: float) -> Payment:
        """Return the payment once it is in none of the `states`, or as it was last read after `seconds`."""
        return await self.until(payment.id, payment, lambda read: read.state not in states, seconds)

    async def read(self, db: Db, known: Sequence[tuple[int, Payment]]) -> Mapping[int, Payment]:
        """Look at the states of all, and read the payments that are in another."""
        states = await payments.states(db, list(dict(known)))
        moved = {str(key) for key, payment in known if payment.state != states[key]}
        read = await payments.by_ids(db, list(moved)) if moved else {}
        return {payment.id: payment for payment in read.values()}
