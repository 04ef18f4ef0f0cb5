"""Cold storage: what is above the ceiling goes there once, comes back, and is owed to customers all the time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.chain.keys import Keyring
from app.db.tables import COLD_STORAGE, chain_state, outbox
from app.db.tables import payments as payment_rows
from app.domain import blocks, cold, dogecoin
from app.domain.cold import ColdTerms, Target
from app.domain.cold.hot_wallet import hot
from app.domain.dogecoin import REGTEST
from app.domain.pages import PageRequest
from app.domain.payments import Payment, VoidOrder, pause, voiding
from app.domain.refusals import Refusal
from app.money import COIN, parse
from tests import chain_harness, scenario
from tests.chain_harness import NOWHERE, ChainHarness
from tests.scenario import accepted, doge, event_messages
from tests.walk.program import Killed, KillSwitch

XPUB = Keyring(REGTEST, "zoo " * 11 + "wrong").account_xpubs(0, 1)[0].xpub
"""Of a wallet that is elsewhere."""


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        await made.fund("shop", 2_000, 1_000)
        await made.fund("platform", 10)
        await made.mine()
        yield made
        await made.audit()


async def terms(harness: ChainHarness, ceiling: int = 1_000, to: str = "") -> ColdTerms:
    """Switch cold storage on, at an address of the node's wallet."""
    target = Target.of(REGTEST, to or await harness.node_address())
    made = ColdTerms(doge(ceiling), target, "platform")
    async with harness.engine.begin() as db:
        await cold.switch_on(db, made)
    return made


async def sweep(harness: ChainHarness, on: ColdTerms) -> Payment | Refusal | None:
    async with harness.engine.begin() as db:
        return await cold.sweep(db, on)


async def swept(harness: ChainHarness, on: ColdTerms) -> Payment:
    """Sweep, sign, send and confirm."""
    outcome = await sweep(harness, on)
    assert isinstance(outcome, Payment)
    await harness.send()
    await harness.mine(2)
    return outcome


async def hot_koinu(harness: ChainHarness) -> int:
    async with harness.engine.connect() as db:
        return await hot(db)


async def stored(harness: ChainHarness) -> int:
    """What the books say that lies in cold storage, or is on its way there."""
    balance = await harness.balance_of(COLD_STORAGE)
    return -(balance.available + balance.incoming + balance.held)


async def return_address(harness: ChainHarness) -> str:
    async with harness.engine.begin() as db:
        [address] = await cold.give(db, [None], scenario.INSTALLATION)
    return accepted(address)


async def cold_events(harness: ChainHarness) -> list[dict[str, object]]:
    return [event for event in await event_messages(harness.engine, "SYS_") if "COLD" in str(event["type"])]


async def test_what_is_above_the_ceiling_goes_to_cold_storage_and_stays_owed(harness: ChainHarness) -> None:
    on = await terms(harness)
    await event_messages(harness.engine, "")

    payment = await swept(harness, on)

    [confirmed] = await harness.reload(payment)
    assert (confirmed.kind, confirmed.state, confirmed.amount) == ("cold", "CONFIRMED", doge(2_010))
    assert await harness.received(on.target.text) == doge(2_010)
    assert (await harness.balance()).available == doge(3_000)
    assert (await harness.balance("platform"))[:4] == (doge(10) - (confirmed.fee or 0), 0, 0, 0)
    assert await stored(harness) == doge(2_010)
    [event] = await cold_events(harness)
    shown = ("type", "payment_id", "amount", "address", "cold_storage", "reversed")
    assert tuple(event[name] for name in shown) == (
        "SYS_COLD_SENT", payment.id, "2010", on.target.text, "2010", False
    )  # fmt: skip
    report = await audit.run(harness.engine)
    assert report.ok
    assert report.solvent
    [total] = report.totals
    assert (total.cold, total.difference) == (doge(2_010), 0)
    assert await hot_koinu(harness) == doge(1_000) - (confirmed.fee or 0)


