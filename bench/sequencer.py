"""Events per second through the sequencer."""

import time
from statistics import median

import sqlalchemy as sa

from app.domain import outbox
from bench import programs
from bench.figures import Figure
from bench.programs import Testbed

ROUNDS = 3
EVENTS = 50_000
ACCOUNTS = 1_000

_FILL = sa.text("""
    INSERT INTO outbox (account_id, foreign_id, event_id, type, message)
    SELECT n % :accounts, 'shop-' || n % :accounts, md5(n::text), 'INV_CREATED', repeat('x', 500)
    FROM generate_series(1, :events) AS n
""").bindparams(sa.bindparam("accounts", type_=sa.Integer), sa.bindparam("events", type_=sa.Integer))


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure a figure that has no limit, for watching."""
    rates = []
    async with testbed.database() as url, programs.engine(url) as engine:
        for _ in range(ROUNDS):
            async with engine.begin() as db:
                await db.execute(_FILL, {"accounts": ACCOUNTS, "events": EVENTS})
            began, sequenced = time.perf_counter(), 1
            while sequenced:
                async with engine.begin() as db:
                    sequenced = await outbox.sequence(db)
            rates.append(EVENTS / (time.perf_counter() - began))
    return [Figure("sequencer", "events/s", median(rates), noise=(max(rates) - min(rates)) / median(rates))]
