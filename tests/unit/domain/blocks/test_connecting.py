import asyncio
import json
from collections.abc import Iterable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import CLAWBACK, WORLD, coins, deposits, outbox
from app.domain import ledger
from app.domain.blocks import Block, Rules, connecting, rescans, reserves
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import pause
from app.domain.refusals import Invalid
from tests import plans, scenario
from tests.scenario import Chain, balance, doge, event_messages, event_types


async def test_a_deposit_comes_in_with_its_block_and_is_available_with_its_sixth(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()

    await chain.mine((invoice.address, doge(10)))
    assert await balance(engine, account.id) == (0, doge(10), 0, 0, 1)
    await chain.deepen(4)
    assert (await balance(engine, account.id)).available == 0
    await chain.deepen(1)
    assert (await balance(engine, account.id))[:2] == (doge(10), 0)


async def test_the_story_of_a_payment_is_told_in_gigawallets_order(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10, required_confirmations=2)
    chain = await Chain(engine).start()
    await event_types(engine)

    await chain.mine((invoice.address, doge(4)))
    assert await event_types(engine) == [
        "ACC_CHAIN_ACTIVITY", "INV_BALANCE_CHANGED", "INV_PART_PAYMENT_DETECTED", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip
    await chain.mine((invoice.address, doge(7)))
    assert await event_types(engine) == [
        "ACC_CHAIN_ACTIVITY", "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED",
        "INV_OVER_PAYMENT_DETECTED", "DEPOSIT_CONFIRMED", "ACC_PAYMENT", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip
    await chain.deepen(1)
    assert await event_types(engine) == [
        "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_CONFIRMED", "INV_OVER_PAYMENT_CONFIRMED",
        "DEPOSIT_CONFIRMED", "ACC_PAYMENT", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip


async def test_a_confirmed_deposit_is_told_as_it_is_listed(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10, required_confirmations=2)
    chain = await Chain(engine).start()
    paying = await chain.mine((invoice.address, doge(4)), (account.address, doge(3)))
    await chain.deepen(5)

    async with engine.begin() as db:
        confirmed = sa.select(outbox.c.message).where(outbox.c.type == "DEPOSIT_CONFIRMED")
        messages = [json.loads(message) for message in await db.scalars(confirmed)]
    common = {
        "account_id": account.address,
        "foreign_id": "shop",
        "vout": 0,
        "state": "confirmed",
        "fiat": None,
    }
    txids = [output.outpoint.txid[::-1].hex() for output in paying.outputs]
    assert messages == [
        common | {
            "txid": txids[0], "address": invoice.address, "invoice": invoice.address, "amount": "4",
            "confirmations": 2, "required_confirmations": 2,
        },
        common | {
            "txid": txids[1], "address": account.address, "invoice": "", "amount": "3",
            "confirmations": 6, "required_confirmations": 6,
        },
    ]  # fmt: skip


async def test_what_blocks_posted_is_found_by_their_entries_also_before_any_row_is_counted(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await chain.connect(*(chain.block([(account.address, doge(1))] * 20) for _ in range(50)))

    async with engine.begin() as db, plans.watched(db) as seen:
        await connecting.connect(db, scenario.RULES, [chain.block([(account.address, doge(1))])])

    [plan] = [plan for plan in seen if "sum(postings.amount)" in plan]
    assert ("postings_entry_id_idx" in plan, "postings_pkey" in plan) == (True, False)


class Watched(list[Block]):
    """Notes for each iteration the time at each block, by a clock that ticks with the event loop."""

    def __init__(self, blocks: Iterable[Block], clock: list[int]) -> None:
        super().__init__(blocks)
        self.clock = clock
        self.seen: list[list[int]] = []

    def __iter__(self) -> Iterator[Block]:
        self.seen.append([])
        seen = self.seen[-1]
        for block in super().__iter__():
            seen.append(self.clock[0])
            yield block


async def test_others_run_between_any_two_blocks_of_a_batch(engine: AsyncEngine) -> None:
    chain = await Chain(engine).start()
    clock = [0]

    async def tick() -> None:
        while True:
            clock[0] += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    batch = Watched([chain.block() for _ in range(20)], clock)

    async with engine.begin() as db:
        await connecting.connect(db, scenario.RULES, batch)

    ticking.cancel()
    assert any(len(set(seen)) == len(batch) for seen in batch.seen)


async def test_a_reorg_takes_back_a_confirmed_payment_and_brings_it_again(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    paying = await chain.mine((invoice.address, doge(10)))
    assert (await scenario.shown(engine, invoice.address)).total_payment_confirmed
    await event_types(engine)

    await chain.disconnect()

    assert (await balance(engine, account.id))[:2] == (0, 0)
    seen = await scenario.shown(engine, invoice.address)
    assert (seen.received, seen.total_payment_confirmed, seen.payment_unconfirmed) == (0, False, True)
    assert "INV_PAYMENT_UNCONFIRMED" in await event_types(engine)

    chain.blocks.append(paying)
    await chain.connect(paying)

    assert (await balance(engine, account.id))[:2] == (doge(10), 0)
    seen = await scenario.shown(engine, invoice.address)
    assert (seen.total_payment_confirmed, seen.payment_unconfirmed) == (True, False)
    assert [event for event in await event_types(engine, "INV_") if "CONFIRMED" in event] == [
        "INV_TOTAL_PAYMENT_CONFIRMED"
    ]


async def test_a_confirmed_deposit_that_a_reorg_takes_back_is_told_and_the_same_again_when_it_returns(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine, Rules(REGTEST, confirmations=1)).start()
    paying = await chain.mine((account.address, doge(10)))
    [came, flow] = await event_messages(engine, "DEPOSIT_", "ACC_PAYMENT")
    assert (came["type"], flow["reversed"]) == ("DEPOSIT_CONFIRMED", False)

    await chain.disconnect()

    [gone, back] = await event_messages(engine, "DEPOSIT_", "ACC_PAYMENT")
    assert gone == came | {"type": "DEPOSIT_UNCONFIRMED", "confirmations": 0, "state": "undone"}
    assert back == flow | {"reversed": True}

    chain.blocks.append(paying)
    await chain.connect(paying)

    assert await event_messages(engine, "DEPOSIT_", "ACC_PAYMENT") == [came, flow]


async def test_a_deposit_that_was_never_confirmed_is_taken_back_in_silence(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    await chain.mine((account.address, doge(10)))

    await chain.disconnect()

    assert await event_messages(engine, "DEPOSIT_", "ACC_PAYMENT") == []


@pytest.mark.parametrize("gone", [6, 10])
async def test_what_an_account_owes_for_an_undone_deposit_is_told_until_it_is_repaid(
    engine: AsyncEngine, gone: int
) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine, Rules(REGTEST, confirmations=1)).start()
    paying = await chain.mine((account.address, doge(10)))
    async with engine.begin() as db:
        spent = (
            Posting(account.id, Bucket.AVAILABLE, -doge(gone)),
            Posting(WORLD, Bucket.AVAILABLE, doge(gone)),
        )
        await ledger.post(db, [Entry("TEST", ("test", "1"), "t", spent)])

    await chain.disconnect()
    chain.blocks.append(paying)
    await chain.connect(paying)

    debts = await event_messages(engine, "ACC_DEBT")
    assert [(debt["type"], debt["amount"], debt["owed"]) for debt in debts] == [
        ("ACC_DEBT_INCURRED", f"{gone}", f"{gone}"),
        ("ACC_DEBT_REPAID", f"{gone}", "0"),
    ]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("UPDATE coins SET amount = amount + 1", "posted -1000000000 koinu and moved -1000000001"),
        ("UPDATE deposits SET amount = amount - 1", "posted -999999999 koinu and moved -1000000000"),
    ],
)
async def test_a_block_that_moves_something_else_than_it_posts_pauses_payments(
    engine: AsyncEngine, damage: str, fault: str
) -> None:
    await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    await chain.mine((invoice.address, doge(10)))
    async with engine.begin() as db:
        assert await pause.reason(db) is None
        await db.execute(sa.text(damage))

    await chain.disconnect()

    async with engine.begin() as db:
        assert fault in (await pause.resume(db) or "")
        assert await reserves.total_change(db) == reserves.ReserveChange(0, 0)


async def test_the_same_payment_in_another_block_counts_once(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    first = await chain.mine((invoice.address, doge(10)))
    await chain.disconnect()

    await chain.mine(salt="other")
    again = chain.block()
    again = type(again)(again.height, again.hash, again.previous, 0, 2, first.outputs, ())
    await chain.connect(again)

    assert (await balance(engine, account.id)).incoming == doge(10)
    assert (await balance(engine, WORLD)).available == -doge(10)
    async with engine.begin() as db:
        [row] = await db.execute(sa.select(deposits))
    assert (row.state, row.height, row.mined_count) == ("incoming", 2, 2)


async def test_what_an_undone_deposit_paid_for_is_owed_until_it_returns(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    payee = await scenario.open_account(engine, "payee")
    invoice = await scenario.invoice(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    paying = await chain.mine((invoice.address, doge(10)))
    async with engine.begin() as db:
        spent = (
            Posting(account.id, Bucket.AVAILABLE, -doge(6)),
            Posting(payee.id, Bucket.AVAILABLE, doge(6)),
        )
        await ledger.post(db, [Entry("TEST", ("test", "1"), "t", spent)])

    await chain.disconnect()
    assert await available(engine, account.id, CLAWBACK) == (0, -doge(6))
    chain.blocks.append(paying)
    await chain.connect(paying)

    assert await available(engine, account.id, CLAWBACK, WORLD) == (doge(4), 0, -doge(10))


async def available(engine: AsyncEngine, *accounts: int) -> tuple[int, ...]:
    return tuple([(await balance(engine, account)).available for account in accounts])


async def test_a_spend_of_our_coin_that_we_do_not_know_is_told_and_borne_by_clawback(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    paying = await chain.mine((invoice.address, doge(10)))
    await event_types(engine)

    await chain.mine(spent=[paying.outputs[0].outpoint])
    assert await event_types(engine, "SYS_") == ["SYS_UNKNOWN_SPEND", "SYS_INSOLVENT"]
    assert (await balance(engine, CLAWBACK)).available == -doge(10)
    assert (await balance(engine, WORLD)).available == 0

    await chain.disconnect()
    assert await event_types(engine, "SYS_") == ["SYS_UNKNOWN_SPEND_UNDONE", "SYS_SOLVENT"]
    assert (await balance(engine, CLAWBACK)).available == 0
    await chain.mine(spent=[paying.outputs[0].outpoint], salt="again")
    assert (await balance(engine, CLAWBACK)).available == -doge(10)
    assert (await balance(engine, account.id)).incoming == doge(10)


async def test_a_coin_made_and_spent_in_one_batch_is_both(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    paying = chain.block([(invoice.address, doge(10))])

    await chain.connect(paying, chain.block(spent=[paying.outputs[0].outpoint]))

    async with engine.begin() as db:
        [coin] = await db.execute(sa.select(coins))
    assert (coin.height, coin.spent_height) == (1, 2)


async def test_a_payment_to_the_accounts_own_id_is_credited(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()

    await chain.mine((account.address, doge(3)))

    assert (await balance(engine, account.id)).incoming == doge(3)


async def test_a_coinbase_waits_for_its_maturity(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    block = chain.block([(invoice.address, doge(10))])
    block = type(block)(
        block.height, block.hash, block.previous, 0, 2, [block.outputs[0]._replace(coinbase=True)], ()
    )
    await chain.connect(block)

    await chain.deepen(58)
    assert (await balance(engine, account.id)).available == 0
    await chain.deepen(1)
    assert (await balance(engine, account.id)).available == doge(10)


async def test_a_block_that_does_not_follow_the_tip_changes_nothing(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    chain.block()

    with pytest.raises(connecting.TipMoved):
        await chain.connect(chain.block([(invoice.address, doge(10))]))
    async with engine.begin() as db:
        assert (await db.execute(sa.select(deposits))).first() is None


async def test_a_rescan_books_what_was_missed_and_nothing_twice(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    await chain.mine((invoice.address, doge(10)))
    missed = await chain.mine()
    late = type(missed)(
        missed.height, missed.hash, missed.previous, 0, 2,
        [chain.blocks[0].outputs[0]._replace(outpoint=Outpoint(b"\x07" * 32, 1))], (),
    )  # fmt: skip
    await chain.deepen(3)
    before = await balance(engine, account.id)
    async with engine.begin() as db:
        await rescans.rescan_from(db, 1)
    async with engine.begin() as db:
        at = await connecting.tip(db)
    assert at is not None

    async with engine.begin() as db:
        await connecting.rescan(db, scenario.RULES, at, [chain.blocks[0], late, *chain.blocks[2:]])

    after = await balance(engine, account.id)
    assert (before.available, after.available, after.incoming) == (doge(10), doge(20), 0)
    async with engine.begin() as db:
        tip = await connecting.tip(db)
    assert tip is not None
    assert (tip.rescan_height, tip.height) == (None, 5)


@pytest.mark.parametrize("height", [-1, 6])
async def test_a_rescan_from_where_there_is_no_block_is_refused(engine: AsyncEngine, height: int) -> None:
    chain = await Chain(engine).start()
    await chain.deepen(5)

    async with engine.begin() as db:
        refused = await rescans.rescan_from(db, height)

    assert isinstance(refused, Invalid)
    assert str(refused) == "The height is from 0 to the tip, which is block 5."
