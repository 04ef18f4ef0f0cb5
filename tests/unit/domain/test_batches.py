"""n blocks in one transaction leave the same rows, entries and events as n transactions."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.domain import invoices
from app.domain.invoices import expiry
from tests import scenario
from tests.conftest import cloned
from tests.scenario import Chain, doge


@dataclass(frozen=True)
class Plan:
    """What each block pays (invoice, DOGE), whether it spends an earlier output, and how blocks are cut."""

    blocks: list[tuple[list[tuple[int, int]], bool]]
    cuts: list[int]


PLANS = st.builds(
    Plan,
    blocks=st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 15)), max_size=4), st.booleans()),
        min_size=2, max_size=12,
    ),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=6),
)  # fmt: skip


async def follow(server: str, plan: Plan, cuts: Sequence[int]) -> dict[str, list[tuple[object, ...]]]:
    """Return every table's rows after transactions of `cuts` blocks each, in turn."""
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            chain = await Chain(engine).start()
            shops = [await invoice(engine, n) for n in range(4)]
            async with engine.begin() as connection:
                await expiry.cancel(
                    connection, [invoices.CancelOrder("shop1", shops[3])], scenario.INSTALLATION
                )
            await scenario.event_types(engine)
            blocks = []
            for paid, spends in plan.blocks:
                earlier = [output.outpoint for block in chain.blocks for output in block.outputs][:1]
                payments = [(shops[number], doge(amount)) for number, amount in paid]
                blocks.append(chain.block(payments, earlier if spends else ()))
            for cut in itertools.cycle(cuts):
                await chain.connect(*blocks[:cut])
                blocks = blocks[cut:]
                if not blocks:
                    break
            return await scenario.rows(engine)
        finally:
            await engine.dispose()


async def invoice(engine: AsyncEngine, number: int) -> str:
    name = f"shop{number % 2}"
    await scenario.open_account(engine, name)
    return (await scenario.invoice(engine, name, value=10, required_confirmations=number)).address


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS)
def test_many_blocks_at_once_leave_what_one_by_one_leaves(server: str, plan: Plan) -> None:
    assert asyncio.run(follow(server, plan, plan.cuts)) == asyncio.run(follow(server, plan, [1]))
