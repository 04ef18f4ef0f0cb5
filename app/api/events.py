"""Events over HTTP, in the form in which webhooks and the sinks get them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from pydantic import PlainValidator
from starlette.responses import Response

from app.api import fast_route, parameters, responses, streams
from app.api.access.callers import Asking, Within
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Context, Queries
from app.domain import accounts, outbox

busy = APIRouter(route_class=fast_route.FastRoute)
router = APIRouter(route_class=GuardedRoute)

_ALL: Final = frozenset({outbox.ALL})


class EventView(responses.View):
    """An event: GigaWallet's three fields, then its numbers."""

    event_type: str
    message: dict[str, Any] | str
    event_id: str
    sequence: int
    position: int
    created: responses.Time


class EventPage(responses.View):
    """A page of events, oldest first. The cursor is never empty: behind it the next events will come."""

    items: list[EventView]
    cursor: str


LastEventId = Annotated[
    int | None,
    Header(alias="Last-Event-ID", description="Where to go on: the `id` of the last event that was heard"),
    PlainValidator(parameters.position, json_schema_input_type=str),
]
Begin = Annotated[
    int | None,
    Query(
        alias="cursor",
        description="Where to begin: a `cursor` of GET /events; absent: with what happens next",
    ),
    PlainValidator(parameters.position, json_schema_input_type=str),
]


@busy.get("/events", response_model=EventPage, summary="What happened, oldest first")
async def list_events(
    queries: Queries,
    within: Within,
    cursor: parameters.Cursor = 0,
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    types: parameters.Types = _ALL,
    foreign_id: parameters.Account = None,
) -> Response:
    """The messages are the same bytes as in webhooks and MQTT. A cursor beyond the last event is refused."""
    if foreign_id:
        within.require(foreign_id, "foreign_id")
    async with queries.reader() as db:
        page = await outbox.page(db, cursor, limit, types, foreign_id or None, within)
    return _page(page, cursor)


@router.get(
    "/events/stream", response_class=streams.Stream, status_code=200, summary="What happens, as it happens"
)
async def stream_events(
    context: Context,
    caller: Asking,
    cursor: Begin = None,
    last_event_id: LastEventId = None,
    types: parameters.Types = _ALL,
    foreign_id: parameters.Account = None,
) -> Response:
    """Server-sent events; `id` is the cursor. A browser's EventSource goes on where it was by itself.

    A cursor or Last-Event-ID beyond the last event is refused.
    """
    if foreign_id:
        caller.reach.require(foreign_id, "foreign_id")
    field = "cursor" if last_event_id is None else "Last-Event-ID"
    position = await streams.begin(
        context.event_signal, cursor if last_event_id is None else last_event_id, field
    )
    listed = streams.stream(context.event_signal, position, types, foreign_id or None, caller.reach)
    return streams.Stream(context.keys.while_open(caller.key_id, listed), context.event_signal.listener())


@busy.get("/account/{foreign_id}/events", response_model=EventPage, summary="What happened to an account")
async def list_account_events(
    queries: Queries,
    foreign_id: parameters.ForeignId,
    cursor: parameters.Cursor = 0,
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    types: parameters.Types = _ALL,
) -> Response:
    """Oldest first; 404 where no account has this foreign_id. A cursor beyond the last event is refused."""
    async with queries.reader() as db:
        page = await outbox.page(db, cursor, limit, types, foreign_id)
        if not page.events:
            await accounts.fetch(db, foreign_id)
    return _page(page, cursor)


def _page(page: outbox.Page, cursor: int) -> Response:
    outbox.check_end(cursor, page.last)
    items = b",".join(map(outbox.envelope, page.events))
    return responses.Json(b'{"items":[%s],"cursor":"%d"}' % (items, page.position))
