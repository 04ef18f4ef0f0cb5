"""Payers that wait until something happens to their invoice."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.waiter import Waiter
from app.db import Db
from app.domain import blocks, invoices, outbox
from app.domain.dogecoin import Network
from app.domain.invoices import InvoiceStatus, NoSuchInvoice
from app.domain.refusals import Refusal
from app.runtime.loop import WakeUp

MOST: Final = 100_000
"""The public listener has its own limit, which is lower."""
FIRST_SECONDS: Final = 10
"""How long a payer waits for the database at first."""
BEAT_SECONDS: Final = 15
"""How often a stream says something while nothing happens: a proxy keeps the connection, a dead one is noticed."""


class NotRead(Refusal):
    """the database is not available; try again"""  # noqa: D400, D415  the sentence of the answer

    code = "not-available"


class InvoiceWatch(Waiter[str, InvoiceStatus | NoSuchInvoice | None]):
    """Reads the invoices of all payers who wait: once for those who come, then when events or blocks have come.

    A value is None until it is read. The sequencer and each payer who comes wake the loop that steps; a clock
    does where another process numbers the events, and for blocks without events.
    """

    def __init__(self, reads: AsyncEngine, network: Network, wake_up: WakeUp | None = None) -> None:
        super().__init__(reads, MOST)
        self.wake_up = wake_up or WakeUp()
        self.beat_seconds: float = BEAT_SECONDS
        self._network = network

    async def first(self, address: str) -> InvoiceStatus:
        """Return how far the invoice is paid; NoSuchInvoice, or NotRead where the database does not answer.

        Payers who come together are read together: none takes a connection of its own.
        """
        self.wake_up.wake()
        read = await self.until(address, None, lambda value: value is not None, FIRST_SECONDS)
        if isinstance(read, InvoiceStatus):
            return read
        raise read or NotRead

    async def change(self, status: InvoiceStatus, seconds: float) -> InvoiceStatus:
        """Return the status once it is another, or the same after `seconds`."""
        read = await self.until(status.id, status, lambda value: value != status, seconds)
        return read if isinstance(read, InvoiceStatus) else status

    async def happened(self, db: Db) -> object:
        """Return how far the events and the chain reach: no invoice changes without either."""
        return await outbox.last_position(db), await blocks.tip(db)

    async def read(
        self, db: Db, known: Sequence[tuple[str, object]]
    ) -> Mapping[str, InvoiceStatus | NoSuchInvoice | None]:
        """Read the invoices in one statement."""
        addresses = {address for address, _ in known}
        read = await invoices.statuses(db, self._network, list(addresses))
        return {
            address: read.get(address, NoSuchInvoice(address=address, field="id")) for address in addresses
        }
