import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import access, accounts
from app.domain.access import Reach
from app.domain.owner import NoSuchAccount
from app.domain.pages import PageRequest
from tests import plans, scenario

NAMES = [
    "a",
    "my",
    "my.",
    "my.a",
    "my.\ud7ff",
    "my.\ue000",
    "my.\U0010ffff",
    "my/",
    "mz",
    "ü",
    "\U0010ffff",
    "\U0010ffffx",
]


@pytest.mark.parametrize("prefix", ["my.", "m", "my.\ud7ff", "ü", "\U0010ffff", "my.\U0010ffff", "none"])
async def test_the_condition_of_a_prefix_finds_what_begins_with_it(engine: AsyncEngine, prefix: str) -> None:
    reach = Reach(prefix=prefix)
    name = sa.func.unnest(sa.literal(NAMES, sa.ARRAY(sa.Text))).column_valued("name")

    async with engine.connect() as db:
        rows = set(await db.scalars(sa.select(name).where(reach.includes(name))))

    assert rows == {text for text in NAMES if text.startswith(prefix)} == set(filter(reach.covers, NAMES))


@given(st.text(min_size=1), st.text())
def test_a_prefix_covers_what_begins_with_it_and_names_cover_themselves(prefix: str, rest: str) -> None:
    assert Reach(prefix=prefix).covers(prefix + rest)
    assert Reach(frozenset({prefix})).covers(rest) == (prefix == rest)
    assert access.EVERYTHING.covers(rest)


def test_an_account_beyond_reach_is_refused_as_unknown() -> None:
    Reach(prefix="my.").require("my.a", "to")

    with pytest.raises(NoSuchAccount) as raised:
        Reach(prefix="my.").require("other", "to")

    assert (str(raised.value), raised.value.field) == ("GetAccount: account not found: other", "to")


async def test_the_accounts_of_a_prefix_are_read_from_one_part_of_an_index(engine: AsyncEngine) -> None:
    await scenario.open_account(engine, "my.a")
    async with engine.begin() as db, plans.watched(db) as seen:
        await db.execute(sa.text("SET LOCAL enable_seqscan = off"))
        await db.execute(sa.text("SET LOCAL enable_sort = off"))
        page = await accounts.page(db, PageRequest(None, 10), Reach(prefix="my."))

    [plan] = [plan for plan in seen if "~<~" in plan]
    assert [account.foreign_id for account in page.items] == ["my.a"]
    assert "accounts_prefix_idx" in plan
    assert "Index Cond" in plan
    assert "Sort" not in plan
