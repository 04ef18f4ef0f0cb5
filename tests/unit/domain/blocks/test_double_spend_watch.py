"""What a block proves dead, with its descendants, against a model that knows only spends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.engine import open_engine
from app.db.tables import outbox, payments, transactions, watched_inputs
from app.domain import blocks, dogecoin
from app.domain.audit import Totals
from app.domain.blocks import Block, BlockOutput, Rules, Spend, double_spend_watch
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.payments import Choice, Draft, Signed, Spendable, Tier, cancelling_transaction, signing_queue
from tests import chain_harness, scenario
from tests.conftest import cloned
from tests.scenario import Chain, doge

CONFIRMATIONS = 2
RULES = Rules(REGTEST, CONFIRMATIONS)
SPENDS = {
    "deposit": ["a:0", "b:0"],
    "second": ["deposit:1", "c:0"],
    "good": ["g:0"],
    "payment": ["deposit:0"],
    "returned": ["payment:0"],
    "third": ["returned:0"],
    "both": ["second:0", "good:0"],
    "thief of a": ["a:0"],
    "thief of c": ["c:0"],
    "thief of g": ["g:0"],
}
"""Each transaction's inputs. One deposit spends another's change, and one an output of our payment."""
DEPOSITS = ("deposit", "second", "good", "returned")
OURS = ("payment", "third", "both")
CHAIN = [["deposit", "good"], ["payment"], ["second", "returned"]]
"""The branch that the reorg abandons; the last two of our transactions were signed and not mined."""


def txid(name: str) -> bytes:
    return name.encode().ljust(32, b".")


def outpoint(name: str) -> Outpoint:
    parent, vout = name.split(":")
    return Outpoint(txid(parent), int(vout))


@dataclass
class Branches:
    """A chain of named transactions, and a customer whose payments are built on it."""

    engine: AsyncEngine
    tip: list[list[str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> "Branches":
        await Chain(self.engine, RULES).start()
        await scenario.open_account(self.engine)
        for name in DEPOSITS:
            invoice = await scenario.invoice(self.engine, value=10, required_confirmations=1)
            self.addresses[name] = invoice.address
        await self.connect([CHAIN[0]])
        await self.sign("payment")
        await self.connect([CHAIN[1]])
        await self.connect([CHAIN[2]])
        await self.sign("third")
        await self.sign("both")
        return self

    async def sign(self, name: str) -> None:
        amount = 10 * len(SPENDS[name]) - 1
        [payment] = await chain_harness.request(
            self.engine, chain_harness.order(chain_harness.NOWHERE, amount, max_fee=doge(1))
        )
        coins = tuple(Spendable(outpoint(coin), doge(10), Tier.OWN) for coin in SPENDS[name])
        choice = Choice(coins, (doge(amount),), doge(0), doge(1))
        async with self.engine.begin() as db:
            signed = Signed(txid(name), b"", choice, None, None)
            await signing_queue.store(db, [Draft([scenario.accepted(payment)], signed)])

    def block(self, names: Sequence[str]) -> Block:
        height = len(self.blocks) + 1
        previous = self.blocks[-1].hash if self.blocks else scenario.GENESIS
        outputs = [
            BlockOutput(
                Outpoint(txid(name), 0),
                dogecoin.to_script(REGTEST, self.addresses[name]),
                doge(10),
                coinbase=False,
            )
            for name in names
            if name in DEPOSITS
        ]
        spends = [Spend(outpoint(coin), txid(name)) for name in names for coin in SPENDS[name]]
        return Block(
            height, txid(f"{height} of {previous[:8]!r} {names}"[:32]), previous, 0, 2, outputs, spends
        )

    async def connect(self, branch: Sequence[Sequence[str]]) -> None:
        connected = []
        for names in branch:
            connected.append(self.block(names))
            self.blocks.append(connected[-1])
            self.tip.append(list(names))
        async with self.engine.begin() as db:
            await blocks.connect(db, RULES, connected)

    async def disconnect(self, number: int) -> None:
        for _ in range(number):
            last = self.blocks.pop()
            self.tip.pop()
            async with self.engine.begin() as db:
                await blocks.disconnect(db, RULES, last.height, last.hash)

    async def rows(self) -> dict[str, list[Any]]:
        by_table: dict[str, list[Any]] = dict(await scenario.rows(self.engine))
        async with self.engine.connect() as db:
            for table, names in (
                (transactions, ("id", "state", "height", "conflict_height", "mined_count")),
                (payments, ("id", "state", "clawback_debt")),
                (outbox, ("id", "type", "foreign_id")),
            ):
                rows = await db.execute(sa.select(*(table.c[name] for name in names)).order_by(table.c.id))
                by_table[table.name] = [tuple(row) for row in rows]
        return by_table

    async def totals(self) -> Totals:
        report = await audit.run(self.engine)
        assert report.ok, report
        return report.totals[0]

    async def states(self) -> dict[str, str]:
        async with self.engine.connect() as db:
            same = payments.join(transactions, transactions.c.id == payments.c.transaction_id)
            rows = await db.execute(sa.select(transactions.c.txid, payments.c.state).select_from(same))
            return {bytes(row.txid).rstrip(b".").decode(): row.state for row in rows}

    def expected(self) -> dict[str, str]:
        """The state of each payment, from the chain alone."""
        heights = {name: height for height, names in enumerate(self.tip, 1) for name in names}
        spent = {coin: (height, name) for name, height in heights.items() for coin in SPENDS[name]}

        def since(name: str) -> list[int]:
            if name in heights or name not in SPENDS:
                return []
            elsewhere = [spent[coin][0] for coin in SPENDS[name] if coin in spent]
            return elsewhere + [height for coin in SPENDS[name] for height in since(coin.split(":")[0])]

        def fate(name: str) -> str:
            tip = len(self.tip)
            if name in heights:
                return "CONFIRMED" if heights[name] + CONFIRMATIONS - 1 <= tip else "BROADCAST"
            conflicts = since(name)
            return "FAILED" if conflicts and min(conflicts) + CONFIRMATIONS - 1 <= tip else "PROCESSING"

        return {name: fate(name) for name in OURS}


def possible(plan: Sequence[Sequence[str]]) -> list[list[str]]:
    """Leave out of the blocks what no chain could contain."""
    branch: list[list[str]] = []
    for names in plan:
        branch.append([])
        for name in sorted(names, key=list(SPENDS).index):
            mined = {known for block in branch for known in block}
            spent = {coin for known in mined for coin in SPENDS[known]}
            parents = {coin.split(":")[0] for coin in SPENDS[name]} & SPENDS.keys()
            if name not in mined and not spent & set(SPENDS[name]) and parents <= mined:
                branch[-1].append(name)
    return branch


async def follow(
    server: str, plan: list[list[str]], cuts: Sequence[int], *, back: bool
) -> dict[str, list[Any]]:
    """Follow another branch in transactions of `cuts` blocks each, in turn; returns every table's rows."""
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            chain = await Branches(engine).begin()
            await chain.disconnect(3)
            batch = 0
            while len(chain.tip) < len(plan):
                at = len(chain.tip)
                await chain.connect(plan[at : at + cuts[batch % len(cuts)]])
                batch += 1
                states = {
                    n: "PROCESSING" if s == "BROADCAST" else s for n, s in (await chain.states()).items()
                }
                expected = {n: "PROCESSING" if s == "BROADCAST" else s for n, s in chain.expected().items()}
                assert states == expected
            rows = await chain.rows()
            if back:
                await back_again(chain)
            return rows
        finally:
            await engine.dispose()


