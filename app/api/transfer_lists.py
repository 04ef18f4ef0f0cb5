"""Lists of transfers over HTTP."""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fields, parameters, responses
from app.api.context import Reading
from app.api.transfer_models import TransferPage
from app.domain import transfers
from app.domain.pages import Page, PageRequest
from app.domain.transfers import Transfer, TransferCursor, TransferFilter

router = APIRouter()

CURSORS: Final = cursors.Cursor(
    r"([0-9]{1,18})(?: ([0-9]{1,17}))?", TransferCursor, cursors.NUMBER, cursors.MOMENT
)


def _show(page: Page[Transfer, TransferCursor]) -> Response:
    return responses.show_all(map(transfers.shown, page.items), CURSORS.write(page.rest))


Asset = Annotated[
    str, Query(max_length=fields.MAX_LABEL, description="Only this asset's"), AfterValidator(fields.decoded)
]
Reference = Annotated[
    str,
    Query(max_length=fields.MAX_LABEL, description="Only those with this reference"),
    AfterValidator(fields.decoded),
]


async def _of_one(
    asset: Asset = "", reference: Reference = "", start: parameters.Start = None, end: parameters.End = None
) -> TransferFilter:
    return TransferFilter("", asset, reference, start, end)


Some = Annotated[TransferFilter, Depends(_of_one)]


async def _of_any(some: Some, foreign_id: parameters.Account = None) -> TransferFilter:
    return replace(some, foreign_id=foreign_id or "")


Wanted = Annotated[TransferFilter, Depends(_of_any)]
Request = Annotated[PageRequest[TransferCursor], Depends(CURSORS.request)]


@router.get("/transfers", response_model=TransferPage, summary="Transfers")
async def list_transfers(db: Reading, wanted: Wanted, request: Request) -> Response:
    """Newest first."""
    return _show(await transfers.page(db, wanted, request))


@router.get("/account/{foreign_id}/transfers", response_model=TransferPage, summary="An account's transfers")
async def list_of_account(
    foreign_id: parameters.ForeignId, db: Reading, wanted: Some, request: Request
) -> Response:
    """Newest first, those that it gave and those that it got."""
    return _show(await transfers.page(db, replace(wanted, foreign_id=foreign_id), request))
