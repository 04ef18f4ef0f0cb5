"""Invoices that an account accepts before a block has their payment, on a devnet and a database."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import accounts, invoices
from app.domain.accounts import StillInUse
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.invoices import CancelOrder, Invoice, PayFromOrder, cancelling, pay_from_account
from app.domain.invoices.cancelling import AlreadyReceived
from app.domain.invoices.pay_from_account import AlreadyPaid
from app.domain.ledger import Balance
from app.domain.sightings import WaitingOutput, WaitingTransaction, acceptance
from app.money import COIN, Koinu, show
from tests import chain_harness, scenario
from tests.chain_harness import NOWHERE, ChainHarness
from tests.scenario import doge, event_messages, event_types

FINAL, REPLACEABLE = 0xFFFFFFFF, 0xFFFFFFFD
LIMIT = 100
CONFIRMED, UNCONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED", "INV_PAYMENT_UNCONFIRMED"


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path / "node") as opened:
        await scenario.open_account(engine, accept_unconfirmed_below=doge(LIMIT))
        yield opened


async def issued(harness: ChainHarness, value: int = 10, foreign_id: str = "shop") -> str:
    """The address of a new invoice."""
    return (await scenario.invoice(harness.engine, foreign_id, value=value)).address


async def coin(harness: ChainHarness, amount: int = 1000, *, mined: bool = True) -> Outpoint:
    """A coin of the node's wallet, confirmed or still waiting."""
    txid = await harness.call("sendtoaddress", await harness.call("getnewaddress"), amount)
    outputs = (await harness.call("getrawtransaction", txid, True))["vout"]
    if mined:
        await harness.mine()
    [vout] = [output["n"] for output in outputs if output["value"] == amount]
    return Outpoint(bytes.fromhex(txid)[::-1], vout)


async def send(
    harness: ChainHarness, spent: Outpoint, outputs: Mapping[str, str], sequence: int = FINAL
) -> str:
    """Send a transaction of the node's wallet that spends a coin to these outputs; the rest is its fee."""
    coins = [{"txid": spent.txid[::-1].hex(), "vout": spent.vout, "sequence": sequence}]
    raw = await harness.call("createrawtransaction", coins, outputs)
    signed = (await harness.call("signrawtransaction", raw))["hex"]
    return str(await harness.call("sendrawtransaction", signed, True))


async def shown(harness: ChainHarness, address: str) -> Invoice:
    return await scenario.shown(harness.engine, address)


async def unconfirmed(harness: ChainHarness, address: str) -> bool:
    """What the status says of an invoice that is accepted."""
    async with harness.engine.connect() as db:
        return (await invoices.statuses(db, REGTEST, [address]))[address].unconfirmed


async def totals_told(harness: ChainHarness) -> list[tuple[str, object]]:
    """The events about what is confirmed since the last time, and what they say of `unconfirmed`."""
    messages = await event_messages(harness.engine, "INV_")
    return [
        (message["type"], message.get("unconfirmed"))
        for message in messages
        if message["type"] in (CONFIRMED, UNCONFIRMED)
    ]


async def test_a_small_invoice_counts_as_paid_at_once_and_nothing_is_credited(harness: ChainHarness) -> None:
    address = await issued(harness)

    await harness.call("sendtoaddress", address, 10)
    await harness.look()

    invoice = await shown(harness, address)
    assert (invoice.state, invoice.received, invoice.confirmed) == ("confirmed", 0, 0)
    assert invoice.total_payment_detected
    assert invoice.total_payment_confirmed
    assert await unconfirmed(harness, address)
    assert await totals_told(harness) == [(CONFIRMED, True)]
    assert await harness.balance() == Balance(0)
    await harness.audit()


