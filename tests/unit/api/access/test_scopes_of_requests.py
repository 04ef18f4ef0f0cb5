"""Requests that take another scope than others of their route: what moves money says which."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.money import COIN
from tests import funding
from tests.funding import GOLD
from tests.unit.api.access.conftest import ADMIN, Made, bearer

ITEM = {"type": "item", "name": "Treat", "value": "5", "quantity": 1}
ONE = {"asset": GOLD, "amount": "1"}


@pytest.fixture
async def bank(locked: httpx.AsyncClient, ready: AsyncEngine, kennel: Any) -> httpx.AsyncClient:
    object.__setattr__(kennel, "pay_wait_seconds", 0)
    await funding.fund(ready, {"shop": 0, "other": 0, "payer": 100 * COIN})
    return locked


async def post(client: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": path + str(body), **headers})


async def invoice(bank: httpx.AsyncClient, account: str = "shop") -> str:
    made = await post(bank, f"/account/{account}/invoice", {"items": [ITEM]}, ADMIN)
    return str(made.json()["id"])


def missing(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("error", {}).get("scope")


async def test_paying_an_invoice_in_the_ledger_takes_the_scope_of_transfers_and_by_a_transaction_that_of_payments(
    bank: httpx.AsyncClient, make: Made
) -> None:
    of_ledger, of_payments = bearer(await make("ledger:write")), bearer(await make("payments:write"))
    nothing = bearer(await make("invoices:write"))
    path = f"/invoice/{await invoice(bank)}/payfrom/payer"

    refused = [
        missing(await post(bank, path, {}, of_payments)),
        missing(await post(bank, path, {"on_chain": True}, of_ledger)),
        missing(await post(bank, f"{path}?on_chain=true", {}, of_ledger)),
        missing(await post(bank, path, {}, nothing)),
    ]
    balance = (await bank.get("/account/payer/balance", headers=ADMIN)).json()["CurrentBalance"]
    sent = await post(bank, path, {"on_chain": True}, of_payments)
    paid = await post(bank, path, {}, of_ledger)

    assert refused == [
        (403, "ledger:write"), (403, "payments:write"), (403, "payments:write"), (403, "ledger:write"),
    ]  # fmt: skip
    assert balance == "100"
    assert (sent.status_code, paid.status_code) == (200, 200), (sent.text, paid.text)


async def test_limits_on_payments_are_not_passed_by_paying_invoices_in_the_ledger(
    bank: httpx.AsyncClient, make: Made
) -> None:
    key = bearer(await make("payments:write", per_payment="1"))
    path = f"/invoice/{await invoice(bank)}/payfrom/payer"

    statuses = [(await post(bank, path, body, key)).status_code for body in ({}, {"on_chain": True})]

    assert statuses == [403, 403]


@pytest.mark.parametrize("body", [{}, {"on_chain": True}])
@pytest.mark.parametrize("reach", [{"accounts": ["payer", "other"]}, {"accounts": ["shop"]}])
async def test_a_key_of_some_accounts_pays_invoices_of_those_from_those_only(
    bank: httpx.AsyncClient, make: Made, reach: dict[str, Any], body: dict[str, Any]
) -> None:
    key = bearer(await make("payments:write", "ledger:write", **reach))
    foreign, own = await invoice(bank), await invoice(bank, "other")

    beyond = await post(bank, f"/invoice/{foreign}/payfrom/payer", body, key)
    within = await post(bank, f"/invoice/{own}/payfrom/payer", body, key)

    assert beyond.status_code == 404
    assert beyond.json()["error"]["field"] == ("id" if "payer" in reach["accounts"] else "foreign_id")
    assert within.status_code == (200 if "payer" in reach["accounts"] else 404), within.text


@pytest.mark.parametrize("kind", ["TOPUP", "BONUS", "SPEND"])
async def test_taking_a_credit_back_takes_the_scope_of_giving_it(
    bank: httpx.AsyncClient, make: Made, kind: str
) -> None:
    mover = bearer(await make("ledger:write"))
    issuer = bearer(await make("ledger:write", "ledger:issue"))
    await post(bank, "/account/shop/transact", {**ONE, "type": "TOPUP", "amount": "10"}, ADMIN)
    credit = await post(bank, "/account/shop/transact", {**ONE, "type": kind}, ADMIN)
    moved = await post(bank, "/transfers", {"from": "shop", "to": "other", **ONE}, ADMIN)
    path = f"/transfers/{credit.json()['id']}/reverse"

    assert missing(await post(bank, path, {}, mover)) == (403, "ledger:issue")
    assert (await post(bank, f"/transfers/{moved.json()['id']}/reverse", {}, mover)).status_code == 200
    assert (await post(bank, path, {}, issuer)).json()["type"] == "REVERSAL"
