"""What the node refuses for its fee is signed again with a higher one: the money moves once, whichever version is mined."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import coins
from app.domain import payments, transfers
from app.domain.payments import Payment
from app.domain.refusals import Refusal
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge

ROOM = 400_000
RATE = "0.4"


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as made:
        yield made
        await made.audit()


async def crowd(till: ChainHarness, rate: str = RATE) -> None:
    """Others fill the mempool with what pays more than ours, which has to go; and the time comes to offer ours again."""
    await till.call("fillmempool", rate)
    await till.later()


async def clear(till: ChainHarness) -> None:
    """Blocks take what waits, and in the days after that the node's least fee falls to nothing."""
    await till.mine(3)
    now = (await till.call("getblock", await till.call("getbestblockhash")))["time"]
    await till.call("setmocktime", now + 3 * 24 * 3600)
    await till.call("getmempoolinfo")


async def raw(till: ChainHarness, number: int) -> str:
    """The bytes of the n-th transaction that we signed."""
    return bytes((await till.sent())[number]["raw"]).hex()


async def inputs(till: ChainHarness, number: int) -> set[tuple[str, int]]:
    decoded = await till.call("decoderawtransaction", await raw(till, number))
    return set(chain_harness.coins_of(decoded))


async def free(till: ChainHarness) -> list[int]:
    """Amounts of the coins in blocks that nothing spends."""
    there = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None))
    async with till.engine.connect() as db:
        return list(await db.scalars(sa.select(coins.c.amount).where(there).order_by(coins.c.amount)))


def name(transaction: dict[str, Any]) -> str:
    return str(transaction["txid"][::-1].hex())


async def test_a_payment_that_is_refused_for_its_fee_is_replaced_by_itself_and_pays_once(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.send()
    [before] = await till.shown(payment)

    await crowd(till)
    await till.send()

    [now] = await till.shown(payment)
    old, new = await till.sent()
    assert (now.state, now.error, now.txid) == ("BROADCAST", "", new["txid"])
    assert (await till.mempool()).count(name(new)) == 1
    assert (new["replaces"], new["pays"], old["sends"], new["sends"]) == (old["id"], True, False, True)
    assert await inputs(till, 0) <= await inputs(till, 1)
    assert (now.paid, now.fee) == (doge(10), new["fee"])
    assert (before.fee or 0) < new["fee"] <= doge(1)
    assert (await till.balance())[:4] == (doge(90) - new["fee"], 0, 0, doge(10) + new["fee"])
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]
    assert await till.received(to) == doge(10)
    assert (await till.balance())[:4] == (doge(90) - new["fee"], 0, 0, 0)
    assert [one["state"] for one in await till.sent()] == ["dead", "settled"]
    assert await till.told(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_REPLACED", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip


async def test_the_old_version_may_be_mined_all_the_same_and_the_account_gets_the_difference_back(
    till: ChainHarness,
) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.send()
    await crowd(till)
    await till.send()
    old, new = await till.sent()

    await till.mine_only(await raw(till, 0))
    [now] = await till.shown(payment)
    assert (now.state, now.txid, now.fee) == ("BROADCAST", old["txid"], old["fee"])
    assert (await till.balance())[:4] == (doge(90) - old["fee"], 0, 0, doge(10) + old["fee"])
    await till.mine()

    assert await till.states(payment) == ["CONFIRMED"]
    assert (await till.balance())[:4] == (doge(90) - old["fee"], 0, 0, 0)
    assert await till.received(to) == doge(10)
    assert [one["state"] for one in await till.sent()] == ["settled", "dead"]
    assert await free(till) == [doge(90) - old["fee"]]
    assert new["fee"] > old["fee"]


async def test_reorganisations_that_go_from_one_version_to_the_other_and_back_move_the_money_once(
    till: ChainHarness,
) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.send()
    await crowd(till)
    await till.send()
    fees = [one["fee"] for one in await till.sent()]
    versions = [await raw(till, 0), await raw(till, 1)]

    for depth, at in enumerate([0, 1, 0, 1]):
        if depth:
            await till.back(depth + 1)
        await till.mine_only(versions[at])
        await till.mine(depth + 1)
        await till.audit()
        [now] = await till.shown(payment)
        assert (now.state, now.fee) == ("CONFIRMED", fees[at])
        assert (await till.balance())[:4] == (doge(90) - fees[at], 0, 0, 0)
        assert await till.received(to) == doge(10)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"max_fee": doge("0.05")}, "at most 0.05 may be paid"),
        ({"explicit_fee": doge("0.05")}, "at most 0.05 may be paid"),
    ],
)
async def test_a_payment_whose_limit_is_too_low_says_what_would_help_and_is_offered_again(
    till: ChainHarness, terms: dict[str, Any], sentence: str
) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10, **terms)
    await till.send()
    before = await till.balance()

    for _ in range(3):
        await crowd(till)
        await till.send()

    [now] = await till.shown(payment)
    assert now.error.startswith("66: mempool min fee not met (-26); it needs a fee of 0.09")
    assert sentence in now.error
    assert (now.state, len(await till.sent()), await till.balance()) == ("BROADCAST", 1, before)
    assert await till.send() == 0
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]


