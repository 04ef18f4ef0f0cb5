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
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as made:
        yield made
        await check(made)


async def check(harness: ChainHarness) -> None:
    """The books agree, and payments go on: nothing was spent that we do not know."""
    await harness.audit()
    async with harness.engine.begin() as db:
        assert await payments.reason(db) is None


async def outbid(harness: ChainHarness) -> None:
    """Others fill the mempool with what pays more, and what is ours is signed again with a higher fee."""
    await harness.call("fillmempool", RATE)
    await harness.make_due()
    await harness.send()
    await check(harness)


async def clear(harness: ChainHarness) -> None:
    """Blocks take what waits, and in the days after that the node's least fee falls to nothing."""
    await harness.mine(3)
    now = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]
    await harness.call("setmocktime", now + 3 * 24 * 3600)
    await harness.call("getmempoolinfo")


async def twins(harness: ChainHarness) -> list[str]:
    """Our transactions, by id, each as a miner may have changed it."""
    return [await harness.call("malleate", one["raw"].hex()) for one in await harness.transactions()]


async def mine(harness: ChainHarness, *raws: str) -> None:
    """One block of exactly these, and another that confirms them; the books agree after each."""
    await harness.mine_only(*raws)
    await check(harness)
    await harness.call("generateblock", chain_harness.NOWHERE, [])
    await harness.follow()
    await check(harness)


async def turn(harness: ChainHarness, *raws: str, late: bool = False) -> None:
    """A longer chain has these instead of what the blocks had since nothing of ours was in one: at its begin, or its end."""
    height, root = await harness.call("getblockcount"), min(await mined_at(harness)) - 1
    await harness.invalidate_blocks(height - root)
    empty: list[list[str]] = [[] for _ in range(height - root)]
    for held in (*empty, list(raws)) if late else (list(raws), *empty):
        await harness.call("generateblock", chain_harness.NOWHERE, held)
    await harness.follow()
    await check(harness)


async def mined_at(harness: ChainHarness) -> list[int]:
    return [one["height"] for one in await harness.transactions() if one["height"] is not None]


async def now(harness: ChainHarness, payment: Payment) -> Payment:
    [shown] = await harness.reload(payment)
    return shown


async def unspent(harness: ChainHarness) -> int:
    """What the coins that lie in blocks are worth."""
    there = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))
    async with harness.engine.connect() as db:
        return int(
            await db.scalar(sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).where(there)) or 0
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
    await outbid(harness)
    fees = [one["fee"] for one in await harness.transactions()]
    raws = [one["raw"].hex() for one in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    for held, at in (
        (changed[wins], wins), (raws[1 - wins], 1 - wins), (changed[1 - wins], 1 - wins), (raws[wins], wins),
    ):  # fmt: skip
        await turn(harness, held)
        after = await now(harness, payment)
        assert (after.state, after.txid, after.raw) == ("CONFIRMED", txid(held), bytes.fromhex(held))
        assert (after.fee, after.paid) == (fees[at], doge(10) - fees[at])
        assert [output.paid for output in after.outputs] == [after.paid]
        assert await harness.received(to) == after.paid
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
    await outbid(harness)
    fees = [one["fee"] for one in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    await turn(harness, changed[1 - wins])
    await turn(harness, changed[wins])

    after = await now(harness, payment)
    assert (after.state, after.txid, after.fee) == ("CONFIRMED", txid(changed[wins]), fees[wins])
    assert await harness.received(to) == doge("9.99")
    assert (await harness.balance())[:4] == (doge("50.01") - fees[wins], 0, 0, 0)
    assert await unspent(harness) == doge("50.01") - fees[wins]
    other = await harness.pay(await harness.node_address(), 40)
    await clear(harness)
    await harness.send()
    assert await harness.states(other) == ["BROADCAST"]


@pytest.mark.parametrize("wins", [0, 1])
async def test_a_batch_that_was_sign_again_goes_on_as_a_twin_of_either_version(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 100)
    people = [await harness.node_address() for _ in range(2)]
    low = await harness.pay(people[0], 10, batch=True, max_fee=doge("0.01"))
    high = await harness.pay(people[1], 20, "other", batch=True, max_fee=doge(2))
    await harness.send()
    await outbid(harness)
    fees = [one["fee"] for one in await harness.transactions()]
    changed = await twins(harness)

    await mine(harness, changed[wins])
    for at in (1 - wins, wins):
        await turn(harness, changed[at])
        shown = await harness.reload(low, high)
        assert [one.state for one in shown] == ["CONFIRMED", "CONFIRMED"]
        assert {one.txid for one in shown} == {txid(changed[at])}
        assert sum(one.fee or 0 for one in shown) == fees[at]
        assert (shown[0].fee or 0) <= doge("0.01")
        assert [await harness.received(to) for to in people] == [doge(10), doge(20)]
        assert (await harness.balance())[:4] == (doge(90) - (shown[0].fee or 0), 0, 0, 0)
        assert (await harness.balance("other"))[:4] == (doge(80) - (shown[1].fee or 0), 0, 0, 0)
        assert await unspent(harness) == doge(170) - fees[at]


async def test_what_cancels_a_payment_that_was_sign_again_voids_it_under_another_txid_too(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await outbid(harness)
    await harness.expire_mempool()
    shown = await now(harness, payment)
    async with harness.engine.begin() as db:
        await payments.void(db, [payments.VoidOrder("shop", payment.id, shown.txid)])
    await clear(harness)
    await harness.make_due()
    await harness.send()
    made = await harness.transactions()
    assert [one["pays"] for one in made] == [True, True, False]
    changed = await twins(harness)

    await mine(harness, changed[2])
    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - made[2]["fee"], 0, 0, 0)
    await turn(harness, changed[0])
    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance())[:4] == (doge(90) - made[0]["fee"], 0, 0, 0)
    await turn(harness, changed[2])

    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - made[2]["fee"], 0, 0, 0)
    assert await unspent(harness) == doge(100) - made[2]["fee"]
    assert await harness.received(to) == 0


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_a_version_is_sign_again_at_its_own_price_on_a_twin_of_either(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    await outbid(harness)
    made = await harness.transactions()
    assert [one["replaces"] for one in made] == [None, None, made[0]["id"], made[1]["id"]]
    changed = await twins(harness)

    await harness.mine_only(changed[wins])
    await check(harness)
    await harness.send()
    assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    await check(harness)
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one.fee or 0 for one in await harness.reload(first, second))
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(80) - spent


