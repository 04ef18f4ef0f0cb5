import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import context
from app.api.access import key_ring
from app.api.access.key_ring import KeyRing
from app.db.tables import api_keys
from app.domain import access
from tests.unit.api.access.conftest import ADMIN, Made, bearer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_shown_once_and_only_its_hash_is_stored(
    locked: httpx.AsyncClient, make: Made, engine: AsyncEngine
) -> None:
    key = await make("invoices:read", description="shop")

    shown = (await locked.get(f"/keys/{key['id']}", headers=ADMIN)).json()
    async with engine.begin() as db:
        rows = (await db.execute(sa.select(api_keys))).mappings().all()

    secret = key.pop("secret")
    number, word = secret.removeprefix("kennel_").split("_", 1)
    assert (number, len(word)) == (str(key["id"]), 43)
    assert shown == key
    assert (await locked.get("/keys", headers=ADMIN)).json() == {"items": [key], "cursor": ""}
    assert [bytes(row["digest"]) for row in rows] == [hashlib.sha256(word.encode()).digest()]
    assert word not in str(rows)


async def test_a_repeated_request_makes_one_key_and_shows_its_secret_once(locked: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"json": {"scopes": ["admin"]}, "headers": {**ADMIN, "Idempotency-Key": "k"}}

    first, again = await locked.post("/keys", **asked), await locked.post("/keys", **asked)

    assert first.json()["id"] == again.json()["id"]
    assert "secret" not in again.json()
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"scopes": ["admin"], "accounts": ["a"]}, "scopes"),
        ({"scopes": ["admin"], "prefix": "a"}, "scopes"),
        ({"scopes": ["events:read"], "accounts": ["a"], "prefix": "a"}, "prefix"),
        ({"scopes": ["events:read"], "accounts": [f"a{n}" for n in range(101)]}, "accounts"),
        ({"scopes": ["events:read"], "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"scopes": ["events:read"], "expires": "tomorrow"}, "expires"),
        ({"scopes": ["events:read"], "requests_per_second": 0}, "requests_per_second"),
    ],
)
async def test_a_key_that_opens_nothing_or_contradicts_itself_is_refused_by_name(
    locked: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await locked.post("/keys", json=body, headers=ADMIN)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert (await locked.get("/keys", headers=ADMIN)).json()["items"] == []


async def test_a_wrong_secret_an_unknown_number_and_an_ended_key_open_nothing(
    locked: httpx.AsyncClient, make: Made
) -> None:
    soon = (datetime.now(UTC) + timedelta(milliseconds=300)).isoformat()
    key, expiring = await make("ledger:read"), await make("ledger:read", expires=soon)
    revoked = await locked.delete(f"/keys/{key['id']}", headers=ADMIN)
    other = await make("ledger:read")

    async def told(secret: str) -> str:
        answer = await locked.get("/assets", headers={"Authorization": f"Bearer {secret}"})
        return answer.json()["error"]["message"] if answer.status_code == 401 else ""

    assert revoked.json()["state"] == "revoked"
    assert await told(key["secret"]) == "This key was revoked"
    assert await told(other["secret"]) == ""
    assert await told(other["secret"][:-1] + "!") == "Invalid token"
    assert await told(f"kennel_{other['id']}_{'x' * 43}") == "Invalid token"
    assert await told(f"kennel_999999_{'x' * 43}") == "Invalid token"
    while (message := await told(expiring["secret"])) == "":
        pass
    assert message == "This key has expired"


async def test_a_key_in_use_costs_no_query_and_a_revoked_one_is_believed_for_three_seconds_at_most(
    kennel: context.AppContext, make: Made
) -> None:
    clock = Clock()
    ring = KeyRing(kennel.reads, kennel.engine, clock)
    number = (await make("ledger:read"))["id"]
    assert (await ring.find(number)) is not None
    ring.use(number)
    async with kennel.engine.begin() as db:
        await access.revoke(db, number)

    clock.now = key_ring.HELD_SECONDS - 0.001
    before = await ring.find(number)
    clock.now = key_ring.HELD_SECONDS
    after = await ring.find(number)

    assert before is not None
    assert before.state == "active"
    assert after is not None
    assert after.state == "revoked"


async def test_the_step_reads_keys_in_use_again_and_writes_their_use_once_a_minute(
    kennel: context.AppContext, make: Made
) -> None:
    clock = Clock()
    ring = KeyRing(kennel.reads, kennel.engine, clock)
    used, idle = (await make("ledger:read"))["id"], (await make("ledger:read"))["id"]
    await ring.find(used)
    ring.use(used)

    async def last_used(number: int) -> datetime | None:
        async with kennel.reads.connect() as db:
            return (await access.fetch(db, number)).last_used

    await ring.step()
    first = await last_used(used)
    clock.now = 30.0
    ring.use(used)
    await ring.step()

    assert first is not None
    assert (await last_used(used), await last_used(idle)) == (first, None)
    async with kennel.engine.begin() as db:
        await access.revoke(db, used)
    await ring.step()
    key = await ring.find(used)
    assert key is not None
    assert key.state == "revoked"


async def test_an_idempotency_key_belongs_to_the_key_that_sends_it(
    locked: httpx.AsyncClient, make: Made
) -> None:
    one, other = await make("accounts:write"), await make("accounts:write")
    ask: dict[str, Any] = {"json": {"name": "x"}}

    answers = [
        await locked.post("/account/shop", **ask, headers={**bearer(key), "Idempotency-Key": "same"})
        for key in (one, other, one)
    ]

    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, None, "true"]


async def test_an_opening_takes_the_scope_that_gives_credits(locked: httpx.AsyncClient, make: Made) -> None:
    key = await make("accounts:write")

    answer = await locked.post("/account/shop", json={"opening": {"gold": "1"}}, headers=bearer(key))

    error = answer.json()["error"]
    assert (answer.status_code, error["field"], error["scope"]) == (403, "opening", "ledger:issue")