async def test_an_account_without_money_for_the_higher_fee_is_told_so_and_its_payment_replaced_once_it_has_some(
    till: ChainHarness,
) -> None:
    await till.fund("shop", 100)
    await till.fund("rich", 50)
    payment = await till.pay(await till.stranger(), "99.95")
    await till.send()

    await crowd(till)
    await till.send()
    [told] = await till.shown(payment)
    alone = len(await till.sent())
    async with till.engine.begin() as db:
        made = [transfers.TransferOrder("key", "rich", (transfers.Payee("shop", "10"),), "DOGE")]
        await transfers.make(db, made)
    await till.later()
    await till.send()

    assert "and the account has" in told.error
    assert alone == 1
    [now] = await till.shown(payment)
    assert (now.error, len(await till.sent())) == ("", 2)
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]


async def test_payments_that_share_a_transaction_bear_no_more_than_each_allows(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    await till.fund("other", 100)
    low = await till.pay(await till.stranger(), 10, batch=True, max_fee=doge("0.01"))
    high = await till.pay(await till.stranger(), 10, "other", batch=True, max_fee=doge(2))
    await till.send()

    await crowd(till)
    await till.send()

    old, new = await till.sent()
    one, other = await till.shown(low, high)
    assert one.transaction_id == other.transaction_id == old["id"]
    assert (one.fee or 0) + (other.fee or 0) == new["fee"] > old["fee"]
    assert (one.fee or 0) <= doge("0.01")
    await till.mine(2)
    assert await till.states(low, high) == ["CONFIRMED", "CONFIRMED"]
    assert (await till.balance("other")).available == doge(90) - (other.fee or 0)


async def test_where_the_payee_bears_the_fee_it_bears_the_higher_one_too(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10, share=payments.PERCENT * 100)
    await till.send()

    await crowd(till)
    await till.send()
    await till.mine(2)

    _, new = await till.sent()
    [now] = await till.shown(payment)
    assert (now.state, now.paid, now.fee) == ("CONFIRMED", doge(10) - new["fee"], new["fee"])
    assert await till.received(to) == doge(10) - new["fee"]
    assert (await till.balance())[:4] == (doge(90), 0, 0, 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_where_change_does_not_reach_another_coin_is_spent_too_and_is_free_again_if_the_old_version_wins(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 10, 50)
    to = await till.stranger()
    payment = await till.pay(to, "9.99")
    await till.send()
    assert len(await inputs(till, 0)) == 1

    await crowd(till)
    await till.send()
    assert len(await inputs(till, 1)) == 2
    assert await free(till) == []
    await till.mine_only(await raw(till, wins))
    await till.mine()

    assert await till.states(payment) == ["CONFIRMED"]
    assert await till.received(to) == doge("9.99")
    assert len(await free(till)) == 1
    other = await till.pay(await till.stranger(), 40)
    await till.send()
    assert await till.states(other) == ["BROADCAST"]


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_the_change_of_a_replaced_payment_is_replaced_with_it(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 100)
    people = [await till.stranger() for _ in range(2)]
    first, second = [await till.pay(to, 10) for to in people]
    await till.send()
    assert (await inputs(till, 1)) == {(name((await till.sent())[0]), 1)}

    await crowd(till)
    await till.send()

    made = await till.sent()
    assert [one["replaces"] for one in made] == [None, None, made[0]["id"], made[1]["id"]]
    assert await inputs(till, 3) == {(name(made[2]), 1)}
    assert {name(made[2]), name(made[3])} <= set(await till.mempool())
    await till.mine_only(await raw(till, wins), await raw(till, wins + 1))
    await till.mine()
    assert await till.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await till.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one["fee"] for one in (await till.sent())[wins : wins + 2])
    assert (await till.balance())[:4] == (doge(80) - spent, 0, 0, 0)


async def test_what_stood_on_the_old_version_is_sent_again_where_that_was_mined(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    first, second = [await till.pay(await till.stranger(), 10) for _ in range(2)]
    await till.send()
    await crowd(till)
    await till.send()

    await till.mine_only(await raw(till, 0))
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)

    assert await till.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [one["state"] for one in await till.sent()] == ["settled", "settled", "dead", "dead"]


async def test_change_of_several_versions_is_spent_by_nobody_until_one_is_mined(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    await till.pay(await till.stranger(), 10)
    await till.send()
    await crowd(till)
    await till.send()

    later = await till.pay(await till.stranger(), 10)
    await till.send()

    assert await till.states(later) == ["PENDING"]
    await till.mine()
    await till.send()
    assert await till.states(later) == ["BROADCAST"]


async def test_it_is_replaced_again_where_the_node_asks_for_still_more(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)
    await till.send()
    for rate in ("0.1", "0.4", "0.9"):
        await crowd(till, rate)
        await till.send()

    made = await till.sent()
    assert [one["replaces"] for one in made] == [None, *[made[0]["id"]] * 3]
    assert [one["sends"] for one in made] == [False, False, False, True]
    assert [one["fee"] for one in made] == sorted({one["fee"] for one in made})
    await till.mine_only(await raw(till, 1))
    await till.mine()
    [now] = await till.shown(payment)
    assert (now.state, now.fee) == ("CONFIRMED", made[1]["fee"])
    assert [one["state"] for one in await till.sent()] == ["dead", "settled", "dead", "dead"]


async def void(till: ChainHarness, payment: Payment) -> Payment | Refusal:
    [now] = await till.shown(payment)
    async with till.engine.begin() as db:
        [outcome] = await payments.void(db, [payments.VoidOrder("shop", payment.id, now.txid)])
    return outcome


async def test_a_payment_that_was_replaced_can_be_voided_and_what_cancels_it_keeps_all_versions_out(
    till: ChainHarness,
) -> None:
    await till.fund("shop", 10, 50)
    payment = await till.pay(await till.stranger(), "9.99")
    await till.send()
    await crowd(till)
    await till.send()
    await till.forget_mempool()

    assert accepted(await void(till, payment)).state == "CANCELLING"
    await clear(till)
    await till.later()
    await till.send()

    [*versions, cancellation] = await till.sent()
    assert (cancellation["pays"], [one["sends"] for one in versions]) == (False, [False, False])
    spent = await inputs(till, 2)
    assert spent <= await inputs(till, 0)
    assert spent <= await inputs(till, 1)
    await till.mine(2)
    assert await till.states(payment) == ["VOIDED"]
    assert [one["state"] for one in await till.sent()] == ["dead", "dead", "settled"]
    assert (await till.balance())[:4] == (doge(60) - cancellation["fee"], 0, 0, 0)


@pytest.mark.parametrize("wins", [1, 2])
async def test_what_cancels_a_payment_is_signed_again_too_where_its_fee_is_refused(
    till: ChainHarness, wins: int
) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10, kind="paytx")
    await till.send()
    accepted(await void(till, payment))
    await till.send()

    await crowd(till)
    await till.send()

    made = await till.sent()
    assert [(one["pays"], one["sends"]) for one in made] == [(True, False), (False, False), (False, True)]
    assert name(made[2]) in await till.mempool()
    await till.mine_only(await raw(till, wins))
    await till.mine()
    assert await till.states(payment) == ["VOIDED"]
    assert (await till.balance())[:4] == (doge(100) - made[wins]["fee"], 0, 0, 0)


async def test_what_its_caller_sends_is_not_signed_again(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10, kind="paytx")
    await till.send()

    await crowd(till)
    await till.send()

    assert await till.states(payment) == ["PROCESSING"]
    assert len(await till.sent()) == 1


async def test_two_senders_replace_a_payment_once(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)
    await till.send()
    await crowd(till)
    await till.sender.step()  # it is offered, and refused
    senders = [till.make_sender("one"), till.make_sender("one")]

    await asyncio.gather(*(sender.step() for sender in senders))
    await till.send()

    assert len(await till.sent()) == 2
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]


async def test_where_the_coin_that_was_added_goes_elsewhere_the_old_version_is_sent_again_at_its_own_price(
    till: ChainHarness,
) -> None:
    _, added = await till.fund("shop", 10, 50)
    payment = await till.pay(await till.stranger(), "9.99")
    await till.send()
    await crowd(till)
    await till.send()
    old, _ = await till.sent()
    assert await free(till) == []

    await till.mine_only(await till.steal(added))

    [now] = await till.shown(payment)
    assert (now.txid, now.fee, now.state) == (old["txid"], old["fee"], "BROADCAST")
    assert [one["sends"] for one in await till.sent()] == [True, False]
    assert (await till.balance()).outgoing == doge("9.99") + old["fee"]
    await till.resume()
    await clear(till)
    await till.later()
    await till.send()
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]
