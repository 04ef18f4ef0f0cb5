"""The audit log: every route by which an administrator changes something leaves a row, and nobody takes it away."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.access import rules
from app.db.tables import audit_log, deliveries
from app.domain import blocks, outbox, webhooks
from app.domain.blocks import Header
from tests import funding
from tests.unit.api.access.conftest import ADMIN, TOKEN, Made, bearer
from tests.unit.api.conftest import client_of, context_on

COMMERCE = {"invoices:write", "payments:write", "ledger:write"}
"""Scopes of what customers do all day: its own records tell of it."""
NOT_LOGGED = {"POST /decode-txn", "POST /account/{foreign_id}/address"}
"""The one changes nothing, the other gives out an address."""
IN_PART = {"POST /transfers/{id}/reverse"}
"""An administrator's business where a credit is taken back, and customers' where any other transfer is."""
ADDRESS = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
Rows = list[dict[str, Any]]


@pytest.fixture
async def bank(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """A closed API whose requests have numbers, and accounts with money, a webhook, a block and keys."""
    object.__setattr__(kennel, "pay_wait_seconds", 0)
    numbers = itertools.count(1)
    await funding.fund(kennel.engine, {"shop": 10**12, "empty": 0})
    async with kennel.engine.begin() as db:
        await blocks.start(db, [Header(7, bytes(32), bytes(32), 0, 2)])
    app = application.admin(kennel, lambda: f"request-{next(numbers)}", token=TOKEN)
    async with client_of(app) as opened:
        opened.headers.update(ADMIN)
        yield opened


async def log(bank: httpx.AsyncClient, **filters: str) -> Rows:
    answer = await bank.get("/audit/log", params={"limit": "100", **filters})
    assert answer.status_code == 200, answer.text
    rows: Rows = answer.json()["items"]
    return rows


Ask = Callable[[httpx.AsyncClient, dict[str, str], AsyncEngine], Awaitable[httpx.Response]]


def post(path: str, **body: Any) -> Ask:
    async def ask(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
        return await bank.post(path, json=body, headers={"Idempotency-Key": path, **headers})

    return ask


def verdict(word: str) -> Ask:
    async def ask(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
        made = await bank.post("/account/shop/pay", json={"to": ADDRESS, "amount": "90"})
        return await bank.post(f"/account/shop/payment/{made.json()['id']}/{word}", headers=headers)

    return ask


def webhook(method: str, way: str = "", **body: Any) -> Ask:
    async def ask(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
        made = await bank.post(
            "/webhooks", json={"url": "https://shop.example/?token=s3cret", "types": ["ALL"]}
        )
        path = f"/webhooks/{made.json()['id']}{way}"
        return await bank.request(method, path, headers=headers, json=body or None)

    return ask


async def told(bank: httpx.AsyncClient, engine: AsyncEngine) -> int:
    """Make an endpoint that has got an event; returns its id."""
    made = await bank.post("/webhooks", json={"url": "https://shop.example/", "types": ["ALL"]})
    await bank.post("/account/shop", json={"name": f"Endpoint {made.json()['id']}"})
    async with engine.begin() as db:
        while await outbox.sequence(db):
            pass
        while await webhooks.step(db):
            pass
    return int(made.json()["id"])


async def redeliver(bank: httpx.AsyncClient, headers: dict[str, str], engine: AsyncEngine) -> httpx.Response:
    number = await told(bank, engine)
    async with engine.connect() as db:
        of_endpoint = sa.select(deliveries.c.position).where(deliveries.c.endpoint_id == number)
        position = await db.scalar(of_endpoint.limit(1))
    return await bank.post(f"/webhooks/{number}/deliveries/{position}/redeliver", headers=headers)


async def replay(bank: httpx.AsyncClient, headers: dict[str, str], engine: AsyncEngine) -> httpx.Response:
    number = await told(bank, engine)
    return await bank.post(f"/webhooks/{number}/replay", json={"after": 0}, headers=headers)


async def revoke(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
    made = await bank.post("/keys", json={"scopes": ["events:read"], "description": "old"})
    return await bank.delete(f"/keys/{made.json()['id']}", headers=headers)


async def limit_key(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
    made = await bank.post("/keys", json={"scopes": ["payments:write"], "description": "till"})
    return await bank.post(f"/keys/{made.json()['id']}/limits", json={"per_day": "10"}, headers=headers)


async def take_back(bank: httpx.AsyncClient, headers: dict[str, str], _: AsyncEngine) -> httpx.Response:
    given = await post("/account/shop/transact", type="BONUS", amount="7", asset="gems")(bank, {}, _)
    return await post(f"/transfers/{given.json()['id']}/reverse")(bank, headers, _)


ASKED: dict[str, Ask] = {
    "POST /account/{foreign_id}": post("/account/shop", name="Shibe"),
    "POST /account/{foreign_id}/close": post("/account/empty/close"),
    "POST /account/{foreign_id}/limits": post("/account/shop/limits", per_day="10000", approve_above="50"),
    "POST /account/{foreign_id}/payment/{payment_id}/approve": verdict("approve"),
    "POST /account/{foreign_id}/payment/{payment_id}/reject": verdict("reject"),
    "POST /assets": post("/assets", code="gems", name="Gems", decimals=0),
    "POST /account/{foreign_id}/transact": post(
        "/account/shop/transact", type="TOPUP", amount="5", asset="gems"
    ),
    "POST /transfers/{id}/reverse": take_back,
    "POST /webhooks": post("/webhooks", url="https://shop.example/s3cret", types=["ALL"]),
    "PATCH /webhooks/{webhook_id}": webhook("PATCH", state="disabled"),
    "DELETE /webhooks/{webhook_id}": webhook("DELETE"),
    "POST /webhooks/{webhook_id}/rotate": webhook("POST", "/rotate"),
    "POST /webhooks/{webhook_id}/test": webhook("POST", "/test"),
    "POST /webhooks/{webhook_id}/replay": replay,
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": redeliver,
    "POST /admin/setsyncheight/{blockheight}": post("/admin/setsyncheight/3"),
    "POST /admin/cold/return": post("/admin/cold/return"),
    "POST /keys": post("/keys", scopes=["invoices:read"], accounts=["shop"]),
    "POST /keys/{key_id}/limits": limit_key,
    "DELETE /keys/{key_id}": revoke,
}
"""A request to each route, in an order in which each can be done."""


def admin_routes() -> set[str]:
    """Each route by which something is changed that is no customers' business."""
    return {
        route
        for route, rule in rules.RULES.items()
        if not route.startswith("GET ") and not COMMERCE.intersection(rule.scopes) and route not in NOT_LOGGED
    }


