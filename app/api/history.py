"""An account's history over HTTP, as pages of JSON or all of it as CSV."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fast_route, fields, parameters, responses
from app.api.cells import merged
from app.api.cells.merged import Listing
from app.api.cells.routing import InCells
from app.api.context import AppContext, Context
from app.api.cursors import ListRequest
from app.api.fiat import FiatView
from app.api.reports import csv_file
from app.db import ReadDb
from app.domain import ledger, rates
from app.domain.ledger import LastPostings, StatementCursor, StatementFilter, StatementLine, statement
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Invalid

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


class NoFile(Invalid):
    """The account {foreign_id} is in all cells of this installation: ask for GET /reports/ledger/rows as a file."""

    field = "format"


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
    cells: InCells,
    filters: Annotated[StatementFilter, Depends(_filters)],
    request: Annotated[ListRequest[StatementCursor], Depends(CURSORS.request_over_cells)],
    file_format: Format = "",
) -> Response:
    """Postings, newest first; with `format=csv` all of them, whatever `cursor` and `limit` say."""
    if file_format == "csv":
        if cells.all_have(foreign_id):
            raise NoFile(foreign_id=foreign_id)
        return await _file(context, foreign_id, filters)
    listing = Listing(
        lambda db, page: _page(db, foreign_id, filters, page),
        lambda line: line.cursor,
        lambda line: line.cursor,
    )
    page = await merged.page(await cells.readers_of(foreign_id), listing, request)
    return responses.show_page(map(_shown, page.items), page.cursor)


async def _page(
    db: ReadDb, foreign_id: str, filters: StatementFilter, request: PageRequest[StatementCursor]
) -> Page[StatementLine, StatementCursor]:
    last = await ledger.last_postings(db, foreign_id)
    return await statement.page(db, last, filters, request)


async def _file(context: AppContext, foreign_id: str, filters: StatementFilter) -> Response:
    async with context.queries.reader() as db:
        last = await ledger.last_postings(db, foreign_id)
        await ledger.check_export(db, last, filters)
    name = f"history-{quote(foreign_id, safe='')}.csv"
    return csv_file.response(name, _rows(context, last, filters))


async def _rows(context: AppContext, last: LastPostings, filters: StatementFilter) -> AsyncIterator[bytes]:
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
