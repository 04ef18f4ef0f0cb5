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
from app.domain.payments import Payment, consolidation, pause, voiding
from devnet import signatures
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge

CHANGED = "PAYMENT_TXID_CHANGED"


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    """In the end the ledger agrees with the chain, every spend is known, and payments are not paused."""
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()
        async with engine.begin() as db:
            assert await pause.reason(db) is None


async def sent(harness: ChainHarness, amount: int | str = 40) -> Payment:
    payment = await harness.pay(await harness.node_address(), amount)
    await harness.send()
    return await current(harness, payment)


async def current(harness: ChainHarness, payment: Payment) -> Payment:
    [reloaded] = await harness.reload(payment)
    return reloaded


async def twin_of(harness: ChainHarness, payment: Payment) -> str:
    """The payment's transaction as a miner may have changed it."""
    raw = (await current(harness, payment)).raw
    assert raw is not None
    twin: str = await harness.call("malleate", raw.hex())
    return twin


async def branch(harness: ChainHarness, root: int, *raws: str, deep: bool) -> None:
    """Replace the chain above the height `root` by a longer one.

    Each of these transactions has a block of its own: `deep`, before empty blocks, or after them.
    """
    height = await harness.call("getblockcount")
    if height > root:
        await harness.invalidate_blocks(height - root)
    empty: list[list[str]] = [[] for _ in range(height - root + 2)]
    full = [[raw] for raw in raws]
    for transactions in (*full, *empty) if deep else (*empty, *full):
        await harness.call("generateblock", chain_harness.NOWHERE, transactions)
    await harness.follow()


async def unspent(harness: ChainHarness) -> list[int]:
    """Amounts of the coins that lie in blocks."""
    async with harness.engine.connect() as db:
        in_blocks = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
        return list(await db.scalars(sa.select(coins.c.amount).where(in_blocks).order_by(coins.c.amount)))


def txid(raw: str) -> bytes:
    return wire.parse_transaction(bytes.fromhex(raw)).txid


