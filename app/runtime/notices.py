"""What happened, and which loops it wakes: those of this process at once, those of others by NOTIFY."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg

from app.runtime.loop import WakeUp

CHANNEL: Final = "kennel"
"""Of an installation with one cell; the channels of cells are named after them."""
WAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "block": ("follow",),
    "transaction": ("mempool",),
    "committed": ("sequencer",),
    "requested": ("sequencer", "send"),
    "numbered": ("webhooks", "sinks", "streams", "payers"),
    "followed": ("sequencer", "send", "mempool", "payers"),
    "followed_numbered": ("webhooks", "sinks", "streams", "payers", "send", "mempool"),
    "sent": ("sequencer", "waiters"),
    "submitted": ("dogeconnect",),
    "answered": ("wallets",),
}
"""Which loops each notice wakes.

The node has announced a block or a transaction, as each follower hears for itself; something was committed; payments were requested, changed or voided; events have numbers; blocks were connected or
disconnected, and did or did not number their own events; payments were signed or given to the node; wallets submitted transactions; the node answered those.
"""
POLL_SECONDS: Final = 0.2
"""How often the loops look for themselves where no notices can be heard: behind PgBouncer, or while it is away."""
QUIET_SECONDS: Final = 5.0
"""How long a loop sleeps that is woken for its work: only a notice that was lost is found so late."""
CLOSE_SECONDS: Final = 1.0

Connect = Callable[[], Awaitable[Any]]


class NotifyConnection:
    """The connection by which processes tell each other what happened: one serves all cells of a process.

    NOTIFY is a statement of its own after the commit, on the connection that listens: in the transaction it would
    hold a lock of the whole database over the commit. What is told while one is under way goes with the next. A
    process that dies between has told nobody: the loops look for themselves every QUIET_SECONDS. Without `connect`
    (PgBouncer hands no session on) they are woken every POLL_SECONDS.
    """

    def __init__(self, connect: Connect | None = None) -> None:
        self._connect = connect
        self._connection: Any = None
        self._channels: dict[str, Notices] = {}
        self.telling = WakeUp()

    def join(self, channel: str, notices: "Notices") -> None:
        """Tell and hear the notices of a channel from now on."""
        self._channels[channel] = notices

    @property
    def tells(self) -> bool:
        """Whether other processes can be told at all."""
        return self._connect is not None

    @property
    def seconds(self) -> float:
        """How often this must step, unless `telling` wakes it."""
        return POLL_SECONDS if self._connect is None else QUIET_SECONDS

    async def step(self) -> bool:
        """Listen, and tell what is untold; without a session wake all. Raises the errors of the database."""
        if self._connect is None:
            self._wake_all()
            return False
        if self._connection is None or self._connection.is_closed():
            self._wake_all()
            self._connection = await self._listening(self._connect)
            self._wake_all()  # what was told meanwhile nobody heard
        for channel, notices in self._channels.items():
            if notices.untold:
                await self._tell(channel, notices)
        return any(notices.untold for notices in self._channels.values())

    async def _tell(self, channel: str, notices: "Notices") -> None:
        """Tell other processes; what they may not have heard is told again by the next step."""
        untold, notices.untold = notices.untold, set()
        try:
            await self._connection.execute(_TELL, channel, " ".join(sorted(untold)))
        except asyncpg.InternalClientError as error:  # it broke, and the driver has not yet noticed
            notices.untold |= untold
            self._connection.terminate()
            raise ConnectionResetError("the database has closed the connection") from error
        except BaseException:
            notices.untold |= untold
            raise

    async def close(self) -> None:
        """Tell what is untold, and listen no more; a database that does not answer holds up no end."""
        connection, self._connect = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                for channel, notices in self._channels.items():
                    if notices.untold:
                        await connection.execute(_TELL, channel, " ".join(sorted(notices.untold)))
                await connection.close(timeout=CLOSE_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection.terminate()

    async def _listening(self, connect: Connect) -> Any:
        connection = await connect()
        try:
            await connection.execute(_NO_FLUSH)
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
        except BaseException:  # also when the process is stopped meanwhile: nobody else knows this connection
            connection.terminate()
            raise
        connection.add_termination_listener(lambda _: self.telling.wake())
        return connection

    def _heard(self, connection: Any, sender: int, channel: str, notices: str) -> None:
        if sender != connection.get_server_pid():
            for notice in notices.split():
                self._channels[channel].wake_here(notice)

    def _wake_all(self) -> None:
        for notices in self._channels.values():
            for notice in WAKES:
                notices.wake_here(notice)


class Notices:
    """Wakes the loops of a cell by what happened in it; other processes hear it on its channel.

    `holds` says whether this process holds the lease of a loop: what only it does need not be told.
    """

    def __init__(
        self,
        connection: NotifyConnection,
        holds: Callable[[str], bool] = lambda _: False,
        channel: str = CHANNEL,
    ) -> None:
        self._connection = connection
        self._holds = holds
        self._wake_ups: dict[str, list[WakeUp]] = defaultdict(list)
        self.untold: set[str] = set()
        connection.join(channel, self)

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
        if self._connection.tells and not all(map(self._holds, WAKES[notice])):
            self.untold.add(notice)
            self._connection.telling.wake()

    def wake_here(self, notice: str) -> None:
        """Wake the loops of this process."""
        for loop in WAKES.get(notice, ()):  # another version may tell of something else
            self.wake_loop(loop)


_TELL: Final = "SELECT pg_notify($1, $2)"
_NO_FLUSH: Final = "SET synchronous_commit = off"
"""A notice is no row: its commit has nothing to flush."""
