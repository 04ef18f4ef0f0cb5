"""Leases: rows that keep two instances from doing the same work.

They only save work; locks and guarded statements keep the result right without them.
"""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db, reads
from app.db.tables import leases
from app.runtime.loop import LoopHealth, ProcessHealth

SECONDS: Final = 3.5
RENEW_SECONDS: Final = 1.0
"""The holder renews its lease so often, and an instance without it asks for it.

So another takes over within 4.5 s of the end of a process that could release nothing.
"""
ASKED_SECONDS: Final = 10.0
"""Longer than any loop sleeps."""
PRESENT: Final = "process."
"""With it begin the names of rows that say which processes live, where there are several cells (`runtime.sharing`)."""
MOST: Final = 1_000
"""Leases that are read at once."""
RELEASE_SECONDS: Final = 2
"""The end of the program waits so long for each release."""


async def acquire(db: Db, name: str, holder: str, duration: timedelta) -> bool:
    """Take or renew the lease `name`; False while another holder's has not run out."""
    values = {"name": name, "holder": holder, "expires": sa.func.statement_timestamp() + duration}
    row = insert(leases).values(values)
    run_out = row.excluded.expires - leases.c.expires > duration  # no clock: both rows alone decide
    acquired = row.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": row.excluded.holder, "expires": row.excluded.expires},
        where=sa.or_(leases.c.holder == holder, run_out),
    )
    return (await db.execute(acquired.returning(leases.c.name))).first() is not None


async def release(db: Db, name: str, holder: str) -> None:
    """Give the lease back, so that another holder need not wait until it runs out."""
    await db.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def anyone(_: str) -> bool:
    """Let any process take any lease that is free, as where there is one cell."""
    return True


