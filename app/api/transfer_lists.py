"""Lists of transfers over HTTP."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import fields, parameters, responses
from app.api.context import Reading
from app.api.transfer_models import TransferPage
from app.domain import transfers
from app.domain.transfers import TransferCursor, TransferFilter

router = APIRouter()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)
_KEY: Final = re.compile(r"([0-9]{1,18})(?: ([0-9]{1,17}))?", re.ASCII)


def _show(page: transfers.Page) -> Response:
    rest = parameters.opaque(_key(page.rest)) if page.rest else ""
    return responses.show_all(map(transfers.shown, page.transfers), rest)


def _key(place: TransferCursor) -> str:
    return str(place.id) if place.created is None else f"{place.id} {(place.created - _EPOCH) // _INSTANT}"


def _place(key: str) -> TransferCursor | None:
    """Read a cursor's key; ForeignCursor for one of another list."""
    if not key:
        return None
    if not (found := _KEY.fullmatch(key)):
        raise parameters.ForeignCursor
    return TransferCursor(int(found[1]), _EPOCH + int(found[2]) * _INSTANT if found[2] else None)


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


async def _after(cursor: parameters.After = "") -> TransferCursor | None:
    return _place(cursor)


Wanted = Annotated[TransferFilter, Depends(_of_any)]
After = Annotated[TransferCursor | None, Depends(_after)]
Limit = parameters.Limit


@router.get("/transfers", response_model=TransferPage, summary="Transfers")
async def list_transfers(
    db: Reading, wanted: Wanted, after: After, limit: Limit = parameters.DEFAULT_PAGE
) -> Response:
    """Newest first."""
    return _show(await transfers.page(db, wanted, after, limit))


@router.get("/account/{foreign_id}/transfers", response_model=TransferPage, summary="An account's transfers")
async def list_of_account(
    foreign_id: parameters.ForeignId,
    db: Reading,
    wanted: Some,
    after: After,
    limit: Limit = parameters.DEFAULT_PAGE,
) -> Response:
    """Newest first, those that it gave and those that it got."""
    wanted = replace(wanted, foreign_id=foreign_id)
    return _show(await transfers.page(db, wanted, after, limit))
