"""Payments with several versions, of which one is mined under another txid: each payment pays once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import wire
from app.db.tables import coins
from app.domain import payments
from app.domain.payments import Payment, fees, pause, voiding
from devnet import signatures
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge

ROOM = 400_000
RATE = "0.4"
ALL_OUTPUTS = fees.PERCENT * 100


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as harness:
        yield harness
        await check(harness)


async def check(harness: ChainHarness) -> None:
    """Check that the audit finds nothing and that payments are not paused, as after an unknown spend."""
    await harness.audit()
    async with harness.engine.begin() as db:
        assert await pause.reason(db) is None


async def underpriced(harness: ChainHarness) -> None:
    """Fill the mempool with what pays more, so that ours is signed again with a higher fee."""
    await harness.call("fillmempool", RATE)
    await harness.make_due()
    await harness.send()
    await check(harness)


async def drop_fee_floor(harness: ChainHarness) -> None:
    """Mine the mempool, and let days pass until the node's lowest fee is 0."""
    await harness.mine(3)
    tip_time = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]
    await harness.call("setmocktime", tip_time + 3 * 24 * 3600)
    await harness.call("getmempoolinfo")


async def twins(harness: ChainHarness) -> list[str]:
    """Return our transactions, by id, each as a miner may have changed it."""
    return [await harness.call("malleate", row["raw"].hex()) for row in await harness.transactions()]


async def mine(harness: ChainHarness, *raws: str) -> None:
    """Mine a block of exactly these, and one that confirms them; check after each."""
    await harness.mine_only(*raws)
    await check(harness)
    await harness.call("generateblock", chain_harness.NOWHERE, [])
    await harness.follow()
    await check(harness)


async def reorganise(harness: ChainHarness, *raws: str, late: bool = False) -> None:
    """Replace all blocks that have transactions of ours by a longer chain with these.

    Its first block has them, or its last if `late`.
    """
    height, root = await harness.call("getblockcount"), min(await mined_at(harness)) - 1
    await harness.invalidate_blocks(height - root)
    empty: list[list[str]] = [[] for _ in range(height - root)]
    for transactions in (*empty, list(raws)) if late else (list(raws), *empty):
        await harness.call("generateblock", chain_harness.NOWHERE, transactions)
    await harness.follow()
    await check(harness)


async def mined_at(harness: ChainHarness) -> list[int]:
    return [row["height"] for row in await harness.transactions() if row["height"] is not None]


async def current(harness: ChainHarness, payment: Payment) -> Payment:
    [current_payment] = await harness.reload(payment)
    return current_payment


async def unspent(harness: ChainHarness) -> int:
    """Return the value of the coins in blocks."""
    is_unspent = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
    async with harness.engine.connect() as db:
        return int(
            await db.scalar(sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).where(is_unspent))
            or 0
        )


def txid(raw: str) -> bytes:
    return wire.parse_transaction(bytes.fromhex(raw)).txid


