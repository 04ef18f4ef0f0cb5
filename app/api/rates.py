"""The rates over HTTP: what the sources said that one DOGE is worth."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fields, parameters, responses
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Reading
from app.domain import rates
from app.domain.pages import PageRequest
from app.domain.rates import RateCursor

router = APIRouter(route_class=GuardedRoute)

_CURSORS: Final = cursors.Cursor(
    r"([0-9]{1,17}) (DOGE-[A-Z]{3}) (\S{1,255})", RateCursor, cursors.MOMENT, cursors.TEXT, cursors.TEXT
)


class RateView(responses.View):
    """What a source said at a moment that one DOGE is worth."""

    pair: str
    value: fields.AmountOut
    source: str
    at: responses.Time

    @classmethod
    def of(cls, rate: rates.ListedRate) -> "RateView":
        """Show it."""
        return cls(pair=rate.pair, value=rates.shown(rate.value), source=rate.source, at=rate.at.isoformat())


class RatePage(cursors.Page[RateView]):
    """A page of rates, newest first."""


Pair = Annotated[
    str, Query(max_length=32, description="Only this pair's, as DOGE-EUR"), AfterValidator(fields.decoded)
]


@router.get("/rates", response_model=RatePage, summary="What a DOGE is worth")
async def list_rates(
    db: Reading,
    request: Annotated[PageRequest[RateCursor], Depends(_CURSORS.request)],
    pair: Pair = "",
    at: parameters.At = None,
) -> Response:
    """Newest first, each source by itself; prices are made by the median of a pair's fresh ones."""
    page = await rates.page(db, request, pair, at)
    return responses.show(RatePage.of(page, RateView.of, _CURSORS))
