"""The endpoints of reports: two for each, its sums and the postings that they are made of."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from app.api import responses
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import merged
from app.api.cells.merged import Connect, Listing
from app.api.cells.routing import Cells, InCells
from app.api.context import AppContext
from app.api.cursors import ListRequest
from app.api.reports import csv_file, order, reading, texts, views
from app.api.reports.order import Filters
from app.api.reports.reading import ReportOrder
from app.api.reports.views import POSITIONS, SHAPES
from app.db import Db
from app.domain import reports
from app.domain.access import Reach
from app.domain.reports import REPORTS, Grouping, Position, Report, ReportFilter

router = APIRouter(route_class=GuardedRoute)

Wanted = Annotated[Filters, Depends(order.filters)]
Divided = Annotated[Grouping, Depends(order.grouping)]
Listed = Annotated[ReportFilter, Depends(order.listed)]
Positions = Annotated[ListRequest[Position], Depends(POSITIONS.request_over_cells)]
IsCsv = Annotated[bool, Depends(order.is_csv)]
SUMMARIES: Final = {
    "invoices": "What invoices brought",
    "payments": "What was paid on the chain",
    "ledger": "What balances gave and gained",
    "fees": "What the network and escrows cost",
    "balances": "What accounts had",
}
_CSV: Final[Any] = {200: {"content": {csv_file.MEDIA_TYPE: {}}}}


class ReportEndpoints:
    """The endpoints of a report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._shape = SHAPES[report.name]

    def add(self) -> None:
        """Make routes of them."""
        path, summary = f"/reports/{self._report.name}", SUMMARIES[self._report.name]
        router.add_api_route(
            path, self.sums, name="report", summary=summary, responses=_CSV, response_model=self._shape.report
        )
        router.add_api_route(
            f"{path}/rows",
            self.rows,
            name="report_rows",
            summary=f"{summary}: the postings",
            responses=_CSV,
            response_model=self._shape.page,
        )

    async def sums(
        self, cells: InCells, reach: Within, wanted: Wanted, divided: Divided, is_csv: IsCsv
    ) -> Response:
        """Sums by period, account, asset and, of the ledger, by kind and bucket. Its lines come as they are read."""
        first, *others = await _cells_of(cells, wanted)
        asked = await self._order(first, reach, wanted, divided)
        portions = await reading.begun(reading.rows(first, asked, *others))
        if not is_csv:
            return _json(texts.as_json(asked, portions))
        return _file(self._report, texts.as_csv(asked, portions, views.row, self._shape.row))

    async def rows(
        self, cells: InCells, reach: Within, wanted: Wanted, listed: Listed, page: Positions, is_csv: IsCsv
    ) -> Response:
        """By account, asset and number. A page may be short or empty although the list goes on; CSV is all of it."""
        first, *others = connects = await _cells_of(cells, wanted)
        asked = await self._order(first, reach, wanted, Grouping())
        if is_csv:
            portions = await reading.begun(reading.lines(first, asked, listed, *others))
            return _file(self._report, texts.as_csv(asked, portions, views.line, self._shape.line))
        listing = Listing(
            lambda db, request: reports.page(db, asked.report, asked.selection, listed, request),
            lambda line: line.position,
            lambda line: tuple(reversed(line.position)),
            newest_first=False,
        )
        lines = await merged.page(connects, listing, page)
        return responses.show(self._shape.page.over_cells(lines, partial(views.line, asked)))

    async def _order(self, connect: Connect, reach: Reach, wanted: Filters, divided: Grouping) -> ReportOrder:
        async with connect() as db:
            return ReportOrder(self._report, await order.selection(db, wanted, reach), divided)


async def _cells_of(cells: Cells, wanted: Filters) -> Sequence[Connect]:
    """Return what opens connections to the cells of the accounts that are wanted."""
    return [partial(_turn, context) for context in await cells.having(wanted.account)]


@asynccontextmanager
async def _turn(context: AppContext) -> AsyncIterator[Db]:
    """Yield a connection for one portion: reports take few of them at once, and others find one free."""
    async with context.report_turns, context.reads.connect() as db:
        yield db


def _json(content: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def _file(report: Report, content: AsyncIterator[bytes]) -> Response:
    return csv_file.response(f"{report.name}.csv", content)


for _report in REPORTS.values():
    ReportEndpoints(_report).add()
