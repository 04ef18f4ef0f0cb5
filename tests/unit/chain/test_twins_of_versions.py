"""Payments that were signed again with a higher fee, and of which a version is mined under another txid: one pays, once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import wire
from app.db.tables import coins
from app.domain import payments
from app.domain.payments import Payment
from devnet import signatures
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge

ROOM = 400_000
RATE = "0.4"
ALL_OUTPUTS = payments.PERCENT * 100


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as made:
        yield made
        await check(made)


async def check(till: ChainHarness) -> None:
    """The books agree, and payments go on: nothing was spent that we do not know."""
    await till.audit()
    async with till.engine.begin() as db:
        assert await payments.reason(db) is None


async def outbid(till: ChainHarness) -> None:
    """Others fill the mempool with what pays more, and what is ours is signed again with a higher fee."""
    await till.call("fillmempool", RATE)
    await till.later()
    await till.send()
    await check(till)


async def clear(till: ChainHarness) -> None:
    """Blocks take what waits, and in the days after that the node's least fee falls to nothing."""
    await till.mine(3)
    now = (await till.call("getblock", await till.call("getbestblockhash")))["time"]
    await till.call("setmocktime", now + 3 * 24 * 3600)
    await till.call("getmempoolinfo")


async def twins(till: ChainHarness) -> list[str]:
    """Our transactions, by id, each as a miner may have changed it."""
    return [await till.call("malleate", one["raw"].hex()) for one in await till.sent()]


async def mine(till: ChainHarness, *raws: str) -> None:
    """One block of exactly these, and another that confirms them; the books agree after each."""
    await till.mine_only(*raws)
    await check(till)
    await till.call("generateblock", chain_harness.NOWHERE, [])
    await till.follow()
    await check(till)


async def turn(till: ChainHarness, *raws: str, late: bool = False) -> None:
    """A longer chain has these instead of what the blocks had since nothing of ours was in one: at its begin, or its end."""
    height, root = await till.call("getblockcount"), min(await mined_at(till)) - 1
    await till.back(height - root)
    empty: list[list[str]] = [[] for _ in range(height - root)]
    for held in (*empty, list(raws)) if late else (list(raws), *empty):
        await till.call("generateblock", chain_harness.NOWHERE, held)
    await till.follow()
    await check(till)


async def mined_at(till: ChainHarness) -> list[int]:
    return [one["height"] for one in await till.sent() if one["height"] is not None]


async def now(till: ChainHarness, payment: Payment) -> Payment:
    [shown] = await till.shown(payment)
    return shown


async def unspent(till: ChainHarness) -> int:
    """What the coins that lie in blocks are worth."""
    there = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
    async with till.engine.connect() as db:
        return int(await db.scalar(sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).where(there)) or 0)


def txid(raw: str) -> bytes:
    return wire.parse_transaction(bytes.fromhex(raw)).txid


@pytest.mark.parametrize("wins", [0, 1])
async def test_where_the_payee_bears_the_fee_a_twin_of_either_version_pays_what_that_version_pays(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10, share=ALL_OUTPUTS)
    await till.send()
    await outbid(till)
    fees = [one["fee"] for one in await till.sent()]
    raws = [one["raw"].hex() for one in await till.sent()]
    changed = await twins(till)

    await mine(till, changed[wins])
    for held, at in (
        (changed[wins], wins), (raws[1 - wins], 1 - wins), (changed[1 - wins], 1 - wins), (raws[wins], wins),
    ):  # fmt: skip
        await turn(till, held)
        after = await now(till, payment)
        assert (after.state, after.txid, after.raw) == ("CONFIRMED", txid(held), bytes.fromhex(held))
        assert (after.fee, after.paid) == (fees[at], doge(10) - fees[at])
        assert [output.paid for output in after.outputs] == [after.paid]
        assert await till.received(to) == after.paid
        assert (await till.balance())[:4] == (doge(90), 0, 0, 0)
        assert await unspent(till) == doge(90)
    assert fees[0] < fees[1]