async def test_a_payment_that_is_mined_under_another_txid_is_confirmed_under_that(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    payment = await sent(harness)
    assert payment.fee is not None
    twin = await twin_of(harness, payment)

    await harness.mine_only(twin)
    await harness.mine(3)

    after = await current(harness, payment)
    assert (after.state, after.txid, after.raw) == ("CONFIRMED", txid(twin), bytes.fromhex(twin))
    assert txid(twin) != payment.txid
    assert await harness.payment_events(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", CHANGED, "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip
    assert (await harness.balance())[:4] == (doge(60) - payment.fee, 0, 0, 0)
    assert await unspent(harness) == [doge(60) - payment.fee]


async def test_what_was_built_on_the_change_is_signed_again_and_paid_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    first = await sent(harness)
    second = await sent(harness, 20)
    third = await sent(harness, 5)
    twin = await twin_of(harness, first)

    await harness.mine_only(twin)
    assert await harness.send() > 0
    assert await harness.states(first, second, third) == ["BROADCAST"] * 3
    assert (await current(harness, second)).txid != second.txid
    assert CHANGED in await harness.payment_events(third)
    await harness.mine(3)

    assert await harness.states(first, second, third) == ["CONFIRMED"] * 3
    fees = sum(payment.fee or 0 for payment in (first, second, third))
    assert (await harness.balance())[:4] == (doge(35) - fees, 0, 0, 0)
    assert await unspent(harness) == [doge(35) - fees]


async def test_the_twin_and_what_was_signed_replace_each_other_in_reorgs(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    first = await sent(harness)
    second = await sent(harness, 20)
    twin = await twin_of(harness, first)
    original, child = (payment.raw.hex() for payment in (first, second) if payment.raw)

    root = await harness.call("getblockcount")

    for _ in range(2):
        await branch(harness, root, twin, deep=False)
        await harness.make_due()
        await harness.send()
        assert (await current(harness, first)).txid == txid(twin)
        assert (await current(harness, second)).txid != second.txid
        await harness.audit()
        await branch(harness, root, original, child, deep=True)
        txids = [payment.txid for payment in await harness.reload(first, second)]
        assert txids == [first.txid, second.txid]
        assert await harness.states(first, second) == ["CONFIRMED"] * 2
        await harness.audit()
    await branch(harness, root, twin, deep=False)
    await harness.make_due()
    await harness.send()
    await harness.mine(4)

    assert await harness.states(first, second) == ["CONFIRMED"] * 2
    fees = sum(payment.fee or 0 for payment in (first, second))
    assert (await harness.balance())[:4] == (doge(40) - fees, 0, 0, 0)
    assert await unspent(harness) == [doge(40) - fees]
    assert (await harness.payment_events(first)).count(CHANGED) == 5
    assert (await harness.payment_events(first)).count("PAYMENT_CONFIRMED") == 3


async def test_payments_together_and_a_merging_of_coins_go_on_under_another_txid(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", *[10] * 10)
    together = [await harness.pay(await harness.node_address(), 3, batch=True) for _ in range(3)]
    await harness.send()
    await harness.mine_only(await twin_of(harness, together[0]))
    async with harness.engine.begin() as db:
        merging = scenario.accepted(await consolidation.request(db, REGTEST, "shop", 5))[0]
    await harness.send()
    await harness.mine_only(await twin_of(harness, merging))
    await harness.mine(3)

    assert await harness.states(*together, merging) == ["CONFIRMED"] * 4
    assert {CHANGED in await harness.payment_events(payment) for payment in (*together, merging)} == {True}
    fees = sum(payment.fee or 0 for payment in await harness.reload(*together, merging))
    assert (await harness.balance())[:4] == (doge(91) - fees, 0, 0, 0)
    async with harness.engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deposits)) == 10


async def test_a_cancellation_that_is_mined_under_another_txid_voids_the_payment(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 40, kind="paytx")
    await harness.send()
    payment = await current(harness, payment)
    async with harness.engine.begin() as db:
        await voiding.void(db, [payments.VoidOrder("shop", payment.id, payment.txid)])
    await harness.send()
    [_, cancelling] = await harness.transactions()
    twin = await harness.call("malleate", cancelling["raw"].hex())

    await harness.mine_only(twin)
    await harness.mine(3)

    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - cancelling["fee"], 0, 0, 0)
    assert await unspent(harness) == [doge(100) - cancelling["fee"]]


async def test_a_twin_signed_with_another_hash_type_is_the_payment_too(harness: ChainHarness) -> None:
    await harness.fund("shop", 30, 30)
    payment = await sent(harness)
    twin = await harness.sign_again(payment, signatures.HASH_TYPES["ALL|ANYONECANPAY"])

    await harness.mine_only(twin)
    await harness.mine(3)

    assert (await current(harness, payment)).txid == txid(twin) != payment.txid
    assert await harness.states(payment) == ["CONFIRMED"]


@pytest.mark.parametrize("difference", ["an output", "an input"])
async def test_what_spends_the_same_coins_and_pays_otherwise_is_no_twin(
    engine: AsyncEngine, tmp_path: Path, difference: str
) -> None:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("shop", 30, 30)
        payment = await sent(harness)
        before = wire.parse_transaction(payment.raw or b"")
        outputs = [before.outputs[0]._replace(value=before.outputs[0].value - 1), *before.outputs[1:]]
        other = await harness.sign_again(
            payment, 1, inputs=before.inputs[1:] if difference == "an input" else before.inputs,
            outputs=outputs if difference == "an output" else [before.outputs[0]._replace(value=doge(29))],
        )  # fmt: skip

        await harness.mine_only(other)
        await harness.mine(3)

        assert await harness.states(payment) == ["FAILED"]
        async with engine.begin() as db:
            assert await pause.reason(db)


async def test_a_payment_whose_twin_waits_at_the_node_cannot_be_voided_and_does_not_fail(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 30, 30)
    payment = await harness.pay(await harness.node_address(), 40, kind="paytx")
    await harness.send()
    payment = await current(harness, payment)
    assert not await harness.node.mempool_spends(payment.raw or b"")
    twin = await harness.sign_again(payment, signatures.HASH_TYPES["ALL|ANYONECANPAY"])

    await harness.call("sendrawtransaction", twin)

    assert await harness.mempool() == [wire.parse_transaction(bytes.fromhex(twin)).txid[::-1].hex()]
    assert await harness.node.mempool_spends(payment.raw or b"")
    [refusal] = await harness.node.send([payment.raw or b""])
    assert isinstance(refusal, NodeError)
    assert "txn-mempool-conflict" in str(refusal)
    await harness.make_due()
    await harness.send()
    assert await harness.states(payment) == ["PROCESSING"]
    await harness.mine(3)
    assert await harness.states(payment) == ["CONFIRMED"]
