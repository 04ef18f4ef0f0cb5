"""n blocks in one transaction leave the same rows, entries and events as n transactions."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.domain import dogecoin, invoices, sightings
from app.domain.blocks import Block, BlockOutput
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.invoices import cancelling
from app.domain.sightings import WaitingOutput, WaitingTransaction
from tests import scenario
from tests.conftest import cloned
from tests.scenario import Chain, doge


@dataclass(frozen=True)
class Plan:
    """What each block pays (invoice number, DOGE), and how the blocks are cut.

    And of each whether it spends an earlier payment, whether its payments were seen in the mempool before, and
    whether it double-spends a payment that was.
    """

    blocks: list[tuple[list[tuple[int, int]], bool, bool, bool]]
    cuts: list[int]


OTHER_COIN = Outpoint(bytes(32), 0)
PLANS = st.builds(
    Plan,
    blocks=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 3), st.integers(1, 15)), max_size=4),
            st.booleans(), st.booleans(), st.booleans(),
        ),
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
                await cancelling.cancel(
                    connection, [invoices.CancelOrder("shop1", shops[3])], scenario.INSTALLATION
                )
            await scenario.event_types(engine)
            blocks: list[Block] = []
            seen: list[WaitingTransaction] = []
            for paid, spends, sighted, doomed in plan.blocks:
                earlier = [output.outpoint for block in chain.blocks for output in block.outputs][:1]
                payments = [(shops[number], doge(amount)) for number, amount in paid]
                spent = [Outpoint(bytes([len(blocks)] * 32), 0)] if doomed else []
                blocks.append(chain.block(payments, [*(earlier if spends else ()), *spent]))
                seen += [waiting(output) for output in blocks[-1].outputs if sighted]
                seen += [waiting(replaced(shops[0], outpoint), outpoint) for outpoint in spent]
            await see(engine, seen)
            for cut in itertools.cycle(cuts):
                await chain.connect(*blocks[:cut])
                blocks = blocks[cut:]
                if not blocks:
                    break
            return await scenario.rows(engine)
        finally:
            await engine.dispose()


def waiting(output: BlockOutput, spent: Outpoint = OTHER_COIN) -> WaitingTransaction:
    """A transaction in the mempool that pays the output."""
    paid = WaitingOutput(output.outpoint, output.script, output.amount)
    return WaitingTransaction(output.outpoint.txid, [paid], [spent], replaceable=False)


def replaced(address: str, spent: Outpoint) -> BlockOutput:
    """A payment that no block will have, because one spends the same."""
    return BlockOutput(Outpoint(spent.txid[::2] * 2, 9), dogecoin.to_script(REGTEST, address), doge(3), False)


async def see(engine: AsyncEngine, transactions: Sequence[WaitingTransaction]) -> None:
    """See payments in the mempool; each other one counts as confirmed for its invoice."""
    async with engine.begin() as db:
        found = await sightings.find(db, REGTEST, 6, transactions)
        ordered = sorted(found, key=lambda sighting: sighting.outpoint)
        half = [replace(sighting, acceptable=n % 2 == 0) for n, sighting in enumerate(ordered)]
        inputs = {transaction.txid: transaction.inputs for transaction in transactions}
        await sightings.record(db, REGTEST, half, inputs)


async def invoice(engine: AsyncEngine, number: int) -> str:
    name = f"shop{number % 2}"
    await scenario.open_account(engine, name)
    return (await scenario.invoice(engine, name, value=10, required_confirmations=number)).address


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS)
def test_many_blocks_at_once_leave_what_one_by_one_leaves(server: str, plan: Plan) -> None:
    assert asyncio.run(follow(server, plan, plan.cuts)) == asyncio.run(follow(server, plan, [1]))