async def test_the_real_confirmation_is_not_told_again_and_credits_the_money(harness: ChainHarness) -> None:
    address = await issued(harness)
    await harness.call("sendtoaddress", address, 10)
    await harness.look()
    await totals_told(harness)

    for _ in range(7):
        await harness.mine()
        await harness.look()

    assert await totals_told(harness) == []
    invoice = await shown(harness, address)
    assert (invoice.state, invoice.confirmed, invoice.seen) == ("confirmed", doge(10), 0)
    assert not await unconfirmed(harness, address)
    assert (await harness.balance()).available == doge(10)
    await harness.audit()


async def test_a_double_spend_takes_it_back_and_that_is_told(harness: ChainHarness) -> None:
    address, source = await issued(harness), await coin(harness)
    await send(harness, source, {address: "10", NOWHERE: "989"})
    await harness.look()
    await event_types(harness.engine)

    thief = await harness.call(
        "createrawtransaction", [{"txid": source.txid[::-1].hex(), "vout": source.vout}], {NOWHERE: "990"}
    )
    await harness.mine_only((await harness.call("signrawtransaction", thief))["hex"])

    types = await event_types(harness.engine, "INV_")
    assert types == ["INV_PAYMENT_DOUBLE_SPENT", UNCONFIRMED]
    invoice = await shown(harness, address)
    assert (invoice.state, invoice.payment_unconfirmed, invoice.seen) == ("unpaid", True, 0)


async def test_what_is_dropped_is_taken_back_and_accepted_again_when_it_returns(
    harness: ChainHarness,
) -> None:
    address, source = await issued(harness), await coin(harness)
    txid = await send(harness, source, {address: "10", NOWHERE: "989"})
    raw = await harness.call("getrawtransaction", txid)
    await harness.look()
    await harness.expire_mempool()
    await harness.look()
    gone = await totals_told(harness)

    await harness.call("sendrawtransaction", raw)
    await harness.look()

    assert gone == [(CONFIRMED, True), (UNCONFIRMED, None)]
    assert await totals_told(harness) == [(CONFIRMED, True)]


async def test_two_payments_that_are_enough_together_are_accepted(harness: ChainHarness) -> None:
    address = await issued(harness)
    first, second = await coin(harness), await coin(harness)

    await send(harness, first, {address: "4", NOWHERE: "995"})
    await harness.look()
    assert await totals_told(harness) == []
    await send(harness, second, {address: "6", NOWHERE: "993"})
    await harness.look()

    assert await totals_told(harness) == [(CONFIRMED, True)]


async def test_what_may_be_replaced_is_only_seen(harness: ChainHarness) -> None:
    address, source = await issued(harness), await coin(harness)

    await send(harness, source, {address: "10", NOWHERE: "989"}, REPLACEABLE)
    await harness.look()

    assert (await shown(harness, address)).state == "seen"
    assert await totals_told(harness) == []


async def test_what_pays_less_than_nodes_relay_is_only_seen(harness: ChainHarness) -> None:
    """Our own node takes it for its old and large coins; the others do not."""
    address, source = await issued(harness), await coin(harness)

    await send(harness, source, {address: "10", NOWHERE: "990"})
    await harness.look()

    assert (await shown(harness, address)).state == "seen"


async def test_what_builds_on_a_strangers_unconfirmed_transaction_is_only_seen(harness: ChainHarness) -> None:
    address, source = await issued(harness), await coin(harness, mined=False)

    await send(harness, source, {address: "10", NOWHERE: "989"})
    await harness.look()

    assert (await shown(harness, address)).state == "seen"


async def test_what_builds_on_our_own_unconfirmed_transaction_is_accepted(harness: ChainHarness) -> None:
    await harness.fund("payer", 500)
    address = await issued(harness)
    await harness.pay(NOWHERE, 1, "payer")
    await harness.send()
    await harness.pay(address, 10, "payer")
    await harness.send()

    await harness.look()

    entries = [await harness.call("getmempoolentry", txid) for txid in await harness.mempool()]
    assert sorted(entry["ancestorcount"] for entry in entries) == [1, 2]
    assert (await shown(harness, address)).state == "confirmed"


