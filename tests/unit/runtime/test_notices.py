"""What happens in one process wakes the loops of all that it concerns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from app.runtime.notices import CHANNEL, QUIET_SECONDS, WAKES, Notices, NotifyConnection

TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


Connect = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def running(connect: Connect, *channels: str) -> AsyncIterator[list[Notices]]:
    """Run the connection of a process within the block, once it listens; its notices are of one cell, or of several."""
    connection = NotifyConnection(connect)
    notices = [Notices(connection, channel=channel) for channel in channels or (CHANNEL,)]
    async with stepping(connection):
        yield notices


@asynccontextmanager
async def stepping(connection: NotifyConnection) -> AsyncIterator[None]:
    await connection.step()
    loop = Loop("notices", connection.step, connection.telling, connection.seconds, TROUBLE)
    task = asyncio.create_task(loop.run(ProcessHealth()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def woken(wake_up: WakeUp, seconds: float = QUIET_SECONDS / 2) -> bool:
    """Whether it is woken in a time in which nothing but a notice wakes it."""
    began = asyncio.get_running_loop().time()
    await wake_up.wait(seconds)
    return asyncio.get_running_loop().time() - began < seconds


async def rest(*wake_ups: WakeUp) -> None:
    """Let the wake-ups of the beginning pass."""
    for wake_up in wake_ups:
        await wake_up.wait(0)


async def test_what_one_process_numbers_wakes_who_tells_it_in_another(database: str) -> None:
    connect = Database(database).session
    async with running(connect) as [here], running(connect) as [there]:
        local, webhooks, sink = here.wake_up("webhooks"), there.wake_up("webhooks"), there.wake_up("sinks")
        sequencer = there.wake_up("sequencer")

        here.wake("numbered")

        assert await woken(local)
        assert await woken(webhooks)
        assert await woken(sink)
        assert not await woken(sequencer, 0.1)


async def test_what_a_broken_connection_did_not_tell_is_told_by_the_next_one(database: str) -> None:
    connect = Database(database).session
    async with running(connect) as [there]:
        connection = NotifyConnection(connect)
        here = Notices(connection)
        await connection.step()
        webhooks = there.wake_up("webhooks")
        here.wake("numbered")
        connection._connection._transport.abort()

        with pytest.raises(TROUBLE):
            await connection.step()
        await connection.step()

        assert await woken(webhooks)
        await connection.close()


async def test_what_only_this_process_does_is_not_told(database: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(database.replace("+asyncpg", ""))
    await listener.add_listener(CHANNEL, lambda *notice: heard.append(notice[-1]))
    connection = NotifyConnection(Database(database).session)
    notices = Notices(connection, {"sequencer"}.__contains__)
    async with stepping(connection):
        notices.wake("committed")
        notices.wake("requested")  # which concerns the sender too
        notices.wake("numbered")
    await listener.execute("SELECT")
    await listener.close()

    assert sorted(" ".join(heard).split()) == ["numbered", "requested"]


async def test_after_a_lost_connection_all_loops_look_and_notices_are_heard_again(database: str) -> None:
    connect = Database(database).session
    async with running(connect) as [here], running(connect) as [there]:
        wallets = there.wake_up("wallets")
        operator = await asyncpg.connect(database.replace("+asyncpg", ""))
        await operator.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'"
            " AND datname = current_database()"
        )
        await operator.close()

        assert await woken(wallets)
        await rest(wallets)
        while not await woken(wallets, 0.1):
            here.wake("answered")


async def test_a_connection_that_is_given_up_before_it_listens_is_ended(database: str) -> None:
    opened: list[asyncpg.Connection] = []

    async def connect() -> asyncpg.Connection:
        opened.append(await Database(database).session())
        listening.cancel()  # is heard where the connection waits for the server next
        return opened[0]

    listening = asyncio.create_task(NotifyConnection(connect).step())
    await asyncio.wait([listening])

    assert listening.cancelled()
    assert opened[0].is_closed()


async def test_what_happens_in_a_cell_wakes_the_loops_of_that_cell_alone(database: str) -> None:
    connect, channels = Database(database).session, ("kennel_000", "kennel_001")
    async with running(connect, *channels) as here, running(connect, *channels) as there:
        woken_there = [notices.wake_up("sequencer") for notices in there]
        await rest(*woken_there)

        here[1].wake("committed")

        assert await woken(woken_there[1])
        assert not await woken(woken_there[0], 0.1)


async def test_behind_a_pooler_all_loops_look_at_each_step() -> None:
    connection = NotifyConnection()
    notices = Notices(connection)
    loops = {loop for woken_by in WAKES.values() for loop in woken_by}
    wake_ups = {loop: notices.wake_up(loop) for loop in loops}

    await connection.step()

    assert connection.seconds < QUIET_SECONDS
    assert [loop for loop, wake_up in wake_ups.items() if not await woken(wake_up, 0.1)] == []


@pytest.mark.parametrize("notice", WAKES)
def test_each_notice_is_one_word(notice: str) -> None:
    assert len(notice.split()) == 1
