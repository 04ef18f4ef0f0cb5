"""An account's balances and history over HTTP: pages, filters, CSV, and moments that are over."""

import asyncio
import csv
import io
import random
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.reports import csv_file
from app.db.tables import TREASURY, WORLD, escrows
from app.domain import ledger
from app.domain.ledger import Bucket, Entry, Posting

AVAILABLE, HELD = Bucket.AVAILABLE, Bucket.HELD
FIELDS = [
    "id", "entry", "type", "asset", "bucket", "debit", "credit", "balance_after",
    "reference_type", "reference_id",
    "created",
]  # fmt: skip
FIRST = 0
"""The number of the account that is opened first."""


async def get(admin: httpx.AsyncClient, path: str) -> Any:
    answer = await admin.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(engine: AsyncEngine, *entries: Entry) -> None:
    for entry in entries:
        async with engine.begin() as db:
            await ledger.post(db, [entry])


def topup(key: str, amount: int, asset: str = "gold", reference: tuple[str, str] = ("", "")) -> Entry:
    lines = (Posting(TREASURY, AVAILABLE, -amount, asset), Posting(FIRST, AVAILABLE, amount, asset))
    return Entry("TOPUP", ("treasury", key), key, lines, reference)


def deposit(key: str, amount: int) -> Entry:
    lines = (Posting(WORLD, AVAILABLE, -amount), Posting(FIRST, AVAILABLE, amount))
    return Entry("DEPOSIT", ("deposit", f"{key.encode().hex()}:0"), key, lines)


def hold(key: str, amount: int, asset: str = "gold") -> Entry:
    lines = (Posting(FIRST, AVAILABLE, -amount, asset), Posting(FIRST, HELD, amount, asset))
    return Entry("HOLD", ("hold", key), key, lines)


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """An account and two assets: gold in hundredths, gems whole."""
    await admin.post("/assets", json={"code": "gold", "decimals": 2})
    await admin.post("/assets", json={"code": "gems", "decimals": 0})
    assert (await admin.post("/account/shop", json={})).status_code == 200
    return admin


