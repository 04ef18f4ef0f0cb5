"""Webhook deliveries over HTTP: the state of each event at an endpoint, and sending events again."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import PlainValidator, WithJsonSchema
from starlette.responses import Response

from app.api import cursors, idempotency_keys, parameters, request_body, responses
from app.api.access.acting import Acting
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import merged
from app.api.cells.event_log import OfOtherCells
from app.api.cells.merged import Listing
from app.api.cells.routing import InCells
from app.api.context import Context
from app.api.webhooks import WebhookId, check
from app.domain import webhooks
from app.domain.webhooks import DeliveryRecord, Key, Range, Replay, delivery_listing

router = APIRouter(route_class=GuardedRoute)

_POSITIONS: Final = re.compile(r"[0-9]{1,18}(?:_[0-9]{1,18}){0,63}", re.ASCII)

Positions = tuple[int, ...]
"""A position, or those of all cells."""


def _moment(value: Any) -> Positions | datetime:
    """Read a position, as a number or as the text of a cursor, or an RFC 3339 time."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and _POSITIONS.fullmatch(text):
        return tuple(map(int, text.split("_")))
    moment = _time(text) if isinstance(text, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("it is neither a position nor an RFC 3339 time with its zone")
    return moment


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _of_each(moment: Positions | datetime, cells: int, field: str) -> Sequence[int | datetime]:
    """Return where it is in each cell; 0 is before all events of all of them."""
    if isinstance(moment, datetime):
        return [moment] * cells
    if moment == (0,):
        return [0] * cells
    if len(moment) != cells:
        raise OfOtherCells(field=field)
    return moment


Moment = Annotated[
    Positions | datetime, PlainValidator(_moment), WithJsonSchema({"type": ["integer", "string"]})
]
DeliveryId = Annotated[int, parameters.row_id("The delivery's id: its event's position")]
State = Annotated[Literal["due", "delivered", "failed"] | None, Query(description="Only those in this state")]


class WantedReplay(request_body.Body):
    """Which events to send again, by position (an events' cursor) or time; without `before` all until now."""

    model_config = request_body.examples({"after": 1200, "before": 1500}, {"after": "2026-11-20T00:00:00Z"})

    after: Moment
    before: Moment | None = None

    def order(self, webhook_id: int, cells: int) -> Range:
        """Return the range of the first cell, with those of the others; refuses positions that are not those of so many."""
        afters = _of_each(self.after, cells, "after")
        befores = [None] * cells if self.before is None else _of_each(self.before, cells, "before")
        _, *others = (Range(webhook_id, *ends) for ends in zip(afters, befores, strict=True))
        return Range(webhook_id, afters[0], befores[0], tuple(others))


class AttemptView(responses.View):
    """One post: `status` is null without an answer; `response` is its beginning, or what went wrong."""

    at: responses.Time
    status: int | None
    milliseconds: int
    response: str


class DeliveryView(responses.View):
    """An event for an endpoint, with its last attempts, oldest first; `next` is null unless it is due."""

    id: int
    event_id: str
    event_type: str
    state: str
    attempts: list[AttemptView]
    next: responses.Time | None

    @classmethod
    def of(cls, record: DeliveryRecord) -> "DeliveryView":
        """Show a delivery."""
        attempts = [AttemptView.showing(attempt) for attempt in record.attempts]
        return cls.showing(record, id=record.key.position, attempts=attempts)


class DeliveryPage(cursors.Page[DeliveryView]):
    """A page of deliveries, newest first."""


class ReplayView(responses.View):
    """The events that are sent again: those after the position `after`, up to the position `until`."""

    webhook_id: int
    after: int
    until: int

    @classmethod
    def of(cls, replay: Replay) -> "ReplayView":
        """Show a replay."""
        return cls.showing(replay, webhook_id=replay.endpoint_id)


ReplayBody = Annotated[WantedReplay, request_body.of(WantedReplay)]


@router.get(
    "/webhooks/{webhook_id}/deliveries", response_model=DeliveryPage, summary="What became of each event"
)
async def list_deliveries(
    webhook_id: WebhookId,
    cells: InCells,
    request: cursors.ByIdOverCells,
    within: Within,
    state: State = None,
) -> Response:
    """Newest first."""
    await check(cells.first, webhook_id, within)
    listing = Listing(
        lambda db, page: delivery_listing.page(db, webhook_id, page, state),
        lambda record: record.key.position,
        lambda record: record.created,
    )
    page = await merged.page(await cells.connects_to(None), listing, request)
    return responses.show(DeliveryPage.over_cells(page, DeliveryView.of))


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    response_model=DeliveryView,
    summary="Send one again",
)
async def redeliver(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    key: idempotency_keys.BodilessKey,
    context: Context,
    within: Within,
    action: Acting,
) -> Response:
    """At once; if it fails, it is tried again as often as the first time."""
    await check(context, webhook_id, within)
    result = await context.commits.submit(
        webhooks.REDELIVER, Key(webhook_id, delivery_id), key, action=action
    )
    return responses.show(DeliveryView.of(result.resource), replayed=result.replayed)


@router.post(
    "/webhooks/{webhook_id}/replay", response_model=ReplayView, summary="Send a range of events again"
)
async def replay(
    webhook_id: WebhookId,
    body: ReplayBody,
    key: idempotency_keys.Key,
    cells: InCells,
    within: Within,
    action: Acting,
) -> Response:
    """In the background, by the endpoint's filter of now; also events that it has had, or older than it."""
    await check(cells.first, webhook_id, within)
    order = body.order(webhook_id, len(cells.contexts))
    result = await cells.submit_everywhere(webhooks.REPLAY, order, key, action)
    return responses.show(ReplayView.of(result.resource), replayed=result.replayed)
