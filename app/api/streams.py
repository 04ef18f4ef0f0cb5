"""Events as they happen, over HTTP: server-sent events that go on where a listener was."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api import middleware
from app.db import Db, is_outage
from app.domain import outbox
from app.domain.access import EVERYTHING, Reach
from app.domain.refusals import Refusal

_log = logging.getLogger(__name__)

LISTENERS: Final = 200
"""How many streams one process holds at once; one more is refused with TooManyStreams."""
CATCHING_UP: Final = 4
"""How many streams read from the database at once. The others wait: requests need connections too."""
BEAT_SECONDS: Final = 15
"""How often a comment is sent while nothing happens: a proxy keeps the connection, a dead one is noticed."""
RETRY_MILLISECONDS: Final = 1_000
"""How soon a listener that lost its connection opens another one."""


class TooManyStreams(Refusal):
    """{limit} streams are open already: read GET /events instead, or close one."""

    code = "not-available"


class EventSignal:
    """Tells listeners how far the events reach: it looks once for all, and only while it has one."""

    def __init__(self, reads: AsyncEngine, beat_seconds: float = BEAT_SECONDS) -> None:
        self.beat_seconds = beat_seconds
        self._reads = reads
        self._position = -1
        self._listeners = 0
        self._risen = asyncio.Event()
        self._turns = asyncio.Semaphore(CATCHING_UP)
        self._ended = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Db]:
        """Lend a connection within the block: to CATCHING_UP streams at once, first come, first served."""
        async with self._turns, self._reads.connect() as db:
            yield db

    async def step(self) -> bool:
        """Look up the last position, and wake the listeners where it has risen."""
        if not self._listeners:
            return False
        async with self._reads.connect() as db:
            position = await outbox.last_position(db)
        if position > self._position:
            self._position = position
            self._wake()
        return False

    def end(self) -> None:
        """End every stream: the program stops."""
        self._ended = True
        self._wake()

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Count as a listener within the block; TooManyStreams where there are LISTENERS already."""
        if self._listeners >= LISTENERS:
            raise TooManyStreams(limit=LISTENERS)
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    async def rises(self, position: int, seconds: float) -> bool | None:
        """Wait for events behind `position`: True if there are, False after `seconds`, None at the end."""
        while not self._ended:
            if self._position > position:
                return True
            try:
                async with asyncio.timeout(seconds):
                    await self._risen.wait()
            except TimeoutError:
                return False
        return None

    def _wake(self) -> None:
        self._risen.set()
        self._risen = asyncio.Event()


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


async def begin(event_signal: EventSignal, position: int | None, field: str) -> int:
    """Return the position behind which a stream begins; without a `position` it is that of the last event.

    A position beyond the last event is refused as one of the request's `field`.
    """
    async with event_signal.reading() as db:
        if position is None:
            return await outbox.last_position(db)
        await outbox.check(db, position, field)
        return position


async def stream(
    event_signal: EventSignal,
    position: int,
    types: Collection[str],
    foreign_id: str | None,
    reach: Reach = EVERYTHING,
) -> AsyncIterator[bytes]:
    """Yield the events behind the position as server-sent events, then each as it happens.

    A slow listener's events wait in the database. Where the database does not answer, the stream ends, and
    its listener comes again at the position where it was.
    """
    yield b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, position)
    try:
        async for page in _pages(event_signal, position, types, foreign_id, reach):
            position = page.position
            for event in page.events:
                yield b"id: %d\ndata: %b\n\n" % (event.position, outbox.envelope(event))
            if not page.events:
                yield b": %d\n\n" % position
    except Exception as error:
        if not is_outage(error):
            raise
        _log.warning("a stream of events broke off behind position %d: %s", position, type(error).__name__)


async def _pages(
    event_signal: EventSignal, position: int, types: Collection[str], foreign_id: str | None, reach: Reach
) -> AsyncIterator[outbox.Page]:
    """Yield the events page by page as they come, and a page without events at each beat without one."""
    while True:
        async with event_signal.reading() as db:
            page = await outbox.page(db, position, outbox.PAGE, types, foreign_id, reach)
        moved = page.position > position
        position = page.position
        if page.events:
            yield page
        if moved:
            continue
        rises = await event_signal.rises(position, event_signal.beat_seconds)
        if rises is None:
            return
        if not rises:
            yield outbox.Page([], position)
