"""What a payer is shown of an invoice: one screen for each state, and what is said besides."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.invoices import Invoice
from app.money import Koinu


@dataclass(frozen=True, slots=True)
class Screen:
    """The texts NAME_title and NAME_text, and what stands below them.

    The code asks for `asks` koinu, None: there is no code. `abnormal`: the payer may need the shop. A page
    that `waits` hears of changes. `names` the invoice's amount.
    """

    name: str
    asks: Koinu | None = None
    abnormal: bool = False
    waits: bool = True
    names_amount: bool = True
    notices: tuple[str, ...] = ()


OBSOLETE: Final = frozenset({"over", "expired", "expired_partial"})
"""The screens on which the amount is no longer to be sent: it stands small."""
GONE_WELL: Final = frozenset({"seen", "confirming", "paid"})
"""The screens after which the payer goes on to the shop's `return_url`; after others to its `cancel_url`."""
UNPAID_IN_TIME: Final = frozenset({"over", "expired"})
"""The screens after which a payer may begin again: where a pay link made the invoice, or its price is renewed."""
CANCELLED: Final = Screen("cancelled", abnormal=True, waits=False, names_amount=False)
ELSEWHERE: Final = Screen("elsewhere", abnormal=True, waits=False, names_amount=False)
"""Money has come for another price of the same order, and nothing for this one."""
UNKNOWN: Final = Screen("unknown", abnormal=True, waits=False, names_amount=False)
AWAY: Final = Screen("away", waits=False, names_amount=False)


def of(invoice: Invoice, ended: str, now: datetime) -> Screen:
    """Return the screen of an invoice as it is `now`.

    `ended` is double_spent or dropped where its last payment in the mempool has ended so, else "".
    """
    notices = _notices(invoice)
    if invoice.total_payment_confirmed:
        return Screen("paid", waits=False, notices=notices)
    if invoice.payment_unconfirmed and not ended:
        return Screen("reorged", abnormal=True, notices=notices)
    if invoice.total_payment_detected:
        return Screen("confirming", notices=notices)
    if invoice.cancelled:
        came = ("cancelled_received",) if invoice.received or invoice.seen else ()
        return replace(CANCELLED, notices=came)
    return _unfinished(invoice, ended, now, notices)


def _unfinished(invoice: Invoice, ended: str, now: datetime, notices: tuple[str, ...]) -> Screen:
    """Return the screen of an invoice that lacks money in blocks."""
    is_over = invoice.expires is not None and now >= invoice.expires
    if invoice.seen:
        return _seen(invoice, notices, is_over=is_over)
    if invoice.expired:
        return _expired(invoice, notices)
    if is_over:
        return Screen("over", abnormal=True, notices=("part_received",) if invoice.received else ())
    if ended:
        return Screen(ended, asks=invoice.remaining, abnormal=True, notices=notices)
    return Screen("partial" if invoice.received else "unpaid", asks=invoice.remaining, notices=notices)


def _seen(invoice: Invoice, notices: tuple[str, ...], *, is_over: bool) -> Screen:
    """Return the screen of money that waits for a block; what is seen after the end comes late."""
    late = tuple(dict.fromkeys((*notices, "late"))) if invoice.expired else notices
    if not invoice.remaining:
        return Screen("seen", abnormal=invoice.expired, notices=late)
    if is_over or invoice.expired:
        return Screen("seen_over", abnormal=True, notices=late)
    return Screen("seen_part", asks=invoice.remaining, notices=notices)


def _expired(invoice: Invoice, notices: tuple[str, ...]) -> Screen:
    if invoice.received:
        return Screen("expired_partial", asks=invoice.remaining, abnormal=True, notices=notices)
    return Screen("expired", abnormal=True)


def _notices(invoice: Invoice) -> tuple[str, ...]:
    """Return the names of the texts that say what is unusual."""
    unusual = {"late": invoice.late, "overpaid": invoice.overpaid, "refunded": invoice.refunded}
    return tuple(name for name, is_so in unusual.items() if is_so)
