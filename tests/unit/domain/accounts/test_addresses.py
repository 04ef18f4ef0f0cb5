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


async def given(engine: AsyncEngine, *, fresh: bool = False) -> str:
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

    first, again = await given(engine), await given(engine)
    await chain.mine((first, doge(1)))
    second, fresh, current = await given(engine), await given(engine, fresh=True), await given(engine)

    assert first == again
    assert len({first, second, fresh}) == 3
    assert current == fresh


async def test_an_address_that_a_reorg_has_emptied_stays_used(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    chain = await Chain(engine).start()
    first = await given(engine)

    await chain.mine((first, doge(1)))
    await chain.disconnect()

    assert await given(engine) != first


async def test_invoices_and_deposits_share_the_counting_of_keys(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)

    made = [
        (await scenario.invoice(engine)).address,
        await given(engine),
        (await scenario.invoice(engine)).address,
    ]

    wake = Keyring(REGTEST, scenario.WORDS)
    keys = [wake.private_key(account.id, 0, index).public_key.format() for index in range(3)]
    assert made == [dogecoin.to_address(REGTEST, dogecoin.p2pkh(dogecoin.hash160(key))) for key in keys]


async def test_fifty_fresh_ones_at_once_are_fifty(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)

    made = await asyncio.gather(*(given(engine, fresh=True) for _ in range(50)))
    one = await asyncio.gather(*(given(engine) for _ in range(20)))

    assert len(set(made)) == 50
    assert set(one) <= set(made)
    assert len(set(one)) == 1


async def test_wishes_of_one_batch_are_judged_in_order(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.open_account(engine, "closed")
    async with engine.begin() as db:
        await db.execute(sa.update(accounts).where(accounts.c.foreign_id == "closed").values(state="closed"))

    made = await give(
        engine, AddressOrder("shop"), AddressOrder("shop"), AddressOrder("nobody"), AddressOrder("closed"), AddressOrder("shop", fresh=True),
        AddressOrder("shop"),
    )  # fmt: skip

    assert [type(one) for one in made] == [str, str, NoSuchAccount, AccountClosed, str, str]
    assert made[0] == made[1]
    assert made[4] == made[5] != made[0]


async def test_every_address_ever_given_out_credits_for_ever(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    made = [await given(engine, fresh=True) for _ in range(3)]

    for _ in range(2):
        await chain.mine(*((address, doge(1)) for address in made), (account.address, doge(1)))
    await chain.deepen(5)

    assert (await balance(engine, account.id)).available == doge(8)


async def test_the_list_has_all_that_was_given_out_with_its_path(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    invoice = await scenario.invoice(engine)
    deposit = await given(engine)
    await chain.mine((invoice.address, doge(1)))

    found = (await listed(engine)).items

    assert [(one.address, one.purpose, one.used) for one in found] == [
        (invoice.address, "invoice", True), (deposit, "deposit", False), (account.address, "account", False),
    ]  # fmt: skip
    assert [one.path for one in found] == [f"m/44'/1'/{account.id}'{rest}" for rest in ("/0/0", "/0/1", "")]
    await chain.mine((deposit, doge(1)), (account.address, doge(1)))
    assert [address.used for address in (await listed(engine)).items] == [True] * 3
    assert (await listed(engine, found[0].cursor, 1)).items == [(await listed(engine)).items[1]]


async def test_arrivals_are_listed_newest_first_and_each_once(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    chain = await Chain(engine).start()
    invoice = await scenario.invoice(engine, required_confirmations=2)
    await chain.mine((invoice.address, doge(1)), (account.address, doge(2)))
    await chain.mine((account.address, doge(3)))
    await chain.mine((account.address, doge(4)))
    await chain.disconnect()

    found = await arrived(engine, limit=1)

    assert [one.amount for one in found[:2]] == [doge(4), doge(3)]
    assert sorted(one.amount for one in found) == [doge(1), doge(2), doge(3), doge(4)]
    assert {one.amount: (one.state, one.confirmations, one.required_confirmations) for one in found} == {
        doge(4): ("undone", 0, 6), doge(3): ("incoming", 1, 6), doge(2): ("incoming", 2, 6), doge(1): ("confirmed", 2, 2),
    }  # fmt: skip
    assert [one.address for one in found if one.invoice] == [invoice.address]


async def test_only_a_deposit_address_of_ours_is_one(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    invoice = await scenario.invoice(engine)
    deposit = await given(engine)

    async with engine.connect() as db:
        await addresses.check(db, REGTEST, deposit)
        for other in (account.address, invoice.address, "junk", ""):
            with pytest.raises(NoSuchAddress):
                await addresses.check(db, REGTEST, other)