@pytest.mark.parametrize("wins", [0, 1])
async def test_where_the_payee_bears_the_fee_a_twin_of_either_version_pays_what_that_version_pays(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10, share=ALL_OUTPUTS)
    await harness.send()
    await underpriced(harness)
    fees = [row["fee"] for row in await harness.transactions()]
    raws = [row["raw"].hex() for row in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    for raw, version in (
        (changed[wins], wins), (raws[1 - wins], 1 - wins), (changed[1 - wins], 1 - wins), (raws[wins], wins),
    ):  # fmt: skip
        await reorganise(harness, raw)
        current_payment = await current(harness, payment)
        assert (current_payment.state, current_payment.txid, current_payment.raw) == (
            "CONFIRMED",
            txid(raw),
            bytes.fromhex(raw),
        )
        assert (current_payment.fee, current_payment.paid) == (fees[version], doge(10) - fees[version])
        assert [output.paid for output in current_payment.outputs] == [current_payment.paid]
        assert await harness.received(to) == current_payment.paid
        assert (await harness.balance())[:4] == (doge(90), 0, 0, 0)
        assert await unspent(harness) == doge(90)
    assert fees[0] < fees[1]


@pytest.mark.parametrize("wins", [0, 1])
async def test_a_twin_of_either_version_confirms_a_payment_at_the_price_of_that_version(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 10, 50)
    to = await harness.node_address()
    payment = await harness.pay(to, "9.99")
    await harness.send()
    await underpriced(harness)
    fees = [row["fee"] for row in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    await reorganise(harness, changed[1 - wins])
    await reorganise(harness, changed[wins])

    current_payment = await current(harness, payment)
    assert (current_payment.state, current_payment.txid, current_payment.fee) == (
        "CONFIRMED",
        txid(changed[wins]),
        fees[wins],
    )
    assert await harness.received(to) == doge("9.99")
    assert (await harness.balance())[:4] == (doge("50.01") - fees[wins], 0, 0, 0)
    assert await unspent(harness) == doge("50.01") - fees[wins]
    other = await harness.pay(await harness.node_address(), 40)
    await drop_fee_floor(harness)
    await harness.send()
    assert await harness.states(other) == ["BROADCAST"]


@pytest.mark.parametrize("wins", [0, 1])
async def test_a_batch_that_was_signed_again_goes_on_as_a_twin_of_either_version(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 100)
    people = [await harness.node_address() for _ in range(2)]
    low = await harness.pay(people[0], 10, batch=True, max_fee=doge("0.01"))
    high = await harness.pay(people[1], 20, "other", batch=True, max_fee=doge(2))
    await harness.send()
    await underpriced(harness)
    fees = [row["fee"] for row in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    for version in (1 - wins, wins):
        await reorganise(harness, changed[version])
        signed = await harness.reload(low, high)
        assert [payment.state for payment in signed] == ["CONFIRMED", "CONFIRMED"]
        assert {payment.txid for payment in signed} == {txid(changed[version])}
        assert sum(payment.fee or 0 for payment in signed) == fees[version]
        assert (signed[0].fee or 0) <= doge("0.01")
        assert [await harness.received(to) for to in people] == [doge(10), doge(20)]
        assert (await harness.balance())[:4] == (doge(90) - (signed[0].fee or 0), 0, 0, 0)
        assert (await harness.balance("other"))[:4] == (doge(80) - (signed[1].fee or 0), 0, 0, 0)
        assert await unspent(harness) == doge(170) - fees[version]


async def test_what_cancels_a_payment_that_was_signed_again_voids_it_under_another_txid_too(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await underpriced(harness)
    await harness.expire_mempool()
    replaced = await current(harness, payment)
    async with harness.engine.begin() as db:
        await voiding.void(db, [payments.VoidOrder("shop", payment.id, replaced.txid)])
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    rows = await harness.transactions()
    assert [row["pays"] for row in rows] == [True, True, False]
    changed = await twins(harness)

    await mine(harness, changed[2])
    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - rows[2]["fee"], 0, 0, 0)
    await reorganise(harness, changed[0])
    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance())[:4] == (doge(90) - rows[0]["fee"], 0, 0, 0)
    await reorganise(harness, changed[2])

    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - rows[2]["fee"], 0, 0, 0)
    assert await unspent(harness) == doge(100) - rows[2]["fee"]
    assert await harness.received(to) == 0


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_a_version_is_signed_again_at_its_own_price_on_a_twin_of_either(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    await underpriced(harness)
    rows = await harness.transactions()
    assert [row["replaces"] for row in rows] == [None, None, rows[0]["id"], rows[1]["id"]]
    changed = await twins(harness)

    await harness.mine_only(changed[wins])
    await check(harness)
    await harness.send()
    assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    await check(harness)
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(payment.fee or 0 for payment in await harness.reload(first, second))
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(80) - spent


async def test_a_payment_cannot_be_voided_while_the_node_holds_a_twin_of_the_version_before(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 30, 30)
    payment = await harness.pay(await harness.node_address(), 40)
    await harness.send()
    await underpriced(harness)
    await harness.expire_mempool()
    old, new = [row["raw"] for row in await harness.transactions()]
    twin = await harness.sign_again(payment._replace(raw=old), signatures.HASH_TYPES["ALL|ANYONECANPAY"])
    assert not await harness.node.mempool_spends(new)
    await drop_fee_floor(harness)

    await harness.call("sendrawtransaction", twin)

    assert await harness.node.mempool_spends(new)
    await mine(harness, twin)
    assert (await current(harness, payment)).txid == txid(twin)


async def test_what_stands_on_a_payment_moves_from_version_to_version_and_twin_to_twin_and_pays_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first = await harness.pay(people[0], 10)
    second = await harness.pay(people[1], 20, share=ALL_OUTPUTS)
    await harness.send()
    await underpriced(harness)
    raws = [row["raw"].hex() for row in await harness.transactions()]
    changed = await twins(harness)
    await harness.call("generateblock", chain_harness.NOWHERE, [raws[0]])
    await harness.follow()

    for raw in (changed[2], raws[2], changed[0], changed[2], changed[0]):
        await reorganise(harness, raw, late=True)
        await harness.make_due()
        await harness.send()
        await check(harness)
        assert (await current(harness, first)).txid == txid(raw)
        assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    parent, child = await harness.reload(first, second)
    assert (parent.state, child.state) == ("CONFIRMED", "CONFIRMED")
    assert [await harness.received(to) for to in people] == [doge(10), child.paid]
    assert child.paid == doge(20) - (child.fee or 0)
    assert (await harness.balance())[:4] == (doge(70) - (parent.fee or 0), 0, 0, 0)
    assert await unspent(harness) == doge(70) - (parent.fee or 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_what_was_built_on_the_version_in_a_block_is_signed_again_on_a_twin_of_the_other(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    first = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await underpriced(harness)
    raws = [row["raw"].hex() for row in await harness.transactions()]
    changed = await twins(harness)
    await harness.mine_only(raws[1 - wins])
    second = await harness.pay(await harness.node_address(), 20)
    await harness.send()
    before = await current(harness, second)
    assert before.state in ("PROCESSING", "BROADCAST")

    await reorganise(harness, changed[wins], late=True)
    await harness.make_due()
    await harness.send()
    await check(harness)
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    confirmed = await harness.reload(first, second)
    assert [payment.state for payment in confirmed] == ["CONFIRMED", "CONFIRMED"]
    spent = sum(payment.fee or 0 for payment in confirmed)
    assert (await harness.balance())[:4] == (doge(70) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(70) - spent
    assert confirmed[1].txid != before.txid


async def test_two_twins_that_the_node_refuses_for_their_fee_become_one_version(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 10, 50, 50)
    payment = await harness.pay(await harness.node_address(), "9.99")
    await harness.send()
    raw = (await harness.transactions())[0]["raw"].hex()
    [twin] = await twins(harness)
    await harness.mine_only(twin)
    await harness.expire_mempool()
    await reorganise(harness)
    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [True, True]

    await underpriced(harness)

    rows = await harness.transactions()
    assert [row["broadcast_by_us"] for row in rows] == [False, False, True]
    assert await harness.payment_events(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_TXID_CHANGED", "PAYMENT_ON_CHAIN",
        "PAYMENT_UNCONFIRMED", "PAYMENT_REPLACED",
    ]  # fmt: skip
    await mine(harness, raw)
    assert (await current(harness, payment)).txid == txid(raw)
    assert await unspent(harness) == doge("100.01") - rows[0]["fee"]


async def test_what_stands_on_a_payment_under_two_txids_is_signed_again_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    parent = (await harness.transactions())[0]["raw"].hex()
    await harness.mine_only(parent, (await twins(harness))[1])
    await harness.expire_mempool()
    await reorganise(harness)
    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [True, True, True]

    await underpriced(harness)

    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [
        False,
        False,
        False,
        True,
        True,
    ]
    await harness.mine(2)
    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(payment.fee or 0 for payment in await harness.reload(first, second))
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(80) - spent