async def back_again(chain: Branches) -> None:
    """Return to the abandoned branch: every payment is confirmed, and only clawback has lost or gained."""
    assert [finding.detail for finding in (await audit.run(chain.engine)).findings if not finding.ok] == []
    await chain.disconnect(len(chain.tip))
    await chain.connect([*CHAIN, ["third", "both"], []])
    assert set((await chain.states()).values()) == {"CONFIRMED"}
    report = await audit.run(chain.engine)
    assert (report.ok, report.totals[0].customers) == (True, -report.totals[0].clawback)


NAMES = st.lists(st.sampled_from(list(SPENDS)), max_size=3)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(NAMES, min_size=2, max_size=6), st.lists(st.integers(1, 5), min_size=1, max_size=3))
@example([["thief of a"], [], []], [3])
@example([["good"], ["thief of g", "thief of a"], ["thief of c"], [], []], [2])
@example([["deposit"], ["payment", "thief of c"], ["returned"], []], [4])
def test_what_is_built_on_a_deposit_that_a_block_proves_dead_is_released_whatever_the_batches(
    server: str, plan: list[list[str]], cuts: list[int]
) -> None:
    branch = possible(plan)
    assert asyncio.run(follow(server, branch, cuts, back=True)) == asyncio.run(
        follow(server, branch, [1], back=False)
    )