async def test_no_account_is_told_of_money_that_is_not_its_own(harness: ChainHarness) -> None:
    on = await terms(harness)
    await event_messages(harness.engine, "")

    payment = await swept(harness, on)

    told = await event_messages(harness.engine, "ACC_PAYMENT", "PAYMENT_")
    assert {event["type"] for event in told} >= {"PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_CONFIRMED"}
    assert [event["pay_to"] for event in told] == [[]] * len(told)
    [signed] = await harness.reload(payment)
    assert parse(told[-1]["total"]) == signed.fee


async def test_what_is_little_stays_and_what_is_on_its_way_counts_for_nothing(harness: ChainHarness) -> None:
    on = await terms(harness, ceiling=2_950)
    little = await sweep(harness, on)
    on = await terms(harness, ceiling=1_000)
    await harness.pay(NOWHERE, 1_900)  # queued: 1,110 less its fee remain when it has left

    outcome = await sweep(harness, on)
    await harness.send()
    await harness.mine(2)

    assert (little, isinstance(outcome, Payment)) == (None, True)
    assert isinstance(outcome, Payment)
    assert outcome.amount == doge(1_110) - doge(1) - doge(1_000)
    assert set(await harness.states(outcome)) == {"CONFIRMED"}


async def test_a_deposit_that_a_reorg_may_take_back_is_not_counted(harness: ChainHarness) -> None:
    on = await terms(harness, ceiling=3_000)
    await scenario.open_account(harness.engine, "other")
    invoice = await scenario.invoice(harness.engine, "other", 500)
    await harness.call("sendtoaddress", invoice.address, 500)
    await harness.mine()

    before = await sweep(harness, on)
    await harness.mine(6)

    assert before is None
    assert isinstance(await sweep(harness, on), Payment)


async def test_of_many_that_look_at_once_one_sends_and_then_nobody_until_it_has_arrived(
    harness: ChainHarness,
) -> None:
    on = await terms(harness)

    outcomes = await asyncio.gather(*(sweep(harness, on) for _ in range(6)))
    await harness.fund("shop", 5_000)
    under_way = await sweep(harness, on)
    await harness.send()
    await harness.mine(2)
    next_one = await sweep(harness, on)

    made = [outcome for outcome in outcomes if isinstance(outcome, Payment)]
    assert (len(made), under_way) == (1, None)
    assert isinstance(next_one, Payment)


async def test_a_kill_at_any_statement_leaves_the_whole_payment_or_nothing(harness: ChainHarness) -> None:
    on = await terms(harness, to=XPUB)
    switch = KillSwitch(harness.engine)
    kills = 0

    while True:
        switch.remaining = kills
        try:
            outcome = await sweep(harness, on)
        except Killed:
            kills += 1
            switch.remaining = None
            assert (await stored(harness), (await harness.balance("platform")).outgoing) == (0, 0)
        else:
            break
    switch.remaining = None
    await harness.send()
    await harness.mine(2)

    assert kills > 10
    assert isinstance(outcome, Payment)
    assert outcome.outputs[0].script == dogecoin.script_at(XPUB, dogecoin.RECEIVE, 0)
    assert await stored(harness) == outcome.amount


@pytest.mark.parametrize("column", ["payments_paused", "reorg_top", "rescan_height"])
async def test_nothing_goes_while_payments_are_paused_or_the_chain_is_read_again(
    harness: ChainHarness, column: str
) -> None:
    on = await terms(harness)
    values = {column: "somebody looks" if column == "payments_paused" else 1}
    async with harness.engine.begin() as db:
        await db.execute(sa.update(chain_state).values(values))

    assert await sweep(harness, on) is None

    async with harness.engine.begin() as db:
        await db.execute(sa.update(chain_state).values({column: None}))
    assert isinstance(await sweep(harness, on), Payment)


