"""An account's history over HTTP, as pages of JSON or all of it as CSV."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fast_route, fields, parameters, responses
from app.api.context import Context
from app.api.fiat import FiatView
from app.api.reports import csv_file
from app.domain import ledger, rates
from app.domain.ledger import LastPostings, StatementCursor, StatementFilter, StatementLine, statement
from app.domain.pages import PageRequest

busy = APIRouter(route_class=fast_route.FastRoute)

PORTION: Final = 1_000
"""Rows of CSV that are read at once; no connection is held between two portions."""
CURSORS: Final = cursors.Cursor(
    r"([0-9]{1,17}) ([A-Za-z0-9_-]{1,32}) ([0-9]{1,18})",
    StatementCursor,
    cursors.MOMENT,
    cursors.TEXT,
    cursors.NUMBER,
)


class HistoryView(responses.View):
    """A posting: what a bucket of the account gave or gained, and held after it."""

    id: str
    entry: int
    type: str
    asset: str
    bucket: str
    debit: str
    credit: str
    balance_after: str
    reference_type: str
    reference_id: str
    created: responses.Time
    fiat: FiatView | None


_OWN_COLUMNS: Final = [name for name in HistoryView.model_fields if name != "fiat"]


class HistoryPage(cursors.Page[HistoryView]):
    """A page of postings, newest first. With a filter by type it may be short although the list goes on."""


def _type(text: str | None) -> str | None:
    if text and text not in ledger.STATEMENT_TYPES:
        raise ValueError(f"it is one of {', '.join(sorted(ledger.STATEMENT_TYPES))}")
    return text or None


Type = Annotated[
    str | None,
    Query(alias="type", description="Only postings of this type, such as DEPOSIT"),
    AfterValidator(_type),
]
Asset = Annotated[str, Query(max_length=32, description="Only this asset's"), AfterValidator(fields.decoded)]
Format = Annotated[
    Literal["", "json", "csv"], Query(alias="format", description="`csv`: all that is filters, as a file")
]


async def _filters(
    asset: Asset = "", kind: Type = None, start: parameters.Start = None, end: parameters.End = None
) -> StatementFilter:
    return StatementFilter(asset or None, kind, start, end)


@busy.get(
    "/account/{foreign_id}/history",
    response_model=HistoryPage,
    responses={200: {"content": {"text/csv": {}}}},
    summary="An account's history",
)
async def get_history(
    foreign_id: parameters.ForeignId,
    context: Context,
    filters: Annotated[StatementFilter, Depends(_filters)],
    request: Annotated[PageRequest[StatementCursor], Depends(CURSORS.request)],
    file_format: Format = "",
) -> Response:
    """Postings, newest first; with `format=csv` all of them, whatever `cursor` and `limit` say."""
    async with context.queries.reader() as db:
        last = await ledger.last_postings(db, foreign_id)
        if file_format == "csv":
            await ledger.check_export(db, last, filters)
            name = f"history-{quote(foreign_id, safe='')}.csv"
            return csv_file.response(name, _rows(context, last, filters))
        page = await statement.page(db, last, filters, request)
    return responses.show_page(map(_shown, page.items), CURSORS.write(page.rest))


async def _rows(context: Context, last: LastPostings, filters: StatementFilter) -> AsyncIterator[bytes]:
    """Yield the file in portions, so that a slow caller holds no connection."""
    yield csv_file.text([[*_OWN_COLUMNS, *(f"fiat_{name}" for name in FiatView.model_fields)]])
    request: PageRequest[StatementCursor] | None = PageRequest(None, PORTION)
    while request:
        async with context.queries.reader() as db:
            page = await statement.page(db, last, filters, request)
        yield csv_file.text(map(_cells, page.items))
        request = request._replace(after=page.rest) if page.rest else None


def _shown(line: StatementLine) -> dict[str, Any]:
    """Return a line as JSON has it; its id is its asset and its number among the account's postings in that asset."""
    created, asset, seq = line.cursor
    return {
        "id": f"{asset}:{seq}",
        "entry": line.entry,
        "type": line.type,
        "asset": asset,
        "bucket": line.bucket,
        "debit": line.debit,
        "credit": line.credit,
        "balance_after": line.balance_after,
        "reference_type": line.reference_type,
        "reference_id": line.reference,
        "created": created.isoformat(),
        "fiat": rates.worth_shown(line.quote, abs(line.amount)),
    }


def _cells(line: StatementLine) -> Sequence[str]:
    shown = _shown(line)
    fiat = shown.pop("fiat") or dict.fromkeys(FiatView.model_fields, "")
    return [csv_file.safe(str(value)) for value in (*shown.values(), *fiat.values())]
