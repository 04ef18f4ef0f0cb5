"""Holds over HTTP: money that is set aside, then released or captured."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from app.api import cursors, fast_route, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells.routing import InCells
from app.api.context import AppContext, Context, Queries, Reading
from app.domain import holds
from app.domain.access import Reach
from app.domain.holds import Capture, Hold, NewHold, Release

router = APIRouter(route_class=GuardedRoute)
busy = APIRouter(route_class=fast_route.FastRoute)

State = Literal["HELD", "RELEASED", "CAPTURED", "CONVERTED", "EXPIRED"]


class HoldOrder(request_body.Body):
    """What is to be set aside; `expires_in` in seconds, without it the hold never expires."""

    model_config = request_body.examples(
        {"asset": "DOGE", "amount": "12.5", "reference_type": "auction", "reference": "bid 7"}
    )

    asset: fields.Name
    amount: fields.AmountIn
    expires_in: Annotated[int | None, Field(ge=1, le=holds.LONGEST_SECONDS)] = None
    reference_type: fields.Label = ""
    reference: fields.Label = ""

    def hold(self, foreign_id: str) -> NewHold:
        """Return the hold to be placed."""
        reference = (self.reference_type, self.reference)
        return NewHold(foreign_id, self.asset, self.amount, self.expires_in, reference)


class ReleaseOrder(request_body.Body):
    """How much goes back; without an amount all that is held."""

    model_config = request_body.examples({}, {"amount": "2.5"})

    amount: fields.AmountIn | None = None


class CaptureOrder(request_body.Body):
    """Who gets how much; without an amount all that is held."""

    model_config = request_body.examples({"to": "shop-1", "amount": "10"})

    to: fields.Name
    amount: fields.AmountIn | None = None


class HoldView(responses.View):
    """A hold."""

    id: int
    foreign_id: str
    asset: str
    amount: fields.AmountOut
    remaining: fields.AmountOut
    captured: fields.AmountOut
    state: State
    reference_type: str
    reference: str
    expires: responses.Time | None
    created: responses.Time

    @classmethod
    def of(cls, hold: Hold) -> "HoldView":
        """Show it as events do."""
        return cls(**holds.shown(hold))


class HoldPage(cursors.Page[HoldView]):
    """A page of an account's holds, newest first."""


PlaceBody = Annotated[HoldOrder, request_body.of(HoldOrder)]
ReleaseBody = Annotated[ReleaseOrder, request_body.optional(ReleaseOrder)]
CaptureBody = Annotated[CaptureOrder, request_body.of(CaptureOrder)]
HoldId = Annotated[int, parameters.row_id("The hold's id")]
InState = Annotated[State | Literal[""], Query(description="Only those in this state")]


@router.post("/account/{foreign_id}/hold", response_model=HoldView, summary="Set money aside")
async def place_hold(
    foreign_id: parameters.ForeignId, body: PlaceBody, key: idempotency_keys.RequiredKey, cells: InCells
) -> Response:
    """It leaves `available` at once. Nobody can spend it until it is released or captured, or expires."""
    result = await cells.submit(holds.PLACE, body.hold(foreign_id), key, [foreign_id])
    return responses.show(HoldView.of(result.resource), replayed=result.replayed)


@router.post("/hold/{id}/release", response_model=HoldView, summary="Give what is held back")
async def release_hold(
    id: HoldId, body: ReleaseBody, key: idempotency_keys.RequiredKey, context: Context, within: Within
) -> Response:
    """A part leaves the rest held."""
    await _check(context, id, within)
    result = await context.commits.submit(holds.RELEASE, Release(id, body.amount), key)
    return responses.show(HoldView.of(result.resource), replayed=result.replayed)


@router.post("/hold/{id}/capture", response_model=HoldView, summary="Give what is held to an account")
async def capture_hold(
    id: HoldId,
    body: CaptureBody,
    key: idempotency_keys.RequiredKey,
    context: Context,
    cells: InCells,
    within: Within,
) -> Response:
    """Once: what is not captured goes back."""
    within.require(body.to, "to")
    await _check(context, id, within)
    result = await cells.submit_at(id, holds.CAPTURE, Capture(id, body.to, body.amount), key, [body.to])
    return responses.show(HoldView.of(result.resource), replayed=result.replayed)


@router.get("/account/{foreign_id}/holds", response_model=HoldPage, summary="An account's holds")
async def list_holds(
    foreign_id: parameters.ForeignId, db: Reading, request: cursors.ById, state: InState = ""
) -> Response:
    """Newest first."""
    page = await holds.page(db, foreign_id, request, state)
    return responses.show(HoldPage.of(page, HoldView.of, cursors.IDS))


@busy.get("/hold/{id}", response_model=HoldView, summary="A hold")
async def get_hold(id: HoldId, queries: Queries, within: Within) -> Response:
    """404 where no hold has this id."""
    return responses.show(HoldView.of(holds.within(await queries.fetch(holds.FETCH, id), within)))


async def _check(context: AppContext, hold_id: int, within: Reach) -> None:
    """Refuse a hold of an account beyond the caller's reach as one that does not exist."""
    if within.limited:
        holds.within(await context.queries.fetch(holds.FETCH, hold_id), within)
