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
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path, max_mempool_bytes=ROOM) as made:
        yield made
        await made.audit()


async def crowd(harness: ChainHarness, rate: str = RATE) -> None:
    """Others fill the mempool with what pays more than ours, which has to go; and the time comes to offer ours again."""
    await harness.call("fillmempool", rate)
    await harness.make_due()


async def clear(harness: ChainHarness) -> None:
    """Blocks take what waits, and in the days after that the node's least fee falls to nothing."""
    await harness.mine(3)
    now = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]
    await harness.call("setmocktime", now + 3 * 24 * 3600)
    await harness.call("getmempoolinfo")


async def raw(harness: ChainHarness, number: int) -> str:
    """The bytes of the n-th transaction that we signed."""
    return bytes((await harness.transactions())[number]["raw"]).hex()


async def inputs(harness: ChainHarness, number: int) -> set[tuple[str, int]]:
    decoded = await harness.call("decoderawtransaction", await raw(harness, number))
    return set(chain_harness.coins_of(decoded))


async def free(harness: ChainHarness) -> list[int]:
    """Amounts of the coins in blocks that nothing spends."""
    there = sa.and_(
        coins.c.height.is_not(None), coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None)
    )
    async with harness.engine.connect() as db:
        return list(await db.scalars(sa.select(coins.c.amount).where(there).order_by(coins.c.amount)))


def name(transaction: dict[str, Any]) -> str:
    return str(transaction["txid"][::-1].hex())


async def test_a_payment_that_is_refused_for_its_fee_is_replaced_by_itself_and_pays_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    [before] = await harness.reload(payment)

    await crowd(harness)
    await harness.send()

    [now] = await harness.reload(payment)
    old, new = await harness.transactions()
    assert (now.state, now.error, now.txid) == ("BROADCAST", "", new["txid"])
    assert (await harness.mempool()).count(name(new)) == 1
    assert (new["replaces"], new["pays"], old["sends"], new["sends"]) == (old["id"], True, False, True)
    assert await inputs(harness, 0) <= await inputs(harness, 1)
    assert (now.paid, now.fee) == (doge(10), new["fee"])
    assert (before.fee or 0) < new["fee"] <= doge(1)
    assert (await harness.balance())[:4] == (doge(90) - new["fee"], 0, 0, doge(10) + new["fee"])
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]
    assert await harness.received(to) == doge(10)
    assert (await harness.balance())[:4] == (doge(90) - new["fee"], 0, 0, 0)
    assert [one["state"] for one in await harness.transactions()] == ["dead", "settled"]
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
    await crowd(harness)
    await harness.send()
    old, new = await harness.transactions()

    await harness.mine_only(await raw(harness, 0))
    [now] = await harness.reload(payment)
    assert (now.state, now.txid, now.fee) == ("BROADCAST", old["txid"], old["fee"])
    assert (await harness.balance())[:4] == (doge(90) - old["fee"], 0, 0, doge(10) + old["fee"])
    await harness.mine()

    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance())[:4] == (doge(90) - old["fee"], 0, 0, 0)
    assert await harness.received(to) == doge(10)
    assert [one["state"] for one in await harness.transactions()] == ["settled", "dead"]
    assert await free(harness) == [doge(90) - old["fee"]]
    assert new["fee"] > old["fee"]