@pytest.mark.parametrize("wins", [0, 1])
async def test_a_twin_of_either_version_confirms_a_payment_at_the_price_of_that_version(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 10, 50)
    to = await till.stranger()
    payment = await till.pay(to, "9.99")
    await till.send()
    await outbid(till)
    fees = [one["fee"] for one in await till.sent()]
    changed = await twins(till)

    await mine(till, changed[wins])
    await turn(till, changed[1 - wins])
    await turn(till, changed[wins])

    after = await now(till, payment)
    assert (after.state, after.txid, after.fee) == ("CONFIRMED", txid(changed[wins]), fees[wins])
    assert await till.received(to) == doge("9.99")
    assert (await till.balance())[:4] == (doge("50.01") - fees[wins], 0, 0, 0)
    assert await unspent(till) == doge("50.01") - fees[wins]
    other = await till.pay(await till.stranger(), 40)
    await clear(till)
    await till.send()
    assert await till.states(other) == ["BROADCAST"]


@pytest.mark.parametrize("wins", [0, 1])
async def test_a_batch_that_was_signed_again_goes_on_as_a_twin_of_either_version(till: ChainHarness, wins: int) -> None:
    await till.fund("shop", 100)
    await till.fund("other", 100)
    people = [await till.stranger() for _ in range(2)]
    low = await till.pay(people[0], 10, batch=True, max_fee=doge("0.01"))
    high = await till.pay(people[1], 20, "other", batch=True, max_fee=doge(2))
    await till.send()
    await outbid(till)
    fees = [one["fee"] for one in await till.sent()]
    changed = await twins(till)

    await mine(till, changed[wins])
    for at in (1 - wins, wins):
        await turn(till, changed[at])
        shown = await till.shown(low, high)
        assert [one.state for one in shown] == ["CONFIRMED", "CONFIRMED"]
        assert {one.txid for one in shown} == {txid(changed[at])}
        assert sum(one.fee or 0 for one in shown) == fees[at]
        assert (shown[0].fee or 0) <= doge("0.01")
        assert [await till.received(to) for to in people] == [doge(10), doge(20)]
        assert (await till.balance())[:4] == (doge(90) - (shown[0].fee or 0), 0, 0, 0)
        assert (await till.balance("other"))[:4] == (doge(80) - (shown[1].fee or 0), 0, 0, 0)
        assert await unspent(till) == doge(170) - fees[at]


