"""PostgreSQL's processes are killed under crossings, again and again: both halves are there, or neither is."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.batching.group_commit import PerhapsDone
from app.db import is_outage
from app.db.embedded import server as postgres
from app.domain import transfers
from app.domain.commands import Result
from app.domain.transfers import LacksFunds
from tests import crossing_town
from tests.cells import MakeCells, connected
from tests.crossing_town import Town, claim, order

KILLS = int(os.environ.get("KENNEL_CROSSING_KILLS", "40"))
CRASHES = int(os.environ.get("KENNEL_CROSSING_CRASHES", "3"))
"""How often; a soak sets more."""
CLIENTS = 12
_BUSY = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND backend_xid IS NOT NULL
        AND pid <> pg_backend_pid()
    LIMIT 1
"""
"""A crossing that has written something: only crossings are the installation's own user."""
END = sa.text(f"SELECT CASE WHEN pg_terminate_backend(pid) THEN pid END {_BUSY}")
FIND = sa.text(f"SELECT pid {_BUSY}")


async def paid(town: Town, client: int, until: asyncio.Event) -> Counter[str]:
    """Pay to and fro until it is enough, each time until an answer comes; return what each account has gained."""
    gained: Counter[str] = Counter()
    names = [town.name(cell, number) for cell in range(4) for number in range(2)]
    for turn in count():
        if until.is_set():
            return gained
        payer, payee = names[(client + turn) % 8], names[(client * 3 + turn * 5 + 1) % 8]
        cells = town.cells_of(payer, payee)
        if len(cells) < 2:
            continue
        key = f"{client} {turn}"
        if await answer(town, order(payer, (payee, "0.01"), key=key), key, cells):
            gained[payer] -= 1
            gained[payee] += 1
    raise AssertionError


async def answer(town: Town, asked: transfers.TransferOrder, key: str, cells: tuple[int, ...]) -> bool:
    """Ask until it is known whether it was done, as clients do."""
    while True:
        try:
            result = await town.crossings.submit(transfers.MAKE, asked, claim(key), cells)
        except LacksFunds:
            return False
        except PerhapsDone:
            continue
        except Exception as error:
            if not is_outage(error):
                raise
        else:
            assert isinstance(result, Result)
            return True


async def process(town: Town, statement: sa.TextClause) -> int:
    """Return the process of a crossing that is under way, which the statement may have ended."""
    while True:
        try:
            async with town.cells.crossing.connect() as db:
                if pid := await db.scalar(statement):
                    return int(pid)
        except Exception as error:
            if not is_outage(error):
                raise


async def ended(town: Town) -> int:
    return await process(town, END)


async def killed(town: Town) -> int:
    """Kill a process, unless it has just ended: then another."""
    while True:
        pid = await process(town, FIND)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return pid


async def under_kills(town: Town, kills: int, kill: Callable[[Town], Awaitable[int]]) -> dict[str, int]:
    """Let clients pay while so many processes are killed; return what each account must have then, by the answers."""
    enough = asyncio.Event()
    clients = [asyncio.create_task(paid(town, client, enough)) for client in range(CLIENTS)]
    dead: set[int] = set()
    while len(dead) < kills:  # one that has not ended yet is found again
        dead.add(await kill(town))
    enough.set()
    expected = Counter(
        {town.name(cell, number): crossing_town.EACH for cell in range(4) for number in (0, 1)}
    )
    for gained in await asyncio.gather(*clients):
        expected.update(gained)
    for engine in (*town.engines, town.cells.crossing):
        await engine.dispose()  # whatever was connected to a server that has crashed
    return dict(expected)


async def money_of(town: Town, names: Iterable[str]) -> dict[str, int]:
    """Return what each has, after all of the town was checked: the halves of each key cancel."""
    await town.check()
    has = {name: await town.has(name) for name in names}
    assert not any(held for _, held in has.values())
    return {name: available for name, (available, _) in has.items()}


@pytest.fixture
async def town(cells: MakeCells) -> AsyncIterator[Town]:
    async with crossing_town.built(await cells(4)) as town:
        yield town


async def test_both_halves_or_neither_whenever_a_connection_is_ended(town: Town) -> None:
    expected = await under_kills(town, KILLS, ended)

    assert await money_of(town, expected) == expected


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """A server whose processes may die: it then restarts as a whole."""
    with postgres.running(tmp_path / "server", durable=True) as url:
        yield sa.make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


async def test_both_halves_or_neither_whenever_the_server_crashes(own_server: str) -> None:
    async with connected(own_server, 4) as cells, crossing_town.built(cells) as town:
        expected = await under_kills(town, CRASHES, killed)

        assert await money_of(town, expected) == expected