async def test_a_platform_without_money_for_the_fee_sends_nothing_and_says_so(harness: ChainHarness) -> None:
    on = await terms(harness)
    await scenario.open_account(harness.engine, "poor")

    outcome = await sweep(harness, ColdTerms(on.ceiling, on.target, "poor"))

    assert isinstance(outcome, Refusal)
    assert str(outcome).startswith("The account has 0 of the ")


async def test_an_address_of_our_own_is_not_cold(harness: ChainHarness) -> None:
    [own] = await harness.fund("shop", 1)

    outcome = await sweep(harness, await terms(harness, to=own))

    assert str(outcome) == f"{own} is an address of this installation: what is there is not cold."


async def test_a_key_gives_a_fresh_address_each_time_also_after_a_start_with_another_target(
    harness: ChainHarness,
) -> None:
    on = await terms(harness, to=XPUB)
    first = await swept(harness, on)
    await harness.fund("shop", 5_000)
    await terms(harness)
    on = await terms(harness, to=XPUB)

    second = await swept(harness, on)

    scripts = [dogecoin.script_at(XPUB, dogecoin.RECEIVE, index) for index in range(2)]
    paid = [output.script for payment in (first, second) for output in payment.outputs]
    assert paid == scripts


async def test_money_comes_back_as_nobodys_deposit(harness: ChainHarness) -> None:
    await swept(harness, await terms(harness))
    address = await return_address(harness)
    await event_messages(harness.engine, "")
    txid = await harness.call("sendtoaddress", address, 700)
    await harness.look()
    await harness.mine()
    incoming = await stored(harness), (await harness.balance_of(COLD_STORAGE)).incoming

    await harness.mine()

    assert incoming == (doge(1_310), doge(700))
    assert await stored(harness) == doge(1_310)
    assert (await harness.balance_of(COLD_STORAGE)).incoming == 0
    assert (await harness.balance("platform")).available < doge(10)
    told = await event_messages(harness.engine, "")
    assert not {"DEPOSIT_SEEN", "DEPOSIT_CONFIRMED", "ACC_PAYMENT"} & {event["type"] for event in told}
    [event] = [event for event in told if event["type"] == "SYS_COLD_RETURNED"]
    assert (event["amount"], event["address"], event["cold_storage"]) == ("700", address, "1310")
    assert str(event["outpoint"]).startswith(txid)
    async with harness.engine.connect() as db:
        listed = await blocks.deposit_page(db, REGTEST, "platform", PageRequest(None, 10))
    assert {deposit.amount for deposit in listed.items} == {doge(10)}


async def test_a_reorg_takes_back_what_came_back_and_what_went(harness: ChainHarness) -> None:
    on = await terms(harness)
    payment = await swept(harness, on)
    await harness.call("sendtoaddress", await return_address(harness), 700)
    await harness.mine(2)
    await event_messages(harness.engine, "")

    await harness.invalidate_blocks(4)
    await harness.call("generatetoaddress", 5, NOWHERE)
    await harness.follow()
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(payment) == ["CONFIRMED"]
    assert await stored(harness) == doge(1_310)
    told = [(str(e["type"])[9:], e["reversed"], e["cold_storage"]) for e in await cold_events(harness)]
    assert ("RETURNED", True, "2010") in told
    assert ("SENT", True, "0") in told
    assert told[-2:] == [("SENT", False, "2010"), ("RETURNED", False, "1310")] or told[-1][2] == "1310"


async def test_what_can_never_be_sent_lies_in_the_hot_wallet_again(harness: ChainHarness) -> None:
    on = await terms(harness)
    outcome = await sweep(harness, on)
    assert isinstance(outcome, Payment)
    await harness.send()
    [signed] = await harness.reload(outcome)
    spent = await harness.call("decoderawtransaction", (signed.raw or b"").hex())
    theft = await steal_first(harness, spent["vin"][0])
    await harness.mine_only(theft)
    await harness.mine(3)

    assert await harness.states(outcome) == ["FAILED"]
    assert await stored(harness) == 0
    assert (await harness.balance_of(COLD_STORAGE))[:4] == (0, 0, 0, 0)
    assert (await harness.balance("platform"))[:4] == (doge(10), 0, 0, 0)
    await harness.resume()
    on = await terms(harness, ceiling=500)
    async with harness.engine.begin() as db:
        late = sa.update(payment_rows).values(created=payment_rows.c.created - timedelta(hours=2))
        soon = await cold.is_due(db, on)
        await db.execute(late)
        assert (soon, await cold.is_due(db, on)) == (False, True)


