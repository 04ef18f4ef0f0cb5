from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import entries
from app.domain import transfers
from app.domain.ledger import NoSuchAsset
from app.domain.owner import NoSuchAccount
from app.domain.pages import PageRequest
from app.domain.transfers import Credit, Transfer, TransferCursor, TransferFilter, listing
from tests import scenario
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
        orders = [
            type(one)(one.key, one.payer, one.payees, one.asset, reference=("r", one.key[2:]))
            for one in orders
        ]
        found += [scenario.accepted(one) for one in await make(engine, *orders)]
    return found


async def listed(engine: AsyncEngine, wanted: TransferFilter, limit: int = 3) -> list[int]:
    """Every page of a list, one behind the other."""
    found: list[int] = []
    request: PageRequest[TransferCursor] = PageRequest(None, limit)
    for _ in range(1000):
        async with engine.connect() as db:
            page = await transfers.page(db, wanted, request)
        found += [transfer.id for transfer in page.items]
        assert len(page.items) <= limit
        if page.rest is None:
            return found
        request = PageRequest(page.rest, limit)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("looked_at", [1, 7, 2_000])
async def test_lists_show_what_is_asked_for_newest_first_and_once(
    engine: AsyncEngine, made: list[Transfer], monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(listing, "PAGE_READS", looked_at)
    middle, end = made[8].created, made[16].created
    newest = made[::-1]

    def expected(**wanted: object) -> list[int]:
        return [
            one.id for one in newest
            if wanted.get("name") in (None, one.payer, one.payee)
            and wanted.get("asset") in (None, one.asset)
            and wanted.get("reference") in (None, one.reference)
        ]  # fmt: skip

    everything = await listed(engine, TransferFilter(start=made[0].created))
    assert everything == expected()
    assert await listed(engine, TransferFilter(reference="3")) == expected(reference="3")
    assert await listed(engine, TransferFilter("alice", reference="3")) == expected(
        name="alice", reference="3"
    )
    assert await listed(engine, TransferFilter(asset="gems", start=made[0].created)) == expected(asset="gems")
    of_bob = await listed(
        engine, TransferFilter("bob", start=made[0].created)
    )  # by time, which in a batch is not by number
    assert sorted(of_bob, reverse=True) == expected(name="bob")
    assert await listed(engine, TransferFilter("bob", "gems", start=made[0].created)) == expected(
        name="bob", asset="gems"
    )
    within = {one.id for one in made if middle <= one.created < end}
    assert await listed(engine, TransferFilter(start=middle, end=end)) == [
        one for one in everything if one in within
    ]
    assert await listed(engine, TransferFilter("bob", start=middle, end=end)) == [
        one for one in of_bob if one in within
    ]


async def test_a_list_of_nobody_and_of_nothing(engine: AsyncEngine, made: list[Transfer]) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=300)

    assert await listed(engine, TransferFilter(end=long_ago)) == []
    assert await listed(engine, TransferFilter("bob", end=long_ago)) == []
    assert await listed(engine, TransferFilter(reference="none")) == []
    with pytest.raises(NoSuchAccount):
        await listed(engine, TransferFilter("nobody"))
    with pytest.raises(NoSuchAsset):
        await listed(engine, TransferFilter("bob", "silver"))


async def test_entries_that_are_no_transfers_are_left_out(engine: AsyncEngine, made: list[Transfer]) -> None:
    async with engine.begin() as db:
        held = sa.insert(entries).values(
            kind="HOLD", cause_type="hold", cause_id="1", key="hold:1", reference="3"
        )
        number = (await db.execute(held.returning(entries.c.id))).scalar_one()

    assert number not in await listed(engine, TransferFilter(reference="3"))
    assert await listed(engine, TransferFilter(reference="3")) == await listed(
        engine, TransferFilter(reference="3"), limit=100
    )
