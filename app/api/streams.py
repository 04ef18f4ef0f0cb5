"""Events as they happen, over HTTP: server-sent events that go on where a listener was."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api import errors, middleware
from app.db import Db
from app.domain import outbox
from app.domain.refusals import Refusal

_log = logging.getLogger(__name__)

LISTENERS: Final = 200
"""Streams at once in one process; more are turned away."""
CATCHING_UP: Final = 4
"""Streams that read from the database at the same instant; the others wait their turn: connections are for everybody."""
BEAT_SECONDS: Final = 15
"""A comment is sent so often while nothing happens, so that proxies keep the connection and dead ones are noticed."""
AGAIN_MILLISECONDS: Final = 1_000
"""How soon a listener that lost its connection comes again."""


class TooManyStreams(Refusal):
    """{limit} streams are open already: read GET /events instead, or close one."""

    code = "not-available"


class EventSignal:
    """Where the events end now: looked up once for all listeners of this process, and not at all while there is none."""

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
        """Lend a connection within the block to CATCHING_UP streams at once, in the order in which they came."""
        async with self._turns, self._reads.connect() as db:
            yield db

    async def step(self) -> bool:
        """Look where the events end, and wake the listeners if that is farther than before."""
        if not self._listeners:
            return False
        async with self._reads.connect() as db:
            position = await outbox.last_position(db)
        if position > self._position:
            self._position = position
            self._wake()
        return False

    def end(self) -> None:
        """Let every listener go: the program stops."""
        self._ended = True
        self._wake()

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Be one of the listeners within the block, or be refused."""
        if self._listeners >= LISTENERS:
            raise TooManyStreams(limit=LISTENERS)
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    async def rises(self, position: int, seconds: float) -> bool | None:
        """Wait until there are events behind `position`: True, False after `seconds` without one, None at the end."""
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
    """An answer that goes on until the listener leaves."""

    media_type = "text/event-stream"

    def __init__(self, event_signal: EventSignal, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._event_signal = event_signal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the listener leaves or the program stops; refused before a byte is sent where there are too many."""
        if middleware.HEAD in scope:
            await Response(headers=dict(self.headers))(scope, receive, send)
            return
        with self._event_signal.listener():
            await super().__call__(scope, receive, send)


async def begin(event_signal: EventSignal, position: int | None, field: str) -> int:
    """Return the position behind which a stream begins; one that names none tells what happens from now on.

    One that lies beyond the last event is refused, naming the `field` that it came in.
    """
    async with event_signal.reading() as db:
        if position is None:
            return await outbox.last_position(db)
        await outbox.check(db, position, field)
        return position


async def stream(
    event_signal: EventSignal, position: int, types: Collection[str], foreign_id: str | None
) -> AsyncIterator[bytes]:
    """Yield the events behind the position as server-sent events, then each as it happens.

    What waits for a slow listener waits in the database. Where that does not answer, the stream ends: its listener comes
    again where it was.
    """
    yield b"retry: %d\nid: %d\n\n" % (AGAIN_MILLISECONDS, position)
    try:
        async for page in _pages(event_signal, position, types, foreign_id):
            position = page.position
            for event in page.events:
                yield b"id: %d\ndata: %b\n\n" % (event.position, outbox.envelope(event))
            if not page.events:
                yield b": %d\n\n" % position
    except Exception as error:
        if not errors.is_outage(error):
            raise
        _log.warning("a stream of events broke off behind position %d: %s", position, type(error).__name__)


async def _pages(
    event_signal: EventSignal, position: int, types: Collection[str], foreign_id: str | None
) -> AsyncIterator[outbox.Page]:
    """Yield what is there page by page, then what comes; and now and then a page without events, so that something is said."""
    while True:
        async with event_signal.reading() as db:
            page = await outbox.page(db, position, outbox.PAGE, types, foreign_id)
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