async def test_balances_are_in_the_assets_decimals_and_dogecoin_comes_first(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await post(ready, topup("a", 1250), hold("h", 1000), topup("g", 3, "gems"))

    zeros = dict.fromkeys(("available", "incoming", "held", "outgoing", "total"), "0")
    items = (await get(shop, "/account/shop/balances"))["items"]

    assert items == [
        {"asset": "DOGE", **zeros},
        {"asset": "gems", **zeros, "available": "3", "total": "3"},
        {"asset": "gold", **zeros, "available": "2.5", "held": "10", "total": "12.5"},
    ]
    assert (await get(shop, "/accounts"))["items"][0]["balances"] == items


async def test_a_history_says_of_each_posting_what_it_was_and_what_it_left(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await post(ready, topup("a", 1250, reference=("order", "7")), hold("h", 1000))

    page = await get(shop, "/account/shop/history")

    assert [list(line) for line in page["items"]] == [[*FIELDS, "fiat"]] * 3
    events = [
        [line[name] for name in FIELDS if name not in ("entry", "created", "asset")] for line in page["items"]
    ]
    assert events == [
        ["gold:3", "HOLD", "held", "0", "10", "10", "hold", "h"],
        ["gold:2", "HOLD", "available", "10", "0", "2.5", "hold", "h"],
        ["gold:1", "TOPUP", "available", "0", "12.5", "12.5", "order", "7"],
    ]
    assert page["cursor"] == ""


async def test_pages_of_any_size_make_up_the_whole_while_more_is_written(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    chance = random.Random(4)
    entries = [
        chance.choice([topup(f"t{n}", 5), topup(f"g{n}", 1, "gems"), deposit(f"d{n}", 7)]) for n in range(30)
    ]
    async with ready.begin() as db:  # one moment for many postings of several assets
        await ledger.post(db, entries[:15])
    await post(ready, *entries[15:])
    whole = [line["id"] for line in (await get(shop, "/account/shop/history?limit=100"))["items"]]
    assert len(whole) == 30

    ids: list[str] = []
    cursor, number = "", 0
    while not ids or cursor:
        page = await get(shop, f"/account/shop/history?limit={chance.randint(1, 5)}&cursor={cursor}")
        ids += [line["id"] for line in page["items"]]
        cursor, number = page["cursor"], number + 1
        await post(ready, topup(f"more{number}", 1))

    assert ids == whole


async def test_filters_by_asset_type_and_time_agree_with_looking_at_all(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await post(ready, topup("a", 900), hold("b", 100), deposit("c", 5), topup("d", 2, "gems"), hold("e", 50))
    whole = (await get(shop, "/account/shop/history"))["items"]
    start, end = whole[-2]["created"], whole[0]["created"]

    holds = await get(shop, "/account/shop/history?type=HOLD&limit=3")
    rest = await get(shop, f"/account/shop/history?type=HOLD&limit=3&cursor={holds['cursor']}")
    gold = await get(shop, "/account/shop/history?asset=gold")
    between = await shop.get("/account/shop/history", params={"from": start, "to": end})
    none = await get(shop, "/account/shop/history?type=BONUS")

    assert holds["items"] + rest["items"] == [line for line in whole if line["type"] == "HOLD"]
    assert gold["items"] == [line for line in whole if line["asset"] == "gold"]
    assert between.json()["items"] == [line for line in whole if start <= line["created"] < end]
    assert none == {"items": [], "cursor": ""}


async def test_csv_has_every_posting_in_order_and_no_cell_that_a_spreadsheet_calculates(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    async with ready.begin() as db:
        await ledger.post(db, [topup(str(n), 1) for n in range(1100)])
    await post(ready, topup("x", 5, reference=("=cmd()", 'a "b", c')), topup("y", 5, "gems", ("@x", "+1")))

    answer = await shop.get("/account/shop/history?format=csv&limit=3")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="history-shop.csv"'
    assert list(rows[0]) == [*FIELDS, "fiat_currency", "fiat_value", "fiat_rate", "fiat_at"]
    assert len(rows) == 1102
    assert answer.text.count("\r\n") == 1103
    assert [(row["reference_type"], row["reference_id"]) for row in rows[:2]] == [
        ("'@x", "'+1"),
        ("'=cmd()", 'a "b", c'),
    ]
    assert [row["id"] for row in rows[1:]] == [f"gold:{n}" for n in range(1101, 0, -1)]


CELLS = (
    "=1", "+1", "-1", "@x", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\ufe621", " =1",
    "\u3000=1", "\t=1", "\r=1", "'=1", "''=1",
    "'plain", "'", "",
)  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_a_spreadsheet_calculates_is_escaped_and_the_escape_can_be_taken_back(cell: str) -> None:
    written = csv_file.safe(cell)

    assert written == (f"'{cell}" if cell else "")


@given(cell=st.text(max_size=4) | st.sampled_from(CELLS), other=st.text(max_size=4) | st.sampled_from(CELLS))
def test_two_cells_that_are_not_the_same_never_look_the_same(cell: str, other: str) -> None:
    written = csv_file.safe(cell)

    assert written.removeprefix("'") == cell
    assert (written == csv_file.safe(other)) == (cell == other)
    assert unicodedata.normalize("NFKC", written[:1]) not in {"=", "+", "-", "@"}


async def test_the_balances_at_any_moment_are_what_the_postings_until_then_come_to(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    chance = random.Random(7)
    for n in range(40):
        made = [topup(f"t{n}-{i}", chance.randint(1, 9), chance.choice(["gold", "gems"])) for i in range(3)]
        async with ready.begin() as db:
            await ledger.post(db, [*made, *([hold(f"h{n}", 1)] if n % 3 else []), deposit(f"d{n}", 1)])
    lines = (await get(shop, "/account/shop/history?limit=100"))["items"]
    moments = [datetime.fromisoformat(line["created"]) for line in chance.sample(lines, 20)]

    for moment in [
        *moments,
        *(moment - timedelta(microseconds=1) for moment in moments),
        datetime(1970, 1, 1, tzinfo=UTC),
    ]:
        answer = await shop.get("/account/shop/balances", params={"at": moment.isoformat()})

        assert {item["asset"]: item["total"] for item in answer.json()["items"]} == await replayed(
            ready, moment
        )


async def replayed(engine: AsyncEngine, moment: datetime) -> dict[str, str]:
    """Sum all postings up to a moment: the slow way."""
    statement = sa.text(
        "SELECT asset, sum(amount) AS total FROM postings"
        " WHERE account_id = 0 AND created <= :at GROUP BY asset"
    )
    async with engine.connect() as db:
        sums = {row.asset: int(row.total) for row in await db.execute(statement, {"at": moment})}
    decimals = {"DOGE": 8, "gold": 2, "gems": 0}
    return {"DOGE": "0"} | {asset: ledger_text(amount, decimals[asset]) for asset, amount in sums.items()}


def ledger_text(amount: int, decimals: int) -> str:
    whole, part = divmod(amount, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)


async def test_what_is_asked_wrongly_is_refused_by_its_name(shop: httpx.AsyncClient) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wrong: list[tuple[str, dict[str, str], int, str]] = [
        ("balances", {"at": later}, 400, "at"),
        ("balances", {"at": "yesterday"}, 400, "at"),
        ("balances", {"at": "2026-01-01T00:00:00"}, 400, "at"),
        ("balances", {"at": "2026"}, 400, "at"),
        ("balances", {"at": "-1700000000.5"}, 400, "at"),
        ("history", {"from": "1700000000000"}, 400, "from"),
        ("balances", {"at": "0001-01-01T00:00:00+14:00"}, 400, "at"),
        ("history", {"asset": "silver"}, 404, "asset"),
        ("history", {"asset": "a" * 33}, 400, "asset"),
        ("history", {"asset": "\0"}, 400, "asset"),
        ("history", {"format": "csv", "asset": "\0"}, 400, "asset"),
        ("history", {"type": "deposit"}, 400, "type"),
        ("history", {"from": "x"}, 400, "from"),
        ("history", {"from": "9999-12-31T23:59:59-14:00"}, 400, "from"),
        ("history", {"to": "2026-13-01T00:00:00Z"}, 400, "to"),
        ("history", {"cursor": "x"}, 400, "cursor"),
        ("history", {"cursor": "bm8"}, 400, "cursor"),
        ("history", {"limit": "101"}, 400, "limit"),
        ("history", {"format": "xlsx"}, 400, "format"),
        ("history", {"format": "csv", "asset": "silver"}, 404, "asset"),
    ]

    for path, params, status, field in wrong:
        answer = await shop.get(f"/account/shop/{path}", params=params)

        assert (answer.status_code, answer.json()["error"].get("field")) == (status, field), (
            params,
            answer.text,
        )
    unknown = await asyncio.gather(*(shop.get(f"/account/nobody/{path}") for path in ("balances", "history")))
    assert [answer.status_code for answer in unknown] == [404, 404]


async def test_of_an_escrow_the_seller_sees_a_sale_and_its_fee(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    row = {"account_id": 5, "order_id": "order", "seller_id": FIRST, "asset": "gold", "amount": 100, "fee": 3}
    sides = ((5, HELD, -100), (FIRST, AVAILABLE, 100), (FIRST, AVAILABLE, -3), (6, AVAILABLE, 3))
    lines = tuple(Posting(account, bucket, amount, "gold") for account, bucket, amount in sides)
    funded = (Posting(TREASURY, AVAILABLE, -100, "gold"), Posting(5, HELD, 100, "gold"))
    async with ready.begin() as db:
        number = await db.scalar(sa.insert(escrows).values(row).returning(escrows.c.id))
        await ledger.post(
            db,
            [
                Entry("TOPUP", ("test", "1"), "fund", funded),
                Entry("ESCROW_RELEASE", ("escrow", str(number)), "release", lines, ("order", "order")),
            ],
        )

    items = (await get(shop, "/account/shop/history"))["items"]

    assert [(line["type"], line["debit"], line["credit"], line["reference_id"]) for line in items] == [
        ("FEE_DEBIT", "0.03", "0", "order"),
        ("SALE_CREDIT", "0", "1", "order"),
    ]