async def test_reorganisations_that_go_from_one_version_to_the_other_and_back_move_the_money_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await crowd(harness)
    await harness.send()
    fees = [one["fee"] for one in await harness.transactions()]
    versions = [await raw(harness, 0), await raw(harness, 1)]

    for depth, at in enumerate([0, 1, 0, 1]):
        if depth:
            await harness.invalidate_blocks(depth + 1)
        await harness.mine_only(versions[at])
        await harness.mine(depth + 1)
        await harness.audit()
        [now] = await harness.reload(payment)
        assert (now.state, now.fee) == ("CONFIRMED", fees[at])
        assert (await harness.balance())[:4] == (doge(90) - fees[at], 0, 0, 0)
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
        await crowd(harness)
        await harness.send()

    [now] = await harness.reload(payment)
    assert now.error.startswith("66: mempool min fee not met (-26); it needs a fee of 0.09")
    assert sentence in now.error
    assert (now.state, len(await harness.transactions()), await harness.balance()) == ("BROADCAST", 1, before)
    assert await harness.send() == 0
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_an_account_without_money_for_the_higher_fee_is_told_so_and_its_payment_replaced_once_it_has_some(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("rich", 50)
    payment = await harness.pay(await harness.node_address(), "99.95")
    await harness.send()

    await crowd(harness)
    await harness.send()
    [told] = await harness.reload(payment)
    alone = len(await harness.transactions())
    async with harness.engine.begin() as db:
        made = [transfers.TransferOrder("key", "rich", (transfers.Payee("shop", "10"),), "DOGE")]
        await transfers.make(db, made)
    await harness.make_due()
    await harness.send()

    assert "and the account has" in told.error
    assert alone == 1
    [now] = await harness.reload(payment)
    assert (now.error, len(await harness.transactions())) == ("", 2)
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_payments_that_share_a_transaction_bear_no_more_than_each_allows(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 100)
    low = await harness.pay(await harness.node_address(), 10, batch=True, max_fee=doge("0.01"))
    high = await harness.pay(await harness.node_address(), 10, "other", batch=True, max_fee=doge(2))
    await harness.send()

    await crowd(harness)
    await harness.send()

    old, new = await harness.transactions()
    one, other = await harness.reload(low, high)
    assert one.transaction_id == other.transaction_id == old["id"]
    assert (one.fee or 0) + (other.fee or 0) == new["fee"] > old["fee"]
    assert (one.fee or 0) <= doge("0.01")
    await harness.mine(2)
    assert await harness.states(low, high) == ["CONFIRMED", "CONFIRMED"]
    assert (await harness.balance("other")).available == doge(90) - (other.fee or 0)


async def test_where_the_payee_bears_the_fee_it_bears_the_higher_one_too(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10, share=payments.PERCENT * 100)
    await harness.send()

    await crowd(harness)
    await harness.send()
    await harness.mine(2)

    _, new = await harness.transactions()
    [now] = await harness.reload(payment)
    assert (now.state, now.paid, now.fee) == ("CONFIRMED", doge(10) - new["fee"], new["fee"])
    assert await harness.received(to) == doge(10) - new["fee"]
    assert (await harness.balance())[:4] == (doge(90), 0, 0, 0)


@pytest.mark.parametrize("wins", [0, 1])
async def test_where_change_does_not_reach_another_coin_is_spent_too_and_is_free_again_if_the_old_version_wins(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 10, 50)
    to = await harness.node_address()
    payment = await harness.pay(to, "9.99")
    await harness.send()
    assert len(await inputs(harness, 0)) == 1

    await crowd(harness)
    await harness.send()
    assert len(await inputs(harness, 1)) == 2
    assert await free(harness) == []
    await harness.mine_only(await raw(harness, wins))
    await harness.mine()

    assert await harness.states(payment) == ["CONFIRMED"]
    assert await harness.received(to) == doge("9.99")
    assert len(await free(harness)) == 1
    other = await harness.pay(await harness.node_address(), 40)
    await harness.send()
    assert await harness.states(other) == ["BROADCAST"]


@pytest.mark.parametrize("wins", [0, 2])
async def test_what_stands_on_the_change_of_a_replaced_payment_is_replaced_with_it(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(2)]
    first, second = [await harness.pay(to, 10) for to in people]
    await harness.send()
    assert (await inputs(harness, 1)) == {(name((await harness.transactions())[0]), 1)}

    await crowd(harness)
    await harness.send()

    made = await harness.transactions()
    assert [one["replaces"] for one in made] == [None, None, made[0]["id"], made[1]["id"]]
    assert await inputs(harness, 3) == {(name(made[2]), 1)}
    assert {name(made[2]), name(made[3])} <= set(await harness.mempool())
    await harness.mine_only(await raw(harness, wins), await raw(harness, wins + 1))
    await harness.mine()
    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [await harness.received(to) for to in people] == [doge(10), doge(10)]
    spent = sum(one["fee"] for one in (await harness.transactions())[wins : wins + 2])
    assert (await harness.balance())[:4] == (doge(80) - spent, 0, 0, 0)


async def test_what_stood_on_the_old_version_is_sent_again_where_that_was_mined(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    first, second = [await harness.pay(await harness.node_address(), 10) for _ in range(2)]
    await harness.send()
    await crowd(harness)
    await harness.send()

    await harness.mine_only(await raw(harness, 0))
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(first, second) == ["CONFIRMED", "CONFIRMED"]
    assert [one["state"] for one in await harness.transactions()] == ["settled", "settled", "dead", "dead"]


async def test_change_of_several_versions_is_spent_by_nobody_until_one_is_mined(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await crowd(harness)
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
        await crowd(harness, rate)
        await harness.send()

    made = await harness.transactions()
    assert [one["replaces"] for one in made] == [None, *[made[0]["id"]] * 3]
    assert [one["sends"] for one in made] == [False, False, False, True]
    assert [one["fee"] for one in made] == sorted({one["fee"] for one in made})
    await harness.mine_only(await raw(harness, 1))
    await harness.mine()
    [now] = await harness.reload(payment)
    assert (now.state, now.fee) == ("CONFIRMED", made[1]["fee"])
    assert [one["state"] for one in await harness.transactions()] == ["dead", "settled", "dead", "dead"]


async def void(harness: ChainHarness, payment: Payment) -> Payment | Refusal:
    [now] = await harness.reload(payment)
    async with harness.engine.begin() as db:
        [outcome] = await payments.void(db, [payments.VoidOrder("shop", payment.id, now.txid)])
    return outcome


async def test_a_payment_that_was_replaced_can_be_voided_and_what_cancels_it_keeps_all_versions_out(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 10, 50)
    payment = await harness.pay(await harness.node_address(), "9.99")
    await harness.send()
    await crowd(harness)
    await harness.send()
    await harness.expire_mempool()

    assert accepted(await void(harness, payment)).state == "CANCELLING"
    await clear(harness)
    await harness.make_due()
    await harness.send()

    [*versions, cancellation] = await harness.transactions()
    assert (cancellation["pays"], [one["sends"] for one in versions]) == (False, [False, False])
    spent = await inputs(harness, 2)
    assert spent <= await inputs(harness, 0)
    assert spent <= await inputs(harness, 1)
    await harness.mine(2)
    assert await harness.states(payment) == ["VOIDED"]
    assert [one["state"] for one in await harness.transactions()] == ["dead", "dead", "settled"]
    assert (await harness.balance())[:4] == (doge(60) - cancellation["fee"], 0, 0, 0)


@pytest.mark.parametrize("wins", [1, 2])
async def test_what_cancels_a_payment_is_sign_again_too_where_its_fee_is_refused(
    harness: ChainHarness, wins: int
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()
    accepted(await void(harness, payment))
    await harness.send()

    await crowd(harness)
    await harness.send()

    made = await harness.transactions()
    assert [(one["pays"], one["sends"]) for one in made] == [(True, False), (False, False), (False, True)]
    assert name(made[2]) in await harness.mempool()
    await harness.mine_only(await raw(harness, wins))
    await harness.mine()
    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - made[wins]["fee"], 0, 0, 0)


async def test_what_its_caller_sends_is_not_sign_again(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()

    await crowd(harness)
    await harness.send()

    assert await harness.states(payment) == ["PROCESSING"]
    assert len(await harness.transactions()) == 1


async def test_two_senders_replace_a_payment_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await crowd(harness)
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
    await crowd(harness)
    await harness.send()
    old, _ = await harness.transactions()
    assert await free(harness) == []

    await harness.mine_only(await harness.steal(added))

    [now] = await harness.reload(payment)
    assert (now.txid, now.fee, now.state) == (old["txid"], old["fee"], "BROADCAST")
    assert [one["sends"] for one in await harness.transactions()] == [True, False]
    assert (await harness.balance()).outgoing == doge("9.99") + old["fee"]
    await harness.resume()
    await clear(harness)
    await harness.make_due()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]
