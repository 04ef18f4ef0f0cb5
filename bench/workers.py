"""Requests with one, two and four workers, and how many the machine has room for: PostgreSQL and the load share it."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from statistics import median
from typing import Final

import sqlalchemy as sa

from bench import cpu_time, filling, load, programs, transfers
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Process, Testbed
from bench.transfers import Bank

WORKERS: Final = (1, 2, 4)
ACCOUNTS: Final = 100_000
FEW: Final = 1_000
"""Among so few accounts the transactions of two workers nearly always have one in common, and one waits for the other's commit."""
ROUNDS: Final = 3
SECONDS: Final = 1.5
GOAL: Final = 1.6
"""So many times as many with two workers as with one, where the machine has room for them."""
NEAR: Final = 0.9
"""As near to the room that there is the figure must come where that is less."""

Requests = Callable[[], Sequence[Iterator[bytes]]]


@dataclass(frozen=True, slots=True)
class Round:
    """Requests a second by workers, and how many there would be if each processor did nothing but the work of one."""

    rates: Mapping[int, float]
    room: float


async def measure(testbed: Testbed) -> list[Figure]:
    """Run all of them on one database and ask them in turn."""
    measured = []
    async with _programs(testbed) as (bank, by_workers):
        few = replace(bank, accounts=FEW)
        kinds: Mapping[str, Requests] = {
            "reads": _reads,
            "transfers": lambda: [bank.spread() for _ in range(load.CLIENTS)],
            "transfers_few": lambda: [few.spread() for _ in range(load.CLIENTS)],
        }
        for name, requests in kinds.items():
            rounds = [await _round(testbed, by_workers, requests) for _ in range(ROUNDS)]
            measured += _figures(name, rounds)
    return measured


def _figures(name: str, rounds: Sequence[Round]) -> list[Figure]:
    alone = [round_.rates[1] for round_ in rounds]
    room = median(round_.room / round_.rates[1] for round_ in rounds)
    goals = {2: min(GOAL, NEAR * room)}
    return [
        *(
            of_rounds(
                Terms(f"workers_{number}_{name}", "1/s", goals.get(number)),
                [round_.rates[number] for round_ in rounds],
                alone,
            )
            for number in WORKERS[1:]
        ),
        of_rounds(Terms(f"workers_room_{name}", "1/s"), [round_.room for round_ in rounds], alone),
    ]


async def _round(testbed: Testbed, by_workers: Mapping[int, Process], requests: Requests) -> Round:
    rates, room = {}, 0.0
    for number, process in by_workers.items():
        before = _cpu_seconds(testbed, process)
        answers = await load.timed(process.port("admin API"), requests(), SECONDS)
        each = (_cpu_seconds(testbed, process) - before) / answers.answers
        rates[number] = answers.rate
        room = room or (os.cpu_count() or 1) / each  # by what one worker takes, which comes first
    return Round(rates, room)


def _cpu_seconds(testbed: Testbed, process: Process) -> float:
    """Return what the program, PostgreSQL and this process, which asks, have taken of the processors."""
    return cpu_time.of(process.pid, testbed.postmaster) + time.process_time()


def _reads() -> Sequence[Iterator[bytes]]:
    requests = [load.get(f"/account/shop-{number}/balance") for number in range(100)]
    return [islice(cycle(requests), number, None) for number in range(load.CLIENTS)]


@asynccontextmanager
async def _programs(testbed: Testbed) -> AsyncIterator[tuple[Bank, Mapping[int, Process]]]:
    """Yield the accounts and the programs, by how many workers each has."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        engine = await stack.enter_async_context(programs.engine(url))
        async with engine.begin() as db:
            await filling.fill(db, ACCOUNTS, 1, {})
            for statement in transfers.FILL.split(";"):
                await db.execute(sa.text(statement))
        await programs.vacuum(engine)
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        by_workers = {}
        for number in WORKERS:
            settings = {"roles": "http", "workers": number, "database_connections": 10 * (number + 1)}
            kennel = programs.kennel(testbed.folder(), url, node, **settings)
            by_workers[number] = await stack.enter_async_context(kennel)
        yield Bank([by_workers[1]], ACCOUNTS, engine), by_workers
