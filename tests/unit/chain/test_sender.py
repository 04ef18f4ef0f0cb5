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
from tests.statements import hear_all

EVENT_TYPES = ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED"]


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()


async def decoded(harness: ChainHarness, payment: Payment) -> dict[str, Any]:
    """Return the transaction of a payment, as the node decodes it."""
    [payment] = await harness.reload(payment)
    assert payment.raw is not None
    transaction: dict[str, Any] = await harness.call("decoderawtransaction", payment.raw.hex())
    return transaction


async def test_a_payment_arrives_once_and_costs_its_fee(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()

    payment = await harness.pay(to, 10)
    assert (await harness.balance())[:4] == (doge(89), 0, 0, doge(11))
    await harness.send()
    [payment] = await harness.reload(payment)
    assert (payment.state, payment.paid) == ("BROADCAST", doge(10))
    assert payment.fee is not None
    assert 0 < payment.fee < DUST
    assert (await harness.balance())[:4] == (doge(90) - payment.fee, 0, 0, doge(10) + payment.fee)

    await harness.mine()
    assert await harness.states(payment) == ["BROADCAST"]
    await harness.mine()
    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance())[:4] == (doge(90) - payment.fee, 0, 0, 0)
    assert await harness.received(to) == doge(10)
    assert await harness.payment_events(payment) == EVENT_TYPES
    await harness.make_due()
    assert await harness.send() == 0


async def test_a_script_hash_and_many_outputs_are_paid(harness: ChainHarness) -> None:
    await harness.fund("shop", 1000)
    people = [await harness.node_address() for _ in range(30)]
    payees = [Payee.of(REGTEST, "", to, doge(n + 1)) for n, to in enumerate(people)]
    payees.append(Payee.of(REGTEST, "", NOWHERE, doge(5)))

    [payment] = await harness.request(PayOrder("shop", tuple(payees)))
    assert isinstance(payment, Payment)
    await harness.send()
    await harness.mine(2)

    assert [await harness.received(to) for to in people] == [doge(n + 1) for n in range(30)]
    outputs = (await decoded(harness, payment))["vout"]
    assert outputs[30]["scriptPubKey"]["hex"] == dogecoin.p2sh(bytes(20)).hex()
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_hundreds_of_small_coins_pay_one_large_payment(harness: ChainHarness) -> None:
    await harness.fund("shop", *[1] * 300)
    to = await harness.node_address()

    payment = await harness.pay(to, 299)
    await harness.send()
    await harness.mine(2)

    assert len((await decoded(harness, payment))["vin"]) == 300
    assert (await harness.states(payment), await harness.received(to)) == (["CONFIRMED"], doge(299))