async def steal_first(harness: ChainHarness, spent: dict[str, object]) -> str:
    """Return a transaction that is not ours and spends the same output."""
    raw = await harness.call("getrawtransaction", spent["txid"], True)
    script = bytes.fromhex(raw["vout"][spent["vout"]]["scriptPubKey"]["hex"])
    return await harness.steal_script(script)


async def test_it_is_not_voided(harness: ChainHarness) -> None:
    outcome = await sweep(harness, await terms(harness))
    assert isinstance(outcome, Payment)

    async with harness.engine.begin() as db:
        [refusal] = await voiding.void(db, [VoidOrder("platform", outcome.id)])

    assert str(refusal).endswith("goes to cold storage: it is not voided, bring the money back.")


async def test_what_waited_when_a_backup_was_made_is_not_sent_again(harness: ChainHarness) -> None:
    outcome = await sweep(harness, await terms(harness))
    assert isinstance(outcome, Payment)

    async with harness.engine.begin() as db:
        ended = await pause.end_pending(db)

    assert (ended, await harness.states(outcome)) == (1, ["FAILED"])
    assert (await harness.balance_of(COLD_STORAGE))[:4] == (0, 0, 0, 0)


async def test_a_higher_fee_is_the_platforms_too(harness: ChainHarness) -> None:
    on = await terms(harness)
    outcome = await sweep(harness, on)
    assert isinstance(outcome, Payment)
    reserved = (await harness.balance("platform")).outgoing

    await harness.send()
    [signed] = await harness.reload(outcome)

    assert reserved == COIN
    assert (await harness.balance("platform")).outgoing == signed.fee
    assert (await harness.balance_of(COLD_STORAGE)).outgoing == doge(2_010)
    await harness.mine(2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "The address"),
        ("DGuKxKmGLAaLXdRrFXSQD2KNSKNHhRVqhk", "The address"),
        ("dgub" + "x" * 107, "The extended key"),
    ],
)
def test_a_target_is_an_address_or_a_key_of_the_network(text: str, reason: str) -> None:
    with pytest.raises(cold.BadTarget, match=reason):
        Target.of(REGTEST, text)


def test_a_key_of_the_main_network_is_none_of_the_test_network() -> None:
    key = dogecoin.write_xpub(dogecoin.MAIN, dogecoin.parse_xpub(XPUB))

    with pytest.raises(cold.BadTarget, match="not of the network regtest"):
        Target.of(REGTEST, key)
    assert Target.of(dogecoin.MAIN, key).is_key
    assert Target.of(REGTEST, XPUB).script_from(0)[1] == dogecoin.script_at(XPUB, 0, 0)


async def test_the_outbox_and_the_amounts_agree(harness: ChainHarness) -> None:
    """Whoever adds up the events of cold storage has what lies there."""
    on = await terms(harness)
    await swept(harness, on)
    await harness.call("sendtoaddress", await return_address(harness), 40)
    await harness.mine(2)

    total = 0
    async with harness.engine.connect() as db:
        types = set(await db.scalars(sa.select(outbox.c.type)))
    for event in await cold_events(harness):
        sign = (1 if event["type"] == "SYS_COLD_SENT" else -1) * (-1 if event["reversed"] else 1)
        total += sign * parse(str(event["amount"]))

    assert {"SYS_COLD_SENT", "SYS_COLD_RETURNED"} <= types
    assert total == await stored(harness)
