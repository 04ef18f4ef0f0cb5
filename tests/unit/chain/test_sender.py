"""The sender on a real chain: our own devnet, its RPC, and a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import money
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.db import tables
from app.domain import dogecoin
from app.domain.dogecoin import REGTEST
from app.domain.ledger import InsufficientFunds
from app.domain.payments import (
    Payee,
    Payment,
    PayOrder,
    coin_selection,
    consolidation,
    fees,
    pause,
    signing_queue,
    spendable_coins,
)
from app.domain.refusals import Refusal
from app.money import DUST, Koinu
from tests import chain_harness, scenario
from tests.chain_harness import NOWHERE, ChainHarness, order
from tests.scenario import doge

TOLD = ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED"]


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


async def decoded(till: ChainHarness, payment: Payment) -> dict[str, Any]:
    """The transaction of a payment, as the node reads it."""
    [payment] = await till.shown(payment)
    assert payment.raw is not None
    found: dict[str, Any] = await till.call("decoderawtransaction", payment.raw.hex())
    return found


async def test_a_payment_arrives_once_and_costs_its_fee(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()

    payment = await till.pay(to, 10)
    assert (await till.balance())[:4] == (doge(89), 0, 0, doge(11))
    await till.send()
    [payment] = await till.shown(payment)
    assert (payment.state, payment.paid) == ("BROADCAST", doge(10))
    assert payment.fee is not None
    assert 0 < payment.fee < DUST
    assert (await till.balance())[:4] == (doge(90) - payment.fee, 0, 0, doge(10) + payment.fee)

    await till.mine()
    assert await till.states(payment) == ["BROADCAST"]
    await till.mine()
    assert await till.states(payment) == ["CONFIRMED"]
    assert (await till.balance())[:4] == (doge(90) - payment.fee, 0, 0, 0)
    assert await till.received(to) == doge(10)
    assert await till.told(payment) == TOLD
    await till.later()
    assert await till.send() == 0


async def test_a_script_hash_and_many_outputs_are_paid(till: ChainHarness) -> None:
    await till.fund("shop", 1000)
    people = [await till.stranger() for _ in range(30)]
    payees = [Payee.of(REGTEST, "", to, doge(n + 1)) for n, to in enumerate(people)]
    payees.append(Payee.of(REGTEST, "", NOWHERE, doge(5)))

    [payment] = await till.request(PayOrder("shop", tuple(payees)))
    assert isinstance(payment, Payment)
    await till.send()
    await till.mine(2)

    assert [await till.received(to) for to in people] == [doge(n + 1) for n in range(30)]
    outputs = (await decoded(till, payment))["vout"]
    assert outputs[30]["scriptPubKey"]["hex"] == dogecoin.p2sh(bytes(20)).hex()
    assert await till.states(payment) == ["CONFIRMED"]


async def test_hundreds_of_small_coins_pay_one_large_payment(till: ChainHarness) -> None:
    await till.fund("shop", *[1] * 300)
    to = await till.stranger()

    payment = await till.pay(to, 299)
    await till.send()
    await till.mine(2)

    assert len((await decoded(till, payment))["vin"]) == 300
    assert (await till.states(payment), await till.received(to)) == (["CONFIRMED"], doge(299))


@pytest.mark.parametrize("left", ["0.0005", "0.0099"])
async def test_change_below_the_dust_limit_goes_to_the_fee(till: ChainHarness, left: str) -> None:
    await till.fund("shop", 10)
    fee = fees.fee(fees.size(1, [dogecoin.p2sh(bytes(20))]), fees.MINED_RATE)

    payment = await till.pay(NOWHERE, money.show(doge(10) - fee - doge(left)))
    await till.send()
    [payment] = await till.shown(payment)

    assert payment.fee == fee + doge(left)
    assert len((await decoded(till, payment))["vout"]) == 1
    assert (await till.balance()).available == 0
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]


async def test_a_fee_above_its_limit_fails_the_payment_and_gives_the_money_back(till: ChainHarness) -> None:
    await till.fund("shop", *[1] * 40)

    payment = await till.pay(NOWHERE, 38, max_fee=doge("0.01"))
    await till.send()

    [payment] = await till.shown(payment)
    assert payment.state == "FAILED"
    assert "fee" in payment.error
    assert (await till.balance())[:4] == (doge(40), 0, 0, 0)
    assert await till.told(payment) == ["PAYMENT_REQUESTED", "PAYMENT_FAILED"]
    assert await till.send() == 0


async def test_a_payment_whose_coins_are_not_there_waits_and_lets_the_next_one_pass(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    await till.fund("other", 10)
    kept = await till.pay(NOWHERE, 60, kind="paytx")
    await till.send()
    waiting = await till.pay(NOWHERE, 30)

    passing = await till.pay(NOWHERE, 5, "other")
    await till.send()

    assert await till.states(kept, waiting, passing) == ["PROCESSING", "PENDING", "BROADCAST"]
    [kept] = await till.shown(kept)
    assert kept.raw is not None
    await till.call("sendrawtransaction", kept.raw.hex())
    await till.mine()
    await till.send()
    await till.mine(2)
    assert await till.states(kept, waiting, passing) == ["CONFIRMED"] * 3


async def test_however_many_wait_for_their_coins_others_are_paid(till: ChainHarness) -> None:
    await till.fund("shop", 1000)
    await till.fund("other", 10)
    await till.pay(NOWHERE, 1, kind="paytx")
    await till.send()
    waiting = [await till.pay(NOWHERE, 11, max_fee=doge("0.1")) for _ in range(signing_queue.TURN + 1)]

    passing = await till.pay(NOWHERE, 5, "other")
    await till.send()

    assert await till.states(*waiting, passing) == ["PENDING"] * len(waiting) + ["BROADCAST"]


async def test_what_is_signed_is_sent_though_more_and_more_is_asked_for(till: ChainHarness) -> None:
    await till.fund("shop", *[2] * (signing_queue.TURN + 10))
    for _ in range(signing_queue.TURN + 10):
        await till.pay(NOWHERE, 1, max_fee=doge("0.1"))

    await till.sender.step()
    await till.sender.step()

    assert len(await till.mempool()) == signing_queue.TURN


class Unreachable(Node):
    """A node that is away while `away` is set, and takes what it is sent without an answer while `mute` is."""

    away = False
    mute = False

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        if self.away:
            raise NodeTrouble("The node is away.")
        said = await super().send(raws)
        if self.mute:
            raise NodeTrouble("The node did not answer in time.")
        return said


@pytest.fixture
async def unreachable(till: ChainHarness) -> AsyncIterator[Unreachable]:
    """The till's sender speaks to this."""
    async with Unreachable(till.url) as node:
        till.sender = till.make_sender(node=node)
        yield node


