"""Payments that are mined under another txid than was signed, on a real chain: they are what they pay."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import wire
from app.chain.rpc import NodeError
from app.db.tables import coins, deposits
from app.domain import payments
from app.domain.dogecoin import REGTEST
from app.domain.payments import Payment, consolidation
from devnet import signatures
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge

CHANGED = "PAYMENT_TXID_CHANGED"


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    """Whatever was mined, the books agree in the end, nothing was spent that we do not know, and payments are not paused."""
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()
        async with engine.begin() as db:
            assert await payments.reason(db) is None


async def sent(till: ChainHarness, amount: int | str = 40) -> Payment:
    payment = await till.pay(await till.stranger(), amount)
    await till.send()
    return await now(till, payment)


async def now(till: ChainHarness, payment: Payment) -> Payment:
    [shown] = await till.shown(payment)
    return shown


async def twin_of(till: ChainHarness, payment: Payment) -> str:
    """The payment's transaction as a miner may have changed it."""
    raw = (await now(till, payment)).raw
    assert raw is not None
    twin: str = await till.call("malleate", raw.hex())
    return twin


async def branch(till: ChainHarness, root: int, *raws: str, deep: bool) -> None:
    """Replace the chain above the height `root` by a longer one, with these in a block each: at its begin, or at its end."""
    height = await till.call("getblockcount")
    if height > root:
        await till.back(height - root)
    empty: list[list[str]] = [[] for _ in range(height - root + 2)]
    held = [[raw] for raw in raws]
    for transactions in (*held, *empty) if deep else (*empty, *held):
        await till.call("generateblock", chain_harness.NOWHERE, transactions)
    await till.follow()


async def unspent(till: ChainHarness) -> list[int]:
    """Amounts of the coins that lie in blocks."""
    async with till.engine.connect() as db:
        there = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
        return list(await db.scalars(sa.select(coins.c.amount).where(there).order_by(coins.c.amount)))


def txid(raw: str) -> bytes:
    return wire.parse_transaction(bytes.fromhex(raw)).txid


