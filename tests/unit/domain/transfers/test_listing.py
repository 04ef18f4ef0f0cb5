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
    made: list[Transfer] = []
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
        orders = [plain._replace(reference=("r", plain.key[2:])) for plain in orders]
        made += [scenario.accepted(outcome) for outcome in await make(engine, *orders)]
    return made


async def listed(engine: AsyncEngine, wanted: TransferFilter, limit: int = 3) -> list[int]:
    """Every page of a list, one behind the other."""
    ids: list[int] = []
    request: PageRequest[TransferCursor] = PageRequest(None, limit)
    for _ in range(1000):
        async with engine.connect() as db:
            page = await transfers.page(db, wanted, request)
        ids += [listed.transfer.id for listed in page.items]
        assert len(page.items) <= limit
        if page.rest is None:
            return ids
        request = PageRequest(page.rest, limit)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("reads", [1, 7, 2_000])
async def test_lists_show_what_is_asked_for_newest_first_and_once(
    engine: AsyncEngine, made: list[Transfer], monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    monkeypatch.setattr(listing, "PAGE_READS", reads)
    middle, end = made[8].created, made[16].created
    newest = made[::-1]

    def expected(**wanted: object) -> list[int]:
        return [
            transfer.id for transfer in newest
            if wanted.get("name") in (None, transfer.payer, transfer.payee)
            and wanted.get("asset") in (None, transfer.asset)
            and wanted.get("reference") in (None, transfer.reference)
        ]  # fmt: skip

    everything = await listed(engine, TransferFilter(start=made[0].created))
    assert everything == expected()
    assert await listed(engine, TransferFilter(reference="3")) == expected(reference="3")
    assert await listed(engine, TransferFilter("alice", reference="3")) == expected(
        name="alice", reference="3"
    )
    assert await listed(engine, TransferFilter(asset="gems", start=made[0].created)) == expected(asset="gems")
    # In the order of the times; transfers of one batch have the same.
    of_bob = await listed(engine, TransferFilter("bob", start=made[0].created))
    assert sorted(of_bob, reverse=True) == expected(name="bob")
    assert await listed(engine, TransferFilter("bob", "gems", start=made[0].created)) == expected(
        name="bob", asset="gems"
    )
    within = {transfer.id for transfer in made if middle <= transfer.created < end}
    assert await listed(engine, TransferFilter(start=middle, end=end)) == [
        number for number in everything if number in within
    ]
    assert await listed(engine, TransferFilter("bob", start=middle, end=end)) == [
        number for number in of_bob if number in within
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
