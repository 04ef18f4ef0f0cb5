"""Cancels transactions that their callers wanted to send, and that the node has not seen in time."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import Node
from app.db import reads
from app.domain.payments import Payment, voiding


class AbandonedPayments:
    """Any number of processes may run this, since the statements decide again.

    `committed` is called after each transaction of the database.
    """

    def __init__(self, engine: AsyncEngine, node: Node, committed: Callable[[], None]) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._node = node
        self._committed = committed

    async def step(self) -> bool:
        """End what is due; return whether anything was. Raises the errors of the node and of the database."""
        async with self._reads.connect() as db:
            due = await voiding.abandoned(db)
        for payment in due:
            await self._end(payment)
        return bool(due)

    async def _end(self, payment: Payment) -> None:
        """Ask the node while no transaction is open, then decide."""
        in_mempool = payment.raw is not None and await self._node.mempool_spends(payment.raw)
        async with self._engine.begin() as db:
            if in_mempool and payment.transaction_id is not None:
                await voiding.note_seen(db, payment.transaction_id)
            else:
                await voiding.void_unseen(db, payment)
        self._committed()
