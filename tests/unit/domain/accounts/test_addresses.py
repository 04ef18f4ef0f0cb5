import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.keys import Keyring
from app.db.tables import accounts
from app.domain import blocks, dogecoin
from app.domain.accounts import Address, AddressCursor, AddressOrder, NoSuchAddress, addresses
from app.domain.blocks import DepositCursor, ListedDeposit
from app.domain.dogecoin import REGTEST
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Refusal
from tests import scenario
from tests.scenario import Chain, accepted, balance, doge


async def give(engine: AsyncEngine, *orders: AddressOrder) -> list[str | Refusal]:
    async with engine.begin() as db:
        return await addresses.give(db, orders, scenario.INSTALLATION)


async def address_of_shop(engine: AsyncEngine, *, fresh: bool = False) -> str:
    [address] = await give(engine, AddressOrder("shop", fresh))
    return accepted(address)


async def listed(
    engine: AsyncEngine, after: AddressCursor | None = None, limit: int = 100
) -> Page[Address, AddressCursor]:
    async with engine.connect() as db:
        return await addresses.page(db, REGTEST, "shop", PageRequest(after, limit))


async def arrived(engine: AsyncEngine, limit: int = 100) -> list[ListedDeposit]:
    """All arrivals, page by page."""
    arrivals: list[ListedDeposit] = []
    request: PageRequest[DepositCursor] = PageRequest(None, limit)
    async with engine.connect() as db:
        while True:
            page = await blocks.deposit_page(db, REGTEST, "shop", request)
            arrivals += page.items
            if page.rest is None:
                return arrivals
            request = PageRequest(page.rest, limit)


async def test_the_last_address_is_given_again_until_something_has_come_to_it(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    chain = await Chain(engine).start()

    first, again = await address_of_shop(engine), await address_of_shop(engine)
    await chain.mine((first, doge(1)))
    second, fresh, current = (
        await address_of_shop(engine),
        await address_of_shop(engine, fresh=True),
        await address_of_shop(engine),
    )

    assert first == again
    assert len({first, second, fresh}) == 3
    assert current == fresh


async def test_an_address_that_a_reorg_has_emptied_stays_used(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    chain = await Chain(engine).start()
    first = await address_of_shop(engine)

    await chain.mine((first, doge(1)))
    await chain.disconnect()

    assert await address_of_shop(engine) != first


async def test_invoices_and_deposits_share_the_counting_of_keys(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)

    made = [
        (await scenario.invoice(engine)).address,
        await address_of_shop(engine),
        (await scenario.invoice(engine)).address,
    ]

    wake = Keyring(REGTEST, scenario.WORDS)
    keys = [wake.private_key(account.id, 0, index).public_key.format() for index in range(3)]
    assert made == [dogecoin.to_address(REGTEST, dogecoin.p2pkh(dogecoin.hash160(key))) for key in keys]


async def test_fifty_fresh_addresses_at_once_are_fifty(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)

    made = await asyncio.gather(*(address_of_shop(engine, fresh=True) for _ in range(50)))
    reused = await asyncio.gather(*(address_of_shop(engine) for _ in range(20)))

    assert len(set(made)) == 50
    assert set(reused) <= set(made)
    assert len(set(reused)) == 1


async def test_orders_of_one_batch_are_decided_in_order(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.open_account(engine, "closed")
    async with engine.begin() as db:
        await db.execute(sa.update(accounts).where(accounts.c.foreign_id == "closed").values(state="closed"))

    made = await give(
        engine, AddressOrder("shop"), AddressOrder("shop"), AddressOrder("nobody"), AddressOrder("closed"),
        AddressOrder("shop", fresh=True),
        AddressOrder("shop"),
    )  # fmt: skip

    assert [type(outcome) for outcome in made] == [str, str, NoSuchAccount, AccountClosed, str, str]
    assert made[0] == made[1]
    assert made[4] == made[5] != made[0]


async def test_every_address_ever_given_out_credits_for_ever(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    made = [await address_of_shop(engine, fresh=True) for _ in range(3)]

    for _ in range(2):
        await chain.mine(*((address, doge(1)) for address in made), (account.address, doge(1)))
    await chain.deepen(5)

    assert (await balance(engine, account.id)).available == doge(8)


async def test_the_list_has_all_that_was_given_out_with_its_path(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    invoice = await scenario.invoice(engine)
    deposit = await address_of_shop(engine)
    await chain.mine((invoice.address, doge(1)))

    shown = (await listed(engine)).items

    assert [(address.address, address.purpose, address.used) for address in shown] == [
        (invoice.address, "invoice", True), (deposit, "deposit", False), (account.address, "account", False),
    ]  # fmt: skip
    assert [address.path for address in shown] == [
        f"m/44'/1'/{account.id}'{rest}" for rest in ("/0/0", "/0/1", "")
    ]
    await chain.mine((deposit, doge(1)), (account.address, doge(1)))
    assert [address.used for address in (await listed(engine)).items] == [True] * 3
    assert (await listed(engine, shown[0].cursor, 1)).items == [(await listed(engine)).items[1]]


async def test_deposits_are_listed_newest_first_and_each_once(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    invoice = await scenario.invoice(engine, required_confirmations=2)
    await chain.mine((invoice.address, doge(1)), (account.address, doge(2)))
    await chain.mine((account.address, doge(3)))
    await chain.mine((account.address, doge(4)))
    await chain.disconnect()

    deposits = await arrived(engine, limit=1)

    assert [deposit.amount for deposit in deposits[:2]] == [doge(4), doge(3)]
    assert sorted(deposit.amount for deposit in deposits) == [doge(1), doge(2), doge(3), doge(4)]
    assert {
        deposit.amount: (deposit.state, deposit.confirmations, deposit.required_confirmations)
        for deposit in deposits
    } == {
        doge(4): ("undone", 0, 6), doge(3): ("incoming", 1, 6),
        doge(2): ("incoming", 2, 6), doge(1): ("confirmed", 2, 2),
    }  # fmt: skip
    assert [deposit.address for deposit in deposits if deposit.invoice] == [invoice.address]


async def test_only_a_deposit_address_of_ours_is_one(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine)
    deposit = await address_of_shop(engine)

    async with engine.connect() as db:
        await addresses.check(db, REGTEST, deposit)
        for other in (account.address, invoice.address, "junk", ""):
            with pytest.raises(NoSuchAddress):
                await addresses.check(db, REGTEST, other)