async def test_a_payment_that_is_mined_under_another_txid_is_confirmed_under_that(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await sent(till)
    assert payment.fee is not None
    twin = await twin_of(till, payment)

    await till.mine_only(twin)
    await till.mine(3)

    after = await now(till, payment)
    assert (after.state, after.txid, after.raw) == ("CONFIRMED", txid(twin), bytes.fromhex(twin))
    assert txid(twin) != payment.txid
    assert await till.told(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", CHANGED, "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip
    assert (await till.balance())[:4] == (doge(60) - payment.fee, 0, 0, 0)
    assert await unspent(till) == [doge(60) - payment.fee]


async def test_what_was_built_on_the_change_is_signed_again_and_paid_once(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    first = await sent(till)
    second = await sent(till, 20)
    third = await sent(till, 5)
    twin = await twin_of(till, first)

    await till.mine_only(twin)
    assert await till.send() > 0
    assert await till.states(first, second, third) == ["BROADCAST"] * 3
    assert (await now(till, second)).txid != second.txid
    assert CHANGED in await till.told(third)
    await till.mine(3)

    assert await till.states(first, second, third) == ["CONFIRMED"] * 3
    fees = sum(payment.fee or 0 for payment in (first, second, third))
    assert (await till.balance())[:4] == (doge(35) - fees, 0, 0, 0)
    assert await unspent(till) == [doge(35) - fees]


async def test_the_twin_and_what_was_signed_replace_each_other_in_reorgs(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    first = await sent(till)
    second = await sent(till, 20)
    twin = await twin_of(till, first)
    original, child = (payment.raw.hex() for payment in (first, second) if payment.raw)

    root = await till.call("getblockcount")

    for _ in range(2):
        await branch(till, root, twin, deep=False)
        await till.later()
        await till.send()
        assert (await now(till, first)).txid == txid(twin)
        assert (await now(till, second)).txid != second.txid
        await till.audit()
        await branch(till, root, original, child, deep=True)
        assert [(await now(till, one)).txid for one in (first, second)] == [first.txid, second.txid]
        assert await till.states(first, second) == ["CONFIRMED"] * 2
        await till.audit()
    await branch(till, root, twin, deep=False)
    await till.later()
    await till.send()
    await till.mine(4)

    assert await till.states(first, second) == ["CONFIRMED"] * 2
    fees = sum(payment.fee or 0 for payment in (first, second))
    assert (await till.balance())[:4] == (doge(40) - fees, 0, 0, 0)
    assert await unspent(till) == [doge(40) - fees]
    assert (await till.told(first)).count(CHANGED) == 5
    assert (await till.told(first)).count("PAYMENT_CONFIRMED") == 3


async def test_payments_together_and_a_merging_of_coins_go_on_under_another_txid(till: ChainHarness) -> None:
    await till.fund("shop", *[10] * 10)
    together = [await till.pay(await till.stranger(), 3, batch=True) for _ in range(3)]
    await till.send()
    await till.mine_only(await twin_of(till, together[0]))
    async with till.engine.begin() as db:
        merging = scenario.accepted(await consolidation.request(db, REGTEST, "shop", 5))[0]
    await till.send()
    await till.mine_only(await twin_of(till, merging))
    await till.mine(3)

    assert await till.states(*together, merging) == ["CONFIRMED"] * 4
    assert {CHANGED in await till.told(payment) for payment in (*together, merging)} == {True}
    fees = sum(payment.fee or 0 for payment in await till.shown(*together, merging))
    assert (await till.balance())[:4] == (doge(91) - fees, 0, 0, 0)
    async with till.engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deposits)) == 10


async def test_a_cancellation_that_is_mined_under_another_txid_voids_the_payment(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 40, kind="paytx")
    await till.send()
    payment = await now(till, payment)
    async with till.engine.begin() as db:
        await payments.void(db, [payments.VoidOrder("shop", payment.id, payment.txid)])
    await till.send()
    [_, cancelling] = await till.sent()
    twin = await till.call("malleate", cancelling["raw"].hex())

    await till.mine_only(twin)
    await till.mine(3)

    assert await till.states(payment) == ["VOIDED"]
    assert (await till.balance())[:4] == (doge(100) - cancelling["fee"], 0, 0, 0)
    assert await unspent(till) == [doge(100) - cancelling["fee"]]


async def test_a_twin_signed_with_another_hash_type_is_the_payment_too(till: ChainHarness) -> None:
    await till.fund("shop", 30, 30)
    payment = await sent(till)
    twin = await till.signed_again(payment, signatures.HASH_TYPES["ALL|ANYONECANPAY"])

    await till.mine_only(twin)
    await till.mine(3)

    assert (await now(till, payment)).txid == txid(twin) != payment.txid
    assert await till.states(payment) == ["CONFIRMED"]


@pytest.mark.parametrize("difference", ["an output", "an input"])
async def test_what_spends_the_same_coins_and_pays_otherwise_is_no_twin(
    engine: AsyncEngine, tmp_path: Path, difference: str
) -> None:
    async with chain_harness.opened(engine, tmp_path) as till:
        await till.fund("shop", 30, 30)
        payment = await sent(till)
        before = wire.parse_transaction(payment.raw or b"")
        outputs = [before.outputs[0]._replace(value=before.outputs[0].value - 1), *before.outputs[1:]]
        other = await till.signed_again(
            payment, 1, inputs=before.inputs[1:] if difference == "an input" else before.inputs,
            outputs=outputs if difference == "an output" else [before.outputs[0]._replace(value=doge(29))],
        )  # fmt: skip

        await till.mine_only(other)
        await till.mine(3)

        assert await till.states(payment) == ["FAILED"]
        async with engine.begin() as db:
            assert await payments.reason(db)


async def test_a_payment_whose_twin_waits_at_the_node_cannot_be_voided_and_does_not_fail(till: ChainHarness) -> None:
    await till.fund("shop", 30, 30)
    payment = await till.pay(await till.stranger(), 40, kind="paytx")
    await till.send()
    payment = await now(till, payment)
    assert not await till.node.holds_same(payment.raw or b"")
    twin = await till.signed_again(payment, signatures.HASH_TYPES["ALL|ANYONECANPAY"])

    await till.call("sendrawtransaction", twin)

    assert not await till.node.holds(payment.txid or b"")
    assert await till.node.holds_same(payment.raw or b"")
    [refusal] = await till.node.send([payment.raw or b""])
    assert isinstance(refusal, NodeError)
    assert "txn-mempool-conflict" in str(refusal)
    await till.later()
    await till.send()
    assert await till.states(payment) == ["PROCESSING"]
    await till.mine(3)
    assert await till.states(payment) == ["CONFIRMED"]
