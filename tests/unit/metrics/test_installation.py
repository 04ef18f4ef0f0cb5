"""The figures of the installation are what the database and the node have."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.db.tables import chain_state
from app.domain import outbox, webhooks
from app.domain.outbox import OutboxEvent
from app.domain.webhooks import NewEndpoint
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.money import COIN
from tests import chain_harness, scenario
from tests.chain_harness import NOWHERE, ChainHarness, order, request
from tests.exposition import figures

_LOCK = sa.text("SELECT pg_advisory_xact_lock(1)")


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path / "node") as opened:
        await scenario.open_account(engine)
        yield opened


async def scraped(harness: ChainHarness) -> Mapping[str, float]:
    async def height() -> int:
        return (await harness.node.chain_state()).height

    return figures((await Scrape(ProcessMetrics(), harness.engine, height).text()).decode())


async def test_the_ledger_is_as_far_behind_as_blocks_are_missing(harness: ChainHarness) -> None:
    await harness.follow()
    await harness.call("generate", 3)

    before = await scraped(harness)
    await harness.follow()
    after = await scraped(harness)

    assert (before["kennel_chain_lag_blocks"], after["kennel_chain_lag_blocks"]) == (3, 0)
    assert after["kennel_chain_height"] == after["kennel_node_height"] == before["kennel_chain_height"] + 3
    assert after["kennel_node_answers"] == 1


async def test_payments_are_counted_where_they_are_and_coins_by_what_becomes_of_them(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 50, 2_000)
    await request(harness.engine, order(NOWHERE, 100), order(NOWHERE, 10))
    pending = await scraped(harness)
    await harness.send()
    sent = await scraped(harness)
    await harness.mine(chain_harness.RULES.confirmations)
    over = await scraped(harness)

    assert pending['kennel_payments{state="PENDING"}'] == 2
    assert pending['kennel_coins{below="100",state="free"}'] == 1
    assert pending['kennel_coins_koinu{below="10000",state="free"}'] == 2_000 * COIN
    assert sent['kennel_payments{state="PENDING"}'] == 0
    assert sent['kennel_payments{state="BROADCAST"}'] == 2
    assert sent['kennel_payments_koinu{state="BROADCAST"}'] >= 110 * COIN
    assert sum(sent[f'kennel_coins{{below="{size}",state="leaving"}}'] for size in (100, 10000)) > 0
    assert over['kennel_payments{state="BROADCAST"}'] == 0
    assert sum(over[f'kennel_coins{{below="{size}",state="leaving"}}'] for size in (100, 10000)) == 0


async def test_what_waits_for_a_block_is_counted_with_its_amount(harness: ChainHarness) -> None:
    invoice = await scenario.invoice(harness.engine)
    await harness.follow()
    await harness.call("sendtoaddress", invoice.address, 7)
    await harness.look()

    seen = await scraped(harness)
    await harness.mine()
    mined = await scraped(harness)

    assert (seen["kennel_mempool_payments"], seen["kennel_mempool_koinu"]) == (1, 7 * COIN)
    assert (mined["kennel_mempool_payments"], mined["kennel_mempool_oldest_seconds"]) == (0, 0)
    assert mined["kennel_customers_koinu"] == 7 * COIN


async def test_events_are_counted_before_they_have_a_number_and_before_an_endpoint_has_them(
    engine: AsyncEngine,
) -> None:
    scrape = Scrape(ProcessMetrics(), engine)
    async with engine.begin() as db:
        endpoint = await webhooks.create(db, NewEndpoint("http://shop.example/", ("ALL",), "x" * 24))
        await outbox.emit(db, [OutboxEvent(1, "shop", "INV_CREATED", "{}")] * 3)
    waiting = figures((await scrape.text()).decode())
    async with engine.begin() as db:
        await outbox.sequence(db)
    async with engine.begin() as db:
        await webhooks.step(db)
    numbered = figures((await scrape.text()).decode())

    due = f'kennel_deliveries_due{{endpoint="{getattr(endpoint, "id", "")}"}}'
    assert (waiting["kennel_outbox_events"], waiting[due]) == (3, 0)
    assert waiting["kennel_outbox_oldest_seconds"] > 0
    assert (numbered["kennel_outbox_events"], numbered["kennel_outbox_oldest_seconds"]) == (0, 0)
    assert (numbered[due], numbered["kennel_events_last_position"]) == (3, 3)
    assert numbered['kennel_sink_behind_events{sink="webhooks"}'] == 0


async def test_who_waits_for_a_lock_is_counted(engine: AsyncEngine) -> None:
    scrape = Scrape(ProcessMetrics(), engine)
    async with engine.begin() as holder, engine.begin() as waiter, asyncio.TaskGroup() as group:
        await holder.execute(_LOCK)
        group.create_task(waiter.execute(_LOCK))
        await scenario.until_someone_waits(engine)
        figure = figures((await scrape.text()).decode())
        await holder.rollback()

    assert figure["kennel_database_lock_waits"] == 1
    assert figure["kennel_database_lock_oldest_seconds"] > 0


async def test_a_pause_shows(harness: ChainHarness) -> None:
    await harness.follow()
    before = await scraped(harness)
    async with harness.engine.begin() as db:
        await db.execute(sa.update(chain_state).values(payments_paused="somebody looks"))

    assert (before["kennel_payments_paused"], (await scraped(harness))["kennel_payments_paused"]) == (0, 1)


async def test_without_a_database_the_process_still_answers_and_says_what_could_not_be_read(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"postgresql+asyncpg://kennel@/kennel?host={tmp_path}")

    figure = figures((await Scrape(ProcessMetrics(), engine).text()).decode())
    await engine.dispose()

    assert figure['kennel_section_read{section="payments"}'] == 0
    assert figure["kennel_node_answers"] == 0
    assert "kennel_payments_paused" not in figure
    assert figure["process_resident_memory_bytes"] > 0
