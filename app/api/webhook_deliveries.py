"""Deliveries over HTTP: what became of each event at an endpoint, and sending it again."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import PlainValidator, WithJsonSchema
from starlette.responses import Response

from app.api import cursors, idempotency_keys, request_body, responses
from app.api.context import Commits, Reading
from app.api.webhooks import WebhookId
from app.domain import webhooks
from app.domain.webhooks import DeliveryRecord, Key, Range, Replay, delivery_listing

router = APIRouter()

_DIGITS: Final = 18


def _moment(given: Any) -> int | datetime:
    """Read a position, also as the text that cursors are, or an RFC 3339 time."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return int(text)
    moment = _time(text) if isinstance(text, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("it is neither a position nor an RFC 3339 time with its zone")
    return moment


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


Moment = Annotated[int | datetime, PlainValidator(_moment), WithJsonSchema({"type": ["integer", "string"]})]
DeliveryId = Annotated[int, Path(description="The delivery's id: its event's position", ge=1, le=2**63 - 1)]
State = Annotated[Literal["due", "delivered", "failed"] | None, Query(description="Only those in this state")]


class WantedReplay(request_body.Body):
    """Which events to send again: positions as cursors are, or times; without `before` all until now."""

    model_config = request_body.examples({"after": 1200, "before": 1500}, {"after": "2026-11-20T00:00:00Z"})

    after: Moment
    before: Moment | None = None


class AttemptView(responses.View):
    """One post: `status` is null where no answer came; `response` is its head, or what went wrong."""

    at: responses.Time
    status: int | None
    milliseconds: int
    response: str


class DeliveryView(responses.View):
    """An event on its way to an endpoint, with its last attempts, oldest first; `next` is null unless it is due."""

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
    """What is being sent again: events after the first position, up to the second."""

    webhook_id: int
    after: int
    until: int

    @classmethod
    def of(cls, replay: Replay) -> "ReplayView":
        """Show a replay."""
        return cls.showing(replay, webhook_id=replay.endpoint_id)


Wanted = Annotated[WantedReplay, request_body.of(WantedReplay)]


@router.get(
    "/webhooks/{webhook_id}/deliveries", response_model=DeliveryPage, summary="What became of each event"
)
async def list_deliveries(
    webhook_id: WebhookId, db: Reading, request: cursors.ById, state: State = None
) -> Response:
    """Newest first."""
    page = await delivery_listing.page(db, webhook_id, request, state)
    return responses.show(DeliveryPage.of(page, DeliveryView.of, cursors.IDS))


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    response_model=DeliveryView,
    summary="Send one again",
)
async def redeliver(
    webhook_id: WebhookId, delivery_id: DeliveryId, key: idempotency_keys.BodilessKey, commits: Commits
) -> Response:
    """At once, and if it fails as often again as the first time."""
    result = await commits.submit(webhooks.REDELIVER, Key(webhook_id, delivery_id), key)
    return responses.show(DeliveryView.of(result.resource), replayed=result.replayed)


@router.post(
    "/webhooks/{webhook_id}/replay", response_model=ReplayView, summary="Send a range of events again"
)
async def replay(
    webhook_id: WebhookId, wanted: Wanted, key: idempotency_keys.Key, commits: Commits
) -> Response:
    """In the background, as far as the endpoint wants them now; also what it has had, and what was before it was made."""
    order = Range(webhook_id, wanted.after, wanted.before)
    result = await commits.submit(webhooks.REPLAY, order, key)
    return responses.show(ReplayView.of(result.resource), replayed=result.replayed)
