"""Reports over HTTP: periods, accounts, money values, CSV, what each row is made of, and who may see what."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.context import AppContext
from app.api.reports import order, reading
from app.api.reports.order import Filters
from app.api.reports.reading import ReportOrder
from app.db.tables import TREASURY
from app.domain import accounts, ledger, rates
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.rates import Rate
from app.domain.reports import REPORTS, Grouping
from tests import funding, report_check, scenario
from tests.funding import GOLD
from tests.scenario import Chain, doge

AVAILABLE = Bucket.AVAILABLE
NAMES = ("invoices", "payments", "ledger", "fees", "balances")


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def items(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    return list((await get(client, path, **query))["items"])


def topup(account: int, key: str, amount: int) -> Entry:
    lines = (Posting(TREASURY, AVAILABLE, -amount, GOLD), Posting(account, AVAILABLE, amount, GOLD))
    return Entry("TOPUP", ("treasury", key), key, lines, ("order", key))


async def posted(engine: AsyncEngine, account: int, times: dict[str, int]) -> None:
    """Post topups of gold that were made at these times, of so much each."""
    for number, (moment, amount) in enumerate(times.items()):
        entry = topup(account, f"{account} {number}", amount)
        async with engine.begin() as db:
            [made] = await ledger.post(db, [entry])
            assert isinstance(made, ledger.Posted)
            await db.execute(sa.text("SET LOCAL session_replication_role = replica"))
            values = {"moment": datetime.fromisoformat(moment), "entry": made.id, "account": account}
            for statement in (
                "UPDATE entries SET created = :moment WHERE id = :entry",
                "UPDATE postings SET created = :moment WHERE entry_id = :entry",
                "UPDATE balances SET updated = :moment WHERE account_id = :account AND asset = 'gold'",
            ):
                await db.execute(sa.text(statement), values)


TIMES = {
    "2026-03-28T22:30:00+00:00": 100,
    "2026-03-28T23:30:00+00:00": 20,
    "2026-03-29T22:30:00+00:00": 3,
    "2026-03-31T12:00:00+00:00": 4_000,
    "2026-04-01T00:00:00+00:00": 50_000,
}


@pytest.fixture
async def bank(admin: httpx.AsyncClient, ready: AsyncEngine) -> httpx.AsyncClient:
    """Two accounts with gold, in hundredths: the second has a tenth of the first one's."""
    numbers = await funding.fund(ready, {"a.one": 0, "a.two": 0, "b": 0}, GOLD)
    await posted(ready, numbers["a.one"], TIMES)
    await posted(ready, numbers["a.two"], {moment: amount * 10 for moment, amount in TIMES.items()})
    return admin


async def test_days_are_those_of_the_time_zone_and_one_is_an_hour_shorter(bank: httpx.AsyncClient) -> None:
    query = {
        "from": "2026-03-28T12:00:00Z",
        "to": "2026-04-01T00:00:00Z",
        "group_by": "day",
        "account": "a.one",
    }

    utc = await items(bank, "/reports/ledger", **query)
    berlin = await items(bank, "/reports/ledger", **query, timezone="Europe/Berlin")

    assert [(row["period"], row["credit"], row["count"]) for row in utc] == [
        ("2026-03-28", "1.2", 2), ("2026-03-29", "0.03", 1), ("2026-03-31", "40", 1),
    ]  # fmt: skip
    assert [(row["period"], row["credit"]) for row in berlin] == [
        ("2026-03-28", "1"), ("2026-03-29", "0.2"), ("2026-03-30", "0.03"), ("2026-03-31", "40"),
    ]  # fmt: skip
    assert (berlin[1]["start"], berlin[1]["end"]) == (
        "2026-03-28T23:00:00+00:00",
        "2026-03-29T22:00:00+00:00",
    )
    assert (utc[0]["start"], utc[-1]["end"]) == ("2026-03-28T12:00:00+00:00", "2026-04-01T00:00:00+00:00")


async def test_months_accounts_prefixes_and_all_together_have_the_same_sums(bank: httpx.AsyncClient) -> None:
    start = {"from": "2026-01-01T00:00:00Z"}

    months = await items(bank, "/reports/ledger", **start, group_by="account,month", prefix="a.")
    listed = await items(bank, "/reports/ledger", group_by="account")
    [whole] = await items(bank, "/reports/ledger", asset=GOLD)

    assert [(row["foreign_id"], row["period"], row["credit"]) for row in months] == [
        ("a.one", "2026-03", "41.23"), ("a.one", "2026-04", "500"),
        ("a.two", "2026-03", "412.3"), ("a.two", "2026-04", "5000"),
    ]  # fmt: skip
    assert [(row["foreign_id"], row["credit"]) for row in listed] == [
        ("a.one", "541.23"),
        ("a.two", "5412.3"),
    ]
    assert (whole["credit"], whole["foreign_id"], whole["kind"]) == ("5953.53", None, "TOPUP")


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
async def test_a_report_may_begin_with_the_calendar(bank: httpx.AsyncClient, zone: str) -> None:
    """Where no zone has a time yet."""
    divided = {"group_by": "account,month", "timezone": zone}
    beginning = {"from": "0001-01-01T00:00:00Z"}

    months = await items(bank, "/reports/ledger", **beginning, **divided)

    assert months == await items(bank, "/reports/ledger", **divided, **{"from": "2026-01-01T00:00:00Z"})
    assert await items(bank, "/reports/ledger", **beginning, **divided, to="0003-01-01T00:00:00Z") == []


