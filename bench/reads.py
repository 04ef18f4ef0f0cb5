"""Reads over HTTP with 64 callers, beside the same models with nothing between; what they take, how fair they are."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple

from bench import bare_reads, cpu_time, filling, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Process, Testbed

ROUNDS = 5
SECONDS = 1
ACCOUNTS, EACH = 20, 1_000
"""Accounts, and the invoices of each."""
NAMED = 50
"""Invoices of each account that are asked for."""
FAIR = 3
"""How many times as long as half of the callers the slowest of a hundred may wait."""
MEMORY_BYTES = 150 * 1024 * 1024
UNLIMITED = 1_000_000
"""Requests a second: more than there are."""


class Goal(NamedTuple):
    """The least part of the bare rate, and the most processor milliseconds of a request."""

    ratio: float
    milliseconds: float


GOALS: Mapping[str, Goal] = {
    "balance": Goal(0.6, 0.4),
    "invoice": Goal(0.6, 0.4),
    "public": Goal(0.6, 0.4),
    "list": Goal(0.4, 0.8),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """The program that answers, the bare one, and PostgreSQL's first process."""

    kennel: Process
    bare: Process
    postmaster: int

    async def round(self, name: str, requests: Sequence[bytes]) -> "Round":
        """Read from the bare program, then from the other one."""
        listener = "public API" if name == "public" else "admin API"
        bare = await load.rate(self.bare.port("port"), requests, SECONDS)
        before = self._cpu_seconds()
        read = await load.timed(self.kennel.port(listener), _dealt(requests), SECONDS)
        milliseconds = 1_000 * (self._cpu_seconds() - before) / read.answers
        return Round(bare, read.rate, milliseconds, read.milliseconds(99), read.milliseconds(50))

    def _cpu_seconds(self) -> float:
        return cpu_time.of(self.kennel.pid, self.postmaster)


class Round(NamedTuple):
    """Rates per second, and milliseconds: of the processor for a request, of the slowest, of the median."""

    bare: float
    rate: float
    cpu: float
    slowest: float
    median: float


async def measure(testbed: Testbed) -> list[Figure]:
    """Read each kind in turn; one process answers HTTP, and does nothing else."""
    measured = []
    async with _reader(testbed) as reader:
        for name, requests in REQUESTS.items():
            rounds = [await reader.round(name, requests) for _ in range(ROUNDS)]
            measured += _figures(name, rounds)
        memory = reader.kennel.resident_bytes()
    return [*measured, Figure("reads_memory", "bytes", memory, MEMORY_BYTES, 1, at_most=True)]


def _figures(name: str, rounds: Sequence[Round]) -> list[Figure]:
    goal, (bare, rates, cpu, slowest, medians) = GOALS[name], zip(*rounds, strict=True)
    milliseconds = Terms(f"reads_{name}_cpu", "ms", 1, at_most=True)
    return [
        of_rounds(Terms(f"reads_{name}", "1/s", goal.ratio), rates, bare),
        of_rounds(milliseconds, cpu, [goal.milliseconds] * len(rounds)),
        of_rounds(Terms(f"reads_{name}_p99", "ms, p99", FAIR, at_most=True), slowest, medians),
    ]


def _dealt(requests: Sequence[bytes]) -> list[Iterator[bytes]]:
    return [islice(cycle(requests), n, None) for n in range(load.CLIENTS)]


@asynccontextmanager
async def _reader(testbed: Testbed) -> AsyncIterator[Reader]:
    limits = {"public_requests": UNLIMITED, "requests_per_address": UNLIMITED}
    async with testbed.database() as url, programs.devnet(testbed.folder()) as node:
        await _fill(url)
        async with (
            programs.kennel(testbed.folder(), url, node, roles="http", **limits) as kennel,
            programs.running("bench.bare") as bare,
        ):
            yield Reader(kennel, bare, testbed.postmaster)


async def _fill(url: str) -> None:
    named = {index: filling.address(index) for index in _indexes()}
    async with programs.engine(url) as engine:
        async with engine.begin() as db:
            await filling.fill(db, ACCOUNTS, EACH, named, bare_reads.ITEMS)
        await programs.vacuum(engine)


def _indexes() -> Iterator[int]:
    """Yield the key indexes of the invoices that are asked for, of all accounts in turn."""
    for n in range(NAMED):
        yield from (account * filling.STRIDE + n * (EACH // NAMED) for account in range(ACCOUNTS))


def _paths() -> Iterator[tuple[str, str, str, str]]:
    for index in _indexes():
        account, invoice = f"/account/shop-{index // filling.STRIDE}", filling.address(index)
        yield (
            f"{account}/balance",
            f"{account}/invoice/{invoice}",
            f"/invoice/{invoice}?token=t",
            f"{account}/invoices?limit=10&cursor={index}",
        )


REQUESTS: Mapping[str, Sequence[bytes]] = {
    name: [load.get(path) for path in paths]
    for name, paths in zip(GOALS, zip(*_paths(), strict=True), strict=True)
}
