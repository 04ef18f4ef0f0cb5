"""Events read back over HTTP, in the form in which they left."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from app.api import answers, parameters
from app.api.program import Reading
from app.domain import events

router = APIRouter()

_ALL: Final = frozenset({events.ALL})


class EventView(answers.View):
    """An event: GigaWallet's three fields, then its numbers."""

    event_type: str
    message: dict[str, Any] | str
    event_id: str
    sequence: int
    position: int
    created: answers.Time


class EventPage(answers.View):
    """A page of events, oldest first; the cursor is never empty: it is where to go on when more has happened."""

    items: list[EventView]
    cursor: str


@router.get("/events", response_model=EventPage, summary="What happened, oldest first")
async def list_events(
    db: Reading,
    cursor: parameters.Cursor = 0,
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    types: parameters.Types = _ALL,
    foreign_id: parameters.Account = None,
) -> Response:
    """The messages are the very bytes that webhooks and MQTT carry."""
    page = await events.page(db, cursor, limit, types, foreign_id or None)
    items = b",".join(map(events.envelope, page.events))
    return answers.Json(b'{"items":[%s],"cursor":"%d"}' % (items, page.position))
