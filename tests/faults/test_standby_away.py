"""With synchronous replication on, what the standby has not got is answered and shown to nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application
from app.db.database import Database
from app.db.engine import open_engine
from tests import postgres_pair
from tests.postgres_pair import Pair
from tests.unit.api.conftest import client_of, context_on

SECONDS = 1.5
GOLD = {"code": "gold", "name": "Gold", "decimals": 0}
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    with postgres_pair.running(tmp_path) as pair:
        yield pair


@pytest.fixture
async def engine(pair: Pair) -> AsyncIterator[AsyncEngine]:
    """Connections that wait less long than those of the program."""
    await Database(pair.url()).upgrade()
    engine = open_engine(pair.url(), command_seconds=SECONDS)
    yield engine
    await engine.dispose()


@pytest.fixture
async def admin(engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.admin(context_on(engine), lambda: "id")) as admin:
        yield admin


async def assets(admin: httpx.AsyncClient) -> list[Any]:
    answer = await admin.get("/assets")
    return [asset["code"] for asset in answer.raise_for_status().json()["items"]]


async def test_a_commit_that_waits_for_a_frozen_standby_is_not_shown_before_the_standby_has_it(
    pair: Pair, admin: httpx.AsyncClient
) -> None:
    before = await assets(admin)

    pair.standby.freeze()
    waited = await admin.post("/assets", json=GOLD, headers=KEY)
    again = await admin.post("/assets", json=GOLD, headers=KEY)
    meanwhile = await assets(admin)
    pair.standby.thaw()
    await asyncio.to_thread(pair.in_sync)
    done = await admin.post("/assets", json=GOLD, headers=KEY)

    assert waited.status_code == 503
    assert again.status_code in (409, 503)
    assert meanwhile == before
    assert (done.status_code, done.headers["idempotent-replayed"]) == (200, "true")
    assert await assets(admin) == [*before, "gold"]


async def test_what_was_answered_before_the_primary_died_the_promoted_standby_has(
    pair: Pair, admin: httpx.AsyncClient
) -> None:
    made = await admin.post("/assets", json=GOLD, headers=KEY)

    pair.fail_over()
    async with asyncio.timeout(30):
        while (again := await admin.post("/assets", json=GOLD, headers=KEY)).status_code == 503:
            pass

    assert (made.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotent-replayed"] == "true"
