"""How reports look: the models of their rows, and of the postings that a row is made of; as JSON and as CSV."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from app.api import cursors, fields, responses
from app.api.reports import csv_file
from app.api.reports.reading import ReportOrder
from app.domain import rates
from app.domain.ledger import Bucket
from app.domain.reports import Position, Report, ReportLine, ReportRow
from app.money import show


class WorthView(responses.View):
    """What `amount` was worth when it moved, or at the end of the period: so much had a known rate."""

    currency: str
    value: fields.AmountOut
    amount: fields.AmountOut


class _RowHead(responses.View):
    """`period` is a day, a month or empty; it begins at `start`, null: with the first posting, and ends before `end`."""

    period: str
    start: responses.Time | None
    end: responses.Time
    foreign_id: str | None
    asset: str


class _RowTail(responses.View):
    """`count` is how many, `rows` a path of this API: what the row is made of."""

    count: int
    fiat: WorthView | None
    rows: str


class _LineHead(responses.View):
    """A posting: what a bucket of an account gave or gained."""

    id: str
    foreign_id: str
    entry: int
    kind: str
    bucket: str
    asset: str
    reference_type: str
    reference_id: str
    created: responses.Time


class _LineTail(responses.View):
    """What it adds to `count`, and what it was worth."""

    count: int
    fiat: WorthView | None


class InvoiceMeasures(responses.View):
    """What came for invoices on the chain and was confirmed, what other accounts paid, what was given back."""

    deposits: fields.AmountOut
    transfers: fields.AmountOut
    refunds: fields.AmountOut
    net: fields.AmountOut


class PaymentMeasures(responses.View):
    """What payees got, the network's fee, and both."""

    sent: fields.AmountOut
    fee: fields.AmountOut
    total: fields.AmountOut


class LedgerKeys(responses.View):
    """The entries' kind, and the bucket that they moved."""

    kind: str
    bucket: str


class LedgerMeasures(responses.View):
    """What the bucket gave, what it gained, and the difference."""

    debit: fields.AmountOut
    credit: fields.AmountOut
    net: fields.AmountOut


class FeeMeasures(responses.View):
    """The network's fees, the platform's fees of escrows, and both."""

    network: fields.AmountOut
    platform: fields.AmountOut
    total: fields.AmountOut


class BalanceMeasures(responses.View):
    """By how much all buckets together changed."""

    change: fields.AmountOut


class BalanceEnds(responses.View):
    """All buckets together at the beginning and the end of the period, then each at its end."""

    opening: fields.AmountOut
    closing: fields.AmountOut
    available: fields.AmountOut
    incoming: fields.AmountOut
    held: fields.AmountOut
    outgoing: fields.AmountOut


class InvoicesRow(_RowTail, InvoiceMeasures, _RowHead):
    """A row of the report on invoices."""


class InvoicesLine(_LineTail, InvoiceMeasures, _LineHead):
    """A posting for an invoice."""


class PaymentsRow(_RowTail, PaymentMeasures, _RowHead):
    """A row of the report on payments."""


class PaymentsLine(_LineTail, PaymentMeasures, _LineHead):
    """A posting of a payment."""


class LedgerRow(_RowTail, LedgerMeasures, LedgerKeys, _RowHead):
    """A row of the report on the ledger."""


class LedgerLine(_LineTail, LedgerMeasures, _LineHead):
    """A posting."""


class FeesRow(_RowTail, FeeMeasures, _RowHead):
    """A row of the report on fees."""


class FeesLine(_LineTail, FeeMeasures, _LineHead):
    """A posting with a fee."""


class BalancesRow(_RowTail, BalanceEnds, BalanceMeasures, _RowHead):
    """A row of the report on balances."""


class BalancesLine(_LineTail, BalanceMeasures, _LineHead):
    """A posting."""


RowView = TypeVar("RowView", bound=responses.View)


class ReportView(responses.View, Generic[RowView]):
    """A report. It ends before `end`, which is never later than now; `fiat` is in the `currency`."""

    report: str
    start: responses.Time | None
    end: responses.Time
    currency: str | None
    items: list[RowView]


class Shape(NamedTuple):
    """The models of a report: a row, a posting, and the answers with all rows and with a page of postings."""

    row: type[responses.View]
    line: type[responses.View]
    report: type[ReportView[Any]]
    page: type[cursors.Page[Any]]


