import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts
from app.domain.accounts import rename

FIELDS = ["id", "foreign_id", "payout_address", "payout_threshold", "payout_frequency"]
ADDED = ["name", "state", "created", "vendor_name", "vendor_icon", "vendor_address", "vendor_url"]
OWN = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
WORDPRESS = {"payout_address": None, "payout_threshold": "0", "payout_frequency": "0"}


async def fetched(client: httpx.AsyncClient, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    answer = await (
        client.get(path) if body is None else client.post(path, content=json.dumps(body), headers=headers)
    )
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def test_an_account_is_opened_and_shown_in_gigawallets_order(admin: httpx.AsyncClient) -> None:
    opened = await fetched(admin, "/account/shop-1", {})

    assert list(opened) == [*FIELDS, *ADDED, "accept_unconfirmed_below", "batch"]
    assert opened["foreign_id"] == "shop-1"
    assert opened["payout_threshold"] == "0"
    assert opened["state"] == "open"
    assert await fetched(admin, "/account/shop-1") == opened


async def test_a_second_post_changes_what_it_names_and_leaves_the_rest(admin: httpx.AsyncClient) -> None:
    opened = await fetched(
        admin, "/account/shop", {"name": "Shibe Shop", "payout_threshold": 12.5, "Vendor_Name": "Shibe"}
    )

    changed = await fetched(
        admin, "/account/shop", {"payout_threshold": "7", "name": None, "foreign_id": "ignored"}
    )

    assert changed == {**opened, "payout_threshold": "7"}
    assert changed["name"] == "Shibe Shop"
    assert changed["vendor_name"] == "Shibe"


async def test_the_wordpress_plugin_may_post_its_account_every_minute(admin: httpx.AsyncClient) -> None:
    first = await fetched(admin, "/account/wordpress", WORDPRESS)

    assert await fetched(admin, "/account/wordpress", WORDPRESS) == first
    assert first["payout_frequency"] == "0"


async def test_one_account_asked_for_many_times_at_once_is_one_account(admin: httpx.AsyncClient) -> None:
    opened = await asyncio.gather(*(fetched(admin, "/account/same", {}) for _ in range(20)))

    assert len({account["id"] for account in opened}) == 1


async def test_a_new_account_has_a_balance_of_zeros_with_gigawallets_names(admin: httpx.AsyncClient) -> None:
    await fetched(admin, "/account/shop", {})

    balance = await fetched(admin, "/account/shop/balance")

    assert balance == {"IncomingBalance": "0", "CurrentBalance": "0", "OutgoingBalance": "0"}


async def test_the_list_of_accounts_goes_on_from_its_cursor(admin: httpx.AsyncClient) -> None:
    for number in range(5):
        await fetched(admin, f"/account/shop-{number}", {})

    first = await fetched(admin, "/accounts?limit=3")
    second = await fetched(admin, f"/accounts?limit=2&cursor={first['cursor']}")

    assert [account["foreign_id"] for account in first["items"] + second["items"]] == [
        f"shop-{n}" for n in range(5)
    ]
    assert second["cursor"] == ""
    zeros = dict.fromkeys(("available", "incoming", "held", "outgoing", "total"), "0")
    assert first["items"][0]["balances"] == [{"asset": "DOGE", **zeros}]


@pytest.mark.parametrize("path", ["/account/nobody", "/account/nobody/balance", "/account/nobody/invoices"])
async def test_an_unknown_account_is_404_in_gigawallets_words(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "GetAccount: account not found: nobody"


@pytest.mark.parametrize("placeholder", ["D" + "x" * 33, "D" + "x" * 32, "D" + "X" * 33])
async def test_a_plugin_that_is_not_set_up_yet_opens_its_account_without_a_payout_address(
    admin: httpx.AsyncClient, placeholder: str
) -> None:
    opened = await fetched(admin, "/account/wordpress", WORDPRESS | {"payout_address": placeholder})
    await fetched(admin, "/account/wordpress", {"payout_address": OWN})
    again = await fetched(admin, "/account/wordpress", WORDPRESS | {"payout_address": placeholder})

    assert (opened["payout_address"], again["payout_address"]) == ("", "")


WRONG: list[tuple[Any, str]] = [
    ({"payout_address": "DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY"}, "payout_address"),
    ({"payout_address": "nonsense"}, "payout_address"),
    ({"payout_address": "D" + "x" * 32 + "y"}, "payout_address"),
    ({"payout_address": OWN[:-1] + "x"}, "payout_address"),
    ({"payout_address": "D"}, "payout_address"),
    ({"payout_threshold": "-1"}, "payout_threshold"),
    ({"payout_threshold": ""}, "payout_threshold"),
    ({"payout_threshold": 1e30}, "payout_threshold"),
    ({"payout_frequency": "weekly"}, "payout_frequency"),
    ({"payout_frequency": 60}, "payout_frequency"),
    ({"name": "n" * 256}, "name"),
    ({"name": "a\u0000"}, "name"),
    ({"vendor_icon": "https://x/" + "i" * 2000}, "vendor_icon"),
    ({"vendor_url": "a\nb"}, "vendor_url"),
    ({"accept_unconfirmed_below": -1}, "accept_unconfirmed_below"),
    ({"batch": "yes"}, "batch"),
    ({"state": "closed"}, "state"),
]


async def test_a_wrong_field_is_named_and_opens_no_account(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    for body, field in WRONG:
        answer = await admin.post("/account/shop", content=json.dumps(body))

        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == field
    async with ready.connect() as db:
        assert (await db.execute(select(accounts))).first() is None


async def test_the_same_key_and_body_is_done_once_and_another_body_is_422(admin: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "first"}
    opened = await fetched(admin, "/account/shop", {"name": "One"}, **key)
    await fetched(admin, "/account/shop", {"name": "Two"})

    again = await admin.post("/account/shop", content='{ "name" : "One" }', headers=key)
    other = await admin.post("/account/shop", content='{"name":"Three"}', headers=key)

    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**opened, "name": "Two"}
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "key-reused"


async def test_a_request_that_comes_again_after_a_rename_is_answered_with_the_account_as_it_is_called_now(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    keys = {"/account/shop": "open-1", "/account/shop/close": "close-1"}
    first = {
        path: await admin.post(path, json={}, headers={"Idempotency-Key": key}) for path, key in keys.items()
    }
    async with ready.begin() as db:
        await rename(db, "shop", "store")
    await admin.post("/account/shop", json={})

    again = [await admin.post(path, json={}, headers={"Idempotency-Key": key}) for path, key in keys.items()]

    assert [answer.status_code for answer in (*first.values(), *again)] == [200] * 4
    assert [(answer.json()["foreign_id"], answer.json()["state"]) for answer in again] == [
        ("store", "closed")
    ] * 2
    assert [answer.headers["Idempotent-Replayed"] for answer in again] == ["true"] * 2


async def test_a_refused_request_leaves_its_key_unused(admin: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "second"}
    refused = await admin.post(
        "/account/a/invoice", content='{"items":[{"type":"item","value":1,"quantity":1}]}', headers=key
    )
    await fetched(admin, "/account/a", {})

    retried = await admin.post(
        "/account/a/invoice", content='{"items":[{"type":"item","value":1,"quantity":1}]}', headers=key
    )

    assert refused.status_code == 404
    assert retried.status_code == 200
    assert "idempotent-replayed" not in retried.headers


async def test_without_ready_keys_no_account_is_opened_just_now(admin: httpx.AsyncClient) -> None:
    answers = [await admin.post(f"/account/shop-{number}", content="{}") for number in range(16)]

    assert [answer.status_code for answer in answers] == [200] * 15 + [503]
    assert answers[-1].json()["error"]["code"] == "not-available"
    assert answers[-1].headers["retry-after"] == "1"


async def test_an_account_is_closed_by_one_request_and_opened_by_another(admin: httpx.AsyncClient) -> None:
    opened = await fetched(admin, "/account/shop", {"name": "Shibe"})

    closed = [await fetched(admin, "/account/shop/close", {}) for _ in range(2)]
    refused = await admin.post("/account/shop", content='{"name":"Other"}')
    again = await fetched(admin, "/account/shop", {"state": "open"})

    assert closed == [opened | {"state": "closed"}] * 2
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert again == opened
    assert (await admin.post("/account/nobody/close")).status_code == 404


async def test_an_account_with_an_open_invoice_is_not_closed(admin: httpx.AsyncClient) -> None:
    await fetched(admin, "/account/shop", {})
    invoice = await fetched(
        admin, "/account/shop/invoice", {"items": [{"type": "item", "value": 1, "quantity": 1}]}
    )

    answer = await admin.post("/account/shop/close")

    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "foreign_id")
    assert invoice["id"] in answer.json()["error"]["message"]
    assert (await fetched(admin, "/account/shop"))["state"] == "open"
