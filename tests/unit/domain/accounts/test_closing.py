"""An account is closed only when nothing is in the way, whatever happens at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.db.tables import TREASURY, WORLD, balances, escrows
from app.db.tables import invoices as invoice_rows
from app.domain import accounts, invoices, ledger, transfers
from app.domain.accounts import Account, AccountOrder, AddressOrder, StillInUse
from app.domain.dogecoin import REGTEST
from app.domain.escrows import NewEscrow, locking
from app.domain.invoices import InvoiceOrder, Refund, issuing, pay_from_account, refunds
from app.domain.ledger import Bucket, Entry, NewAsset, Posting
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.refusals import Refusal
from app.domain.transfers import ISSUER, Payee
from tests import chain_harness, scenario
from tests.scenario import Chain, accepted, doge, event_types

AVAILABLE, HELD = Bucket.AVAILABLE, Bucket.HELD


@pytest.fixture
async def chain(engine: AsyncEngine) -> Chain:
    return await Chain(engine).start()


@pytest.fixture
async def shop(engine: AsyncEngine, chain: Chain) -> Account:
    """An account with number 0, and an asset of two decimals."""
    async with engine.begin() as db:
        await ledger.create(db, [NewAsset("gold", "Gold", 2)])
    opened = await scenario.open_account(engine)
    await event_types(engine)
    return opened


async def close(engine: AsyncEngine, *foreign_ids: str) -> list[Account | Refusal]:
    async with engine.begin() as db:
        return await accounts.close(db, foreign_ids or ("shop",), scenario.INSTALLATION)


async def change(engine: AsyncEngine, **changes: object) -> Account | Refusal:
    async with engine.begin() as db:
        [outcome] = await accounts.put(db, [AccountOrder("shop", changes)], REGTEST)
    return outcome


def topup(amount: int) -> Entry:
    lines = (Posting(TREASURY, AVAILABLE, -amount, "gold"), Posting(0, AVAILABLE, amount, "gold"))
    return Entry("TOPUP", ("treasury", "1"), f"topup:{amount}", lines)


async def post(db: Db, *entries: Entry) -> None:
    await ledger.post(db, entries)


async def test_an_account_is_closed_once_and_told_once(engine: AsyncEngine, shop: Account) -> None:
    first, twice, nobody = await close(engine, "shop", "shop", "nobody")
    again = await close(engine)

    assert isinstance(nobody, NoSuchAccount)
    assert [accepted(outcome).state for outcome in (first, twice, *again)] == ["closed"] * 3
    assert await event_types(engine) == ["ACC_CLOSED"]


async def test_the_account_that_fees_go_to_stays_open(engine: AsyncEngine, shop: Account) -> None:
    async with engine.begin() as db:
        [outcome] = await accounts.close(db, ["shop"], replace(scenario.INSTALLATION, platform="shop"))

    assert isinstance(outcome, StillInUse)
    assert "the installation's fees to take" in str(outcome)
    assert await event_types(engine) == []


async def test_closing_leaves_no_balance_in_an_asset_that_the_account_never_had(
    engine: AsyncEngine, shop: Account
) -> None:
    async with engine.begin() as db:
        await ledger.create(db, [NewAsset(f"coin{number}", "", 0) for number in range(5)])
        spent = (Posting(0, AVAILABLE, -150, "gold"), Posting(TREASURY, AVAILABLE, 150, "gold"))
        await post(db, topup(150), Entry("SPEND", ("transfer", "2"), "spend", spent))

    assert accepted((await close(engine))[0]).state == "closed"

    async with engine.connect() as db:
        assets = await db.scalars(sa.select(balances.c.asset).where(balances.c.account_id == shop.id))
        assert assets.all() == ["gold"]


async def test_what_is_in_the_way_is_named_and_the_account_stays_open(
    engine: AsyncEngine, chain: Chain, shop: Account
) -> None:
    made = await scenario.invoice(engine)
    [unpaid] = await close(engine)
    await chain.mine((made.address, doge(3)))
    [incoming] = await close(engine)
    async with engine.begin() as db:
        hold = (Posting(0, AVAILABLE, -150, "gold"), Posting(0, HELD, 150, "gold"))
        await post(db, topup(150), Entry("HOLD", ("hold", "1"), "hold:1", hold))
    [held] = await close(engine)

    assert str(unpaid).endswith(f"it has the invoice {made.address}, which is not paid: cancel it.")
    assert str(incoming).endswith("it has 3 DOGE incoming.")
    assert str(held).endswith("it has 3 DOGE incoming and 1.5 gold held.")
    async with engine.connect() as db:
        assert (await accounts.fetch(db, "shop")).state == "open"
    assert "ACC_CLOSED" not in await event_types(engine)


async def test_who_is_to_be_paid_from_an_escrow_stays_open_until_it_is_over(
    engine: AsyncEngine, shop: Account
) -> None:
    row = {"account_id": 7, "order_id": "order", "seller_id": 0, "asset": "gold", "amount": 5, "fee": 0}
    async with engine.begin() as db:
        await db.execute(sa.insert(escrows).values(row))
    [refused] = await close(engine)
    async with engine.begin() as db:
        await db.execute(sa.update(escrows).values(state="REFUNDED"))

    assert "the escrow 1 to be paid from" in str(refused)
    assert accepted((await close(engine))[0]).state == "closed"


async def test_an_invoice_that_is_over_or_paid_in_part_is_not_in_the_way(
    engine: AsyncEngine, chain: Chain, shop: Account
) -> None:
    made = await scenario.invoice(engine, required_confirmations=1)
    await scenario.invoice(engine)
    await chain.mine((made.address, doge(3)))
    async with engine.begin() as db:
        await db.execute(sa.update(invoice_rows).where(invoice_rows.c.index == 1).values(cancelled=True))
        away = (Posting(0, AVAILABLE, -doge(3)), Posting(9, AVAILABLE, doge(3)))
        await post(db, Entry("TRANSFER", ("transfer", "1"), "away", away))

    assert accepted((await close(engine))[0]).state == "closed"


async def test_a_closed_account_takes_nothing_more_but_what_comes_over_the_chain(
    engine: AsyncEngine, chain: Chain, shop: Account
) -> None:
    await scenario.open_account(engine, "other")
    paid = await scenario.invoice(engine, "other", required_confirmations=1)
    owing = await scenario.invoice(engine, tolerance=Decimal(0))
    await chain.mine((paid.address, doge(10)), (owing.address, doge(1)))
    await chain.deepen(6)
    async with engine.begin() as db:
        away = (Posting(0, AVAILABLE, -doge(1)), Posting(1, AVAILABLE, doge(1)))
        await post(db, Entry("TRANSFER", ("transfer", "1"), "away", away))
    accepted((await close(engine))[0])

    async with engine.begin() as db:
        outcomes: list[object] = [
            *await issuing.create(db, [InvoiceOrder("shop", (scenario.item(),))], scenario.INSTALLATION),
            *await accounts.give(db, [AddressOrder("shop")], scenario.INSTALLATION),
            *await refunds.refund_inside(db, [Refund(paid.address, "shop")], scenario.INSTALLATION),
        ]
    async with engine.begin() as db:
        outcomes += await pay_from_account.settle(
            db, [invoices.PayFromOrder(owing.address, "other")], scenario.INSTALLATION
        )
        outcomes += await pay_from_account.request(
            db, [invoices.PayFromOrder(owing.address, "other")], scenario.INSTALLATION
        )
    await chain.mine((shop.address, doge(5)))
    await chain.deepen(6)

    assert [type(outcome) for outcome in outcomes] == [AccountClosed] * 5
    assert (await scenario.balance(engine, 0)).available == doge(5)
    [payment] = await chain_harness.request(engine, chain_harness.order(chain_harness.NOWHERE, 2))
    assert accepted(payment).state == "PENDING"


async def test_a_closed_account_is_changed_only_by_opening_it_again(
    engine: AsyncEngine, shop: Account
) -> None:
    await close(engine)
    await event_types(engine)

    same = [await change(engine), await change(engine, name="")]
    refused = await change(engine, name="Shibe")
    nothing_told = await event_types(engine)
    opened = await change(engine, state="open", name="Shibe")

    assert [accepted(outcome).state for outcome in same] == ["closed", "closed"]
    assert isinstance(refused, AccountClosed)
    assert (accepted(opened).state, accepted(opened).name) == ("open", "Shibe")
    assert (nothing_told, await event_types(engine)) == ([], ["ACC_UPDATED"])


async def issue(db: Db) -> None:
    await issuing.create(db, [InvoiceOrder("shop", (scenario.item(),))], scenario.INSTALLATION)


async def pay_in(db: Db) -> None:
    await post(db, topup(5))


async def sell(db: Db) -> None:
    [account] = await accounts.put(db, [AccountOrder("buyer", {})], REGTEST)
    lines = (Posting(TREASURY, AVAILABLE, -5, "gold"), Posting(accepted(account).id, AVAILABLE, 5, "gold"))
    await ledger.post(db, [Entry("TOPUP", ("treasury", "2"), "topup:buyer", lines)])
    [escrow] = await locking.lock(db, [NewEscrow("order 1", "buyer", "shop", "gold", "0.05")])
    accepted(escrow)


@pytest.mark.parametrize("first", [issue, pay_in, sell])
async def test_what_was_begun_before_the_closing_is_waited_for_and_keeps_it_open(
    engine: AsyncEngine, shop: Account, first: Callable[[Db], Awaitable[None]]
) -> None:
    async with engine.begin() as db:
        await first(db)
        closing = asyncio.create_task(close(engine))
        await scenario.until_someone_waits(engine)

    assert isinstance((await closing)[0], StillInUse)


async def test_a_transfer_that_waited_for_the_closing_is_refused_also_in_an_asset_that_was_never_there(
    engine: AsyncEngine, shop: Account
) -> None:
    order = transfers.TransferOrder("1", ISSUER, (Payee("shop", "2.5"),), "gold", kind="TOPUP")
    async with engine.begin() as db:
        await accounts.close(db, ["shop"], scenario.INSTALLATION)
        late = asyncio.create_task(_transfer(engine, order))
        await scenario.until_someone_waits(engine)

    refused = await late
    assert isinstance(refused, AccountClosed)
    assert refused.field == "to"


async def _transfer(engine: AsyncEngine, order: transfers.TransferOrder) -> object:
    async with engine.begin() as db:
        [outcome] = await transfers.make(db, [order])
    return outcome


async def test_an_escrow_that_waited_for_its_sellers_closing_is_refused(
    engine: AsyncEngine, shop: Account
) -> None:
    await scenario.make_ready(engine, 3)
    async with engine.begin() as db:
        await accounts.put(db, [AccountOrder("buyer", {})], REGTEST)
    async with engine.begin() as db:
        await accounts.close(db, ["shop"], scenario.INSTALLATION)
        late = asyncio.create_task(_late_escrow(engine))
        await scenario.until_someone_waits(engine)

    refused = await late
    assert isinstance(refused, AccountClosed)
    assert refused.field == "seller"


async def _late_escrow(engine: AsyncEngine) -> object:
    async with engine.begin() as db:
        [outcome] = await locking.lock(db, [NewEscrow("order 1", "buyer", "shop", "gold", "0.05")])
    return outcome


async def test_what_is_the_accounts_own_comes_back_to_it_also_when_it_is_closed(
    engine: AsyncEngine, shop: Account
) -> None:
    lines = (Posting(WORLD, AVAILABLE, -5), Posting(0, HELD, 5))
    back = (Posting(0, HELD, -5), Posting(0, AVAILABLE, 5))
    await close(engine)

    async with engine.begin() as db:
        entries = [
            Entry("DEPOSIT", ("test", "1"), "in", lines),
            Entry("HOLD_RELEASE", ("test", "1"), "back", back),
        ]
        assert [type(outcome) for outcome in await ledger.post(db, entries)] == [ledger.Posted] * 2


async def test_an_invoice_that_waited_for_the_closing_is_refused(engine: AsyncEngine, shop: Account) -> None:
    async with engine.begin() as db:
        await accounts.close(db, ["shop"], scenario.INSTALLATION)
        late = asyncio.create_task(asyncio.wait_for(_late_invoice(engine), 20))
        await scenario.until_someone_waits(engine)

    assert isinstance(await late, AccountClosed)
    async with engine.connect() as db:
        assert [held.asset for held in (await ledger.asset_balances(db, [0]))[0]] == ["DOGE"]


async def _late_invoice(engine: AsyncEngine) -> object:
    async with engine.begin() as db:
        [outcome] = await issuing.create(
            db, [InvoiceOrder("shop", (scenario.item(),))], scenario.INSTALLATION
        )
    return outcome
