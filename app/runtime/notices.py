"""What happened, and which loops it wakes: those of this process at once, those of others by NOTIFY."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg

from app.runtime.loop import WakeUp

CHANNEL: Final = "kennel"
WAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "block": ("follow",),
    "transaction": ("mempool",),
    "committed": ("sequencer",),
    "requested": ("sequencer", "send"),
    "numbered": ("webhooks", "sinks", "streams", "payers"),
    "followed": ("sequencer", "send", "mempool", "payers"),
    "sent": ("sequencer", "waiters"),
    "submitted": ("dogeconnect",),
    "answered": ("wallets",),
}
"""Which loops each notice wakes.

The node has announced a block or a transaction, as each follower hears for itself; something was committed; payments were requested, changed or voided; events have numbers; blocks were connected or
disconnected; payments were signed or given to the node; wallets submitted transactions; the node answered those.
"""
POLL_SECONDS: Final = 0.2
"""How often the loops look for themselves where no notices can be heard: behind PgBouncer, or while it is away."""
QUIET_SECONDS: Final = 5.0
"""How long a loop sleeps that is woken for its work: only a notice that was lost is found so late."""
CLOSE_SECONDS: Final = 1.0

Connect = Callable[[], Awaitable[Any]]


class Notices:
    """Wakes loops by what happened.

    NOTIFY is a statement of its own after the commit, on the connection that listens: in the transaction it would
    hold a lock of the whole database over the commit. What is told while one is under way goes with the next. A
    process that dies between has told nobody: the loops look for themselves every QUIET_SECONDS. Without `connect`
    (PgBouncer hands no session on) they are woken every POLL_SECONDS. `holds` says whether this process holds the
    lease of a loop: what only it does need not be told.
    """

    def __init__(
        self, connect: Connect | None = None, holds: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._connect = connect
        self._holds = holds
        self._connection: Any = None
        self._wake_ups: dict[str, list[WakeUp]] = defaultdict(list)
        self._untold: set[str] = set()
        self.telling = WakeUp()

    @property
    def seconds(self) -> float:
        """How often this must step, unless `telling` wakes it."""
        return POLL_SECONDS if self._connect is None else QUIET_SECONDS

    def wake_up(self, loop: str) -> WakeUp:
        """Return a new wake-up of the loop."""
        wake_up = WakeUp()
        self._wake_ups[loop].append(wake_up)
        return wake_up

    def wake_loop(self, loop: str) -> None:
        """Wake one loop of this process."""
        for wake_up in self._wake_ups[loop]:
            wake_up.wake()

    def wake(self, notice: str) -> None:
        """Wake the loops that this concerns, in all processes."""
        self.wake_here(notice)
        if self._connect is not None and not all(map(self._holds, WAKES[notice])):
            self._untold.add(notice)
            self.telling.wake()

    async def step(self) -> bool:
        """Listen, and tell what is untold; without a session wake all. Raises the errors of the database."""
        if self._connect is None:
            self._wake_all()
            return False
        if self._connection is None or self._connection.is_closed():
            self._wake_all()
            self._connection = await self._listening(self._connect)
            self._wake_all()  # what was told meanwhile nobody heard
        untold, self._untold = self._untold, set()
        if untold:
            await self._tell(untold)
        return bool(self._untold)

    async def _tell(self, untold: set[str]) -> None:
        """Tell other processes; what they may not have heard is told again by the next step."""
        try:
            await self._connection.execute(_TELL, CHANNEL, " ".join(sorted(untold)))
        except asyncpg.InternalClientError as error:  # it broke, and the driver has not yet noticed
            self._untold |= untold
            self._connection.terminate()
            raise ConnectionResetError("the database has closed the connection") from error
        except BaseException:
            self._untold |= untold
            raise

    async def close(self) -> None:
        """Tell what is untold, and listen no more; a database that does not answer holds up no end."""
        connection, self._connect = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._untold:
                    await connection.execute(_TELL, CHANNEL, " ".join(sorted(self._untold)))
                await connection.close(timeout=CLOSE_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection.terminate()

    async def _listening(self, connect: Connect) -> Any:
        connection = await connect()
        await connection.execute(_NO_FLUSH)
        await connection.add_listener(CHANNEL, self._heard)
        connection.add_termination_listener(lambda _: self.telling.wake())
        return connection

    def _heard(self, connection: Any, sender: int, channel: str, notices: str) -> None:
        del channel
        if sender != connection.get_server_pid():
            for notice in notices.split():
                self.wake_here(notice)

    def wake_here(self, notice: str) -> None:
        """Wake the loops of this process."""
        for loop in WAKES.get(notice, ()):  # another version may tell of something else
            self.wake_loop(loop)

    def _wake_all(self) -> None:
        for notice in WAKES:
            self.wake_here(notice)


_TELL: Final = "SELECT pg_notify($1, $2)"
_NO_FLUSH: Final = "SET synchronous_commit = off"
"""A notice is no row: its commit has nothing to flush."""