async def test_balances_go_on_through_periods_in_which_nothing_moved(bank: httpx.AsyncClient) -> None:
    query = {
        "from": "2026-03-29T00:00:00Z",
        "to": "2026-04-03T00:00:00Z",
        "group_by": "day",
        "account": "a.one",
    }

    rows = await items(bank, "/reports/balances", **query)

    assert [(row["period"][-2:], row["opening"], row["change"], row["closing"], row["count"]) for row in rows] == [
        ("29", "1.2", "0.03", "1.23", 1), ("30", "1.23", "0", "1.23", 0), ("31", "1.23", "40", "41.23", 1),
        ("01", "41.23", "500", "541.23", 1), ("02", "541.23", "0", "541.23", 0),
    ]  # fmt: skip
    assert rows[-1]["available"] == "541.23"


async def test_each_row_names_where_the_postings_are_that_it_is_made_of(bank: httpx.AsyncClient) -> None:
    query = {"from": "2026-03-01T00:00:00Z", "group_by": "month", "prefix": "a."}
    [march, april] = await items(bank, "/reports/ledger", **query)

    made_of: list[dict[str, Any]] = []
    path, cursor, first = march["rows"], "", True
    while first or cursor:
        page = await get(bank, f"{path}&limit=3&cursor={cursor}")
        made_of += page["items"]
        cursor, first = page["cursor"], False

    assert parse_qs(urlsplit(path).query)["kind"] == ["TOPUP"]
    assert [(line["foreign_id"], line["id"]) for line in made_of] == [
        (name, f"gold:{number}") for name in ("a.one", "a.two") for number in range(1, 5)
    ]
    assert sum(Decimal(line["credit"]) for line in made_of) == Decimal(march["credit"])
    assert sum(line["count"] for line in made_of) == march["count"] == 8
    assert {line["reference_type"] for line in made_of} == {"order"}
    assert len(await items(bank, april["rows"])) == 2


