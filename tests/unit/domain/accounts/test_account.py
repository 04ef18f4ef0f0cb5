import asyncio
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts as account_rows
from app.db.tables import addresses
from app.db.tables import ready_keys as keys
from app.domain import accounts, dogecoin
from app.domain.accounts import Account, AccountOrder, NoReadyKeys, NotForAccounts, PayoutComesBack
from app.domain.dogecoin import MAIN, REGTEST
from app.domain.owner import NoSuchAccount, Owner
from app.domain.pages import PageRequest
from app.domain.refusals import Invalid, Refusal
from tests import plans, scenario
from tests.scenario import accepted, doge, event_types

PAYOUT = "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV"


@pytest.fixture
async def ready(engine: AsyncEngine) -> AsyncEngine:
    """The database with 20 ready keys."""
    await scenario.make_ready(engine)
    return engine


async def put(engine: AsyncEngine, *orders: AccountOrder) -> list[Account | Refusal]:
    async with engine.begin() as db:
        return await accounts.put(db, orders, REGTEST)


async def opened(engine: AsyncEngine, foreign_id: str, **changes: Any) -> Account:
    [account] = await put(engine, AccountOrder(foreign_id, changes))
    return accepted(account)


async def fetched(engine: AsyncEngine, foreign_id: str) -> Account:
    async with engine.connect() as db:
        return await accounts.fetch(db, foreign_id)


async def ready_numbers(engine: AsyncEngine) -> list[int]:
    """The numbers of the keys that are still ready."""
    async with engine.connect() as db:
        return list(await db.scalars(sa.select(keys.c.number).order_by(keys.c.number)))


RESERVED = ("treasury", "world", "network_fees", "clawback", ".", "..", "%2e", "%2E%2e", ".%2E", "%2e.")


@pytest.mark.parametrize("name", RESERVED)
async def test_no_account_is_opened_under_the_name_of_a_system_account_or_one_that_urls_fold(
    ready: AsyncEngine, name: str
) -> None:
    refused, accepted_beside = await put(ready, AccountOrder(name, {}), AccountOrder("Treasury", {}))

    assert isinstance(refused, NotForAccounts)
    assert (refused.field, accepted(accepted_beside).foreign_id) == ("foreign_id", "Treasury")
    assert await event_types(ready) == ["ACC_CREATED"]
    assert (await ready_numbers(ready))[0] == 1


async def test_an_account_that_has_the_name_of_a_system_account_already_goes_on_working(
    ready: AsyncEngine,
) -> None:
    await opened(ready, "old")
    async with ready.begin() as db:
        await db.execute(sa.update(account_rows).values(foreign_id="treasury"))

    changed = await opened(ready, "treasury", name="Shibe")

    assert (changed.id, changed.name) == (0, "Shibe")
    assert await fetched(ready, "treasury") == changed


async def test_an_account_is_opened_on_the_first_ready_key(ready: AsyncEngine) -> None:
    account = await opened(ready, "shop", name="Shibe")

    assert (account.id, account.foreign_id, account.name, account.state) == (0, "shop", "Shibe", "open")
    assert account.address == dogecoin.to_address(REGTEST, dogecoin.to_script(REGTEST, account.address))
    assert await fetched(ready, "shop") == account
    assert (await ready_numbers(ready))[0] == 1
    assert await event_types(ready) == ["ACC_CREATED"]


async def test_the_id_of_an_account_is_watched_like_an_address(ready: AsyncEngine) -> None:
    account = await opened(ready, "shop")

    async with ready.connect() as db:
        [row] = (await db.execute(sa.select(addresses))).mappings()
    assert row["script"] == dogecoin.to_script(REGTEST, account.address)
    assert [row[name] for name in ("account_id", "branch", "index", "purpose")] == [
        0,
        accounts.ACCOUNT_KEY,
        0,
        "account",
    ]


async def test_a_change_leaves_what_it_does_not_name(ready: AsyncEngine) -> None:
    before = await opened(ready, "shop", name="Shibe", payout_address=PAYOUT, payout_threshold=doge(5))
    after = await opened(ready, "shop", vendor_name="Such Shop")

    assert after == replace(before, vendor_name="Such Shop") == await fetched(ready, "shop")
    assert await event_types(ready) == ["ACC_CREATED", "ACC_UPDATED"]


@pytest.mark.parametrize("name", [name for name in accounts.CHANGEABLE if name != "state"])
async def test_whatever_may_be_changed_is_kept(ready: AsyncEngine, name: str) -> None:
    before = await opened(ready, "shop")
    new: Any = {int: doge(1), bool: True, str: "7"}[type(getattr(before, name))]

    await opened(ready, "shop", **{name: new})

    assert await fetched(ready, "shop") == replace(before, **{name: new})