async def test_what_cancels_a_payment_that_was_signed_again_voids_it_under_another_txid_too(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.send()
    await outbid(till)
    await till.forget_mempool()
    shown = await now(till, payment)
    async with till.engine.begin() as db:
        await payments.void(db, [payments.VoidOrder("shop", payment.id, shown.txid)])
    await clear(till)
    await till.later()
    await till.send()
    made = await till.sent()
    assert [one["pays"] for one in made] == [True, True, False]
    changed = await twins(till)

    await mine(till, changed[2])
    assert await till.states(payment) == ["VOIDED"]
    assert (await till.balance())[:4] == (doge(100) - made[2]["fee"], 0, 0, 0)
    await turn(till, changed[0])
    assert await till.states(payment) == ["CONFIRMED"]
    assert (await till.balance())[:4] == (doge(90) - made[0]["fee"], 0, 0, 0)
    await turn(till, changed[2])

    assert await till.states(payment) == ["VOIDED"]
    assert (await till.balance())[:4] == (doge(100) - made[2]["fee"], 0, 0, 0)
    assert await unspent(till) == doge(100) - made[2]["fee"]
    assert await till.received(to) == 0


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_a_version_is_signed_again_at_its_own_price_on_a_twin_of_either(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 100)
    people = [await till.stranger() for _ in range(2)]
    first, second = [await till.pay(to, 10) for to in people]
    await till.send()
    await outbid(till)
    made = await till.sent()
    assert [one["replaces"] for one in made] == [None, None, made[0]["id"], made[1]["id"]]
    changed = await twins(till)

    await till.mine_only(changed[wins])
    await check(till)
    await till.send()
    assert await till.states(first, second) == ["BROADCAST", "BROADCAST"]
    await check(till)
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)

    assert await till.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await till.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one.fee or 0 for one in await till.shown(first, second))
    assert (await till.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(till) == doge(80) - spent


async def test_a_payment_cannot_be_voided_while_the_node_holds_a_twin_of_the_version_before(till: ChainHarness) -> None:
    await till.fund("shop", 30, 30)
    payment = await till.pay(await till.stranger(), 40)
    await till.send()
    await outbid(till)
    await till.forget_mempool()
    old, new = [one["raw"] for one in await till.sent()]
    twin = await till.signed_again(replace(payment, raw=old), signatures.HASH_TYPES["ALL|ANYONECANPAY"])
    assert not await till.node.holds_same(new)
    await clear(till)

    await till.call("sendrawtransaction", twin)

    assert await till.node.holds_same(new)
    await mine(till, twin)
    assert (await now(till, payment)).txid == txid(twin)


async def test_what_stands_on_a_payment_moves_from_version_to_version_and_twin_to_twin_and_pays_once(
    till: ChainHarness,
) -> None:
    await till.fund("shop", 100)
    people = [await till.stranger() for _ in range(2)]
    first = await till.pay(people[0], 10)
    second = await till.pay(people[1], 20, share=ALL_OUTPUTS)
    await till.send()
    await outbid(till)
    raws = [one["raw"].hex() for one in await till.sent()]
    changed = await twins(till)
    await till.call("generateblock", chain_harness.NOWHERE, [raws[0]])
    await till.follow()

    for held in (changed[2], raws[2], changed[0], changed[2], changed[0]):
        await turn(till, held, late=True)
        await till.later()
        await till.send()
        await check(till)
        assert (await now(till, first)).txid == txid(held)
        assert await till.states(first, second) == ["BROADCAST", "BROADCAST"]
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)

    one, other = await till.shown(first, second)
    assert (one.state, other.state) == ("CONFIRMED", "CONFIRMED")
    assert [await till.received(to) for to in people] == [doge(10), other.paid]
    assert other.paid == doge(20) - (other.fee or 0)
    assert (await till.balance())[:4] == (doge(70) - (one.fee or 0), 0, 0, 0)
    assert await unspent(till) == doge(70) - (one.fee or 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_what_was_built_on_the_version_in_a_block_is_signed_again_on_a_twin_of_the_other(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 100)
    first = await till.pay(await till.stranger(), 10)
    await till.send()
    await outbid(till)
    raws = [one["raw"].hex() for one in await till.sent()]
    changed = await twins(till)
    await till.mine_only(raws[1 - wins])
    second = await till.pay(await till.stranger(), 20)
    await till.send()
    before = await now(till, second)
    assert before.state in ("PROCESSING", "BROADCAST")

    await turn(till, changed[wins], late=True)
    await till.later()
    await till.send()
    await check(till)
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)

    shown = await till.shown(first, second)
    assert [one.state for one in shown] == ["CONFIRMED", "CONFIRMED"]
    spent = sum(one.fee or 0 for one in shown)
    assert (await till.balance())[:4] == (doge(70) - spent, 0, 0, 0)
    assert await unspent(till) == doge(70) - spent
    assert shown[1].txid != before.txid


async def test_two_twins_that_the_node_refuses_for_their_fee_become_one_version(till: ChainHarness) -> None:
    await till.fund("shop", 10, 50, 50)
    payment = await till.pay(await till.stranger(), "9.99")
    await till.send()
    raw = (await till.sent())[0]["raw"].hex()
    [twin] = await twins(till)
    await till.mine_only(twin)
    await till.forget_mempool()
    await turn(till)
    assert [one["sends"] for one in await till.sent()] == [True, True]

    await outbid(till)

    made = await till.sent()
    assert [one["sends"] for one in made] == [False, False, True]
    assert await till.told(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_TXID_CHANGED", "PAYMENT_ON_CHAIN", "PAYMENT_UNCONFIRMED",
        "PAYMENT_REPLACED",
    ]  # fmt: skip
    await mine(till, raw)
    assert (await now(till, payment)).txid == txid(raw)
    assert await unspent(till) == doge("100.01") - made[0]["fee"]


async def test_what_stands_on_a_payment_under_two_txids_is_signed_again_once(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    people = [await till.stranger() for _ in range(2)]
    first, second = [await till.pay(to, 10) for to in people]
    await till.send()
    parent = (await till.sent())[0]["raw"].hex()
    await till.mine_only(parent, (await twins(till))[1])
    await till.forget_mempool()
    await turn(till)
    assert [one["sends"] for one in await till.sent()] == [True, True, True]

    await outbid(till)

    assert [one["sends"] for one in await till.sent()] == [False, False, False, True, True]
    await till.mine(2)
    assert await till.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await till.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one.fee or 0 for one in await till.shown(first, second))
    assert (await till.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(till) == doge(80) - spent
