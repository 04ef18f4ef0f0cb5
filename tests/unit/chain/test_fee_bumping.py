"""What the node refuses for its fee is signed again with a higher one: one version is mined, and pays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import coins
from app.domain import payments, transfers
from app.domain.payments import Payment, fees, voiding
from app.domain.refusals import Refusal
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge

ROOM = 400_000
RATE = "0.4"


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as harness:
        yield harness
        await harness.audit()


async def fill_mempool(harness: ChainHarness, rate: str = RATE) -> None:
    """Fill the mempool with what pays more, so that ours is evicted; then make ours due again."""
    await harness.call("fillmempool", rate)
    await harness.make_due()


async def drop_fee_floor(harness: ChainHarness) -> None:
    """Mine the mempool, and let days pass until the node's lowest fee is 0."""
    await harness.mine(3)
    tip_time = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]
    await harness.call("setmocktime", tip_time + 3 * 24 * 3600)
    await harness.call("getmempoolinfo")


async def raw_of(harness: ChainHarness, number: int) -> str:
    """Return the bytes of the n-th transaction that we signed."""
    return bytes((await harness.transactions())[number]["raw"]).hex()


async def inputs(harness: ChainHarness, number: int) -> set[tuple[str, int]]:
    decoded = await harness.call("decoderawtransaction", await raw_of(harness, number))
    return set(chain_harness.coins_of(decoded))


async def free_coins(harness: ChainHarness) -> list[int]:
    """Return the amounts of the coins in blocks that nothing spends."""
    is_free = sa.and_(
        coins.c.height.is_not(None), coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None)
    )
    async with harness.engine.connect() as db:
        return list(await db.scalars(sa.select(coins.c.amount).where(is_free).order_by(coins.c.amount)))


def txid_of(transaction: dict[str, Any]) -> str:
    return str(transaction["txid"][::-1].hex())