async def test_an_empty_text_clears_a_field_and_null_leaves_it(ready: AsyncEngine) -> None:
    await opened(ready, "shop", name="Shibe", vendor_name="Such Shop")

    after = await opened(ready, "shop", name="", vendor_name=None)

    assert (after.name, after.vendor_name) == ("", "Such Shop")


@pytest.mark.parametrize("changes", [{}, {"name": "Shibe"}, {"name": None}])
async def test_what_changes_nothing_tells_nothing(ready: AsyncEngine, changes: dict[str, Any]) -> None:
    before = await opened(ready, "shop", name="Shibe")
    await event_types(ready)

    assert await opened(ready, "shop", **changes) == before
    assert await event_types(ready) == []


async def test_one_name_twice_in_a_batch_is_one_account_as_the_last_one_wants_it(ready: AsyncEngine) -> None:
    made = await put(
        ready,
        AccountOrder("shop", {"name": "a"}),
        AccountOrder("other", {}),
        AccountOrder("shop", {"name": "b"}),
        AccountOrder("shop", {}),
    )

    first, other, second, third = map(accepted, made)
    assert first.id == second.id != other.id
    assert [first.name, second.name, third.name] == ["a", "b", "b"]
    assert await fetched(ready, "shop") == second
    assert await event_types(ready) == ["ACC_CREATED", "ACC_CREATED", "ACC_UPDATED"]
    assert len(await ready_numbers(ready)) == 18


async def test_two_at_once_open_one_account_and_the_losers_key_stays_ready(ready: AsyncEngine) -> None:
    async with ready.connect() as first:
        [winner] = await accounts.put(first, [AccountOrder("shop", {"name": "first"})], REGTEST)
        loser = asyncio.create_task(
            put(ready, AccountOrder("shop", {"name": "second"}), AccountOrder("mine", {}))
        )
        await scenario.until_someone_waits(ready)
        await first.commit()
        changed, mine = map(accepted, await loser)

    assert changed == replace(accepted(winner), name="second")
    assert sorted({changed.id, mine.id} | set(await ready_numbers(ready))) == list(range(20))
    assert len(await ready_numbers(ready)) == 18
    assert sorted(await event_types(ready)) == ["ACC_CREATED", "ACC_CREATED", "ACC_UPDATED"]


async def test_batches_with_the_same_names_in_another_order_do_not_deadlock(ready: AsyncEngine) -> None:
    async with ready.connect() as first:
        await accounts.put(first, [AccountOrder("m", {})], REGTEST)
        others = [
            asyncio.create_task(put(ready, *(AccountOrder(name, {}) for name in names)))
            for names in ("amz", "zma")
        ]
        await scenario.until_someone_waits(ready, 2)
        await first.commit()
        ids, reversed_ids = [
            [accepted(account).id for account in opened] for opened in await asyncio.gather(*others)
        ]

    assert ids == reversed_ids[::-1]
    assert sorted({*ids, *await ready_numbers(ready)}) == list(range(20))


async def test_when_the_keys_run_out_the_rest_is_refused_and_what_is_there_can_be_changed(
    engine: AsyncEngine,
) -> None:
    await scenario.make_ready(engine, 1)

    a, b = await put(engine, AccountOrder("a", {}), AccountOrder("b", {}))
    again, refused = await put(engine, AccountOrder("a", {"name": "x"}), AccountOrder("b", {}))

    assert accepted(a) == replace(accepted(again), name="")
    assert isinstance(b, NoReadyKeys)
    assert isinstance(refused, NoReadyKeys)
    assert (refused.code, await ready_numbers(engine)) == ("not-available", [])
    assert await event_types(engine) == ["ACC_CREATED", "ACC_UPDATED"]


async def test_an_account_that_is_undone_gives_its_key_back(ready: AsyncEngine) -> None:
    async with ready.connect() as db:
        await accounts.put(db, [AccountOrder("shop", {})], REGTEST)
        await db.rollback()

    assert len(await ready_numbers(ready)) == 20
    with pytest.raises(NoSuchAccount):
        await fetched(ready, "shop")


async def test_an_unknown_account_is_refused_in_gigawallets_words(engine: AsyncEngine) -> None:
    with pytest.raises(NoSuchAccount, match=r"^GetAccount: account not found: nobody$"):
        await fetched(engine, "nobody")


async def test_accounts_are_paged_by_their_number(ready: AsyncEngine) -> None:
    await put(ready, *(AccountOrder(name, {}) for name in "edcba"))

    async with ready.connect() as db:
        first = await accounts.page(db, PageRequest(None, 3))
        rest = await accounts.page(db, PageRequest(first.rest, 3))
    assert [account.id for account in (*first.items, *rest.items)] == [0, 1, 2, 3, 4]


