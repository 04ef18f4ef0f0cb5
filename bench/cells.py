"""Four cells beside one on the same PostgreSQL: transfers of which none, a few and many cross, and invoices.

Of each installation two processes answer HTTP, and another numbers the events and does all else. Every transfer
writes its two events.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, cycle
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import CellMap
from app.chain.keys import Keyring
from app.db import bulk
from app.db.database import Database
from app.db.tables import outbox
from app.domain.dogecoin import REGTEST
from bench import cpu_time, filling, invoices, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Process, Testbed

CELLS: Final = 4
ACCOUNTS: Final = 1_000
ROUNDS: Final = 3
SECONDS: Final = 2
FIRST_SECONDS: Final = 1
"""Of each load before all rounds, in which connections are opened and statements are prepared."""
BULK, BULK_CLIENTS, BULK_BODIES = 1_000, 4, 16
PROCESSES: Final = 2
BULK_GOALS: Final[Mapping[int, float]] = {0: 0.9, 10: 0.7, 50: 0.6}
"""How many of a hundred transfers cross, and the part of what one cell does that is to be reached."""

_ACCOUNTS = """
    INSERT INTO accounts (id, foreign_id, xpub, address, next_index)
    SELECT id, name, :xpub, 'address-' || id, id * :stride FROM unnest(:ids, :names) AS account (id, name)
"""
_BALANCES = """
    INSERT INTO balances (account_id, asset, available, seq) SELECT id, 'gold', 1000000000000, 0 FROM accounts
"""
_ASSET = "INSERT INTO assets (code, name, decimals) VALUES ('gold', 'Gold', 2)"


class Cost(NamedTuple):
    """What a load did in a second, and PostgreSQL's processor time for each thing, in microseconds."""

    rate: float
    microseconds: float


Requests = Sequence[Iterator[bytes]]