async def test_what_builds_on_a_chain_of_unconfirmed_transactions_is_only_seen(harness: ChainHarness) -> None:
    """Even on one of our own: what its first transaction spends is not looked at."""
    await harness.fund("payer", 500)
    address = await issued(harness)
    for to, amount in ((NOWHERE, 1), (NOWHERE, 1), (address, 10)):
        await harness.pay(to, amount, "payer")
        await harness.send()

    await harness.look()

    assert (await shown(harness, address)).state == "seen"


@pytest.mark.parametrize(("value", "state"), [(LIMIT - 1, "confirmed"), (LIMIT, "seen"), (LIMIT + 1, "seen")])
async def test_the_total_must_be_below_the_limit(harness: ChainHarness, value: int, state: str) -> None:
    address = await issued(harness, value)

    await harness.call("sendtoaddress", address, value)
    await harness.look()

    assert (await shown(harness, address)).state == state


async def test_an_account_that_says_nothing_accepts_nothing(harness: ChainHarness) -> None:
    await scenario.open_account(harness.engine, "careful")
    address = await issued(harness, foreign_id="careful")

    await harness.call("sendtoaddress", address, 10)
    await harness.look()

    assert (await shown(harness, address)).state == "seen"


async def test_a_part_is_not_accepted(harness: ChainHarness) -> None:
    address = await issued(harness)

    await harness.call("sendtoaddress", address, show(doge(10) - 1))
    await harness.look()

    assert (await shown(harness, address)).state == "seen"


async def test_what_is_accepted_is_not_paid_again_nor_cancelled(harness: ChainHarness) -> None:
    await harness.fund("payer", 500)
    address = await issued(harness)
    await harness.call("sendtoaddress", address, 10)
    await harness.look()

    async with harness.engine.begin() as db:
        [cancelled] = await cancelling.cancel(db, [CancelOrder("shop", address)], scenario.INSTALLATION)
        [paid] = await pay_from_account.settle(db, [PayFromOrder(address, "payer")], scenario.INSTALLATION)

    assert isinstance(cancelled, AlreadyReceived)
    assert isinstance(paid, AlreadyPaid)
    assert str(paid) == "The invoice is paid: 10 of 10 have come."


async def test_a_cancelled_invoice_is_only_seen(harness: ChainHarness) -> None:
    address = await issued(harness)
    async with harness.engine.begin() as db:
        await cancelling.cancel(db, [CancelOrder("shop", address)], scenario.INSTALLATION)

    await harness.call("sendtoaddress", address, 10)
    await harness.look()

    assert (await shown(harness, address)).state == "cancelled"
    assert await totals_told(harness) == []


@pytest.mark.parametrize(("small", "fee"), [(0, 22_600), (1, 1_022_600), (2, 2_022_600)])
def test_each_small_output_needs_a_fee_of_its_own(small: int, fee: int) -> None:
    amounts = [Koinu(COIN), Koinu(0), *[Koinu(COIN // 200)] * small]
    scripts = [b"", b"\x6a", *[b""] * small]
    outputs = [
        WaitingOutput(Outpoint(bytes(32), vout), script, amount)
        for vout, (script, amount) in enumerate(zip(scripts, amounts, strict=True))
    ]
    transaction = WaitingTransaction(bytes(32), outputs, [], replaceable=False)

    assert acceptance.relayed_fee(transaction, 226, Koinu(0)) == fee
    assert acceptance.relayed_fee(transaction, 226, Koinu(COIN // 100)) == fee + 203_400


async def test_an_account_is_not_closed_while_accepted_money_is_on_its_way(harness: ChainHarness) -> None:
    address = await issued(harness)
    txid = await harness.call("sendtoaddress", address, 10)
    await harness.look()

    async with harness.engine.begin() as db:
        [outcome] = await accounts.close(db, ["shop"], scenario.INSTALLATION)

    assert isinstance(outcome, StillInUse)
    assert f"it has money on its way in the transaction {txid}." in str(outcome)
    async with harness.engine.connect() as db:
        assert (await accounts.fetch(db, "shop")).state == "open"
