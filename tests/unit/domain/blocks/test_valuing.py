"""What a deposit was worth: by the rate of its block's time, and stored with it for good."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import bulk
from app.db.tables import deposits, outbox, rates
from app.domain import rates as rating
from app.domain.blocks import Block
from tests import scenario
from tests.scenario import Chain, doge
from tests.statements import hear_all

NOW = int(time.time())
TEN_MINUTES = 600


async def told(engine: AsyncEngine, ages: dict[int, str], currencies: tuple[str, ...] = ("EUR",)) -> None:
    """Let the rate have been so some seconds ago."""
    rows = [
        {
            "pair": "DOGE-EUR",
            "at": datetime.fromtimestamp(NOW - age, UTC),
            "source": "a",
            "value": Decimal(value),
        }
        for age, value in ages.items()
    ]
    async with engine.begin() as db:
        await rating.configure(db, currencies, TEN_MINUTES)
        await bulk.insert(db, rates, rows)


def made(chain: Chain, age: int, address: str, amount: int | str) -> Block:
    """Return the next block, made so many seconds ago."""
    return scenario.dated(chain, [(address, doge(amount))], NOW - age)


async def quotes(engine: AsyncEngine) -> list[tuple[str | None, Decimal | None]]:
    query = sa.select(deposits.c.fiat_currency, deposits.c.rate).order_by(deposits.c.amount)
    async with engine.connect() as db:
        return [tuple(row) for row in await db.execute(query)]


async def test_each_block_of_a_batch_values_its_deposits_by_the_rate_of_its_own_time(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await told(engine, {9_000: "0.5", 5_100: "0.1", 5_000: "0.2", 100: "0.3"})

    ages = (8_000, 5_050, 4_900, 50, -50)  # nothing was fresh at the first; the last is in the future
    await chain.connect(*(made(chain, age, account.address, n + 1) for n, age in enumerate(ages)))

    valued = [rate and str(rate.normalize()) for _, rate in await quotes(engine)]
    assert valued == [None, "0.1", "0.2", "0.3", "0.3"]


async def test_without_a_source_deposits_have_no_value_and_say_so(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await told(engine, {10: "0.5"}, currencies=())

    await chain.connect(made(chain, 5, account.address, 1))
    await chain.deepen(5)

    assert await quotes(engine) == [(None, None)]
    [message] = await scenario.event_messages(engine, "DEPOSIT_CONFIRMED")
    assert message["fiat"] is None


async def test_a_deposit_keeps_its_value_through_a_reorg_and_tells_it_when_it_is_confirmed(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await told(engine, {500: "0.5", 100: "0.25"})
    first = made(chain, 400, account.address, 20)
    await chain.connect(first)

    await chain.disconnect()
    chain.blocks.append(again := replace(first, hash=bytes(32), time=NOW - 50))
    await chain.connect(again)
    await chain.deepen(5)

    assert await quotes(engine) == [("EUR", Decimal("0.5"))]
    query = sa.select(outbox.c.message).where(outbox.c.type == "DEPOSIT_CONFIRMED")
    async with engine.connect() as db:
        message = json.loads((await db.execute(query)).scalar_one())
    at = datetime.fromtimestamp(NOW - 500, UTC).isoformat()
    assert message["fiat"] == {"currency": "EUR", "value": "10.00", "rate": "0.5", "at": at}


async def test_however_many_deposits_blocks_have_rates_are_asked_for_once(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await told(engine, {10: "0.5"})
    asked: list[str] = []
    hear_all(engine, asked.append)

    await chain.connect(
        *(chain.block([(account.address, doge(n + 1)) for n in range(20)]) for _ in range(10))
    )

    assert sum("FROM rates" in statement for statement in asked) == 1