async def test_csv_is_the_same_by_format_and_by_accept_and_calculates_nothing(
    bank: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    async with ready.begin() as db:
        await db.execute(sa.text("UPDATE accounts SET foreign_id = '=evil()' WHERE foreign_id = 'a.two'"))

    by_format = await bank.get("/reports/ledger?group_by=account&format=csv")
    by_accept = await bank.get("/reports/ledger?group_by=account", headers={"Accept": "text/csv"})
    lines = await bank.get("/reports/ledger/rows?format=csv&limit=1")

    rows = list(csv.DictReader(io.StringIO(by_format.text)))
    assert by_format.headers["content-type"].startswith("text/csv")
    assert 'filename="ledger.csv"' in by_format.headers["content-disposition"]
    assert [(row["foreign_id"], row["net"]) for row in rows] == [("'=evil()", "5412.3"), ("a.one", "541.23")]
    assert len(list(csv.DictReader(io.StringIO(by_accept.text)))) == 2
    assert len(list(csv.DictReader(io.StringIO(lines.text)))) == 10


async def test_what_money_was_worth_is_summed_where_a_rate_was_known(
    admin: httpx.AsyncClient, kennel: AppContext
) -> None:
    await scenario.open_account(kennel.engine, "shop")
    await scenario.open_account(kennel.engine, "other")
    invoice = await scenario.invoice(kennel.engine, "shop", 100)
    paid_inside = await scenario.invoice(kennel.engine, "shop", 5)
    address = (await admin.post("/account/other/address", json={})).json()["address"]
    chain = await Chain(kennel.engine).start()
    await chain.mine((address, doge(50)))
    async with kennel.engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
        await rates.record(db, [Rate("a.example", "EUR", Decimal("0.155"))])
        await db.execute(sa.text("UPDATE rates SET at = at - interval '30 seconds'"))
    now = int(datetime.now(UTC).timestamp()) + 60
    await chain.connect(scenario.dated(chain, [(invoice.address, doge(100)), (address, doge(1))], now))
    await chain.deepen(5)
    keyed = {"Idempotency-Key": "pay from"}
    assert (
        await admin.post(f"/invoice/{paid_inside.address}/payfrom/other", headers=keyed)
    ).status_code == 200

    whole = await get(admin, "/reports/invoices")
    [row] = whole["items"]
    lines = await items(admin, row["rows"])
    balances = {row["foreign_id"]: row for row in await items(admin, "/reports/balances", group_by="account")}

    assert whole["currency"] == "EUR"
    assert [row[name] for name in ("deposits", "transfers", "refunds", "net")] == ["100", "5", "0", "105"]
    assert row["fiat"] == {"currency": "EUR", "value": "16.28", "amount": "105"}
    assert [(line["net"], (line["fiat"] or {}).get("value")) for line in lines] == [
        ("100", "15.50"),
        ("5", "0.78"),
    ]
    assert balances["shop"]["fiat"] == {"currency": "EUR", "value": "16.28", "amount": "105"}
    await report_check.check(kennel.engine)


@pytest.mark.parametrize("name", NAMES)
async def test_a_report_of_nothing_is_empty(admin: httpx.AsyncClient, name: str) -> None:
    whole = await get(admin, f"/reports/{name}")
    lines = await get(admin, f"/reports/{name}/rows")
    backwards = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "group_by": "day"}

    assert (whole["report"], whole["items"], whole["currency"]) == (name, [], None)
    assert lines == {"items": [], "cursor": ""}
    assert await items(admin, f"/reports/{name}", **backwards) == []
    assert len((await admin.get(f"/reports/{name}?format=csv")).text.splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("group_by=day", 400, "from"),
        ("group_by=day&from=1900-01-01T00:00:00Z", 400, "from"),
        ("group_by=day&from=0001-01-01T00:00:00Z&timezone=America/New_York", 400, "from"),
        ("group_by=week", 400, "group_by"),
        ("timezone=Mars/Olympus", 400, "timezone"),
        ("timezone=../etc/passwd", 400, "timezone"),
        ("timezone=Europe", 400, "timezone"),
        ("account=nobody", 404, None),
        ("account=a.one&prefix=a.", 400, "prefix"),
        ("asset=clay", 404, "asset"),
        ("from=yesterday", 400, "from"),
    ],
)
async def test_what_cannot_be_reported_is_refused_by_name(
    bank: httpx.AsyncClient, query: str, status: int, field: str | None
) -> None:
    answer = await bank.get(f"/reports/balances?{query}")

    assert answer.status_code == status, answer.text
    assert field in (None, answer.json()["error"]["field"])


async def test_more_accounts_and_postings_than_a_portion_are_read_portion_by_portion(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await scenario.make_ready(ready, 205, first=15)
    await funding.fund(ready, {}, GOLD)
    async with ready.begin() as db:
        opened = await accounts.put(db, [AccountOrder(f"many-{n:03}", {}) for n in range(205)], REGTEST)
    numbers = {account.foreign_id: account.id for account in map(scenario.accepted, opened)}
    many = [topup(numbers["many-007"], str(n), 1) for n in range(2_300)]
    async with ready.begin() as db:
        await ledger.post(db, [*many, *(topup(number, f"few {number}", 2) for number in numbers.values())])

    listed = await items(admin, "/reports/ledger", group_by="account")
    asked = await _asked(ready, "balances")
    held = [ready.sync_engine.pool.checkedout() async for _ in reading.rows(ready.connect, asked)]  # type: ignore[attr-defined]

    assert len(listed) == 205
    assert {row["foreign_id"]: row["credit"] for row in listed}["many-007"] == "23.02"
    assert len(held) > 4
    assert set(held) == {0}
    await report_check.check(ready)


async def test_rows_for_each_day_of_many_accounts_are_made_portion_by_portion(
    admin: httpx.AsyncClient, ready: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = await funding.fund(ready, {f"many-{number}": 0 for number in range(5)}, GOLD)
    for number in numbers.values():
        await posted(ready, number, {"2026-01-01T00:00:00+00:00": 1})
    async with ready.connect() as db:
        start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 10, tzinfo=UTC)
        selection = await order.selection(db, Filters(start=start, end=end))
    asked = ReportOrder(REPORTS["balances"], selection, Grouping("day", by_account=True))
    monkeypatch.setattr(reading, "PORTION", 7)

    portions = [portion async for portion in reading.rows(ready.connect, asked)]

    assert max(map(len, portions)) == 7
    assert sum(map(len, portions)) == 5 * 40


async def _asked(engine: AsyncEngine, name: str) -> ReportOrder:
    async with engine.connect() as db:
        return ReportOrder(REPORTS[name], await order.selection(db, Filters()), Grouping(by_account=True))


async def test_a_report_ends_now_and_stays_as_it_was(bank: httpx.AsyncClient, ready: AsyncEngine) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()

    before = await get(bank, "/reports/ledger", to=later)
    async with ready.begin() as db:
        await ledger.post(db, [topup(0, "later", 1)])
    after = await get(bank, "/reports/ledger", to=before["end"])

    assert before["end"] < later
    assert after == before