async def test_a_payment_that_is_refused_for_its_fee_is_replaced_by_itself_and_pays_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    [before] = await harness.reload(payment)

    await fill_mempool(harness)
    await harness.send()

    [current] = await harness.reload(payment)
    old, new = await harness.transactions()
    assert (current.state, current.error, current.txid) == ("BROADCAST", "", new["txid"])
    assert (await harness.mempool()).count(txid_of(new)) == 1
    assert (new["replaces"], new["pays"], old["broadcast_by_us"], new["broadcast_by_us"]) == (
        old["id"],
        True,
        False,
        True,
    )
    assert await inputs(harness, 0) <= await inputs(harness, 1)
    assert (current.paid, current.fee) == (doge(10), new["fee"])
    assert (before.fee or 0) < new["fee"] <= doge(1)
    assert (await harness.balance())[:4] == (doge(90) - new["fee"], 0, 0, doge(10) + new["fee"])
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]
    assert await harness.received(to) == doge(10)
    assert (await harness.balance())[:4] == (doge(90) - new["fee"], 0, 0, 0)
    assert [row["state"] for row in await harness.transactions()] == ["dead", "settled"]
    assert await harness.payment_events(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_REPLACED", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip


async def test_the_old_version_may_be_mined_all_the_same_and_the_account_gets_the_difference_back(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await fill_mempool(harness)
    await harness.send()
    old, new = await harness.transactions()

    await harness.mine_only(await raw_of(harness, 0))
    [current] = await harness.reload(payment)
    assert (current.state, current.txid, current.fee) == ("BROADCAST", old["txid"], old["fee"])
    assert (await harness.balance())[:4] == (doge(90) - old["fee"], 0, 0, doge(10) + old["fee"])
    await harness.mine()

    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance())[:4] == (doge(90) - old["fee"], 0, 0, 0)
    assert await harness.received(to) == doge(10)
    assert [row["state"] for row in await harness.transactions()] == ["settled", "dead"]
    assert await free_coins(harness) == [doge(90) - old["fee"]]
    assert new["fee"] > old["fee"]


async def test_reorganisations_that_go_from_one_version_to_the_other_and_back_move_the_money_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await fill_mempool(harness)
    await harness.send()
    fees = [row["fee"] for row in await harness.transactions()]
    versions = [await raw_of(harness, 0), await raw_of(harness, 1)]

    for depth, version in enumerate([0, 1, 0, 1]):
        if depth:
            await harness.invalidate_blocks(depth + 1)
        await harness.mine_only(versions[version])
        await harness.mine(depth + 1)
        await harness.audit()
        [current] = await harness.reload(payment)
        assert (current.state, current.fee) == ("CONFIRMED", fees[version])
        assert (await harness.balance())[:4] == (doge(90) - fees[version], 0, 0, 0)
        assert await harness.received(to) == doge(10)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"max_fee": doge("0.05")}, "at most 0.05 may be paid"),
        ({"explicit_fee": doge("0.05")}, "at most 0.05 may be paid"),
    ],
)
async def test_a_payment_whose_limit_is_too_low_says_what_would_help_and_is_offered_again(
    harness: ChainHarness, terms: dict[str, Any], sentence: str
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, **terms)
    await harness.send()
    before = await harness.balance()

    for _ in range(3):
        await fill_mempool(harness)
        await harness.send()

    [current] = await harness.reload(payment)
    assert current.error.startswith("66: mempool min fee not met (-26); it needs a fee of 0.09")
    assert sentence in current.error
    assert (current.state, len(await harness.transactions()), await harness.balance()) == (
        "BROADCAST",
        1,
        before,
    )
    assert await harness.send() == 0
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_without_money_for_the_higher_fee_a_payment_says_so_and_is_replaced_once_there_is_some(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("rich", 50)
    payment = await harness.pay(await harness.node_address(), "99.95")
    await harness.send()

    await fill_mempool(harness)
    await harness.send()
    [waiting] = await harness.reload(payment)
    count = len(await harness.transactions())
    async with harness.engine.begin() as db:
        orders = [transfers.TransferOrder("key", "rich", (transfers.Payee("shop", "10"),), "DOGE")]
        await transfers.make(db, orders)
    await harness.make_due()
    await harness.send()

    assert "and the account has" in waiting.error
    assert count == 1
    [current] = await harness.reload(payment)
    assert (current.error, len(await harness.transactions())) == ("", 2)
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_payments_that_share_a_transaction_bear_no_more_than_each_allows(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 100)
    low = await harness.pay(await harness.node_address(), 10, batch=True, max_fee=doge("0.01"))
    high = await harness.pay(await harness.node_address(), 10, "other", batch=True, max_fee=doge(2))
    await harness.send()

    await fill_mempool(harness)
    await harness.send()

    old, new = await harness.transactions()
    low_payment, high_payment = await harness.reload(low, high)
    assert low_payment.transaction_id == high_payment.transaction_id == old["id"]
    assert (low_payment.fee or 0) + (high_payment.fee or 0) == new["fee"] > old["fee"]
    assert (low_payment.fee or 0) <= doge("0.01")
    await harness.mine(2)
    assert await harness.states(low, high) == ["CONFIRMED", "CONFIRMED"]
    assert (await harness.balance("other")).available == doge(90) - (high_payment.fee or 0)


async def test_where_the_payee_bears_the_fee_it_bears_the_higher_one_too(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10, share=fees.PERCENT * 100)
    await harness.send()

    await fill_mempool(harness)
    await harness.send()
    await harness.mine(2)

    _, new = await harness.transactions()
    [current] = await harness.reload(payment)
    assert (current.state, current.paid, current.fee) == ("CONFIRMED", doge(10) - new["fee"], new["fee"])
    assert await harness.received(to) == doge(10) - new["fee"]
    assert (await harness.balance())[:4] == (doge(90), 0, 0, 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_where_change_is_too_little_a_coin_is_added_which_is_free_again_if_the_old_version_wins(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 10, 50)
    to = await harness.node_address()
    payment = await harness.pay(to, "9.99")
    await harness.send()
    assert len(await inputs(harness, 0)) == 1

    await fill_mempool(harness)
    await harness.send()
    assert len(await inputs(harness, 1)) == 2
    assert await free_coins(harness) == []
    await harness.mine_only(await raw_of(harness, wins))
    await harness.mine()

    assert await harness.states(payment) == ["CONFIRMED"]
    assert await harness.received(to) == doge("9.99")
    assert len(await free_coins(harness)) == 1
    other = await harness.pay(await harness.node_address(), 40)
    await harness.send()
    assert await harness.states(other) == ["BROADCAST"]


async def test_of_many_free_coins_the_largest_is_added(harness: ChainHarness) -> None:
    await harness.fund("shop", 10, *[1] * 8, 50)
    payment = await harness.pay(await harness.node_address(), "9.99")
    await harness.send()

    await fill_mempool(harness)
    await harness.send()

    assert len(await inputs(harness, 1)) == 2
    assert await free_coins(harness) == [doge(1)] * 8
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_the_change_of_a_replaced_payment_is_replaced_with_it(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    assert (await inputs(harness, 1)) == {(txid_of((await harness.transactions())[0]), 1)}

    await fill_mempool(harness)
    await harness.send()

    rows = await harness.transactions()
    assert [row["replaces"] for row in rows] == [None, None, rows[0]["id"], rows[1]["id"]]
    assert await inputs(harness, 3) == {(txid_of(rows[2]), 1)}
    assert {txid_of(rows[2]), txid_of(rows[3])} <= set(await harness.mempool())
    await harness.mine_only(await raw_of(harness, wins), await raw_of(harness, wins + 1))
    await harness.mine()
    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(row["fee"] for row in (await harness.transactions())[wins : wins + 2])
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)


async def test_what_stood_on_the_old_version_is_sent_again_where_that_was_mined(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    first, second = [await harness.pay(await harness.node_address(), 10) for _ in range(2)]
    await harness.send()
    await fill_mempool(harness)
    await harness.send()

    await harness.mine_only(await raw_of(harness, 0))
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [row["state"] for row in await harness.transactions()] == ["settled", "settled", "dead", "dead"]


async def test_change_of_several_versions_is_spent_by_nobody_until_one_is_mined(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await fill_mempool(harness)
    await harness.send()

    later = await harness.pay(await harness.node_address(), 10)
    await harness.send()

    assert await harness.states(later) == ["PENDING"]
    await harness.mine()
    await harness.send()
    assert await harness.states(later) == ["BROADCAST"]


async def test_it_is_replaced_again_where_the_node_asks_for_still_more(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    for rate in ("0.1", "0.4", "0.9"):
        await fill_mempool(harness, rate)
        await harness.send()

    rows = await harness.transactions()
    assert [row["replaces"] for row in rows] == [None, *[rows[0]["id"]] * 3]
    assert [row["broadcast_by_us"] for row in rows] == [False, False, False, True]
    assert [row["fee"] for row in rows] == sorted({row["fee"] for row in rows})
    await harness.mine_only(await raw_of(harness, 1))
    await harness.mine()
    [current] = await harness.reload(payment)
    assert (current.state, current.fee) == ("CONFIRMED", rows[1]["fee"])
    assert [row["state"] for row in await harness.transactions()] == ["dead", "settled", "dead", "dead"]


async def void(harness: ChainHarness, payment: Payment) -> Payment | Refusal:
    [current] = await harness.reload(payment)
    async with harness.engine.begin() as db:
        [outcome] = await voiding.void(db, [payments.VoidOrder("shop", payment.id, current.txid)])
    return outcome


async def test_a_payment_that_was_replaced_can_be_voided_and_what_cancels_it_keeps_all_versions_out(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 10, 50)
    payment = await harness.pay(await harness.node_address(), "9.99")
    await harness.send()
    await fill_mempool(harness)
    await harness.send()
    await harness.expire_mempool()

    assert accepted(await void(harness, payment)).state == "CANCELLING"
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()

    [*versions, cancellation] = await harness.transactions()
    assert (cancellation["pays"], [row["broadcast_by_us"] for row in versions]) == (False, [False, False])
    spent = await inputs(harness, 2)
    assert spent <= await inputs(harness, 0)
    assert spent <= await inputs(harness, 1)
    await harness.mine(2)
    assert await harness.states(payment) == ["VOIDED"]
    assert [row["state"] for row in await harness.transactions()] == ["dead", "dead", "settled"]
    assert (await harness.balance())[:4] == (doge(60) - cancellation["fee"], 0, 0, 0)


@pytest.mark.parametrize("wins", [1, 2])
async def test_what_cancels_a_payment_is_signed_again_too_where_its_fee_is_refused(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()
    accepted(await void(harness, payment))
    await harness.send()

    await fill_mempool(harness)
    await harness.send()

    rows = await harness.transactions()
    assert [(row["pays"], row["broadcast_by_us"]) for row in rows] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    assert txid_of(rows[2]) in await harness.mempool()
    await harness.mine_only(await raw_of(harness, wins))
    await harness.mine()
    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - rows[wins]["fee"], 0, 0, 0)


async def test_what_its_caller_sends_is_not_signed_again(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()

    await fill_mempool(harness)
    await harness.send()

    assert await harness.states(payment) == ["PROCESSING"]
    assert len(await harness.transactions()) == 1


async def test_two_senders_replace_a_payment_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await fill_mempool(harness)
    await harness.sender.step()  # it is offered, and refused
    senders = [harness.make_sender("one"), harness.make_sender("one")]

    await asyncio.gather(*(sender.step() for sender in senders))
    await harness.send()

    assert len(await harness.transactions()) == 2
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_where_the_coin_that_was_added_goes_elsewhere_the_old_version_is_sent_again_at_its_own_price(
    harness: ChainHarness,
) -> None:
    _, added = await harness.fund("shop", 10, 50)
    payment = await harness.pay(await harness.node_address(), "9.99")
    await harness.send()
    await fill_mempool(harness)
    await harness.send()
    old, _ = await harness.transactions()
    assert await free_coins(harness) == []

    await harness.mine_only(await harness.steal(added))

    [current] = await harness.reload(payment)
    assert (current.txid, current.fee, current.state) == (old["txid"], old["fee"], "BROADCAST")
    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [True, False]
    assert (await harness.balance()).outgoing == doge("9.99") + old["fee"]
    await harness.resume()
    await drop_fee_floor(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]
