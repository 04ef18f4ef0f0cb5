"""Assets over HTTP: DOGE and the operator's own."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field
from starlette.responses import Response

from app.api import cursors, fields, idempotency_keys, request_body, responses
from app.api.access.acting import Acting
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Commits, Reading
from app.domain import ledger
from app.domain.ledger import assets
from app.domain.pages import PageRequest

router = APIRouter(route_class=GuardedRoute)

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError("it has 1 to 32 letters, digits, _ and -, and begins with a letter")
    return text


class NewAsset(request_body.Body):
    """An asset of the operator's own."""

    model_config = request_body.examples({"code": "gold_coins", "name": "Gold coins", "decimals": 0})

    code: Annotated[str, AfterValidator(_code)]
    name: fields.Label = ""
    decimals: Annotated[int, Field(ge=0, le=ledger.MAX_DECIMALS)]


class AssetView(responses.View):
    """An asset; its smallest unit is 10^-`decimals`."""

    code: str
    name: str
    decimals: int
    created: responses.Time


class AssetPage(cursors.Page[AssetView]):
    """A page of assets, in the order of their codes."""


CURSORS: Final = cursors.Cursor(r"([A-Za-z0-9_-]{1,32})", str, cursors.TEXT)
ByCode = Annotated[PageRequest[str], Depends(CURSORS.request)]
AssetBody = Annotated[NewAsset, request_body.of(NewAsset)]


@router.post("/assets", response_model=AssetView, summary="Make an asset")
async def create_asset(
    body: AssetBody, key: idempotency_keys.Key, commits: Commits, action: Acting
) -> Response:
    """Posted again it stays the same asset; its decimals never change."""
    asset = ledger.NewAsset(body.code, body.name, body.decimals)
    result = await commits.submit(ledger.CREATE_ASSET, asset, key, action=action)
    return responses.show(AssetView.showing(result.resource), replayed=result.replayed)


@router.get("/assets", response_model=AssetPage, summary="All assets")
async def list_assets(db: Reading, request: ByCode) -> Response:
    """In the order of their codes, DOGE among them."""
    page = await assets.page(db, request)
    return responses.show(AssetPage.of(page, AssetView.showing, CURSORS))