async def test_what_was_signed_while_the_node_is_away_is_sent_when_it_is_back(
    till: ChainHarness, unreachable: Unreachable
) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    unreachable.away = True

    assert await till.sender.step()
    for _ in range(3):
        with pytest.raises(NodeTrouble):
            await till.sender.step()
    assert await till.states(payment) == ["PROCESSING"]
    unreachable.away = False
    await till.send()
    await till.mine(2)

    assert (await till.states(payment), await till.received(to)) == (["CONFIRMED"], doge(10))


async def test_what_the_node_took_without_an_answer_is_sent_again_and_paid_once(
    till: ChainHarness, unreachable: Unreachable
) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    unreachable.mute = True

    assert await till.sender.step()
    with pytest.raises(NodeTrouble):
        await till.sender.step()
    assert (await till.states(payment), len(await till.mempool())) == (["PROCESSING"], 1)
    unreachable.mute = False
    await till.send()
    assert await till.states(payment) == ["BROADCAST"]
    await till.mine(2)

    assert (await till.states(payment), await till.received(to)) == (["CONFIRMED"], doge(10))
    assert len(await till.sent()) == 1


async def test_a_block_that_comes_before_the_nodes_answer_was_noted_confirms_the_payment(
    till: ChainHarness, unreachable: Unreachable
) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(NOWHERE, 10)
    unreachable.mute = True
    await till.sender.step()
    with pytest.raises(NodeTrouble):
        await till.sender.step()

    await till.mine(2)

    assert await till.states(payment) == ["CONFIRMED"]
    unreachable.mute = False
    assert await till.send() == 0


