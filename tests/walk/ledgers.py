"""The ledgers of a walk: one, or one in each of several cells, all of which follow one chain."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import over_cells
from app.cells import CellMap
from app.chain.node import Node
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.db.tables import accounts
from app.domain.commands import Command, Result, Submitted
from app.domain.crossings import RULES, Crossing, Placed, perform
from app.domain.idempotency import WAIT_SECONDS
from app.workers import questions
from devnet import devnet
from devnet.node_options import NodeOptions
from tests import chain_harness, divided_books, report_check, scenario
from tests.cells import connected
from tests.chain_harness import ChainHarness
from tests.conftest import cloned
from tests.walk import snapshot
from tests.walk.program import DEEPEST, FailingNode, KillSwitch
from tests.walk.snapshot import Snapshot

ROOM: Final = 400_000
"""The mempool's bytes: few, so that it is soon full."""
BORN: Final = 1_700_000_000
"""The devnet's time: a walk that is repeated makes the same blocks."""
ACCOUNTS: Final = ("shop", "other", "third")
"""Of four cells they lie in three."""


@dataclass(frozen=True)
class Ledgers:
    """A harness for each cell, and the connections for what concerns several."""

    harnesses: Sequence[ChainHarness]
    cells: AllCells
    wire: FailingNode

    @property
    def map(self) -> CellMap:
        return self.cells.map

    def of(self, account: str) -> ChainHarness:
        """The harness of the cell in which the account lies."""
        return self.harnesses[self.map.of_account(account)]

    async def read(self, query: sa.Select[*tuple[Any, ...]]) -> list[sa.RowMapping]:
        """Return the rows of all cells, one cell's after the other's."""
        rows: list[sa.RowMapping] = []
        for engine in self.cells.engines:
            async with engine.connect() as db:
                rows += (await db.execute(query)).mappings()
        return rows

    async def numbers(self) -> dict[str, int]:
        """The numbers of all accounts, by name."""
        return {row["foreign_id"]: row["id"] for row in await self.read(sa.select(accounts))}

    async def carry_out(self, command: Command[Any, Any], request: Any, *names: str) -> Any:
        """Return the outcome of a request of these accounts; where they lie in several cells, it is a crossing."""
        cells = tuple(dict.fromkeys(self.map.of_account(name) for name in names))
        if len(cells) == 1:
            async with self.cells.engines[cells[0]].begin() as db:
                [outcome] = await command.run(db, [request], scenario.INSTALLATION)
            return outcome
        async with self.cells.crossing.begin() as db:
            crossing = Crossing(db, self.map, [scenario.INSTALLATION] * len(self.cells))
            placed = [Submitted(Placed(request, cells))]
            [outcome] = await perform(crossing, command, RULES[command], placed, WAIT_SECONDS)
        return outcome.resource if isinstance(outcome, Result) else outcome

    async def snapshots(self) -> list[Snapshot]:
        """The records of each cell; between two steps of a walk nothing moves."""
        read = []
        for engine in self.cells.engines:
            async with engine.connect() as db:
                read.append(await snapshot.read(db))
        return read

    async def audit(self) -> None:
        """Audit all cells, and what they have together; nothing may be found."""
        if len(self.harnesses) == 1:
            await self.harnesses[0].audit()
            return
        report = await over_cells.run(self.cells)
        assert report.ok, [finding for finding in report.findings if not finding.ok]

    async def audit_the_end(self, *names: str) -> None:
        """Compare all coins with the node too, and all reports of these accounts' cells with the ledger."""
        report = await over_cells.run(self.cells, questions.coins_of(self.harnesses[0].node))
        assert report.ok, [finding for finding in report.findings if not finding.ok]
        for engine in dict.fromkeys(self.of(name).engine for name in names):
            await report_check.check(engine)


@asynccontextmanager
async def opened(url: str, home: Path) -> AsyncIterator[tuple[ChainHarness, FailingNode]]:
    """Yield one ledger."""
    engine = open_engine(url, connections=10)
    try:
        async with _chain(home, engine) as (node, wire, address):
            yield ChainHarness(engine, node, home, address), wire
    finally:
        await engine.dispose()


@asynccontextmanager
async def opened_all(url: str, home: Path, count: int) -> AsyncIterator[Ledgers]:
    """Yield the ledgers of so many cells."""
    if count == 1:
        async with opened(url, home) as (harness, wire):
            yield Ledgers([harness], AllCells.of_one(harness.engine), wire)
        return
    async with connected(url, count) as divided:
        cells = AllCells(divided.engines, divided.crossing)
        async with _chain(home, *divided.engines, divided.crossing) as (node, wire, address):
            homes = [home / cell.schema for cell in cells.map]
            for each in homes:
                each.mkdir(exist_ok=True)
            harnesses = [
                ChainHarness(engine, node, own, address)
                for engine, own in zip(divided.engines, homes, strict=True)
            ]
            yield Ledgers(harnesses, cells, wire)


@asynccontextmanager
async def _chain(home: Path, *engines: AsyncEngine) -> AsyncIterator[tuple[Node, FailingNode, str]]:
    """Yield a node, the program's connection to it, which a kill switch cuts with those to the database, and its address."""
    options = devnet.Options("127.0.0.1:0", None, node=NodeOptions(max_mempool_bytes=ROOM))
    async with devnet.running(home, options, clock=lambda: BORN, random_bytes=bytes) as running:
        address = running.rpc_url.replace("http://", "http://kennel:kennel@")
        async with Node(address) as node, FailingNode(address) as wire:
            wire.kill_switch = KillSwitch(*engines)
            yield node, wire, address


@dataclass(frozen=True, slots=True)
class Prepared:
    """The start of each walk: a database to clone, and a home to copy."""

    server: str
    database: str
    home: Path
    cells: int = 1


@contextmanager
def prepared(server: str, home: Path, cells: int = 1) -> Iterator[Prepared]:
    """Open the accounts and give them money, once for all walks."""
    with asyncio.Runner() as runner:
        cloning = cloned(server) if cells == 1 else cloned(server, "template1")
        url = runner.run(cloning.__aenter__())
        runner.run(_prepare(url, home, cells))
        yield Prepared(server, sa.make_url(url).database or "", home, cells)
        runner.run(cloning.__aexit__(None, None, None))


async def _prepare(url: str, home: Path, cells: int) -> None:
    async with opened_all(url, home, cells) as ledgers:
        await ledgers.harnesses[0].call("generate", chain_harness.MATURE)
        for harness in ledgers.harnesses:
            await harness.follow()
        if cells > 1:
            await divided_books.opened(ledgers.cells, *ACCOUNTS)
        for name in ACCOUNTS:
            await ledgers.of(name).fund(name, 30, 20, 5)
        if cells > 1:
            await ledgers.harnesses[0].mine(DEEPEST)  # what is so deep may be handed over at once
        for harness in ledgers.harnesses:
            await harness.follow()
            await harness.close()