class Lease:
    """A lease has one `holder` at a time. A holder that has the same name after a restart has it at once.

    It is asked for while `may_take` says so. Where another process is to have it, it is given back as a step begins.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        name: str,
        holder: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        may_take: Callable[[str], bool] = anyone,
    ) -> None:
        self._engine = engine
        self._name = name
        self._holder = holder
        self._clock = clock
        self._may_take = may_take
        self._held = False
        self._leaves = False
        self._left_at = -math.inf
        self._renew_at = clock()
        self.asked_at = -math.inf

    async def held(self) -> bool:
        """Return whether it is ours now; a step begins with it."""
        if self._leaves:
            await self.release()
            self._leaves, self._left_at = False, self._clock()
        return await self.still_held()

    async def still_held(self) -> bool:
        """Return whether it is ours now, in the middle of a step that goes on with it."""
        now = self.asked_at = self._clock()
        if now >= self._renew_at and (self._held or self._may_take(self._name)):
            async with self._engine.begin() as db:
                self._held = await acquire(db, self._name, self._holder, timedelta(seconds=SECONDS))
            self._renew_at = now + RENEW_SECONDS
        return self._held

    @property
    def stays(self) -> bool:
        """Whether it is ours, and is to stay so."""
        return self._held and not self._leaves

    @property
    def wanted(self) -> bool:
        """Whether it is to be renewed, or asked for."""
        return self.stays or (not self._held and self._may_take(self._name))

    def leave(self) -> None:
        """Give it back when the next step begins, so that another process can have it."""
        self._leaves = self._held

    def note(self, asked_at: float, *, held: bool) -> None:
        """Hear whether it is ours, from whoever has asked for it; not where it was given back meanwhile."""
        if self._left_at < asked_at:
            self._held, self._renew_at = held, self._clock() + 2 * RENEW_SECONDS

    async def release(self) -> None:
        """Give it back at once; without a database it runs out by itself."""
        if self._held:
            self._held = False
            with suppress(exc.DBAPIError, exc.TimeoutError, OSError):
                async with asyncio.timeout(RELEASE_SECONDS), self._engine.begin() as db:
                    await release(db, self._name, self._holder)


async def of_work(db: Db, expected: Collection[str]) -> Mapping[str, LoopHealth]:
    """Return how each loop with a lease goes, in whatever process; one that is `expected` may have stopped."""
    held = sa.and_(leases.c.expires >= sa.func.clock_timestamp(), ~leases.c.name.startswith(PRESENT))
    rows = await db.execute(sa.select(leases.c.name, leases.c.trouble).where(held).limit(MOST))
    going_on = {row.name: LoopHealth("trouble" if row.trouble else "running", row.trouble) for row in rows}
    return {name: LoopHealth("stopped", "no process does this now") for name in expected} | going_on


class Leases:
    """The leases of this process: one statement a second renews what it holds; another looks for the others.

    It writes beside them what the loops are in trouble with, so that all processes can say how the work goes.

    Only for work that goes on: a loop that has stopped asks no more, and after ASKED_SECONDS another may have it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        holder: str,
        health: ProcessHealth,
        *,
        prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._single = reads(engine)
        self._holder = holder
        self._health = health
        self._prefix = prefix
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._wakes: dict[str, Callable[[], object]] = {}
        self._held: set[str] = set()
        self.may_take: Callable[[str], bool] = anyone

    def lease(self, name: str, taken: Callable[[], object]) -> Lease:
        """Return the lease `name`, of which a process has one; `taken` is called when it has become ours."""
        self._wakes[name] = taken
        self._leases[name] = Lease(
            self._engine, name, self._holder, clock=self._clock, may_take=self._allowed
        )
        return self._leases[name]

    def _allowed(self, name: str) -> bool:
        """Ask as it is now: `may_take` is set after leases were made."""
        return self.may_take(name)

    async def once(self, name: str) -> bool:
        """Ask for a lease for a moment: it runs out by itself, unless this process goes on with it."""
        return await Lease(self._engine, name, self._holder).held()

    def holds(self, name: str) -> bool:
        """Whether the lease is ours and is to stay so, and its loop goes on."""
        return name in self._leases and self._leases[name].stays and self._goes_on(name)

    def knows(self, name: str) -> bool:
        """Whether a loop of this process has the lease or waits for it."""
        return name in self._leases

    def leave(self, name: str) -> None:
        """Let another process have the lease, as soon as our loop begins its next step."""
        self._leases[name].leave()
        self._wakes[name]()

    def asked(self) -> list[str]:
        """Return the names of the leases whose loops go on."""
        return sorted(filter(self._goes_on, self._leases))

    def _goes_on(self, name: str) -> bool:
        return self._leases[name].asked_at >= self._clock() - ASKED_SECONDS

    async def step(self) -> bool:
        """Renew and ask; a lease of another that has not run out is only read."""
        names, asked_at = [name for name in self.asked() if self._leases[name].wanted], self._clock()
        held = await self._renew(names) if names else set()
        for name in names:
            self._leases[name].note(asked_at, held=name in held)
        for name in sorted(held - self._held):
            self._wakes[name]()
        self._held = held
        return False

    async def _renew(self, names: Sequence[str]) -> set[str]:
        """Renew and ask for these leases, and return those that are ours now.

        Each statement is whole by itself. Who holds all of them need not look which are of others.
        """
        states = self._health.now()
        async with self._single.begin() as db:
            of_others: set[str] = set()
            if not self._held.issuperset(names):
                of_others.update(await db.scalars(_OF_OTHERS, {"names": names, "holder": self._holder}))
            free = [name for name in names if name not in of_others]
            loops = [f"{self._prefix}{name}" for name in free]
            troubles = [states[loop].reason if loop in states else "" for loop in loops]
            asked = {"names": free, "troubles": troubles, "holder": self._holder, "seconds": SECONDS}
            return set(await db.scalars(RENEW, asked)) if free else set()


_OF_OTHERS: Final = sa.text(
    """SELECT name FROM leases
    WHERE name = ANY(CAST(:names AS text[])) AND holder <> :holder AND expires >= statement_timestamp()"""
)
RENEW: Final = sa.text(
    f"""INSERT INTO leases (name, holder, expires, trouble)
    SELECT name, :holder, statement_timestamp() + make_interval(secs => :seconds), trouble
    FROM unnest(CAST(:names AS text[]), CAST(:troubles AS text[])) AS wanted (name, trouble)
    ORDER BY name
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires, trouble = excluded.trouble
    WHERE leases.holder = excluded.holder OR excluded.expires - leases.expires > interval '{SECONDS} seconds'
    RETURNING name"""  # noqa: S608  a constant of this module
)
"""Take or renew leases. A lease of another holder that lasts SECONDS is taken once it has run out.

The constant stands in the statement itself: a distributed engine takes no parameter in ON CONFLICT. Rows of `runtime.sharing`
last less, and have their holder in their names: nobody else ever asks for those.
"""
