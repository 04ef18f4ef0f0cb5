"""Audits that run by themselves: once in a while, in one process, without hurry, and all processes know the result."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import audits as audit_rows
from app.db.tables import balances, coins
from app.domain import monitoring
from app.runtime.lease import Lease
from app.workers import audits, questions
from app.workers.audits import Audits
from tests import chain_harness, scenario
from tests.scenario import Chain, doge

DAY = timedelta(days=1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def made(engine: AsyncEngine, clock: Clock) -> AsyncIterator[Audits]:
    made = Audits(engine, None, Lease(engine, "audit", "one"), DAY, clock=clock)
    yield made
    await made.close()


async def rows(engine: AsyncEngine) -> list[tuple[bool, str]]:
    async with engine.connect() as db:
        return [tuple(row) for row in await db.execute(sa.select(audit_rows.c.ok, audit_rows.c.detail))]


async def run(clock: Audits) -> None:
    await clock.step()
    await clock.ended()
    await clock.step()


async def figures(engine: AsyncEngine) -> list[tuple[object, ...]]:
    async with engine.connect() as db:
        return [tuple(row) for row in await monitoring.read(db, monitoring.AUDIT)]


async def test_it_runs_when_it_is_due_and_its_result_is_kept(engine: AsyncEngine, made: Audits) -> None:
    before = await figures(engine)

    await run(made)

    assert before == []
    assert await rows(engine) == [(True, "")]
    [(ok, ended)] = await figures(engine)
    assert ok == 1
    assert ended


async def test_it_does_not_run_again_before_its_time(engine: AsyncEngine, made: Audits, clock: Clock) -> None:
    await run(made)
    async with engine.begin() as db:
        await db.execute(sa.update(audit_rows).values(detail="the first"))
    clock.now += audits.LOOK_SECONDS
    await run(made)
    first = await rows(engine)
    async with engine.begin() as db:
        await db.execute(sa.update(audit_rows).values(ended=audit_rows.c.ended - DAY))
    clock.now += audits.LOOK_SECONDS

    await run(made)

    assert first == [(True, "the first")]
    assert await rows(engine) == [(True, "")]


async def test_what_is_wrong_is_named(
    engine: AsyncEngine, made: Audits, caplog: pytest.LogCaptureFixture
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await chain.mine((account.address, doge(7)))
    async with engine.begin() as db:
        await db.execute(
            sa.update(balances).where(balances.c.account_id == account.id).values(incoming=doge(8))
        )

    await run(made)

    [(ok, detail)] = await rows(engine)
    assert not ok
    assert f"balance of account {account.id} in DOGE differs from its postings" in detail
    assert "the audit has found something wrong: balances equal their postings" in caplog.text
    [(shown, _)] = await figures(engine)
    assert shown == 0


async def test_a_process_without_the_lease_runs_none_and_gives_up_what_it_runs(
    engine: AsyncEngine, made: Audits, clock: Clock
) -> None:
    await made.step()
    async with engine.begin() as db:
        await db.execute(
            sa.text("UPDATE leases SET holder = 'another', expires = now() + interval '1 minute'")
        )
    lost = Lease(engine, "audit", "one")

    assert not await lost.held()
    made._lease = lost
    await made.step()
    await made.ended()
    clock.now += audits.LOOK_SECONDS
    await made.step()

    assert await rows(engine) == []


async def test_coins_are_looked_for_at_the_node(engine: AsyncEngine, tmp_path: Path, clock: Clock) -> None:
    async with (
        chain_harness.opened(engine, tmp_path) as harness,
        harness.node.with_slots(audits.SLOTS) as node,
    ):
        await harness.fund("shop", 5, 6)
        lease = Lease(engine, "audit", "one")
        made = Audits(engine, questions.coins_of(node), lease, DAY, clock=clock)
        await run(made)
        right = await rows(engine)
        async with engine.begin() as db:
            await db.execute(sa.update(coins).values(vout=coins.c.vout + 7))
            await db.execute(sa.update(audit_rows).values(ended=audit_rows.c.ended - DAY))
        clock.now += audits.LOOK_SECONDS
        await run(made)
        await made.close()

    assert right == [(True, "")]
    [(ok, detail)] = await rows(engine)
    assert not ok
    assert "is not at the node" in detail


async def test_it_rests_after_each_slice(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    report = await audit.run(engine, rest=rest)

    assert len(rests) == len(report.findings) - 1  # the totals are one statement, at the end
    assert all(seconds > 0 for seconds in rests)
