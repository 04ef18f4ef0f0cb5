"""Callers that wait for the sender: what was committed is answered, and many that wait ask little."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.api import application, context, payment_waiter
from app.batching.group_commit import GroupCommit
from app.db.tables import payments as payment_rows
from app.domain.commands import Command
from app.domain.payments import Payment
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from app.workers.roles import DATABASE_TROUBLE
from tests import scenario
from tests.chain_harness import NOWHERE, order, request
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of

WAITS = ("PENDING", "PROCESSING")
LONG_SECONDS = 60


async def rich_shop(engine: AsyncEngine) -> None:
    shop = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await chain.mine((shop.address, doge(10_000)))
    await chain.deepen(5)


async def requested(engine: AsyncEngine, number: int = 1) -> list[Payment]:
    await rich_shop(engine)
    made = await request(engine, *(order(NOWHERE, 1) for _ in range(number)))
    return [scenario.accepted(payment) for payment in made]


async def move(engine: AsyncEngine, payment: Payment, state: str) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(payment_rows).where(payment_rows.c.id == payment.id).values(state=state))


@pytest.fixture
def waiter(engine: AsyncEngine) -> payment_waiter.PaymentWaiter:
    return payment_waiter.PaymentWaiter(engine)


def waiting(
    waiter: payment_waiter.PaymentWaiter, payment: Payment, seconds: float = LONG_SECONDS
) -> "asyncio.Task[Payment]":
    return asyncio.create_task(waiter.wait(payment, WAITS, seconds))


# ---------------------------------------------------------------- what was committed is answered


@asynccontextmanager
async def served(
    engine: AsyncEngine, paid: Callable[[], Awaitable[None]]
) -> AsyncIterator[httpx.AsyncClient]:
    """An admin API whose callers wait for a second, and what happens once a payment is committed."""
    tasks: list[asyncio.Future[None]] = []

    def committed(command: Command[Any, Any]) -> None:
        tasks.extend([asyncio.ensure_future(paid())] if command.pays else [])

    commits = GroupCommit(engine, scenario.INSTALLATION, committed)
    kennel = replace(context.of(engine, commits), pay_wait_seconds=1)
    loop = Loop("waiters", kennel.waiter.step, WakeUp(), 0.01, DATABASE_TROUBLE)
    async with client_of(application.admin(kennel, lambda: "id")) as client:
        running = asyncio.create_task(loop.run(ProcessHealth()))
        yield client
        running.cancel()
        await asyncio.gather(*tasks)


async def paid(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/account/shop/pay", json={"to": NOWHERE, "amount": "1"})


async def settled(client: httpx.AsyncClient) -> httpx.Response:
    made = await client.post(
        "/account/payee/invoice",
        json={"items": [{"type": "item", "name": "Treat", "value": "10", "quantity": 1}]},
    )
    return await client.post(f"/invoice/{made.json()['id']}/payfrom/shop", json={"on_chain": True})


@pytest.mark.parametrize("request_of", [paid, settled])
async def test_a_payment_is_answered_with_200_though_the_database_goes_away_while_its_caller_waits(
    engine: AsyncEngine,
    database: str,
    server: str,
    request_of: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]],
) -> None:
    await rich_shop(engine)
    await scenario.open_account(engine, "payee")
    name = sa.make_url(database).database
    administration = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    async def leave() -> None:
        async with administration.connect() as db:
            await db.execute(sa.text(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'))
            await db.execute(
                sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            )

    async with served(engine, leave) as client:
        answer = await request_of(client)
    async with administration.connect() as db:
        await db.execute(sa.text(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'))
    await administration.dispose()

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["hex"]) == ("PENDING", "")
    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(payment_rows)) == 1


# ---------------------------------------------------------------- one reads for all


async def test_who_waits_hears_of_its_payment_once_it_is_sent(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    [payment] = await requested(engine)
    task = waiting(waiter, payment)
    await asyncio.sleep(0)

    await move(engine, payment, "PROCESSING")
    await waiter.step()
    await asyncio.sleep(0)
    still = not task.done()
    await move(engine, payment, "BROADCAST")
    await waiter.step()

    assert still
    assert (await task).state == "BROADCAST"


async def test_who_waits_to_the_end_gets_what_was_read_last(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    [payment] = await requested(engine)
    task = waiting(waiter, payment, 0.5)
    await asyncio.sleep(0)
    await move(engine, payment, "PROCESSING")
    await waiter.step()

    assert (await task).state == "PROCESSING"


async def test_several_callers_that_wait_for_one_payment_all_hear_of_it_whatever_each_knew(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    [payment] = await requested(engine)
    first = waiting(waiter, payment)
    await asyncio.sleep(0)
    await move(engine, payment, "PROCESSING")
    await waiter.step()
    second = waiting(waiter, payment)
    await asyncio.sleep(0)
    await move(engine, payment, "BROADCAST")
    await waiter.step()

    assert [(await task).state for task in (first, second)] == ["BROADCAST", "BROADCAST"]


async def test_however_many_wait_one_statement_looks_for_all_of_them_and_none_while_nobody_waits(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    made = await requested(engine, 64)
    statements: list[str] = []
    sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *event: statements.append(event[2]))

    await waiter.step()
    unasked = list(statements)
    tasks = [waiting(waiter, payment) for payment in made]
    await asyncio.sleep(0)
    await waiter.step()
    looked = list(statements)
    waiter.end()
    await asyncio.gather(*tasks)

    assert unasked == []
    assert len(looked) == 1


async def test_callers_are_let_go_with_what_is_known_when_the_program_stops(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    [payment] = await requested(engine)
    task = waiting(waiter, payment)
    await asyncio.sleep(0)

    waiter.end()

    assert (await task).state == "PENDING"
    assert (await waiting(waiter, payment)).state == "PENDING"


async def test_more_callers_than_may_wait_are_answered_at_once(
    engine: AsyncEngine, waiter: payment_waiter.PaymentWaiter
) -> None:
    [payment] = await requested(engine)
    tasks = [waiting(waiter, payment) for _ in range(payment_waiter.MOST)]
    await asyncio.sleep(0)

    assert (await waiter.wait(payment, WAITS, LONG_SECONDS)).state == "PENDING"

    waiter.end()
    await asyncio.gather(*tasks)