SHAPES: Final[Mapping[str, Shape]] = {
    "invoices": Shape(InvoicesRow, InvoicesLine, ReportView[InvoicesRow], cursors.Page[InvoicesLine]),
    "payments": Shape(PaymentsRow, PaymentsLine, ReportView[PaymentsRow], cursors.Page[PaymentsLine]),
    "ledger": Shape(LedgerRow, LedgerLine, ReportView[LedgerRow], cursors.Page[LedgerLine]),
    "fees": Shape(FeesRow, FeesLine, ReportView[FeesRow], cursors.Page[FeesLine]),
    "balances": Shape(BalancesRow, BalancesLine, ReportView[BalancesRow], cursors.Page[BalancesLine]),
}
"""By the report's name."""

POSITIONS: Final = cursors.Cursor(
    r"([0-9]{1,18}) ([A-Za-z0-9_-]{1,32}|~) ([^\0\n]{1,255})",
    Position,
    cursors.NUMBER,
    cursors.TEXT,
    cursors.TEXT,
)


def row(order: ReportOrder, source: ReportRow) -> responses.View:
    """Show a row."""
    shown = _measures(order.report, source.measures, source.decimals)
    if order.report.carries:
        shown |= _ends(source)
    model: Any = SHAPES[order.report.name].row
    view: responses.View = model(
        period=source.period.name,
        start=source.period.start,
        end=source.period.end,
        foreign_id=source.foreign_id,
        asset=source.asset,
        **dict(zip(order.report.keys, source.keys, strict=True)),
        **shown,
        count=source.times,
        fiat=_worth(order, source.worth, source.valued),
        rows=_path(order, source),
    )
    return view


def line(order: ReportOrder, source: ReportLine) -> responses.View:
    """Show a posting; its id is its asset and its number among the account's postings in that asset."""
    posting, position = source.line, source.position
    amount, quote = source.contribution.measures[-1], posting.quote
    valued = quote is not None and quote.currency == order.selection.currency
    model: Any = SHAPES[order.report.name].line
    view: responses.View = model(
        id=f"{position.asset}:{position.seq}",
        foreign_id=position.foreign_id,
        entry=posting.entry,
        kind=posting.kind,
        bucket=posting.bucket,
        asset=position.asset,
        reference_type=posting.reference_type,
        reference_id=posting.reference,
        created=posting.created,
        **_measures(order.report, source.contribution.measures, source.decimals),
        count=source.contribution.times,
        fiat=_worth(order, quote.worth(amount), amount) if quote and valued else None,
    )
    return view


def columns(model: type[responses.View]) -> list[str]:
    """Return the columns of CSV: those of `fiat` stand for themselves."""
    names = [[name] if name != "fiat" else [f"fiat_{part}" for part in _WORTH] for name in model.model_fields]
    return [column for part in names for column in part]


def cells(view: responses.View) -> Sequence[str]:
    """Return a row of CSV."""
    shown = view.model_dump(mode="json")
    flat: list[Any] = []
    for name, value in shown.items():
        flat += [value] if name != "fiat" else [value and value[part] for part in _WORTH]
    return ["" if value is None else csv_file.safe_or_amount(str(value)) for value in flat]


_WORTH: Final = tuple(WorthView.model_fields)


def _measures(report: Report, amounts: Sequence[int], decimals: int) -> dict[str, Any]:
    return {name: show(amount, decimals) for name, amount in zip(report.measures, amounts, strict=True)}


def _ends(source: ReportRow) -> dict[str, Any]:
    ends = {"opening": sum(source.opening), "closing": sum(source.closing)}
    ends |= {bucket.value: amount for bucket, amount in zip(Bucket, source.closing, strict=True)}
    return {name: show(amount, source.decimals) for name, amount in ends.items()}


def _worth(order: ReportOrder, worth: int | None, amount: int) -> WorthView | None:
    currency = order.selection.currency
    if worth is None or currency is None:
        return None
    return WorthView(currency=currency, value=rates.show_money(worth, currency), amount=show(amount))


def _path(order: ReportOrder, source: ReportRow) -> str:
    """Return where the postings of a row are listed."""
    selection, period = order.selection, source.period
    names = [*selection.wanted.names] if source.foreign_id is None else [source.foreign_id]
    query = {
        "from": period.start and period.start.isoformat(),
        "to": period.end.isoformat(),
        "account": names[0] if names else "",
        "prefix": "" if names else selection.wanted.prefix,
        "asset": source.asset,
        **dict(zip(order.report.keys, source.keys, strict=True)),
    }
    return f"/reports/{order.report.name}/rows?{urlencode({name: value for name, value in query.items() if value})}"