async def test_a_transaction_that_the_node_forgot_is_offered_again_until_it_is_mined(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(NOWHERE, 10)
    await till.send()
    for _ in range(2):
        await till.forget_mempool()
        assert await till.mempool() == []
        assert await till.send() == 0  # not before its time
        await till.later()
        await till.send()
        assert len(await till.mempool()) == 1

    await till.mine(2)
    await till.later()

    assert (await till.states(payment), await till.send()) == (["CONFIRMED"], 0)
    assert await till.told(payment) == TOLD


@pytest.mark.parametrize("depth", [1, 2])
async def test_a_payment_whose_block_goes_is_sent_again_and_mined_again(till: ChainHarness, depth: int) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.send()
    await till.mine(depth)
    await till.back(depth)
    await till.forget_mempool()
    for _ in range(depth + 1):
        await till.mine_only()

    assert await till.states(payment) == ["BROADCAST"]
    assert (await till.balance()).outgoing > doge(10)
    assert await till.received(to) == 0
    await till.later()
    await till.send()
    await till.mine(2)

    assert (await till.states(payment), await till.received(to)) == (["CONFIRMED"], doge(10))


async def test_batched_payments_share_one_transaction_and_its_fee(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    await till.fund("other", 100)
    people = [await till.stranger() for _ in range(4)]
    alone = await till.pay(people[3], 4)
    shared = [
        await till.pay(to, n + 1, "shop" if n else "other", batch=True, max_fee=doge("0.2") * (n + 1))
        for n, to in enumerate(people[:3])
    ]

    await till.send()

    shared = await till.shown(*shared)
    assert len({payment.txid for payment in shared}) == 1
    assert len(await till.sent()) == 2
    assert sum(payment.fee or 0 for payment in shared) == (await till.sent())[1]["fee"]
    assert all(payment.fee for payment in shared)
    await till.mine(2)
    assert await till.states(alone, *shared) == ["CONFIRMED"] * 4
    assert [await till.received(to) for to in people] == [doge(1), doge(2), doge(3), doge(4)]


async def test_a_batched_payment_whose_coins_are_not_there_does_not_hold_up_the_others(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    await till.fund("other", 10)
    await till.pay(NOWHERE, 60, kind="paytx")
    await till.send()
    waiting = await till.pay(NOWHERE, 30, batch=True)

    passing = await till.pay(NOWHERE, 5, "other", batch=True)
    await till.send()

    assert await till.states(waiting, passing) == ["PENDING", "BROADCAST"]


async def test_a_consolidation_shares_its_transaction_with_nobody(till: ChainHarness) -> None:
    await till.fund("shop", 10, 10, 50)
    await scenario.open_account(till.engine, "shop", batch=True)
    async with till.engine.begin() as db:
        made = await consolidation.request(db, REGTEST, "shop", 2)
    assert not isinstance(made, Refusal)
    sent = await till.pay(NOWHERE, 5)

    await till.send()

    assert await till.states(made[0], sent) == ["BROADCAST"] * 2
    assert len(await till.sent()) == 2


async def test_a_paytx_shares_its_transaction_with_nobody(till: ChainHarness) -> None:
    await till.fund("shop", 50, 50)
    kept = await till.pay(NOWHERE, 6, kind="paytx", batch=True)
    sent = await till.pay(NOWHERE, 5, batch=True)

    await till.send()

    assert await till.states(kept, sent) == ["PROCESSING", "BROADCAST"]


@pytest.mark.parametrize(
    ("amount", "terms"), [("9.995", {"share": 100 * fees.PERCENT}), ("9.985", {"explicit_fee": doge("0.01")})]
)
async def test_what_is_too_small_for_change_goes_to_an_exact_fee_as_well(
    till: ChainHarness, amount: str, terms: dict[str, Any]
) -> None:
    await till.fund("shop", 10)
    payment = await till.pay(NOWHERE, amount, **terms)

    await till.send()

    [payment] = await till.shown(payment)
    assert (payment.state, payment.total) == ("BROADCAST", doge(10))
    assert (await till.balance())[:4] == (0, 0, 0, doge(10))


async def test_an_exact_fee_is_exact_where_there_is_another_coin(till: ChainHarness) -> None:
    await till.fund("shop", 10, 20)
    payment = await till.pay(NOWHERE, "9.985", explicit_fee=doge("0.01"))

    await till.send()

    [payment] = await till.shown(payment)
    assert (payment.state, payment.fee) == ("BROADCAST", doge("0.01"))
    assert (await till.balance()).available == doge(30) - doge("9.995")


async def test_two_senders_that_both_believe_to_be_the_only_one_pay_each_payment_once(till: ChainHarness) -> None:
    await till.fund("shop", *[20] * 8)
    other = till.make_sender()
    to = await till.stranger()
    payments = [await till.pay(to, 10) for _ in range(6)]

    for _ in range(12):
        await asyncio.gather(till.sender.step(), other.step(), till.sender.step(), other.step())
    await till.send()
    await till.mine(3)

    assert await till.states(*payments) == ["CONFIRMED"] * 6
    assert await till.received(to) == doge(60)
    assert len(await till.sent()) == 6


async def test_a_payment_that_was_read_before_another_sender_signed_it_is_neither_signed_nor_failed(
    till: ChainHarness,
) -> None:
    """As if nothing were locked: what was read is acted upon after the other one's commit."""
    await till.fund("shop", 50, 50)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    stale = await till.shown(payment)
    await till.send()
    async with till.engine.connect() as db:
        free = await spendable_coins.smallest(db, 1)

    choice = coin_selection.Choice(free.coins, (doge(10),), Koinu(doge(40) - DUST), DUST)
    again = signing_queue.Signed(bytes(32), b"raw", choice, None, None)
    with pytest.raises(signing_queue.PaymentTaken):
        async with till.engine.begin() as db:
            await signing_queue.store(db, [signing_queue.Draft(stale, again)])
    with pytest.raises(signing_queue.PaymentTaken):
        async with till.engine.begin() as db:
            await signing_queue.store(db, (), [(stale[0], InsufficientFunds(available=0, needed=0))])

    assert (await till.states(payment), len(await till.sent()), len(await till.free())) == (
        ["BROADCAST"],
        1,
        2,
    )  # the other coin, and change
    await till.mine(2)
    assert (await till.states(payment), await till.received(to)) == (["CONFIRMED"], doge(10))


async def test_fresh_change_is_spent_as_far_as_nodes_take_chains(till: ChainHarness) -> None:
    await till.fund("shop", 1000)
    to = await till.stranger()
    payments = [await till.pay(to, 1) for _ in range(spendable_coins.ANCESTORS + 6)]

    await till.send()

    states = await till.states(*payments)
    assert states == ["BROADCAST"] * spendable_coins.ANCESTORS + ["PENDING"] * 6
    assert len(await till.mempool()) == spendable_coins.ANCESTORS
    await till.mine()
    await till.send()
    await till.mine(2)
    assert await till.states(*payments) == ["CONFIRMED"] * len(payments)
    assert await till.received(to) == doge(len(payments))


async def test_several_chains_of_change_never_meet_in_one_that_is_too_long(till: ChainHarness) -> None:
    """Each coin becomes a chain; a payment that needs the ends of several stands on all of them."""
    await till.fund("shop", *[14] * 4)
    small = [await till.pay(NOWHERE, 1, max_fee=doge("0.05")) for _ in range(48)]
    await till.send()

    large = await till.pay(NOWHERE, 6)
    await till.send()

    assert len(await till.mempool()) == len([row for row in await till.sent() if row["state"] == "sent"])
    await till.mine()
    await till.later()
    await till.send()
    await till.mine(2)
    assert await till.states(*small, large) == ["CONFIRMED"] * 49


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_payment_waits_where_it_would_join_two_chains_into_one_that_is_too_long(
    till: ChainHarness, *, at_once: bool
) -> None:
    """The smallest change that will do is spent: each coin begins a chain of 13."""
    await till.fund("shop", 20, 20)
    amounts = ["0.5", "15", *["0.3"] * 12, *["1.45"] * 12]
    small = [await till.pay(NOWHERE, amount, max_fee=doge("0.01")) for amount in amounts]
    if not at_once:
        await till.send()

    joining = await till.pay(NOWHERE, 3, max_fee=doge("0.1"))
    await till.send()

    assert await till.states(*small, joining) == ["BROADCAST"] * 26 + ["PENDING"]
    assert max(row["ancestors"] for row in await till.sent()) == 13
    await till.mine()
    await till.send()
    await till.mine(2)
    assert await till.states(*small, joining) == ["CONFIRMED"] * 27


async def test_payments_that_wait_together_are_signed_in_one_transaction_of_the_database(till: ChainHarness) -> None:
    await till.fund("shop", *[5] * 4)  # so that the others spend change of these
    await till.fund("other", 20)
    made = [await till.pay(NOWHERE, 1, who) for who in ["shop", "other"] * 6]
    before = till.commits

    assert await till.sender.step()

    shown = await till.shown(*made)
    assert (till.commits - before, {payment.state for payment in shown}) == (1, {"PROCESSING"})
    assert [row["txid"] for row in await till.sent()] == [payment.txid for payment in shown]
    await till.send()
    assert len(await till.mempool()) == 12
    await till.mine(2)
    assert await till.states(*made) == ["CONFIRMED"] * 12


async def test_a_payment_that_can_never_be_signed_fails_alone(till: ChainHarness) -> None:
    await till.fund("shop", *[1] * 40)
    await till.fund("other", 20)
    first = await till.pay(NOWHERE, 5, "other")
    poor = await till.pay(NOWHERE, 35, max_fee=doge("0.01"))
    last = await till.pay(NOWHERE, 5, "other")

    await till.send()

    assert await till.states(first, poor, last) == ["BROADCAST", "FAILED", "BROADCAST"]
    assert (await till.balance()).available == doge(40)


async def test_a_coin_to_which_there_is_no_key_stops_no_payment_but_those_that_need_it(
    till: ChainHarness, caplog: pytest.LogCaptureFixture
) -> None:
    [address] = await till.fund("shop", 20)
    await till.fund("other", 20)
    there = dogecoin.of_address(REGTEST, address)
    await rename(till, there, bytes(25))
    stopped = await till.pay(NOWHERE, 15)

    others = [await till.pay(NOWHERE, 5, "other") for _ in range(2)]
    await till.send()

    assert await till.states(stopped, *others) == ["PENDING", "BROADCAST", "BROADCAST"]
    await till.send()
    assert caplog.text.count(f"payment {stopped.id} waits") == 1
    await rename(till, bytes(25), there)
    await till.send()
    assert await till.states(stopped) == ["BROADCAST"]


async def test_a_payment_that_the_database_does_not_take_stops_no_other(till: ChainHarness) -> None:
    await till.fund("shop", 20)
    await till.fund("other", 20)
    stopped = await till.pay(NOWHERE, 5)
    others = [await till.pay(NOWHERE, 5, "other") for _ in range(2)]
    async with till.engine.begin() as db:
        account, xpub = (await db.execute(sa.text("SELECT id, xpub FROM accounts WHERE foreign_id = 'shop'"))).one()
        taken = {"script": dogecoin.script_at(xpub, dogecoin.CHANGE, 0), "branch": 1, "index": 0, "purpose": "change"}
        await db.execute(sa.insert(tables.addresses).values(account_id=account, **taken))

    for _ in range(8):
        with suppress(IntegrityError):
            await till.sender.step()

    assert await till.states(stopped, *others) == ["PENDING", "BROADCAST", "BROADCAST"]
    async with till.engine.begin() as db:
        await db.execute(sa.delete(tables.addresses).where(tables.addresses.c.script == taken["script"]))
    await till.send()
    assert await till.states(stopped) == ["BROADCAST"]


async def rename(till: ChainHarness, script: bytes, to: bytes) -> None:
    """Note another script for a path than its key has, as a database that fits another seed would."""
    async with till.engine.begin() as db:
        await db.execute(sa.update(tables.addresses).where(tables.addresses.c.script == script).values(script=to))


async def test_no_batched_payment_pays_more_of_the_fee_than_was_set_aside_for_it(till: ChainHarness) -> None:
    """What is left over is no change but fee, so that the fee is a koinu less than all that was set aside."""
    limit = doge("0.0025")
    await till.fund("shop", money.show(3 * doge(1) + 3 * limit - 1), "0.5")
    people = [await till.stranger() for _ in range(3)]
    payments = [await till.pay(to, 1, batch=True, max_fee=limit) for to in people]

    await till.send()

    shown = await till.shown(*payments)
    assert len({payment.txid for payment in shown}) == 1
    assert [payment.state for payment in shown] == ["BROADCAST"] * 3
    assert sum(payment.fee or 0 for payment in shown) == 3 * limit - 1
    assert all((payment.fee or 0) <= limit for payment in shown)
    assert (await till.balance()).outgoing == sum(payment.total for payment in shown)
    await till.mine(2)
    assert await till.states(*payments) == ["CONFIRMED"] * 3


@pytest.mark.parametrize("coins", [["210"], ["10.5"] * 20], ids=["a single coin", "20 coins"])
async def test_of_50_payments_at_once_as_many_are_accepted_as_there_is_money_for(
    till: ChainHarness, coins: list[str]
) -> None:
    await till.fund("shop", *coins)
    to = await till.stranger()
    asked = [order(to, 10, max_fee=doge("0.5")) for _ in range(50)]

    answers = [one for [one] in await asyncio.gather(*(till.request(each) for each in asked))]

    accepted = [answer for answer in answers if isinstance(answer, Payment)]
    refused = [answer for answer in answers if isinstance(answer, InsufficientFunds)]
    assert (len(accepted), len(refused)) == (20, 30)
    assert (await till.balance())[:4] == (0, 0, 0, doge(210))
    await till.send()
    await till.mine(2)
    assert await till.states(*accepted) == ["CONFIRMED"] * 20
    assert (
        await till.received(to)
        == sum(chain_harness.paid(payment) for payment in await till.shown(*accepted))
        == doge(200)
    )


async def test_money_comes_back_only_when_a_strangers_spend_of_its_coin_is_deep(till: ChainHarness) -> None:
    [address] = await till.fund("shop", 100)
    payment = await till.pay(NOWHERE, 10)
    await till.send()

    await till.mine_only(await till.steal(address))

    assert await till.states(payment) == ["BROADCAST"]
    assert "SYS_UNKNOWN_SPEND" in await till.everything()
    await till.mine_only()
    [payment] = await till.shown(payment)
    assert (payment.state, (await till.balance()).available) == ("FAILED", doge(100))
    assert (await till.balance_of(tables.CLAWBACK)).available == -doge(100)
    assert await till.told(payment) == ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_FAILED"]


async def test_what_was_built_on_a_payment_that_can_no_longer_happen_is_released_as_well(till: ChainHarness) -> None:
    [address] = await till.fund("shop", 100)
    first = await till.pay(NOWHERE, 10)
    second = await till.pay(NOWHERE, 20)
    await till.send()
    assert len(await till.mempool()) == 2

    await till.mine_only(await till.steal(address))
    await till.mine_only()
    await till.mine_only()
    await till.mine_only()

    assert await till.states(first, second) == ["FAILED", "FAILED"]
    assert (await till.balance())[:4] == (doge(100), 0, 0, 0)


async def test_change_of_a_payment_that_a_block_has_overtaken_is_not_spent(till: ChainHarness) -> None:
    [address] = await till.fund("shop", 100)
    overtaken = await till.pay(NOWHERE, 10)
    await till.send()
    await till.mine_only(await till.steal(address))
    await till.resume()

    payment = await till.pay(NOWHERE, 50)
    await till.send()

    assert await till.states(overtaken, payment) == ["BROADCAST", "PENDING"]


async def test_a_payment_that_comes_back_to_life_after_its_other_coin_was_spent_again_is_released_again(
    till: ChainHarness,
) -> None:
    """The stolen coin's block goes; meanwhile another payment took the coin that had been given back."""
    addresses = await till.fund("shop", 10, 10)
    first = await till.pay(NOWHERE, 15)
    await till.send()
    stolen = await till.steal(addresses[0])
    await till.mine_only(stolen)
    await till.mine_only()
    assert await till.states(first) == ["FAILED"]
    await till.resume()
    second = await till.pay(NOWHERE, 5)
    await till.send()
    assert await till.states(second) == ["BROADCAST"]

    await till.back(2)
    await till.forget_mempool()
    for _ in range(3):
        await till.mine_only()
    assert await till.states(first, second) == ["BROADCAST", "BROADCAST"]
    [kept] = await till.shown(second)
    assert kept.raw is not None
    await till.mine_only(kept.raw.hex())
    await till.mine_only()
    await till.mine_only()

    assert await till.states(first, second) == ["FAILED", "CONFIRMED"]


async def test_that_there_is_nothing_to_do_is_seen_without_a_lock_or_a_write(till: ChainHarness) -> None:
    """Five times a second, for as long as an installation runs."""
    await till.fund("shop", 100)
    await till.pay(await till.stranger(), 10)
    await till.send()
    asked: list[str] = []
    sa.event.listen(
        till.engine.sync_engine, "before_cursor_execute", lambda _db, _cursor, statement, *_: asked.append(statement)
    )

    assert [await till.sender.step() for _ in range(3)] == [False] * 3
    async with till.engine.begin() as db:
        await pause.pause(db, "of a doubt")
        await db.execute(sa.update(tables.transactions).values(tried=None))
    paused = len(asked)
    assert not await till.sender.step()

    looked = [statement for statement in asked[:3] + asked[paused:] if " leases " not in statement]
    assert looked
    assert [statement for statement in looked if not statement.startswith("SELECT") or " FOR " in statement] == []