@pytest.mark.parametrize("remainder", ["0.0005", "0.0099"])
async def test_change_below_the_dust_limit_goes_to_the_fee(harness: ChainHarness, remainder: str) -> None:
    await harness.fund("shop", 10)
    fee = fees.fee(fees.size(1, [dogecoin.p2sh(bytes(20))]), fees.MINED_RATE)

    payment = await harness.pay(NOWHERE, money.show(doge(10) - fee - doge(remainder)))
    await harness.send()
    [payment] = await harness.reload(payment)

    assert payment.fee == fee + doge(remainder)
    assert len((await decoded(harness, payment))["vout"]) == 1
    assert (await harness.balance()).available == 0
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_a_fee_above_its_limit_fails_the_payment_and_gives_the_money_back(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", *[1] * 40)

    payment = await harness.pay(NOWHERE, 38, max_fee=doge("0.01"))
    await harness.send()

    [payment] = await harness.reload(payment)
    assert payment.state == "FAILED"
    assert "fee" in payment.error
    assert (await harness.balance())[:4] == (doge(40), 0, 0, 0)
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_FAILED"]
    assert await harness.send() == 0


async def test_a_payment_whose_coins_are_not_there_waits_and_lets_the_next_one_pass(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 10)
    unsent = await harness.pay(NOWHERE, 60, kind="paytx")
    await harness.send()
    waiting = await harness.pay(NOWHERE, 30)

    passing = await harness.pay(NOWHERE, 5, "other")
    await harness.send()

    assert await harness.states(unsent, waiting, passing) == ["PROCESSING", "PENDING", "BROADCAST"]
    [unsent] = await harness.reload(unsent)
    assert unsent.raw is not None
    await harness.call("sendrawtransaction", unsent.raw.hex())
    await harness.mine()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(unsent, waiting, passing) == ["CONFIRMED"] * 3


async def test_however_many_wait_for_their_coins_others_are_paid(harness: ChainHarness) -> None:
    await harness.fund("shop", 1000)
    await harness.fund("other", 10)
    await harness.pay(NOWHERE, 1, kind="paytx")
    await harness.send()
    waiting = [
        await harness.pay(NOWHERE, 11, max_fee=doge("0.1")) for _ in range(signing_queue.BATCH_SIZE + 1)
    ]

    passing = await harness.pay(NOWHERE, 5, "other")
    await harness.send()

    assert await harness.states(*waiting, passing) == ["PENDING"] * len(waiting) + ["BROADCAST"]


async def test_what_is_signed_is_sent_though_more_and_more_is_asked_for(harness: ChainHarness) -> None:
    await harness.fund("shop", *[2] * (signing_queue.BATCH_SIZE + 10))
    for _ in range(signing_queue.BATCH_SIZE + 10):
        await harness.pay(NOWHERE, 1, max_fee=doge("0.1"))

    await harness.sender.step()
    await harness.sender.step()

    assert len(await harness.mempool()) == signing_queue.BATCH_SIZE


class Unreachable(Node):
    """A node that is away while `away` is set, and that does not answer while `mute` is."""

    away = False
    mute = False

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        if self.away:
            raise NodeTrouble("The node is away.")
        outcomes = await super().send(raws)
        if self.mute:
            raise NodeTrouble("The node did not answer in time.")
        return outcomes


@pytest.fixture
async def unreachable(harness: ChainHarness) -> AsyncIterator[Unreachable]:
    """The node of the harness's sender."""
    async with Unreachable(harness.url) as node:
        harness.sender = harness.make_sender(node=node)
        yield node


async def test_what_was_signed_while_the_node_is_away_is_sent_when_it_is_back(
    harness: ChainHarness, unreachable: Unreachable
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    unreachable.away = True

    assert await harness.sender.step()
    for _ in range(3):
        with pytest.raises(NodeTrouble):
            await harness.sender.step()
    assert await harness.states(payment) == ["PROCESSING"]
    unreachable.away = False
    await harness.send()
    await harness.mine(2)

    assert (await harness.states(payment), await harness.received(to)) == (["CONFIRMED"], doge(10))


async def test_what_the_node_took_without_an_answer_is_sent_again_and_paid_once(
    harness: ChainHarness, unreachable: Unreachable
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    unreachable.mute = True

    assert await harness.sender.step()
    with pytest.raises(NodeTrouble):
        await harness.sender.step()
    assert (await harness.states(payment), len(await harness.mempool())) == (["PROCESSING"], 1)
    unreachable.mute = False
    await harness.send()
    assert await harness.states(payment) == ["BROADCAST"]
    await harness.mine(2)

    assert (await harness.states(payment), await harness.received(to)) == (["CONFIRMED"], doge(10))
    assert len(await harness.transactions()) == 1


async def test_a_block_that_comes_before_the_nodes_answer_was_noted_confirms_the_payment(
    harness: ChainHarness, unreachable: Unreachable
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(NOWHERE, 10)
    unreachable.mute = True
    await harness.sender.step()
    with pytest.raises(NodeTrouble):
        await harness.sender.step()

    await harness.mine(2)

    assert await harness.states(payment) == ["CONFIRMED"]
    unreachable.mute = False
    assert await harness.send() == 0


async def test_a_transaction_that_the_node_forgot_is_offered_again_until_it_is_mined(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(NOWHERE, 10)
    await harness.send()
    for _ in range(2):
        await harness.expire_mempool()
        assert await harness.mempool() == []
        assert await harness.send() == 0  # not before its time
        await harness.make_due()
        await harness.send()
        assert len(await harness.mempool()) == 1

    await harness.mine(2)
    await harness.make_due()

    assert (await harness.states(payment), await harness.send()) == (["CONFIRMED"], 0)
    assert await harness.payment_events(payment) == EVENT_TYPES


@pytest.mark.parametrize("depth", [1, 2])
async def test_a_payment_whose_block_goes_is_sent_again_and_mined_again(
    harness: ChainHarness, depth: int
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.send()
    await harness.mine(depth)
    await harness.invalidate_blocks(depth)
    await harness.expire_mempool()
    for _ in range(depth + 1):
        await harness.mine_only()

    assert await harness.states(payment) == ["BROADCAST"]
    assert (await harness.balance()).outgoing > doge(10)
    assert await harness.received(to) == 0
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert (await harness.states(payment), await harness.received(to)) == (["CONFIRMED"], doge(10))


async def test_batched_payments_share_one_transaction_and_its_fee(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 100)
    people = [await harness.node_address() for _ in range(4)]
    alone = await harness.pay(people[3], 4)
    shared = [
        await harness.pay(to, n + 1, "shop" if n else "other", batch=True, max_fee=doge("0.2") * (n + 1))
        for n, to in enumerate(people[:3])
    ]

    await harness.send()

    shared = await harness.reload(*shared)
    assert len({payment.txid for payment in shared}) == 1
    assert len(await harness.transactions()) == 2
    assert sum(payment.fee or 0 for payment in shared) == (await harness.transactions())[1]["fee"]
    assert all(payment.fee for payment in shared)
    await harness.mine(2)
    assert await harness.states(alone, *shared) == ["CONFIRMED"] * 4
    assert [await harness.received(to) for to in people] == [doge(1), doge(2), doge(3), doge(4)]


async def test_a_batched_payment_whose_coins_are_not_there_does_not_hold_up_the_others(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.fund("other", 10)
    await harness.pay(NOWHERE, 60, kind="paytx")
    await harness.send()
    waiting = await harness.pay(NOWHERE, 30, batch=True)

    passing = await harness.pay(NOWHERE, 5, "other", batch=True)
    await harness.send()

    assert await harness.states(waiting, passing) == ["PENDING", "BROADCAST"]


async def test_a_consolidation_shares_its_transaction_with_nobody(harness: ChainHarness) -> None:
    await harness.fund("shop", 10, 10, 50)
    await scenario.open_account(harness.engine, "shop", batch=True)
    async with harness.engine.begin() as db:
        outcome = await consolidation.request(db, REGTEST, "shop", 2)
    assert not isinstance(outcome, Refusal)
    payment = await harness.pay(NOWHERE, 5)

    await harness.send()

    assert await harness.states(outcome[0], payment) == ["BROADCAST"] * 2
    assert len(await harness.transactions()) == 2


async def test_a_paytx_shares_its_transaction_with_nobody(harness: ChainHarness) -> None:
    await harness.fund("shop", 50, 50)
    paytx = await harness.pay(NOWHERE, 6, kind="paytx", batch=True)
    payment = await harness.pay(NOWHERE, 5, batch=True)

    await harness.send()

    assert await harness.states(paytx, payment) == ["PROCESSING", "BROADCAST"]


@pytest.mark.parametrize(
    ("amount", "terms"), [("9.995", {"share": 100 * fees.PERCENT}), ("9.985", {"explicit_fee": doge("0.01")})]
)
async def test_what_is_too_small_for_change_goes_to_an_exact_fee_as_well(
    harness: ChainHarness, amount: str, terms: dict[str, Any]
) -> None:
    await harness.fund("shop", 10)
    payment = await harness.pay(NOWHERE, amount, **terms)

    await harness.send()

    [payment] = await harness.reload(payment)
    assert (payment.state, payment.total) == ("BROADCAST", doge(10))
    assert (await harness.balance())[:4] == (0, 0, 0, doge(10))


async def test_an_exact_fee_is_exact_where_there_is_another_coin(harness: ChainHarness) -> None:
    await harness.fund("shop", 10, 20)
    payment = await harness.pay(NOWHERE, "9.985", explicit_fee=doge("0.01"))

    await harness.send()

    [payment] = await harness.reload(payment)
    assert (payment.state, payment.fee) == ("BROADCAST", doge("0.01"))
    assert (await harness.balance()).available == doge(30) - doge("9.995")


async def test_two_senders_that_both_believe_to_be_the_only_one_pay_each_payment_once(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", *[20] * 8)
    second = harness.make_sender()
    to = await harness.node_address()
    payments = [await harness.pay(to, 10) for _ in range(6)]

    for _ in range(12):
        await asyncio.gather(harness.sender.step(), second.step(), harness.sender.step(), second.step())
    await harness.send()
    await harness.mine(3)

    assert await harness.states(*payments) == ["CONFIRMED"] * 6
    assert await harness.received(to) == doge(60)
    assert len(await harness.transactions()) == 6


async def test_a_payment_that_was_read_before_another_sender_signed_it_is_neither_signed_nor_failed(
    harness: ChainHarness,
) -> None:
    """As if nothing were locked: the second sender acts on what it read before the first one's commit."""
    await harness.fund("shop", 50, 50)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    stale = await harness.reload(payment)
    await harness.send()
    async with harness.engine.connect() as db:
        free = await spendable_coins.smallest(db, 1)

    choice = coin_selection.Choice(free.coins, (doge(10),), Koinu(doge(40) - DUST), DUST)
    signed = signing_queue.Signed(bytes(32), b"raw", choice, None, None)
    with pytest.raises(signing_queue.PaymentTaken):
        async with harness.engine.begin() as db:
            await signing_queue.store(db, [signing_queue.Draft(stale, signed)])
    with pytest.raises(signing_queue.PaymentTaken):
        async with harness.engine.begin() as db:
            await signing_queue.store(db, (), [(stale[0], InsufficientFunds(available=0, needed=0))])

    assert (
        await harness.states(payment),
        len(await harness.transactions()),
        len(await harness.free_amounts()),
    ) == (
        ["BROADCAST"],
        1,
        2,
    )  # the other coin, and change
    await harness.mine(2)
    assert (await harness.states(payment), await harness.received(to)) == (["CONFIRMED"], doge(10))


async def test_fresh_change_is_spent_as_far_as_nodes_take_chains(harness: ChainHarness) -> None:
    await harness.fund("shop", 1000)
    to = await harness.node_address()
    payments = [await harness.pay(to, 1) for _ in range(spendable_coins.ANCESTORS + 6)]

    await harness.send()

    states = await harness.states(*payments)
    assert states == ["BROADCAST"] * spendable_coins.ANCESTORS + ["PENDING"] * 6
    assert len(await harness.mempool()) == spendable_coins.ANCESTORS
    await harness.mine()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(*payments) == ["CONFIRMED"] * len(payments)
    assert await harness.received(to) == doge(len(payments))


async def test_several_chains_of_change_never_meet_in_one_that_is_too_long(harness: ChainHarness) -> None:
    """Each coin becomes a chain; a payment that needs the ends of several stands on all of them."""
    await harness.fund("shop", *[14] * 4)
    small = [await harness.pay(NOWHERE, 1, max_fee=doge("0.05")) for _ in range(48)]
    await harness.send()

    large = await harness.pay(NOWHERE, 6)
    await harness.send()

    assert len(await harness.mempool()) == len(
        [row for row in await harness.transactions() if row["state"] == "sent"]
    )
    await harness.mine()
    await harness.make_due()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(*small, large) == ["CONFIRMED"] * 49


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_payment_waits_where_it_would_join_two_chains_into_one_that_is_too_long(
    harness: ChainHarness, *, at_once: bool
) -> None:
    """The smallest change that is enough is spent, so each coin begins a chain of 13."""
    await harness.fund("shop", 20, 20)
    amounts = ["0.5", "15", *["0.3"] * 12, *["1.45"] * 12]
    small = [await harness.pay(NOWHERE, amount, max_fee=doge("0.01")) for amount in amounts]
    if not at_once:
        await harness.send()

    joining = await harness.pay(NOWHERE, 3, max_fee=doge("0.1"))
    await harness.send()

    assert await harness.states(*small, joining) == ["BROADCAST"] * 26 + ["PENDING"]
    assert max(row["ancestors"] for row in await harness.transactions()) == 13
    await harness.mine()
    await harness.send()
    await harness.mine(2)
    assert await harness.states(*small, joining) == ["CONFIRMED"] * 27


async def test_payments_that_wait_together_are_signed_in_one_transaction_of_the_database(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", *[5] * 4)  # so that the others spend change of these
    await harness.fund("other", 20)
    payments = [await harness.pay(NOWHERE, 1, account) for account in ["shop", "other"] * 6]
    before = harness.commits

    assert await harness.sender.step()

    signed = await harness.reload(*payments)
    assert (harness.commits - before, {payment.state for payment in signed}) == (1, {"PROCESSING"})
    assert [row["txid"] for row in await harness.transactions()] == [payment.txid for payment in signed]
    await harness.send()
    assert len(await harness.mempool()) == 12
    await harness.mine(2)
    assert await harness.states(*payments) == ["CONFIRMED"] * 12


async def test_a_payment_that_can_never_be_signed_fails_alone(harness: ChainHarness) -> None:
    await harness.fund("shop", *[1] * 40)
    await harness.fund("other", 20)
    first = await harness.pay(NOWHERE, 5, "other")
    poor = await harness.pay(NOWHERE, 35, max_fee=doge("0.01"))
    last = await harness.pay(NOWHERE, 5, "other")

    await harness.send()

    assert await harness.states(first, poor, last) == ["BROADCAST", "FAILED", "BROADCAST"]
    assert (await harness.balance()).available == doge(40)


async def test_a_coin_to_which_there_is_no_key_stops_no_payment_but_those_that_need_it(
    harness: ChainHarness, caplog: pytest.LogCaptureFixture
) -> None:
    [address] = await harness.fund("shop", 20)
    await harness.fund("other", 20)
    script = dogecoin.to_script(REGTEST, address)
    await rename(harness, script, bytes(25))
    stopped = await harness.pay(NOWHERE, 15)

    others = [await harness.pay(NOWHERE, 5, "other") for _ in range(2)]
    await harness.send()

    assert await harness.states(stopped, *others) == ["PENDING", "BROADCAST", "BROADCAST"]
    await harness.send()
    assert caplog.text.count(f"payment {stopped.id} waits") == 1
    await rename(harness, bytes(25), script)
    await harness.send()
    assert await harness.states(stopped) == ["BROADCAST"]


async def test_a_payment_that_the_database_does_not_take_stops_no_other(harness: ChainHarness) -> None:
    await harness.fund("shop", 20)
    await harness.fund("other", 20)
    stopped = await harness.pay(NOWHERE, 5)
    others = [await harness.pay(NOWHERE, 5, "other") for _ in range(2)]
    async with harness.engine.begin() as db:
        account, xpub = (
            await db.execute(sa.text("SELECT id, xpub FROM accounts WHERE foreign_id = 'shop'"))
        ).one()
        row = {
            "script": dogecoin.script_at(xpub, dogecoin.CHANGE, 0),
            "branch": 1,
            "index": 0,
            "purpose": "change",
        }
        await db.execute(sa.insert(tables.addresses).values(account_id=account, **row))

    for _ in range(8):
        with suppress(IntegrityError):
            await harness.sender.step()

    assert await harness.states(stopped, *others) == ["PENDING", "BROADCAST", "BROADCAST"]
    async with harness.engine.begin() as db:
        await db.execute(sa.delete(tables.addresses).where(tables.addresses.c.script == row["script"]))
    await harness.send()
    assert await harness.states(stopped) == ["BROADCAST"]


async def rename(harness: ChainHarness, script: bytes, to: bytes) -> None:
    """Store another script for a path than that of its key, as the database of another seed would."""
    async with harness.engine.begin() as db:
        await db.execute(
            sa.update(tables.addresses).where(tables.addresses.c.script == script).values(script=to)
        )


async def test_no_batched_payment_pays_more_of_the_fee_than_was_set_aside_for_it(
    harness: ChainHarness,
) -> None:
    """The remainder becomes fee, so the fee is a koinu less than all that was set aside."""
    limit = doge("0.0025")
    await harness.fund("shop", money.show(3 * doge(1) + 3 * limit - 1), "0.5")
    people = [await harness.node_address() for _ in range(3)]
    payments = [await harness.pay(to, 1, batch=True, max_fee=limit) for to in people]

    await harness.send()

    signed = await harness.reload(*payments)
    assert len({payment.txid for payment in signed}) == 1
    assert [payment.state for payment in signed] == ["BROADCAST"] * 3
    assert sum(payment.fee or 0 for payment in signed) == 3 * limit - 1
    assert all((payment.fee or 0) <= limit for payment in signed)
    assert (await harness.balance()).outgoing == sum(payment.total for payment in signed)
    await harness.mine(2)
    assert await harness.states(*payments) == ["CONFIRMED"] * 3


@pytest.mark.parametrize("coins", [["210"], ["10.5"] * 20], ids=["a single coin", "20 coins"])
async def test_of_50_payments_at_once_as_many_are_accepted_as_there_is_money_for(
    harness: ChainHarness, coins: list[str]
) -> None:
    await harness.fund("shop", *coins)
    to = await harness.node_address()
    orders = [order(to, 10, max_fee=doge("0.5")) for _ in range(50)]

    answers = [
        outcome for [outcome] in await asyncio.gather(*(harness.request(pay_order) for pay_order in orders))
    ]

    accepted = [answer for answer in answers if isinstance(answer, Payment)]
    refused = [answer for answer in answers if isinstance(answer, InsufficientFunds)]
    assert (len(accepted), len(refused)) == (20, 30)
    assert (await harness.balance())[:4] == (0, 0, 0, doge(210))
    await harness.send()
    await harness.mine(2)
    assert await harness.states(*accepted) == ["CONFIRMED"] * 20
    assert (
        await harness.received(to)
        == sum(chain_harness.paid(payment) for payment in await harness.reload(*accepted))
        == doge(200)
    )


async def test_money_comes_back_only_when_a_strangers_spend_of_its_coin_is_deep(
    harness: ChainHarness,
) -> None:
    [address] = await harness.fund("shop", 100)
    payment = await harness.pay(NOWHERE, 10)
    await harness.send()

    await harness.mine_only(await harness.steal(address))

    assert await harness.states(payment) == ["BROADCAST"]
    assert "SYS_UNKNOWN_SPEND" in await harness.event_types()
    await harness.mine_only()
    [payment] = await harness.reload(payment)
    assert (payment.state, (await harness.balance()).available) == ("FAILED", doge(100))
    assert (await harness.balance_of(tables.CLAWBACK)).available == -doge(100)
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_FAILED"]


async def test_what_was_built_on_a_payment_that_can_no_longer_happen_is_released_as_well(
    harness: ChainHarness,
) -> None:
    [address] = await harness.fund("shop", 100)
    first = await harness.pay(NOWHERE, 10)
    second = await harness.pay(NOWHERE, 20)
    await harness.send()
    assert len(await harness.mempool()) == 2

    await harness.mine_only(await harness.steal(address))
    await harness.mine_only()
    await harness.mine_only()
    await harness.mine_only()

    assert await harness.states(first, second) == ["FAILED", "FAILED"]
    assert (await harness.balance())[:4] == (doge(100), 0, 0, 0)


async def test_change_of_a_payment_that_a_block_has_overtaken_is_not_spent(harness: ChainHarness) -> None:
    [address] = await harness.fund("shop", 100)
    overtaken = await harness.pay(NOWHERE, 10)
    await harness.send()
    await harness.mine_only(await harness.steal(address))
    await harness.resume()

    payment = await harness.pay(NOWHERE, 50)
    await harness.send()

    assert await harness.states(overtaken, payment) == ["BROADCAST", "PENDING"]


async def test_a_payment_that_comes_back_to_life_after_its_other_coin_was_spent_again_is_released_again(
    harness: ChainHarness,
) -> None:
    """The stolen coin's block is disconnected, but another payment has taken the coin that was freed."""
    addresses = await harness.fund("shop", 10, 10)
    first = await harness.pay(NOWHERE, 15)
    await harness.send()
    stolen = await harness.steal(addresses[0])
    await harness.mine_only(stolen)
    await harness.mine_only()
    assert await harness.states(first) == ["FAILED"]
    await harness.resume()
    second = await harness.pay(NOWHERE, 5)
    await harness.send()
    assert await harness.states(second) == ["BROADCAST"]

    await harness.invalidate_blocks(2)
    await harness.expire_mempool()
    for _ in range(3):
        await harness.mine_only()
    assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    [current] = await harness.reload(second)
    assert current.raw is not None
    await harness.mine_only(current.raw.hex())
    await harness.mine_only()
    await harness.mine_only()

    assert await harness.states(first, second) == ["FAILED", "CONFIRMED"]


async def test_that_there_is_nothing_to_do_is_seen_without_a_lock_or_a_write(harness: ChainHarness) -> None:
    """This happens five times a second."""
    await harness.fund("shop", 100)
    await harness.pay(await harness.node_address(), 10)
    await harness.send()
    statements: list[str] = []
    hear_all(harness.engine, statements.append)

    assert [await harness.sender.step() for _ in range(3)] == [False] * 3
    async with harness.engine.begin() as db:
        await pause.pause(db, "of a doubt")
        await db.execute(sa.update(tables.transactions).values(last_broadcast=None))
    paused = len(statements)
    assert not await harness.sender.step()

    queries = [statement for statement in statements[:3] + statements[paused:] if " leases " not in statement]
    assert queries
    assert [
        statement for statement in queries if not statement.startswith("SELECT") or " FOR " in statement
    ] == []
