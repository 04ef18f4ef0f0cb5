"""Transfers over HTTP as they are shown: one, and lists of them."""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from app.api import cursors, fast_route, fields, parameters, responses
from app.api.access.callers import Within
from app.api.cells import merged
from app.api.cells.merged import Listing
from app.api.cells.routing import Cells, InCells
from app.api.context import Queries
from app.api.cursors import ListRequest
from app.domain import transfers
from app.domain.transfers import TransferCursor, TransferFilter

busy = APIRouter(route_class=fast_route.FastRoute)

CURSORS: Final = cursors.Cursor(
    r"([0-9]{1,18})(?: ([0-9]{1,17}))?", TransferCursor, cursors.NUMBER, cursors.MOMENT
)


class ShareView(responses.View):
    """What one of several accounts gave or got."""

    account: str
    amount: fields.AmountOut


class TransferView(responses.View):
    """Money from one account to another; of several, each with its share. `reversed` is what came back."""

    id: int
    type: str
    givers: str | list[ShareView] = Field(alias="from")
    to: str | list[ShareView]
    asset: str
    amount: fields.AmountOut
    reference_type: str
    reference: str
    metadata: responses.JsonObject
    reversed: fields.AmountOut
    reverses: int | None
    created: responses.Time


class TransferPage(cursors.Page[TransferView]):
    """A page of transfers, newest first. With filters it may be short although the list goes on."""


TransferId = Annotated[int, parameters.row_id("The transfer's id")]
Asset = Annotated[
    str, Query(max_length=fields.MAX_LABEL, description="Only this asset's"), AfterValidator(fields.decoded)
]


async def _filters(
    asset: Asset = "",
    reference: parameters.Reference = "",
    start: parameters.Start = None,
    end: parameters.End = None,
) -> TransferFilter:
    return TransferFilter("", asset, reference, start, end)


Filters = Annotated[TransferFilter, Depends(_filters)]
Request = Annotated[ListRequest[TransferCursor], Depends(CURSORS.request_over_cells)]


@busy.get("/transfers/{id}", response_model=TransferView, summary="A transfer")
async def get_transfer(id: TransferId, queries: Queries, within: Within) -> Response:
    """Credits, reversals and what invoices moved between accounts are transfers too."""
    transfer = transfers.within(await queries.fetch(transfers.FETCH, id), within)
    return responses.show_written(transfers.transfer_json(transfer))


@busy.get("/transfers", response_model=TransferPage, summary="Transfers")
async def list_transfers(
    cells: InCells,
    filters: Filters,
    request: Request,
    within: Within,
    foreign_id: parameters.Account = None,
) -> Response:
    """Newest first."""
    if foreign_id:
        within.require(foreign_id, "foreign_id")
    return await _page(cells, replace(filters, foreign_id=foreign_id or "", reach=within), request)


@busy.get("/account/{foreign_id}/transfers", response_model=TransferPage, summary="An account's transfers")
async def list_of_account(
    foreign_id: parameters.ForeignId, cells: InCells, filters: Filters, request: Request
) -> Response:
    """Newest first, those that it gave and those that it got."""
    return await _page(cells, replace(filters, foreign_id=foreign_id), request)


async def _page(cells: Cells, wanted: TransferFilter, request: ListRequest[TransferCursor]) -> Response:
    listing = Listing(
        lambda db, page: transfers.page(db, wanted, page),
        lambda listed: listed.cursor,
        lambda listed: listed.cursor.created or listed.transfer.created,
    )
    page = await merged.page(await cells.readers_of(wanted.foreign_id), listing, request)
    return responses.show_all(
        (transfers.transfer_json(listed.transfer) for listed in page.items), page.cursor
    )