def test_every_route_of_an_administrator_has_a_name_and_a_request_in_this_test() -> None:
    assert set(ASKED) == admin_routes() | IN_PART == set(rules.ACTIONS)
    assert len(set(rules.ACTIONS.values())) == len(rules.ACTIONS)


async def test_every_action_of_an_administrator_leaves_a_row_with_who_and_what(
    bank: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    key = await make("admin", description="the other admin")

    for route, ask in ASKED.items():
        answer = await ask(bank, bearer(key), engine)
        assert answer.status_code == 200, (route, answer.text)
        rows = await log(bank, action=rules.ACTIONS[route], actor=f"key:{key['id']}")
        assert len(rows) == 1, (route, rows)
        [row] = rows
        assert row["actor_name"] == "the other admin"
        assert row["request_id"] == answer.headers["x-request-id"], route
        assert row["after"], route
        if "{foreign_id}" in route:
            assert row["foreign_id"] in ("shop", "empty"), route


async def test_a_credit_that_is_taken_back_is_logged_with_its_account_and_another_transfer_is_not(
    bank: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    body = {"from": "shop", "to": "empty", "asset": "DOGE", "amount": "1"}
    await post("/assets", code="gems", name="Gems", decimals=0)(bank, {}, engine)

    moved = await post("/transfers", **body)(bank, {}, engine)
    back = await post(f"/transfers/{moved.json()['id']}/reverse")(bank, {}, engine)
    taken = await take_back(bank, {}, engine)

    rows = await log(bank, action="account.reverse")
    assert (back.status_code, taken.status_code) == (200, 200)
    assert [(row["foreign_id"], row["subject"]) for row in rows] == [("shop", str(taken.json()["id"]))]


async def test_no_secret_is_in_the_log(
    bank: httpx.AsyncClient, make: Made, kennel: context.AppContext
) -> None:
    key = await make("admin")
    secrets = [key["secret"].split("_", 2)[2], TOKEN, "s3cret"]
    for ask in ASKED.values():
        answer = await ask(bank, bearer(key), kennel.engine)
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        secrets += [shown["secret"]] if isinstance(shown, dict) and "secret" in shown else []

    async with kennel.engine.connect() as db:
        text = str((await db.execute(sa.select(audit_log))).all())

    assert len(secrets) >= 5
    assert [secret for secret in secrets if secret in text] == []


async def test_a_change_says_what_was_before_and_what_changes_nothing_is_none(
    bank: httpx.AsyncClient,
) -> None:
    for name in ("First", "First", "Second"):
        await bank.post("/account/shop", json={"name": name})
    await bank.post("/account/new", json={"name": "New"})
    for per_day in ("5", "7"):
        await bank.post("/account/shop/limits", json={"per_day": per_day})

    names = [
        (row["before"]["name"], row["after"]["name"]) for row in await log(bank, action="account.change")
    ]
    limits = [row["before"]["per_day"] for row in await log(bank, action="account.limit")]

    assert names == [("First", "Second"), ("", "First")]
    assert limits == ["5", "0"]


async def test_of_changes_at_once_in_two_processes_each_says_what_it_found(
    bank: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    app = application.admin(context_on(engine), lambda: "id", token=TOKEN)
    async with client_of(app) as another:
        changes = [
            process.post("/account/shop", json={"name": f"{number}"}, headers=ADMIN)
            for number in range(20)
            for process in (bank, another)
        ]
        await asyncio.gather(*changes)

    rows = (await log(bank, action="account.change"))[::-1]
    names = [(row["before"]["name"], row["after"]["name"]) for row in rows]
    assert [before for before, _ in names] == ["", *[after for _, after in names[:-1]]]
    assert (await bank.get("/account/shop")).json()["name"] == names[-1][1]


async def test_what_is_refused_or_sent_again_leaves_no_row(bank: httpx.AsyncClient) -> None:
    twice = {"json": {"scopes": ["events:read"]}, "headers": {"Idempotency-Key": "k"}}
    for _ in range(2):
        await bank.post("/keys", **twice)  # type: ignore[arg-type]
    refused = [await bank.post("/account/nobody/limits", json={}), await bank.delete("/keys/999")]

    assert [answer.status_code for answer in refused] == [404, 404]
    assert [row["action"] for row in await log(bank)] == ["key.create"]


async def test_rows_are_found_by_who_what_whose_and_when_page_by_page(
    bank: httpx.AsyncClient, make: Made
) -> None:
    key = bearer(await make("accounts:write", description="shop"))
    before = datetime.now(UTC) - timedelta(minutes=1)
    for number in range(3):
        await bank.post("/account/shop", json={"name": f"{number}"}, headers=key)
        await bank.post("/account/empty", json={"name": f"{number}"})

    found = {
        "actor": await log(bank, actor="key:1"),
        "account": await log(bank, foreign_id="empty"),
        "action": await log(bank, action="key.create"),
        "both": await log(bank, actor="token", action="account.change"),
        "early": await log(bank, to=before.isoformat()),
        "late": await log(bank, **{"from": before.isoformat()}),
    }
    pages: list[int] = []
    cursor = ""
    while not pages or cursor:
        answer = (await bank.get("/audit/log", params={"limit": 2, "cursor": cursor})).json()
        pages += [row["id"] for row in answer["items"]]
        cursor = answer["cursor"]

    assert {name: len(rows) for name, rows in found.items()} == {
        "actor": 3, "account": 3, "action": 1, "both": 3, "early": 0, "late": 7,
    }  # fmt: skip
    assert {row["actor_name"] for row in found["actor"]} == {"shop"}
    assert pages == sorted(pages, reverse=True)
    assert len(pages) == 7


async def test_only_the_administrator_reads_it(bank: httpx.AsyncClient, make: Made) -> None:
    key = bearer(await make("operations:read"))

    assert (await bank.get("/audit/log", headers=key)).status_code == 403


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = ''", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_nobody_changes_or_deletes_a_row(
    bank: httpx.AsyncClient, kennel: context.AppContext, statement: str
) -> None:
    await bank.post("/account/shop", json={"name": "First"})

    with pytest.raises(DBAPIError, match="audit_log cannot be changed"):
        async with kennel.engine.begin() as db:
            await db.execute(sa.text(statement))

    [row] = await log(bank)
    assert json.dumps(row["after"])
