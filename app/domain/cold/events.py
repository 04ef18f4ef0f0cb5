"""The events of cold storage: money that has gone there or come back, or that a reorg has brought back or taken."""

from collections.abc import Iterable, Sequence
from typing import Final

from app.db.tables import COLD_STORAGE
from app.domain import outbox
from app.domain.ledger import Bucket, Posted
from app.domain.outbox import OutboxEvent
from app.money import show

_KINDS: Final = ("PAYMENT_CONFIRMED", "PAYMENT_UNCONFIRMED", "DEPOSIT_CONFIRMED", "DEPOSIT_UNDONE")
_OF_PAYMENTS: Final = {"PAYMENT_CONFIRMED": Bucket.OUTGOING, "PAYMENT_UNCONFIRMED": Bucket.OUTGOING}
"""The bucket that tells of it; of a deposit it is what is confirmed."""


def events(posted: Iterable[Posted]) -> list[OutboxEvent]:
    """Return SYS_COLD_SENT and SYS_COLD_RETURNED of entries of blocks, in their order."""
    return [event for outcome in posted if outcome.entry.kind in _KINDS for event in _of_entry(outcome)]


def _of_entry(outcome: Posted) -> Sequence[OutboxEvent]:
    bucket = _OF_PAYMENTS.get(outcome.entry.kind, Bucket.AVAILABLE)
    for posting, balance in outcome.lines:
        if posting.account == COLD_STORAGE and posting.bucket is bucket:
            reverses = outcome.entry.kind.endswith(("UNCONFIRMED", "UNDONE"))
            stored = -(balance.available + balance.incoming + balance.held + balance.outgoing)
            tell = sent if bucket is Bucket.OUTGOING else returned
            address, cause = outcome.entry.reference[1], outcome.entry.cause[1]
            return [tell(address, abs(posting.amount), cause, stored, back=reverses)]
    return []


def sent(address: str, amount: int, payment: str, stored: int, *, back: bool = False) -> OutboxEvent:
    """SYS_COLD_SENT: `stored` is what lies in cold storage from now on."""
    message = {
        "payment_id": int(payment),
        "address": address,
        "amount": show(amount),
        "cold_storage": show(stored),
        "reversed": back,
    }
    return outbox.of_nobody("SYS_COLD_SENT", message)


def returned(address: str, amount: int, outpoint: str, stored: int, *, back: bool = False) -> OutboxEvent:
    """SYS_COLD_RETURNED: `outpoint` is the output that brought it."""
    message = {
        "outpoint": outpoint,
        "address": address,
        "amount": show(amount),
        "cold_storage": show(stored),
        "reversed": back,
    }
    return outbox.of_nobody("SYS_COLD_RETURNED", message)