@pytest.fixture
async def chain(engine: AsyncEngine) -> Branches:
    return await Branches(engine).begin()


async def watched(engine: AsyncEngine) -> dict[tuple[bytes, int], int | None]:
    async with engine.connect() as db:
        return {
            (bytes(row.txid), row.vout): row.height for row in await db.execute(sa.select(watched_inputs))
        }


async def test_inputs_are_watched_until_their_deposit_is_too_deep_to_be_taken_back(
    chain: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    heights = {outpoint(coin): 1 for coin in ("a:0", "b:0", "g:0")} | {
        outpoint(coin): 3 for coin in ("deposit:1", "c:0", "payment:0")
    }
    assert await watched(chain.engine) == heights
    await chain.disconnect(2)
    assert await watched(chain.engine) == {
        coin: height if height == 1 else None for coin, height in heights.items()
    }
    await chain.connect([CHAIN[1], [], CHAIN[2]])
    assert set((await watched(chain.engine)).values()) == {1, 4}
    monkeypatch.setitem(globals(), "RULES", replace(RULES, max_reorg_blocks=3))
    await chain.connect([[]])

    assert set((await watched(chain.engine)).values()) == {4}


async def test_a_coin_of_a_dead_deposit_is_of_no_use_to_what_is_signed_later(chain: Branches) -> None:
    await chain.disconnect(3)
    await chain.connect([["thief of a", "good"], []])

    async with chain.engine.begin() as db:
        free = sa.text("SELECT txid FROM coins WHERE transaction_id IS NULL AND height IS NOT NULL")
        assert [bytes(found_txid) for found_txid in await db.scalars(free)] == [txid("good")]
    assert await chain.states() == {"payment": "FAILED", "third": "FAILED", "both": "FAILED"}


async def test_what_a_block_has_overtaken_is_cancelled_only_after_that_block_is_gone(chain: Branches) -> None:
    """A cancellation could spend the coin of the dead deposit, and would itself wait for ever."""
    await chain.disconnect(3)
    await chain.connect([["thief of a"]])
    async with chain.engine.begin() as db:
        await db.execute(sa.update(payments).values(state="CANCELLING"))
        assert await cancelling_transaction.lock_to_cancel(db) == []

    await chain.disconnect(1)

    async with chain.engine.begin() as db:
        assert len(await cancelling_transaction.lock_to_cancel(db)) == len(OURS)


async def test_money_that_returns_first_repays_what_the_dead_deposits_owe(chain: Branches) -> None:
    await chain.disconnect(3)
    assert (await chain.totals()).clawback == -doge(40)
    await chain.connect([["thief of a", "good"]])
    assert (await chain.totals()).clawback == -doge(30)

    await chain.connect([[]])

    totals = await chain.totals()
    assert (totals.clawback, totals.customers, totals.coins) == (0, doge(10), doge(10))
    assert (await scenario.balance(chain.engine, 0)).available == doge(10)


def test_of_a_transaction_with_very_many_inputs_only_the_first_are_watched() -> None:
    spends = [
        (Outpoint(txid("large"), number), txid("payer"))
        for number in range(double_spend_watch.MOST_INPUTS + 5)
    ]
    spends += [(Outpoint(txid("other"), 0), txid("nobody's"))]
    watch = double_spend_watch.DoubleSpendWatch()

    watch.connect(1, spends, {txid("payer")})

    assert list(watch.mined) == spends[: double_spend_watch.MOST_INPUTS]


def test_a_payer_in_the_same_block_is_watched_with_the_deposit_that_is_built_on_it() -> None:
    spends = [(Outpoint(txid("x"), 0), txid("parent")), (Outpoint(txid("parent"), 1), txid("payer"))]
    watch = double_spend_watch.DoubleSpendWatch()

    assert watch.connect(7, spends, {txid("payer")}) == set()
    assert watch.mined == {
        (Outpoint(txid("x"), 0), txid("parent")): 7,
        (Outpoint(txid("parent"), 1), txid("payer")): 7,
    }
