"""One Idempotency-Key, one effect."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.end_to_end.program import Program
from tests.end_to_end.shop import Shop, answered, order

CLIENTS = 16


def test_a_request_that_is_sent_again_answers_with_what_it_made(program: Program, shop: Shop) -> None:
    first = _post(shop, "again")
    program.pay(answered(first)["id"], "4")
    program.mine()

    again = _post(shop, "again")

    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert answered(again) == answered(first) | {"part_payment_detected": True, "state": "partial"} | {
        "estimate_seconds_to_confirm": 5
    }
    assert len(shop.invoices()) == 1
    shop.hears(["INV_CREATED", "INV_BALANCE_CHANGED", "INV_PART_PAYMENT_DETECTED"])


def test_requests_at_once_with_one_key_make_one_invoice(shop: Shop) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(lambda _: _post(shop, "at once"), range(CLIENTS)))

    assert len({answered(response)["id"] for response in responses}) == 1
    assert sum("idempotent-replayed" not in response.headers for response in responses) == 1
    assert len(shop.invoices()) == 1
    shop.hears(["INV_CREATED"])


def test_a_key_that_is_used_for_another_body_is_refused_and_nothing_is_made(shop: Shop) -> None:
    first = answered(_post(shop, "reused", "10"))

    other = _post(shop, "reused", "11")

    assert (other.status_code, other.json()["error"]["code"]) == (422, "key-reused")
    assert [invoice["id"] for invoice in shop.invoices()] == [first["id"]]


def test_at_once_with_other_bodies_one_wins_and_the_others_are_refused(shop: Shop) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(lambda n: _post(shop, "quarrel", str(n + 1)), range(CLIENTS)))

    assert sorted(response.status_code for response in responses) == [200] + [422] * (CLIENTS - 1)
    assert len(shop.invoices()) == 1


def test_the_same_body_written_otherwise_is_the_same_request(program: Program, shop: Shop) -> None:
    texts = [
        '{"items":[{"type":"item","name":"Treat","value":"10","quantity":1}],"reference":"x"}',
        '{ "reference" : "x", "items" : [{"quantity":1,"value":"10","name":"Treat","type":"item"}] }',
    ]
    headers = {"Idempotency-Key": "written"}

    made = [
        answered(program.admin.post(f"{shop.path}/invoice", content=text, headers=headers)) for text in texts
    ]

    assert made[0] == made[1]
    assert len(shop.invoices()) == 1


def test_without_a_key_every_request_makes_an_invoice(shop: Shop) -> None:
    made = {shop.invoice()["id"] for _ in range(3)}

    assert {invoice["id"] for invoice in shop.invoices()} == made
    assert len(made) == 3


def test_a_refusal_leaves_no_key(shop: Shop) -> None:
    refused = _post(shop, "refused", "-1")

    made = _post(shop, "refused", "1")

    assert refused.status_code == 400
    assert made.status_code == 200
    assert len(shop.invoices()) == 1


def test_a_key_opens_an_account_once(program: Program) -> None:
    shop = Shop(program, "opened by key")

    def post(name: str) -> httpx.Response:
        return program.admin.post(shop.path, json={"name": name}, headers={"Idempotency-Key": "opened"})

    first, again, other = post("Much"), post("Much"), post("Other")

    assert answered(again) == answered(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    shop.hears(["ACC_CREATED"], "ACC")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_refused(shop: Shop, key: str) -> None:
    response = _post(shop, key)

    assert (response.status_code, response.json()["error"]["field"]) == (400, "Idempotency-Key")
    assert shop.invoices() == []


def _post(shop: Shop, key: str, value: str = "10") -> httpx.Response:
    headers = {"Idempotency-Key": key and f"{shop.foreign_id} {key}"}
    return shop.program.admin.post(f"{shop.path}/invoice", json=order(value), headers=headers)
