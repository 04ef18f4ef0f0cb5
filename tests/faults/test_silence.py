"""A database or a node that falls silent, and closes nothing: it is noticed, said, and outlasted."""

import asyncio
import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application
from app.chain.follower import Follower
from app.chain.node import Node
from app.db import copy
from app.db.database import Database
from app.db.engine import open_engine
from app.db.tables import leases as lease_rows
from app.domain.blocks import Rules
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from app.runtime.loop import STEP_SECONDS, Loop, ProcessHealth, WakeUp
from tests import proxy
from tests.proxy import Proxy
from tests.unit.api.conftest import client_of, context_on

SECONDS = 1.5
PATIENCE_SECONDS = 20


@pytest.fixture
async def way(database: str) -> AsyncIterator[tuple[Proxy, AsyncEngine]]:
    """A proxy before the test's database, and connections through it that are given up soon."""
    async with proxy.before(database) as (before, url):
        engine = open_engine(url, command_seconds=SECONDS)
        yield before, engine
        await engine.dispose()


async def test_who_waits_for_a_silent_database_is_told_and_all_others_get_new_connections(
    way: tuple[Proxy, AsyncEngine],
) -> None:
    before, engine = way
    await asyncio.gather(*(_ask(engine) for _ in range(4)))

    before.silence()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(OSError):  # noqa: PT011  TimeoutError is one, and so is all that the API answers with 503
            await _ask(engine)
        answers = await asyncio.gather(*(_ask(engine) for _ in range(4)))

    assert answers == [1, 1, 1, 1]


async def test_a_request_on_a_silent_database_is_503_and_the_same_request_is_done_once_it_is_asked_again(
    way: tuple[Proxy, AsyncEngine],
) -> None:
    before, engine = way
    made = {"code": "gold", "name": "Gold", "decimals": 0}
    async with client_of(application.admin(context_on(engine), lambda: "id")) as admin:
        assert (await admin.get("/assets")).status_code == 200

        before.silence()
        async with asyncio.timeout(PATIENCE_SECONDS):
            refused = await admin.post("/assets", json=made, headers={"Idempotency-Key": "once"})
            done = await admin.post("/assets", json=made, headers={"Idempotency-Key": "once"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not-available")
    assert (done.status_code, done.json()["code"]) == (200, "gold")


async def test_a_copy_to_a_silent_database_ends(way: tuple[Proxy, AsyncEngine]) -> None:
    before, engine = way
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(exc.DBAPIError) as ended:
            await _copy(engine, before)

        assert ended.value.connection_invalidated
        assert await _ask(engine) == 1
        async with engine.connect() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(lease_rows)) == 0


async def test_a_loop_that_waits_for_a_silent_database_is_in_trouble_before_it_is_told(database: str) -> None:
    clock = Clock()
    health = ProcessHealth(clock=clock)
    async with proxy.before(database) as (before, url):
        engine = open_engine(url)
        lease = Lease(engine, "send", "me", clock=clock)
        loop = Loop("send", lease.held, WakeUp(), 0, (OSError,))
        assert await lease.held()
        before.silence()
        clock.seconds += STEP_SECONDS

        waiting = asyncio.create_task(loop.run(health))
        await asyncio.sleep(0)
        in_time = health.ok
        clock.seconds += STEP_SECONDS + 1
        late = health.now()["send"]
        waiting.cancel()
        await asyncio.wait([waiting])
        await engine.dispose()

    assert in_time
    assert (late.state, late.reason) == (
        "trouble",
        "a step has taken 31 s so far: does the database or the node not answer?",
    )
    assert health.step_began == {}


async def test_a_follower_that_waits_for_a_frozen_node_is_in_trouble(engine: AsyncEngine) -> None:
    clock = Clock()
    health = ProcessHealth(clock=clock)
    async with proxy.nobody() as (port, asked), Node(f"http://kennel:kennel@127.0.0.1:{port}") as node:
        follower = Follower(engine, node, Rules(REGTEST, 6, 240), Lease(engine, "follow", "me"), lambda: None)

        waiting = asyncio.create_task(Loop("follow", follower.step, WakeUp(), 1, (OSError,)).run(health))
        await asked.wait()
        clock.seconds = STEP_SECONDS + 1
        late = health.now()["follow"].state
        waiting.cancel()
        await asyncio.wait([waiting])

    assert late == "trouble"


async def test_no_connection_is_used_again_that_can_only_be_read_since_another_server_took_over(
    engine: AsyncEngine, database: str
) -> None:
    name = engine.url.database
    demoted, promoted = (
        f'ALTER DATABASE "{name}" SET default_transaction_read_only = {on}' for on in ("on", "off")
    )
    servers = open_engine(database)
    async with engine.begin() as connection:
        await connection.execute(sa.text(demoted))
    assert (
        await asyncio.gather(*(_ask(servers) for _ in range(4))) == [1] * 4
    )  # opened while nothing can be written
    async with engine.begin() as connection:
        await connection.execute(sa.text(promoted))

    with pytest.raises(exc.DBAPIError) as refused:
        await _write(servers, "one")
    await asyncio.gather(*(_write(servers, str(number)) for number in range(4)))
    await servers.dispose()

    assert refused.value.connection_invalidated


async def test_tcp_looks_for_dead_databases_itself(database: str) -> None:
    async with proxy.before(database) as (_, url):
        engine = Database(f"{url}?keepalives_idle=33&tcp_user_timeout=44000").engine(1)
        async with engine.connect() as connection:
            driver: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
            found = driver._transport.get_extra_info("socket")
            told = [
                found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                *(
                    found.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (
                        socket.TCP_KEEPIDLE,
                        socket.TCP_KEEPINTVL,
                        socket.TCP_KEEPCNT,
                        socket.TCP_USER_TIMEOUT,
                    )
                ),
            ]
        await engine.dispose()

    assert told == [1, 33, 5, 3, 44_000]


async def test_a_program_that_ends_while_its_database_is_silent_leaves_its_leases_to_run_out(
    way: tuple[Proxy, AsyncEngine],
) -> None:
    before, engine = way
    lease = Lease(engine, "send", "me")
    assert await lease.held()

    before.silence()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await lease.release()


class Clock:
    """A time that the test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def _ask(engine: AsyncEngine) -> int:
    async with engine.begin() as connection:
        found: int = (await connection.execute(sa.text("SELECT 1"))).scalar_one()
    return found


async def _write(engine: AsyncEngine, name: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.insert(lease_rows).values(name=name, holder="me", expires=sa.func.now()))


async def _copy(engine: AsyncEngine, before: Proxy) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("SELECT 1"))
        before.silence()
        await copy.insert(connection, lease_rows, ("name", "holder", "expires"), [("a", "b", "2026-01-01")])
