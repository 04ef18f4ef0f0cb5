"""The limits of a key's payments: whom it pays, how they are changed, and that two requests at once keep to them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import key_payees
from app.domain import access, dogecoin, key_limits
from app.domain.access import ApiKey, NewKey
from app.domain.key_limits import KeyLimits
from app.domain.payment_limits import UnknownPayee
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.money import COIN, Koinu
from tests import funding, scenario
from tests.unit.api.access.conftest import ADMIN, Made, bearer

A = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
B = dogecoin.to_address(dogecoin.REGTEST, bytes.fromhex(f"76a914{'11' * 20}88ac")) or ""


@pytest.fixture
async def bank(locked: httpx.AsyncClient, ready: AsyncEngine, kennel: Any) -> httpx.AsyncClient:
    object.__setattr__(kennel, "pay_wait_seconds", 0)
    await funding.fund(ready, {"shop": 1_000 * COIN, "other": 1_000 * COIN})
    return locked


async def pay(bank: httpx.AsyncClient, key: dict[str, Any], to: str, account: str = "shop") -> httpx.Response:
    body = {"to": to, "amount": "1"}
    return await bank.post(f"/account/{account}/pay", json=body, headers=bearer(key))


async def limit(bank: httpx.AsyncClient, path: str, **limits: Any) -> dict[str, Any]:
    answer = await bank.post(f"/{path}/limits", json=limits, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def hours_pass(engine: AsyncEngine, hours: int) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(key_payees).values(since=key_payees.c.since - timedelta(hours=hours)))


async def test_a_key_pays_its_listed_payees_only_whatever_the_account(
    bank: httpx.AsyncClient, make: Made
) -> None:
    key, free = await make("payments:write", payees=[A, A]), await make("payments:write")

    refused = await pay(bank, key, B)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "above-limit")
    assert refused.json()["error"]["message"].startswith(f"{B} is not in the list of this key's payees")
    assert [(await pay(bank, key, A, account)).status_code for account in ("shop", "other")] == [200, 200]
    assert (await pay(bank, free, B)).status_code == 200
    assert (key["only_payees"], free["only_payees"]) == (True, False)


async def test_a_new_payee_of_a_key_waits_and_one_that_stays_keeps_its_time(
    bank: httpx.AsyncClient, make: Made, ready: AsyncEngine
) -> None:
    key = await make("payments:write", payees=[A], payee_delay_seconds=7_200)
    at_once = await pay(bank, key, A)
    await hours_pass(ready, 2)

    shown = await limit(bank, f"keys/{key['id']}", payees=[A, B], payee_delay_seconds=7_200)
    kept, new = await pay(bank, key, A), await pay(bank, key, B)
    await hours_pass(ready, 2)

    assert (at_once.status_code, kept.status_code, new.status_code) == (403, 200, 403)
    assert (await pay(bank, key, B)).status_code == 200
    assert shown == {
        "key_id": key["id"], "per_payment": "0", "per_day": "0", "approve_above": "0", "payees": sorted([A, B]),
        "payee_delay_seconds": 7_200,
    }  # fmt: skip


async def test_an_address_must_be_in_the_lists_of_the_key_and_of_the_account(
    bank: httpx.AsyncClient, make: Made
) -> None:
    key = await make("payments:write", payees=[A])
    await limit(bank, "account/shop", payees=[B])

    of_account, of_key = await pay(bank, key, A), await pay(bank, key, B)
    await limit(bank, "account/shop", payees=[A, B])

    assert [answer.status_code for answer in (of_account, of_key)] == [403, 403]
    assert "this account's payees" in of_account.json()["error"]["message"]
    assert "this key's payees" in of_key.json()["error"]["message"]
    assert (await pay(bank, key, A)).status_code == 200


async def test_limits_of_a_key_are_changed_whole_and_the_key_stays(
    bank: httpx.AsyncClient, make: Made
) -> None:
    key = await make("payments:write", per_payment="5", per_day="2", payees=[A])
    path = f"/keys/{key['id']}/limits"

    before = (await bank.get(path, headers=ADMIN)).json()
    await limit(bank, f"keys/{key['id']}", per_day="1")
    shown = (await bank.get(f"/keys/{key['id']}", headers=ADMIN)).json()

    assert (before["per_payment"], before["per_day"], before["payees"]) == ("5", "2", [A])
    assert (shown["per_payment"], shown["per_day"], shown["only_payees"]) == ("0", "1", False)
    assert [(await pay(bank, key, B)).status_code for _ in range(2)] == [200, 403]
    assert (await bank.post(path, json={}, headers=bearer(key))).status_code == 403
    assert (await bank.get("/keys/99/limits", headers=ADMIN)).status_code == 404
    assert (await bank.post("/keys/99/limits", json={}, headers=ADMIN)).status_code == 404


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"payees": ["junk"]}, "payees.0"),
        ({"payees": [A] * 1_001}, "payees"),
        ({"payee_delay_seconds": -1}, "payee_delay_seconds"),
        ({"per_day": "-1"}, "per_day"),
    ],
)
async def test_limits_of_a_key_that_are_none_are_refused_by_name(
    bank: httpx.AsyncClient, make: Made, limits: dict[str, Any], field: str
) -> None:
    key = await make("payments:write")
    scopes = {"scopes": ["payments:write"]}

    changed = await bank.post(f"/keys/{key['id']}/limits", json=limits, headers=ADMIN)
    made = await bank.post("/keys", json={**scopes, **limits}, headers=ADMIN)

    for answer in (changed, made):
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_a_payment_and_a_change_of_its_key_s_payees_wait_for_each_other(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    await funding.fund(engine, {"shop": 1_000 * COIN})
    async with engine.begin() as db:
        key = await access.create(db, NewKey(b"d" * 32, frozenset({"payments:write"}), payees=(A,)))
    assert isinstance(key, ApiKey)
    order = PayOrder("shop", (Payee.of(dogecoin.REGTEST, "", A, Koinu(COIN)),), asked_by=f"key:{key.id}")

    async def paid() -> Any:
        async with engine.begin() as db:
            return await requesting.request(db, [order])

    async with engine.begin() as db:
        await key_limits.put(db, KeyLimits(key.id, payees=(B,)))
        waiting = asyncio.create_task(paid())
        await scenario.until_someone_waits(engine)
    [refused] = await waiting
    async with engine.begin() as db:
        await key_limits.put(db, KeyLimits(key.id, payees=(A,)))
    [made] = await paid()

    assert isinstance(refused, UnknownPayee)
    assert isinstance(made, Payment)
