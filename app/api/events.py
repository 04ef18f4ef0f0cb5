"""Events over HTTP, in the form in which webhooks and the sinks get them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from pydantic import PlainValidator
from starlette.responses import Response

from app.api import fast_route, parameters, responses, streams
from app.api.access.callers import Asking, Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells.event_log import EventLog, ReadEvents, Wanted, written
from app.api.cells.routing import Cells, InCells
from app.api.context import Queries
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
    str | None,
    Header(alias="Last-Event-ID", description="Where to go on: the `id` of the last event that was heard"),
    PlainValidator(parameters.positions, json_schema_input_type=str),
]
Begin = Annotated[
    str | None,
    Query(
        alias="cursor",
        description="Where to begin: a `cursor` of GET /events; absent: with what happens next",
    ),
    PlainValidator(parameters.positions, json_schema_input_type=str),
]


@busy.get("/events", response_model=EventPage, summary="What happened, oldest first")
async def list_events(
    cells: InCells,
    within: Within,
    cursor: parameters.EventCursor = "0",
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    types: parameters.Types = _ALL,
    foreign_id: parameters.Account = None,
) -> Response:
    """The messages are the same bytes as in webhooks and MQTT. A cursor beyond the last event is refused."""
    if foreign_id:
        within.require(foreign_id, "foreign_id")
    log = await _log(cells, Wanted(types, foreign_id or None, within))
    return await _page(log, cursor, limit)


@router.get(
    "/events/stream", response_class=streams.Stream, status_code=200, summary="What happens, as it happens"
)
async def stream_events(
    cells: InCells,
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
    log = (await _log(cells, Wanted(types, foreign_id or None, caller.reach))).following()
    begin = (cursor, "cursor") if last_event_id is None else (last_event_id, "Last-Event-ID")
    listed = streams.stream(log, await streams.begin(log, *begin))
    return streams.Stream(cells.first.keys.while_open(caller.key_id, listed), log.signal.listener())


@busy.get("/account/{foreign_id}/events", response_model=EventPage, summary="What happened to an account")
async def list_account_events(
    cells: InCells,
    queries: Queries,
    foreign_id: parameters.ForeignId,
    cursor: parameters.EventCursor = "0",
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    types: parameters.Types = _ALL,
) -> Response:
    """Oldest first; 404 where no account has this foreign_id. A cursor beyond the last event is refused."""
    log = await _log(cells, Wanted(types, foreign_id))
    page = await log.page(log.begin(cursor, "cursor"), limit, checked="cursor")
    if not page.events:
        await queries.fetch(accounts.FETCH, foreign_id)
    return _shown(page)


async def _log(cells: Cells, wanted: Wanted) -> EventLog:
    """Return the events of an account's cell, or those of all, read by what pages of lists are."""
    signal = cells.first.event_signal
    readers = [context.queries.reader for context in cells.contexts]
    if wanted.foreign_id is None or cells.all_have(wanted.foreign_id):
        return EventLog(signal, readers, signal.cells, wanted)
    return EventLog(signal, readers, [await cells.cell_of_account(wanted.foreign_id)], wanted)


async def _page(log: EventLog, cursor: str, limit: int) -> Response:
    return _shown(await log.page(log.begin(cursor, "cursor"), limit, checked="cursor"))


def _shown(page: ReadEvents) -> Response:
    items = b",".join(outbox.envelope(event) for _, event in page.events)
    return responses.Json(b'{"items":[%b],"cursor":"%b"}' % (items, written(page.positions)))
