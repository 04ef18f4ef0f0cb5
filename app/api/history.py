"""An account's history over HTTP, as pages of JSON or all of it as CSV."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fast_route, fields, parameters, responses
from app.api.cells import merged
from app.api.cells.merged import Connect, Listing
from app.api.cells.routing import InCells
from app.api.cursors import ListRequest
from app.api.fiat import FiatView
from app.api.reports import csv_file
from app.db import ReadDb
from app.domain import ledger, rates
from app.domain.ledger import LastPostings, StatementCursor, StatementFilter, StatementLine, statement
from app.domain.pages import Page, PageRequest

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
    cells: InCells,
    filters: Annotated[StatementFilter, Depends(_filters)],
    request: Annotated[ListRequest[StatementCursor], Depends(CURSORS.request_over_cells)],
    file_format: Format = "",
) -> Response:
    """Postings, newest first; with `format=csv` all of them, whatever `cursor` and `limit` say."""
    if file_format == "csv":
        return await _file(await cells.readers_of(foreign_id), foreign_id, filters)
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


async def _file(cells: Sequence[Connect], foreign_id: str, filters: StatementFilter) -> Response:
    parts = await merged.at_once_where_known((_part(cell, foreign_id, filters) for cell in cells), None)
    known = [part for part in parts if part is not None]
    ledger.check_export(sum(part.postings for part in known))
    name = f"history-{quote(foreign_id, safe='')}.csv"
    return csv_file.response(name, _rows([_portions(part, filters) for part in known]))


class _Part(NamedTuple):
    """What a file has of a cell: up to which postings, and how many these are."""

    connect: Connect
    last: LastPostings
    postings: int


async def _part(connect: Connect, foreign_id: str, filters: StatementFilter) -> _Part | None:
    async with connect() as db:
        last = await ledger.last_postings(db, foreign_id)
        return _Part(connect, last, await ledger.count_export(db, last, filters))


async def _rows(cells: Sequence[AsyncIterator[Sequence[StatementLine]]]) -> AsyncIterator[bytes]:
    yield csv_file.text([[*_OWN_COLUMNS, *(f"fiat_{name}" for name in FiatView.model_fields)]])
    async for lines in merged.portions(cells, lambda line: line.cursor, newest_first=True):
        yield csv_file.text(map(_cells, lines))


async def _portions(part: _Part, filters: StatementFilter) -> AsyncIterator[Sequence[StatementLine]]:
    """Yield the lines of a cell in portions, so that a slow caller holds no connection."""
    request: PageRequest[StatementCursor] | None = PageRequest(None, PORTION)
    while request:
        async with part.connect() as db:
            page = await statement.page(db, part.last, filters, request)
        yield page.items
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