@dataclass(slots=True)
class Load:
    """Makes requests about accounts, which are named by the cell that each has among CELLS."""

    names: Sequence[Sequence[str]]
    keys: Iterator[int] = field(default_factory=count)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @classmethod
    def make(cls) -> "Load":
        """Name as many accounts for each cell."""
        names: list[list[str]] = [[] for _ in range(CELLS)]
        for number in range(ACCOUNTS):
            names[CellMap(CELLS).of_account(f"shop-{number}")].append(f"shop-{number}")
        return cls(names)

    def bulks(self, crossing: int) -> Requests:
        """Return clients that ask for BULK transfers at once; of a hundred so many cross."""
        bodies = []
        for _ in range(BULK_BODIES):
            part = [self._transfer(crosses=number < BULK * crossing // 100) for number in range(BULK)]
            self.chance.shuffle(part)
            bodies.append(json.dumps({"transfers": part}).encode())
        return [(self._post(body) for body in cycle(bodies))] * BULK_CLIENTS

    def singles(self, *, cross: bool) -> Requests:
        """Return clients that ask for transfers one by one: all within cells, or all between two."""
        return [self._singles(cross=cross)] * load.CLIENTS

    def invoices(self) -> Requests:
        """Return clients that ask for invoices of any account."""
        paths = [f"/account/{name}/invoice" for names in self.names for name in names]
        self.chance.shuffle(paths)
        return [cycle([load.post(path, invoices.BODY) for path in paths])] * load.CLIENTS

    def _singles(self, *, cross: bool) -> Iterator[bytes]:
        while True:
            yield self._post(json.dumps(self._transfer(crosses=cross)).encode())

    def _transfer(self, *, crosses: bool) -> dict[str, str]:
        first, second = self.chance.sample(self.names, 2)
        pair = [self.chance.choice(first), self.chance.choice(second)]
        payer, payee = pair if crosses else self.chance.sample(first, 2)
        return {"from": payer, "to": payee, "asset": "gold", "amount": "0.01"}

    def _post(self, body: bytes) -> bytes:
        return load.post("/transfers", body, key=str(next(self.keys)))


@dataclass(frozen=True, slots=True)
class Installation:
    """A running program, its processes that answer HTTP, and connections to each of its cells."""

    postmaster: int
    answering: Sequence[Process]
    engines: Sequence[AsyncEngine]

    async def cost(self, requests: Requests, each: int, seconds: float) -> Cost:
        """Have all processes answer; a request asks for `each` things. Numbering their events is part of the cost."""
        await self.rest()
        before = cpu_time.of(self.postmaster)
        ports = [process.port("admin API") for process in self.answering]
        loads = await asyncio.gather(
            *(load.timed(port, requests[number :: len(ports)], seconds) for number, port in enumerate(ports))
        )
        await self.rest()
        spent = cpu_time.of(self.postmaster) - before
        # All answers count, those of the first moments too: a busy machine answers few bulks in so short a time.
        things = max(1, each * sum(each_load.answers for each_load in loads))
        return Cost(things / (load.WARM_SECONDS + seconds), 1e6 * spent / things)

    async def rest(self) -> None:
        """Wait until all events are numbered."""
        for engine in self.engines:
            await invoices.until(engine, sa.select(~sa.exists().select_from(outbox)))


class Kind(NamedTuple):
    """A load on four cells, the name of the one on one cell beside it, and how many things a request asks for."""

    make: Callable[[], Requests]
    beside: str
    each: int = 1


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure one cell beside four, kind by kind and round by round."""
    requests = Load.make()
    kinds = {f"bulk_{part}": Kind(partial(requests.bulks, part), "bulk_0", BULK) for part in BULK_GOALS} | {
        "single": Kind(partial(requests.singles, cross=False), "single"),
        "single_crossing": Kind(partial(requests.singles, cross=True), "single"),
        "invoices": Kind(requests.invoices, "invoices"),
    }
    async with (
        programs.devnet(testbed.folder()) as node,
        _installation(testbed, node, requests, 1) as one,
        _installation(testbed, node, requests, CELLS) as four,
    ):
        await _round(one, four, kinds, FIRST_SECONDS)
        rounds = [await _round(one, four, kinds, SECONDS) for _ in range(ROUNDS)]
    return [figure for name in kinds for figure in _figures(name, [costs[name] for costs in rounds])]


async def _round(
    one: Installation, four: Installation, kinds: Mapping[str, Kind], seconds: float
) -> Mapping[str, tuple[Cost, Cost]]:
    """Return what each kind costs with four cells, and what the one beside it costs with one."""
    alone: dict[str, Cost] = {}
    costs: dict[str, tuple[Cost, Cost]] = {}
    for name, (make, beside, each) in kinds.items():
        if beside not in alone:
            alone[beside] = await one.cost(make(), each, seconds)
        costs[name] = await four.cost(make(), each, seconds), alone[beside]
    return costs


def _figures(name: str, costs: Sequence[tuple[Cost, Cost]]) -> Iterator[Figure]:
    goal = {f"bulk_{part}": goal for part, goal in BULK_GOALS.items()}.get(name)
    four, one = zip(*costs, strict=True)
    rate, spent = Terms(f"cells_{name}", "1/s", goal), Terms(f"cells_{name}_cpu", "us", at_most=True)
    yield of_rounds(rate, [cost.rate for cost in four], [cost.rate for cost in one])
    yield of_rounds(spent, [cost.microseconds for cost in four], [cost.microseconds for cost in one])


@asynccontextmanager
async def _installation(
    testbed: Testbed, node: Devnet, requests: Load, cells: int
) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        template = programs.TEMPLATE if cells == 1 else "template1"
        url = await stack.enter_async_context(testbed.database(template))
        database = Database(url, map=CellMap(cells))
        await database.upgrade()
        engines = [await stack.enter_async_context(programs.engine(cell.url)) for cell in database.cells]
        await _fill(engines, CellMap(cells), [name for names in requests.names for name in names])
        settings = {"cells": cells, "database_connections": 10 * (cells + 1)}
        kennel = partial(programs.kennel, testbed.folder(), url, node, **settings)
        await stack.enter_async_context(kennel(roles="follow,relay"))
        answering = [await stack.enter_async_context(kennel(roles="http")) for _ in range(PROCESSES)]
        yield Installation(testbed.postmaster, answering, engines)


async def _fill(engines: Sequence[AsyncEngine], cells: CellMap, names: Sequence[str]) -> None:
    """Open the accounts, each in its cell, with enough for all that they will give."""
    [key] = Keyring(REGTEST, filling.WORDS).account_xpubs(0, 1)
    for cell, engine in zip(cells, engines, strict=True):
        own = [name for name in names if cells.of_account(name) == cell.number]
        ids = [cell.number + cells.cells * number for number in range(len(own))]
        values = {"xpub": key.xpub, "stride": filling.STRIDE, "ids": ids, "names": own}
        opening = sa.text(_ACCOUNTS).bindparams(
            sa.bindparam("ids", type_=bulk.BIGINTS), sa.bindparam("names", type_=bulk.TEXTS)
        )
        async with engine.begin() as db:
            if cell.number == 0:
                await db.execute(sa.text(_ASSET))
            await db.execute(opening, values)
            await db.execute(sa.text(_BALANCES))
        await programs.vacuum(engine)
