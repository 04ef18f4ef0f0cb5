"""What an invoice has received, and what is told when that changes."""

from dataclasses import dataclass, replace

from app.domain.facts import InvoiceSums
from app.money import Koinu


@dataclass(frozen=True, slots=True)
class Receipts:
    """An invoice's sums in koinu, and what was told of them: `received` is in blocks, `confirmed` deep enough."""

    address: str
    total: Koinu
    due: Koinu
    required_confirmations: int
    received: Koinu
    confirmed: Koinu
    detected: bool
    settled: bool
    unsettled: bool
    expired: bool = False
    cancelled: bool = False
    late: bool = False

    def plus(self, received: int = 0, confirmed: int = 0) -> "Receipts":
        """Return the same with other sums; what is told of it is `judge`'s to say."""
        return replace(self, received=Koinu(self.received + received), confirmed=Koinu(self.confirmed + confirmed))

    @property
    def sums(self) -> InvoiceSums:
        """What every event about the invoice says."""
        return InvoiceSums(self.address, self.total, self.received, self.confirmed)


def judge(before: Receipts, after: Receipts) -> tuple[Receipts, list[str]]:
    """Return `after` with what is told marked on it, and the names of the events, in GigaWallet's order.

    What comes after the invoice expired or was cancelled is late, and told as that each time, before what it pays.
    A total is detected once, and again only after it had dropped; it is confirmed once, until a reorg takes that back.
    """
    if (before.received, before.confirmed) == (after.received, after.confirmed):
        return after, []
    grown = after.received > before.received
    late = grown and (after.expired or after.cancelled)
    told = ["INV_BALANCE_CHANGED", *["INV_LATE_PAYMENT_DETECTED"] * late]
    if grown and after.received < after.due:
        told.append("INV_PART_PAYMENT_DETECTED")
    if grown and after.received >= after.due and not before.detected:
        told.append("INV_TOTAL_PAYMENT_DETECTED")
    if grown and after.received > after.total:
        told.append("INV_OVER_PAYMENT_DETECTED")
    settled = after.confirmed >= after.due
    if settled != before.settled:
        told.append("INV_TOTAL_PAYMENT_CONFIRMED" if settled else "INV_PAYMENT_UNCONFIRMED")
    if before.confirmed < after.confirmed > after.total:
        told.append("INV_OVER_PAYMENT_CONFIRMED")
    unsettled = not settled and (before.settled or before.unsettled)
    detected = after.received >= after.due
    late = after.late or late
    return replace(after, detected=detected, settled=settled, unsettled=unsettled, late=late), told
