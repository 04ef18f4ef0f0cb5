"""Two programs on four cells: they share these out, and what one had that is killed or stopped the other has."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from app.runtime.lease import RENEW_SECONDS, SECONDS
from app.runtime.sharing import PRESENT_SECONDS, STEP_SECONDS
from tests.cells import Cells, MakeCells
from tests.end_to_end.program import DEADLINE_SECONDS, PROBE_SECONDS, Devnet, Process
from tests.faults.conftest import Said

CELLS = 4
LOOPS = ("follow", "mempool", "send", "keys", "sequencer", "seals")
"""Those that a lease gives to one process at a time."""

Found = TypeVar("Found")


class Loops(Process):
    """`kennel serve` with all roles but HTTP."""

    def __init__(self, folder: Path, home: Path, cells: Cells, node: Devnet) -> None:
        settings = {
            "KENNEL_HOME": str(home),
            "KENNEL_DATABASE_URL": cells.database.url,
            "KENNEL_CELLS": str(CELLS),
            "KENNEL_DATABASE_CONNECTIONS": "50",
            "KENNEL_ROLES": "follow,send,relay",
            "KENNEL_POLL_SECONDS": "0.2",
            **node.settings,
        }
        super().__init__(folder, ["app", "serve"], settings)

    def start(self) -> None:
        self.spawn()
        self.answers(lambda: "Kennel runs" in self.said())


class Divided:
    """Programs on the cells of one database."""

    def __init__(self, cells: Cells, folder: Path, node: Devnet, said: Said) -> None:
        self.cells = cells
        self.node = node
        self._folder = folder
        self._said = said
        self.programs: list[Loops] = []

    async def start(self) -> Loops:
        """Start another program; all have one home, where the seed is."""
        folder = self._folder / f"program-{len(self.programs)}"
        self.programs.append(Loops(folder, self._folder / "home", self.cells, self.node))
        self._said.by(self.programs[-1])
        await asyncio.to_thread(self.programs[-1].start)
        return self.programs[-1]

    async def holders(self, loop: str) -> list[str]:
        """Who runs the loop, by cell; "" where nobody does."""
        holder = sa.text("SELECT max(holder) FROM leases WHERE name = :name AND expires >= clock_timestamp()")
        found = []
        for engine in self.cells.engines:
            async with engine.connect() as db:
                found.append(await db.scalar(holder, {"name": loop}) or "")
        return found

    async def shares(self) -> dict[str, list[int]]:
        """Of each loop in how many cells each process runs it."""
        holders = {loop: Counter(await self.holders(loop)) for loop in LOOPS}
        return {loop: sorted(count for name, count in of.items() if name) for loop, of in holders.items()}

    async def run_by(self) -> set[str]:
        """Who runs anything; "" among them where somebody is missing."""
        return {holder for loop in LOOPS for holder in await self.holders(loop)}

    async def heights(self) -> set[int]:
        """Up to which blocks the cells have followed."""
        found = set()
        for engine in self.cells.engines:
            async with engine.connect() as db:
                found.add(await db.scalar(sa.text("SELECT height FROM chain_state")))
        return found


@pytest.fixture
async def divided(cells: MakeCells, tmp_path: Path, node_alone: Devnet, said: Said) -> AsyncIterator[Divided]:
    divided = Divided(await cells(CELLS), tmp_path, node_alone, said)
    yield divided
    for program in divided.programs:
        if program.runs:
            await asyncio.to_thread(program.stop)


async def until_equal(read: Callable[[], Awaitable[Found]], expected: Found) -> None:
    """Ask until the answer is the expected one; else show the difference."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while True:
        seen = await read()
        if seen == expected or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(PROBE_SECONDS)
    assert seen == expected


def test_what_a_killed_process_had_is_free_within_five_seconds_and_then_others_may_take_it() -> None:
    assert SECONDS + RENEW_SECONDS < 5
    assert PRESENT_SECONDS + STEP_SECONDS <= SECONDS


async def test_two_share_the_cells_out_and_one_that_is_killed_loses_none(divided: Divided) -> None:
    first = await divided.start()
    await until_equal(divided.shares, {loop: [4] for loop in LOOPS})
    [holder] = await divided.run_by()

    await divided.start()
    await until_equal(divided.shares, {loop: [2, 2] for loop in LOOPS})
    [other] = await divided.run_by() - {holder}

    await asyncio.to_thread(first.kill)
    await until_equal(divided.run_by, {other})
    mined = await asyncio.to_thread(divided.node.node.mine, 3)
    height = await asyncio.to_thread(lambda: divided.node.node.height)
    await until_equal(divided.heights, {height})
    assert len(mined) == 3


async def test_one_that_stops_gives_its_cells_back_and_one_that_comes_gets_its_share(
    divided: Divided,
) -> None:
    first = await divided.start()
    await divided.start()
    await until_equal(divided.shares, {loop: [2, 2] for loop in LOOPS})

    assert await asyncio.to_thread(first.stop) in (0, -signal.SIGTERM)
    await until_equal(divided.shares, {loop: [4] for loop in LOOPS})
    await divided.start()
    await until_equal(divided.shares, {loop: [2, 2] for loop in LOOPS})