async def test_a_payment_cannot_be_voided_while_the_node_holds_a_twin_of_the_version_before(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 30, 30)
    payment = await harness.pay(await harness.node_address(), 40)
    await harness.send()
    await outbid(harness)
    await harness.expire_mempool()
    old, new = [one["raw"] for one in await harness.transactions()]
    twin = await harness.sign_again(replace(payment, raw=old), signatures.HASH_TYPES["ALL|ANYONECANPAY"])
    assert not await harness.node.mempool_spends(new)
    await clear(harness)

    await harness.call("sendrawtransaction", twin)

    assert await harness.node.mempool_spends(new)
    await mine(harness, twin)
    assert (await now(harness, payment)).txid == txid(twin)


async def test_what_stands_on_a_payment_moves_from_version_to_version_and_twin_to_twin_and_pays_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first = await harness.pay(people[0], 10)
    second = await harness.pay(people[1], 20, share=ALL_OUTPUTS)
    await harness.send()
    await outbid(harness)
    raws = [one["raw"].hex() for one in await harness.transactions()]
    changed = await twins(harness)
    await harness.call("generateblock", chain_harness.NOWHERE, [raws[0]])
    await harness.follow()

    for held in (changed[2], raws[2], changed[0], changed[2], changed[0]):
        await turn(harness, held, late=True)
        await harness.make_due()
        await harness.send()
        await check(harness)
        assert (await now(harness, first)).txid == txid(held)
        assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    one, other = await harness.reload(first, second)
    assert (one.state, other.state) == ("CONFIRMED", "CONFIRMED")
    assert [await harness.received(to) for to in people] == [doge(10), other.paid]
    assert other.paid == doge(20) - (other.fee or 0)
    assert (await harness.balance())[:4] == (doge(70) - (one.fee or 0), 0, 0, 0)
    assert await unspent(harness) == doge(70) - (one.fee or 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_what_was_built_on_the_version_in_a_block_is_sign_again_on_a_twin_of_the_other(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    first = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await outbid(harness)
    raws = [one["raw"].hex() for one in await harness.transactions()]
    changed = await twins(harness)
    await harness.mine_only(raws[1 - wins])
    second = await harness.pay(await harness.node_address(), 20)
    await harness.send()
    before = await now(harness, second)
    assert before.state in ("PROCESSING", "BROADCAST")

    await turn(harness, changed[wins], late=True)
    await harness.make_due()
    await harness.send()
    await check(harness)
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    shown = await harness.reload(first, second)
    assert [one.state for one in shown] == ["CONFIRMED", "CONFIRMED"]
    spent = sum(one.fee or 0 for one in shown)
    assert (await harness.balance())[:4] == (doge(70) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(70) - spent
    assert shown[1].txid != before.txid


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
    await turn(harness)
    assert [one["sends"] for one in await harness.transactions()] == [True, True]

    await outbid(harness)

    made = await harness.transactions()
    assert [one["sends"] for one in made] == [False, False, True]
    assert await harness.payment_events(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_TXID_CHANGED", "PAYMENT_ON_CHAIN", "PAYMENT_UNCONFIRMED",
        "PAYMENT_REPLACED",
    ]  # fmt: skip
    await mine(harness, raw)
    assert (await now(harness, payment)).txid == txid(raw)
    assert await unspent(harness) == doge("100.01") - made[0]["fee"]


async def test_what_stands_on_a_payment_under_two_txids_is_sign_again_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    parent = (await harness.transactions())[0]["raw"].hex()
    await harness.mine_only(parent, (await twins(harness))[1])
    await harness.expire_mempool()
    await turn(harness)
    assert [one["sends"] for one in await harness.transactions()] == [True, True, True]

    await outbid(harness)

    assert [one["sends"] for one in await harness.transactions()] == [False, False, False, True, True]
    await harness.mine(2)
    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one.fee or 0 for one in await harness.reload(first, second))
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)
    assert await unspent(harness) == doge(80) - spent
