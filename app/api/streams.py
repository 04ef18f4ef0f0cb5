"""Events as they happen, over HTTP: server-sent events that go on where a listener was."""

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api import middleware
from app.api.cells.event_log import EventLog, ReadEvents, written
from app.api.cells.event_signal import Positions
from app.db import is_outage
from app.domain import outbox

_log = logging.getLogger(__name__)

RETRY_MILLISECONDS: Final = 1_000
"""How soon a listener that lost its connection opens another one."""


class Stream(StreamingResponse):
    """A response that goes on until the listener leaves."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], room: AbstractContextManager[None]) -> None:
        """Send the content within the block of `room`, which may refuse it before the first byte."""
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the listener leaves or the program stops."""
        if middleware.HEAD in scope:
            await Response(headers=dict(self.headers))(scope, receive, send)
            return
        with self._room:
            await super().__call__(scope, receive, send)


async def begin(log: EventLog, cursor: str | None, field: str) -> Positions:
    """Return the positions behind which a stream begins; without a cursor those of the last events.

    A position beyond the last event is refused as one of the request's `field`.
    """
    async with log.signal.turns:
        if cursor is None:
            return await log.last()
        positions = log.begin(cursor, field)
        await log.check(positions, field)
        return positions


async def stream(log: EventLog, positions: Positions) -> AsyncIterator[bytes]:
    """Yield the events behind the positions as server-sent events, then each as it happens.

    A slow listener's events wait in the database. Where the database does not answer, the stream ends, and
    its listener comes again at the position where it was.
    """
    behind = positions
    yield b"retry: %d\nid: %b\n\n" % (RETRY_MILLISECONDS, written(behind))
    try:
        async for page in _pages(log, positions):
            for event, reached in page.steps(behind):
                yield b"id: %b\ndata: %b\n\n" % (written(reached), outbox.envelope(event))
            behind = page.positions
            if not page.events:
                yield b": %b\n\n" % written(behind)
    except Exception as error:
        if not is_outage(error):
            raise
        reason = type(error).__name__
        _log.warning("a stream of events broke off behind position %s: %s", written(behind).decode(), reason)


async def _pages(log: EventLog, positions: Positions) -> AsyncIterator[ReadEvents]:
    """Yield the events page by page as they come, and a page without events at each beat without one.

    Only cells are read of which there may be more.
    """
    unread: Collection[int] = positions
    while True:
        async with log.signal.turns:
            page = await log.page(positions, outbox.PAGE, unread)
        if len(page.events) < outbox.PAGE:
            unread = [cell for cell, position in page.positions.items() if position > positions[cell]]
        positions = page.positions
        if page.events:
            yield page
        if unread:
            continue
        rises = await log.signal.rises(positions, log.signal.beat_seconds)
        if rises is None:
            return
        if not rises:
            yield ReadEvents((), positions)
        unread = log.signal.risen(positions)
