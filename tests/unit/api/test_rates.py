"""The list of rates over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from app.api.context import AppContext
from app.db import bulk
from app.db.tables import rates as rows

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def listed(admin: httpx.AsyncClient, kennel: AppContext) -> httpx.AsyncClient:
    """Two sources of two pairs, for three minutes."""
    rates = [
        {"pair": pair, "at": NOON + timedelta(minutes=n), "source": source, "value": Decimal(f"0.1{n}")}
        for pair in ("DOGE-EUR", "DOGE-USD")
        for source in ("a.example", "fixed")
        for n in range(3)
    ]
    async with kennel.engine.begin() as db:
        await bulk.insert(db, rows, rates)
    return admin


async def test_rates_are_listed_newest_first_page_by_page(listed: httpx.AsyncClient) -> None:
    items: list[dict[str, str]] = []
    cursor = ""
    for _ in range(3):
        page = (await listed.get("/rates", params={"limit": 5, "cursor": cursor})).json()
        items, cursor = [*items, *page["items"]], page["cursor"]

    assert (len(items), cursor) == (12, "")
    assert items == sorted(items, key=lambda rate: (rate["at"], rate["pair"], rate["source"]), reverse=True)
    assert items[0] == {
        "pair": "DOGE-USD", "value": "0.12", "source": "fixed", "at": "2026-01-01T12:02:00+00:00"
    }  # fmt: skip


async def test_rates_are_listed_of_a_pair_up_to_a_moment(listed: httpx.AsyncClient) -> None:
    wanted = {"pair": "DOGE-EUR", "at": "2026-01-01T12:01:30Z"}

    items = (await listed.get("/rates", params=wanted)).json()["items"]

    assert [(rate["source"], rate["value"]) for rate in items] == [
        ("fixed", "0.11"), ("a.example", "0.11"), ("fixed", "0.1"), ("a.example", "0.1")
    ]  # fmt: skip
    assert {rate["pair"] for rate in items} == {"DOGE-EUR"}


@pytest.mark.parametrize(
    "query", ["cursor=x", "at=yesterday", "at=5", "limit=0", "pair=%00", "pair=" + "x" * 99]
)
async def test_a_wrong_question_about_rates_is_refused_by_name(listed: httpx.AsyncClient, query: str) -> None:
    answer = await listed.get(f"/rates?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"].get("field", "limit") == query.partition("=")[0]
