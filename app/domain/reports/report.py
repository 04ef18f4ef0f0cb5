"""The five reports: which postings each counts, and as what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.domain.ledger import Bucket
from app.domain.reports.lines import Line

_PAID: Final = frozenset({"PAYMENT_CONFIRMED", "PAYMENT_UNCONFIRMED"})
_DEPOSITED: Final = frozenset({"DEPOSIT_CONFIRMED", "DEPOSIT_UNDONE"})
_ESCROW_ENDS: Final = frozenset({"ESCROW_RELEASE", "ESCROW_RESOLVE"})


class Contribution(NamedTuple):
    """What a posting adds to a report: to the sums under its keys, in the order of the report's measures, and so many times."""

    measures: tuple[int, ...]
    keys: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A report: the names of its keys and measures; the last measure is the one that is valued in money."""

    name: str
    measures: tuple[str, ...]
    contribution: Callable[[Line], Contribution | None]
    keys: tuple[str, ...] = ()
    carries: bool = False
    """Whether it goes on from the balances before it."""


class ReportFilter(NamedTuple):
    """Which of a report's postings are listed: of a kind of entries, of a bucket; an empty text is any."""

    kind: str = ""
    bucket: str = ""

    def takes(self, line: Line) -> bool:
        """Whether it is listed."""
        return self.kind in ("", line.kind) and self.bucket in ("", line.bucket)


def _of_ledger(line: Line) -> Contribution:
    debit, credit = max(0, -line.amount), max(0, line.amount)
    return Contribution((debit, credit, line.amount), (line.kind, line.bucket))


def _of_balances(line: Line) -> Contribution:
    return Contribution((line.amount,))


def _of_payments(line: Line) -> Contribution | None:
    """Count a payment when it is confirmed, and less when that is undone."""
    if line.kind not in _PAID or line.bucket != Bucket.OUTGOING:
        return None
    total = -line.amount
    return Contribution((total - line.fee, line.fee, total), times=1 if total > 0 else -1)


def _of_fees(line: Line) -> Contribution | None:
    """Count the network's fee with what goes out, and the platform's with what the seller gives."""
    if line.fee:
        return Contribution((line.fee, 0, line.fee))
    if line.kind in _ESCROW_ENDS and line.bucket == Bucket.AVAILABLE and line.amount < 0:
        return Contribution((0, -line.amount, -line.amount))
    return None


def _of_invoices(line: Line) -> Contribution | None:
    """Count what an account could spend by its invoices, and what it gave back of that."""
    if line.kind in _PAID:
        is_refund = line.payment == "refund" and line.bucket == Bucket.OUTGOING
        refunded = -line.amount - line.fee
        return Contribution((0, 0, refunded, -refunded)) if is_refund else None
    if line.reference_type != "invoice" or line.bucket != Bucket.AVAILABLE:
        return None
    if line.kind in _DEPOSITED:
        return Contribution((line.amount, 0, 0, line.amount))
    if line.kind == "PAYFROM" and line.amount > 0:
        return Contribution((0, line.amount, 0, line.amount))
    if line.kind == "REFUND" and line.amount < 0:
        return Contribution((0, 0, -line.amount, line.amount))
    return None


INVOICES: Final = Report("invoices", ("deposits", "transfers", "refunds", "net"), _of_invoices)
PAYMENTS: Final = Report("payments", ("sent", "fee", "total"), _of_payments)
LEDGER: Final = Report("ledger", ("debit", "credit", "net"), _of_ledger, keys=("kind", "bucket"))
FEES: Final = Report("fees", ("network", "platform", "total"), _of_fees)
BALANCES: Final = Report("balances", ("change",), _of_balances, carries=True)
REPORTS: Final[Mapping[str, Report]] = {
    report.name: report for report in (INVOICES, PAYMENTS, LEDGER, FEES, BALANCES)
}
"""By name."""
