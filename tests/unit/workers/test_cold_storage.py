"""The clock of cold storage: what the settings say is noted, and why nothing goes is said once."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import sources
from app.db.tables import cold_storage as targets
from app.db.tables import payments
from app.domain import monitoring
from app.money import COIN
from app.workers import cold_storage
from app.workers.cold_storage import ColdStorage
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        await made.fund("shop", 2_000)
        await made.mine()
        yield made
        await made.audit()


async def clock(harness: ChainHarness, **more: str) -> ColdStorage:
    settings = {"KENNEL_HOT_CEILING": "1000", "KENNEL_COLD_ADDRESS": await harness.node_address(), **more}
    terms = cold_storage.terms_of(sources.read(settings))
    return ColdStorage(harness.engine, terms, harness.committed)


async def hot_wallet(harness: ChainHarness) -> Row[Any]:
    async with harness.engine.connect() as db:
        [row] = await monitoring.read(db, monitoring.HOT_WALLET)
    return row


async def figures(harness: ChainHarness) -> tuple[int, ...]:
    hot = await hot_wallet(harness)
    async with harness.engine.connect() as db:
        [ledger] = await monitoring.read(db, monitoring.LEDGER)
    values = (hot.hot_koinu, hot.hot_ceiling_koinu, ledger.cold_koinu, ledger.customers_koinu)
    return tuple(int(value) for value in values)


async def test_what_is_above_the_ceiling_goes_and_the_sender_is_woken(harness: ChainHarness) -> None:
    await harness.fund("platform", 10)
    await harness.mine()
    stored = await clock(harness)
    commits = harness.commits

    more = [await stored.step() for _ in range(3)]
    woken = harness.commits - commits
    await harness.send()
    await harness.mine(2)

    assert (more, woken) == ([False] * 3, 1)
    hot, ceiling, cold, customers = await figures(harness)
    assert (ceiling, cold) == (doge(1_000), doge(1_010))
    assert hot == customers - cold
    assert customers > doge(2_009)


async def test_what_is_on_its_way_is_watched_until_it_has_arrived_or_failed(harness: ChainHarness) -> None:
    await harness.fund("platform", 10)
    await harness.mine()
    before = await hot_wallet(harness)

    stored = await clock(harness)
    for _ in range(3):
        await stored.step()
    asked = await hot_wallet(harness)
    await harness.send()
    await harness.mine(2)
    arrived = await hot_wallet(harness)
    async with harness.engine.connect() as db:  # nothing is committed
        await db.execute(sa.update(payments).values(state="FAILED").where(payments.c.kind == "cold"))
        [failed] = await monitoring.read(db, monitoring.HOT_WALLET)

    assert [*before][2:] == [0, 0, 0]
    assert (asked.cold_sweep_koinu, asked.cold_sweep_failed) == (doge(1_010), 0)
    assert asked.cold_sweep_seconds > 0
    assert [*arrived][2:] == [0, 0, 0]
    assert [*failed][2:] == [0, 0, 1]


async def test_the_log_says_once_why_nothing_goes(
    harness: ChainHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    stored = await clock(harness)

    for _ in range(3):
        await stored.step()

    assert [record.getMessage() for record in caplog.records if "cold storage" in record.getMessage()] == [
        "nothing goes to cold storage: GetAccount: account not found: platform"
    ]
    assert (await figures(harness))[0] == 2_000 * COIN


async def test_without_a_ceiling_nothing_goes_and_that_is_noted(harness: ChainHarness) -> None:
    await (await clock(harness)).step()

    await ColdStorage(harness.engine, cold_storage.terms_of(sources.read({})), harness.committed).step()

    async with harness.engine.connect() as db:
        assert set(await db.scalars(sa.select(targets.c.ceiling))) == {0}
    assert (await figures(harness))[1] == 0
