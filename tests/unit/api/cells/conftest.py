"""The API of an installation of four cells, over real sockets."""

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.cells.crossing_lane import OverCells
from app.api.cells.everywhere import Everywhere
from app.api.cells.routing import Cells
from app.api.serving import serving
from app.batching.crossings import Crossings
from app.batching.group_commit import GroupCommit
from app.chain import keys
from app.db.bulk import insert
from app.db.tables import ready_keys
from app.domain import blocks, dogecoin, outbox, webhooks
from app.domain.installation import Installation
from tests import cells as divided
from tests.cells import MakeCells
from tests.unit.api.conftest import WORDS

COUNT = 4
CONNECTIONS = 6
KEYS = itertools.count()


@dataclass(frozen=True)
class Town:
    """An installation: its cells in the database and in the API, and clients of both listeners."""

    database: divided.Cells
    cells: Cells
    admin: httpx.AsyncClient
    payer: httpx.AsyncClient

    def names(self, stem: str = "shop") -> list[str]:
        """Return names that begin so, one that falls into each cell, in the order of the cells."""
        by_cell: dict[int, str] = {}
        for number in itertools.count():
            by_cell.setdefault(self.database.map.of_account(name := f"{stem}-{number}"), name)
            if len(by_cell) == COUNT:
                return [by_cell[cell] for cell in range(COUNT)]
        raise AssertionError

    async def open(self, *names: str, **body: Any) -> list[dict[str, Any]]:
        """Open the accounts, one after the other."""
        return [await self.post(f"/account/{name}", body) for name in names]

    async def post(self, path: str, body: Any = None, key: str = "") -> Any:
        """Post to the merchant's API, and return what was made."""
        answer = await self.ask(path, body, key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, path: str, body: Any = None, key: str = "") -> httpx.Response:
        headers = {"Idempotency-Key": key or f"key-{next(KEYS)}"}
        return await self.admin.post(path, content=json.dumps(body or {}), headers=headers)

    async def get(self, path: str) -> Any:
        answer = await self.admin.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pages(self, path: str, limit: int) -> list[list[Any]]:
        """Return the items of each page of a list."""
        pages, cursor = [], ""
        while True:
            page = await self.get(f"{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
            pages.append(page["items"])
            cursor = page["cursor"]
            if not cursor:
                return pages

    async def number(self) -> None:
        """Give the events their numbers, and tell the listeners."""
        for cell, engine in enumerate(self.database.engines):
            async with engine.begin() as db:
                await outbox.sequence(db, stride=len(self.database.engines))
            await self.cells.first.event_signal.step(cell)


@asynccontextmanager
async def engines_of(database: divided.Cells) -> AsyncIterator[list[AsyncEngine]]:
    """Yield what a process has of connections to each cell."""
    engines = [cell.engine(CONNECTIONS, reading=True) for cell in database.database.cells]
    yield engines
    for engine in engines:
        await engine.dispose()


def cells_on(database: divided.Cells, engines: Sequence[AsyncEngine]) -> Cells:
    """Return what requests share in each cell of a process."""
    words = itertools.count()
    contexts = []
    for cell, engine in zip(database.map, engines, strict=True):
        token = cell.naming(lambda: f"token-{next(words)}")
        commits = GroupCommit(engine, Installation(dogecoin.REGTEST, 6, token), lambda _: None)
        contexts.append(replace(context.of(engine, commits), pay_wait_seconds=0))
    first, *_ = database.map
    everywhere = Everywhere(
        database.crossing,
        contexts[0].commits.installation,
        lambda _: None,
        first,
        {**webhooks.over_cells(database.map), **blocks.over_cells(database.map)},
    )
    installations = [each.commits.installation for each in contexts]
    crossings = Crossings(database.crossing, installations, lambda _command, _cells: None)
    return Cells.of(contexts, OverCells(crossings, everywhere, database.crossing))


@asynccontextmanager
async def listening(database: divided.Cells) -> AsyncIterator[Town]:
    """Yield a process of the installation."""
    async with engines_of(database) as engines:
        cells = cells_on(database, engines)
        async with (
            serving(application.admin(cells, lambda: "id"), "127.0.0.1", 0) as admin,
            serving(application.public(cells, lambda: "id"), "127.0.0.1", 0) as public,
            _client(admin) as merchant,
            _client(public) as payer,
        ):
            yield Town(database, cells, merchant, payer)
            for each in cells.contexts:
                each.let_go()


def _client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=httpx.Timeout(60, pool=None))


@pytest.fixture
async def four(cells: MakeCells) -> divided.Cells:
    """A database of four cells, with keys for a few accounts in each."""
    database = await cells(COUNT)
    await stock(database, 6)
    return database


async def stock(database: divided.Cells, count: int) -> None:
    """Have so many keys ready in each cell."""
    cells = len(database.engines)
    made = keys.Keyring(dogecoin.REGTEST, WORDS).account_xpubs(cells, count * cells)
    for cell, engine in enumerate(database.engines):
        async with engine.begin() as db:
            await insert(db, ready_keys, [_row(key) for key in made if key.number % cells == cell])


def _row(key: Any) -> dict[str, Any]:
    address = dogecoin.to_address(dogecoin.REGTEST, key.address_script)
    return {"number": key.number, "xpub": key.xpub, "address": address}


@pytest.fixture
async def town(four: divided.Cells) -> AsyncIterator[Town]:
    async with listening(four) as opened:
        yield opened


def ids(items: Sequence[Any]) -> list[int]:
    return [item["id"] for item in items]
