"""A process keeps its leases with one statement, and loses those of work that has stopped."""

from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import leases
from app.runtime.lease import ASKED_SECONDS, RENEW_SECONDS, SECONDS, Leases, of_work
from app.runtime.loop import LoopHealth, ProcessHealth


class Clock:
    """A time that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def holders(engine: AsyncEngine) -> dict[str, str]:
    async with engine.connect() as db:
        rows = await db.execute(sa.select(leases.c.name, leases.c.holder))
        return {row.name: row.holder for row in rows}


def test_another_process_takes_over_within_five_seconds_of_a_kill() -> None:
    assert SECONDS + RENEW_SECONDS < 5


async def test_a_process_keeps_its_leases_and_another_has_them_when_they_run_out(engine: AsyncEngine) -> None:
    one, two = Leases(engine, "one", ProcessHealth()), Leases(engine, "two", ProcessHealth())
    taken: list[str] = []
    first = {name: one.lease(name, lambda: None) for name in ("follow", "send")}
    second = {name: two.lease(name, partial(taken.append, name)) for name in ("follow", "send")}
    assert [await lease.held() for lease in first.values()] == [True, True]
    assert [await lease.held() for lease in second.values()] == [False, False]

    await one.step()
    await two.step()
    assert (one.holds("send"), two.holds("send"), taken) == (True, False, [])

    await end_all(engine)
    await two.step()
    await one.step()
    assert await holders(engine) == {"follow": "two", "send": "two"}
    assert taken == ["follow", "send"]
    assert [await lease.held() for lease in (*first.values(), *second.values())] == [False, False, True, True]


async def test_a_lease_that_no_loop_asks_for_any_more_is_not_renewed(engine: AsyncEngine) -> None:
    clock = Clock()
    one, two = Leases(engine, "one", ProcessHealth(), clock=clock), Leases(engine, "two", ProcessHealth())
    stopped, other = one.lease("follow", lambda: None), two.lease("follow", lambda: None)
    assert await stopped.held()

    clock.now = ASKED_SECONDS + 1
    await end_all(engine)
    await one.step()

    assert not one.holds("follow")
    assert await other.held()


async def test_all_processes_hear_how_the_work_goes_and_what_nobody_does(engine: AsyncEngine) -> None:
    health = ProcessHealth({"follow": LoopHealth("trouble", "no node"), "send": LoopHealth("running")})
    one = Leases(engine, "one", health)
    for name in health.loops:
        assert await one.lease(name, lambda: None).held()
    await one.step()

    async with engine.connect() as db:
        told = await of_work(db, {"follow", "sequencer"})

    assert told == {**health.loops, "sequencer": LoopHealth("stopped", "no process does this now")}


async def end_all(engine: AsyncEngine) -> None:
    """Let all leases run out, as time does when their holder is killed."""
    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE leases SET expires = clock_timestamp() - interval '1 second'"))