async def test_a_key_whose_number_is_taken_is_not_made_ready_again(ready: AsyncEngine) -> None:
    await opened(ready, "shop")

    await scenario.make_ready(ready, 21)

    assert await ready_numbers(ready) == list(range(1, 21))
    async with ready.connect() as db:
        assert (await accounts.highest_number(db), await accounts.count_ready_keys(db, 5)) == (20, 5)


async def test_owners_are_read_from_their_index_alone(engine: AsyncEngine) -> None:
    many = (
        "INSERT INTO accounts (id, foreign_id, xpub, address) "
        "SELECT n, n, '', n FROM generate_series(1, 9999) AS n"
    )
    async with engine.begin() as db:
        await db.execute(sa.text(many))
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
        await db.execute(sa.text("VACUUM ANALYZE accounts"))

    async with engine.begin() as db:
        await accounts.owners(db, [])  # the driver asks for the types of arrays once a connection
        async with plans.watched(db) as seen:
            owners = await accounts.owners(db, ["7", "nobody", "8"])

    assert owners == {"7": Owner(7, "7", "7", open=True), "8": Owner(8, "8", "8", open=True)}
    assert ["Index Only Scan using accounts_foreign_id_key" in plan for plan in seen] == [True]


async def test_the_schema_too_refuses_a_second_account_of_a_name(ready: AsyncEngine) -> None:
    await put(ready, AccountOrder("a", {}), AccountOrder("b", {}))

    with pytest.raises(sa.exc.IntegrityError, match="accounts_foreign_id_key"):
        async with ready.begin() as db:
            await db.execute(sa.update(account_rows).values(foreign_id="a"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"payout_address": "junk"}, "payout_address"),
        ({"payout_address": "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC"}, "payout_address"),
        ({"payout_frequency": "weekly"}, "payout_frequency"),
        ({"payout_frequency": "-1"}, "payout_frequency"),
        ({"payout_frequency": "²"}, "payout_frequency"),
        ({"payout_frequency": "1" * 10}, "payout_frequency"),
        ({"payout_threshold": -1}, "payout_threshold"),
        ({"accept_unconfirmed_below": -1}, "accept_unconfirmed_below"),
    ],
)
def test_a_payout_that_could_never_be_paid_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        AccountOrder("shop", changes).checked(REGTEST)

    assert refusal.value.field == field


@pytest.mark.parametrize(
    "changes", [{}, {"payout_address": ""},
    {"payout_address": PAYOUT, "payout_threshold": 0, "payout_frequency": "3600"},
                {"payout_address": None, "payout_threshold": None, "payout_frequency": None}]
)  # fmt: skip
def test_a_payout_that_can_be_paid_is_taken(changes: dict[str, Any]) -> None:
    order = AccountOrder("shop", changes)

    assert order.checked(REGTEST) is order
    with pytest.raises(Invalid, match="regtest network, not of Dogecoin's main"):
        AccountOrder("shop", {"payout_address": PAYOUT}).checked(MAIN)


async def test_payouts_that_would_come_back_are_refused_and_change_nothing(ready: AsyncEngine) -> None:
    shop, other = await opened(ready, "shop"), await opened(ready, "other")
    invoice = (await scenario.invoice(ready, "shop")).address
    change = dogecoin.p2pkh(bytes(20))
    async with ready.begin() as db:
        row = {"script": change, "account_id": other.id, "branch": 1, "index": 0, "purpose": "change"}
        await db.execute(sa.insert(addresses).values(row))
    await event_types(ready)
    to_change = dogecoin.to_address(REGTEST, change) or ""

    made = await put(
        ready,
        *(AccountOrder("shop", {"payout_address": to}) for to in (shop.address, invoice, to_change)),
        AccountOrder("new", {"payout_address": to_change}),
        AccountOrder("other", {"payout_address": invoice}),
    )

    assert [(type(outcome), getattr(outcome, "field", "")) for outcome in made[:4]] == [
        (PayoutComesBack, "payout_address")
    ] * 4
    assert accepted(made[4]).payout_address == invoice
    assert await fetched(ready, "shop") == shop
    with pytest.raises(NoSuchAccount):
        await fetched(ready, "new")
    assert await event_types(ready) == ["ACC_UPDATED"]


async def test_a_key_that_was_taken_and_is_in_the_pool_again_stops_nobody(engine: AsyncEngine) -> None:
    first = await scenario.open_account(engine, "first")
    async with engine.begin() as db:
        row = {"number": first.id, "xpub": first.xpub, "address": first.address}
        await db.execute(sa.insert(keys).values(row))

    second = await scenario.open_account(engine, "second")

    assert second.id != first.id
