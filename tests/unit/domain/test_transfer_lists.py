from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import transfer_lists
from app.domain.accounts import NoSuchAccount
from app.domain.assets import NoSuchAsset
from app.domain.crediting import Credit
from app.domain.transfer_lists import Filter, Place
from app.domain.transfers import Transfer
from app.tables import entries
from tests import world
from tests.unit.domain.bank import GOLD, make, opened, order

NAMES = ("alice", "bob", "carol")


@pytest.fixture
async def made(engine: AsyncEngine) -> list[Transfer]:
    """Transfers of gold and gems between three, in several batches, oldest first."""
    await opened(engine, *NAMES)
    await make(engine, *(Credit(name, "TOPUP", "gems", 50).order(name, "") for name in NAMES))
    found = []
    for batch in range(3):
        orders = [
            order(
                NAMES[n % 3],
                NAMES[(n + 1 + n % 2) % 3],
                1 if n % 3 else "0.01",
                f"{batch}:{n}",
                ("gems", GOLD)[n % 3 == 0],
            )
            for n in range(8)
        ]
        orders = [type(one)(one.key, one.payer, one.payees, one.asset, reference=("r", one.key[2:])) for one in orders]
        found += [world.accepted(one) for one in await make(engine, *orders)]
    return found


async def listed(engine: AsyncEngine, wanted: Filter, limit: int = 3) -> list[int]:
    """Every page of a list, one behind the other."""
    found: list[int] = []
    after: Place | None = None
    for _ in range(1000):
        async with engine.connect() as db:
            page = await transfer_lists.page(db, wanted, after, limit)
        found += [transfer.id for transfer in page.transfers]
        assert len(page.transfers) <= limit
        if page.rest is None:
            return found
        after = page.rest
    raise AssertionError("it never ends")


@pytest.mark.parametrize("looked_at", [1, 7, 2_000])
async def test_lists_show_what_is_asked_for_newest_first_and_once(
    engine: AsyncEngine, made: list[Transfer], monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(transfer_lists, "LOOKED_AT", looked_at)
    middle, end = made[8].created, made[16].created
    newest = made[::-1]

    def expected(**wanted: object) -> list[int]:
        return [
            one.id for one in newest
            if wanted.get("name") in (None, one.payer, one.payee)
            and wanted.get("asset") in (None, one.asset)
            and wanted.get("reference") in (None, one.reference)
        ]  # fmt: skip

    everything = await listed(engine, Filter(start=made[0].created))
    assert everything == expected()
    assert await listed(engine, Filter(reference="3")) == expected(reference="3")
    assert await listed(engine, Filter("alice", reference="3")) == expected(name="alice", reference="3")
    assert await listed(engine, Filter(asset="gems", start=made[0].created)) == expected(asset="gems")
    of_bob = await listed(engine, Filter("bob", start=made[0].created))  # by time, which in a batch is not by number
    assert sorted(of_bob, reverse=True) == expected(name="bob")
    assert await listed(engine, Filter("bob", "gems", start=made[0].created)) == expected(name="bob", asset="gems")
    within = {one.id for one in made if middle <= one.created < end}
    assert await listed(engine, Filter(start=middle, end=end)) == [one for one in everything if one in within]
    assert await listed(engine, Filter("bob", start=middle, end=end)) == [one for one in of_bob if one in within]


async def test_a_list_of_nobody_and_of_nothing(engine: AsyncEngine, made: list[Transfer]) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=300)

    assert await listed(engine, Filter(end=long_ago)) == []
    assert await listed(engine, Filter("bob", end=long_ago)) == []
    assert await listed(engine, Filter(reference="none")) == []
    with pytest.raises(NoSuchAccount):
        await listed(engine, Filter("nobody"))
    with pytest.raises(NoSuchAsset):
        await listed(engine, Filter("bob", "silver"))


async def test_entries_that_are_no_transfers_are_left_out(engine: AsyncEngine, made: list[Transfer]) -> None:
    async with engine.begin() as db:
        held = sa.insert(entries).values(kind="HOLD", cause_type="hold", cause_id="1", key="hold:1", reference="3")
        number = (await db.execute(held.returning(entries.c.id))).scalar_one()

    assert number not in await listed(engine, Filter(reference="3"))
    assert await listed(engine, Filter(reference="3")) == await listed(engine, Filter(reference="3"), limit=100)
