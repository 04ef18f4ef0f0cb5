from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.api import application, context, middleware
from tests.unit.api.conftest import client_of


@pytest.mark.parametrize(
    ("path", "foreign_id"),
    [
        ("shop-1", "shop-1"),
        ("a%20b", "a b"),
        ("%C3%BC%F0%9F%90%95", "ü🐕"),
        ("a%252Fb", "a%2Fb"),
        ("x" * 255, "x" * 255),
        ("%22%27%3B--", "\"';--"),
        ("%E5%B1%B1%E3%80%80%E9%83%8E", "山\u3000郎"),
        ("%F0%9F%91%A8%E2%80%8D%F0%9F%91%A7%E2%80%8F", "👨\u200d👧\u200f"),
    ],
)
async def test_a_foreign_id_is_decoded_once(client: httpx.AsyncClient, path: str, foreign_id: str) -> None:
    answer = await client.get(f"/account/{path}")

    assert answer.text == foreign_id


@pytest.mark.parametrize(
    "path",
    [
        "a%00b",
        "a%0A",
        "%1B",
        "%7F",
        "a%C2%85",
        "%FF",
        "x" * 256,
        "%E2%80%A8",
        "%E2%80%A9",
        "%EF%BF%BD",
        "a%ED%A0%80",
    ],
)
async def test_a_foreign_id_of_other_characters_or_over_255_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(f"/account/{path}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "foreign_id"
    assert len(answer.text) < 200


@pytest.mark.parametrize("path", ["a%2Fb", "a/b", ""])
async def test_a_foreign_id_holds_no_slash_and_is_not_empty(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/account/{path}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not-found"


@pytest.mark.parametrize("invoice_id", ["x" * 65, "a%20b", "%00", "D'", "%C3%BC", "..%00", "a.b"])
async def test_what_cannot_be_an_address_is_no_such_invoice(
    client: httpx.AsyncClient, invoice_id: str
) -> None:
    answer = await client.get(f"/invoice/{invoice_id}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not-found"
    assert "no such invoice" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "read"),
    [("", "0 10"), ("?cursor=&limit=", "0 10"), ("?cursor=7&limit=100", "7 100"), ("?limit=%2B5", "0 5")],
)
async def test_gigawallets_cursor_and_limit_have_defaults(
    client: httpx.AsyncClient, query: str, read: str
) -> None:
    assert (await client.get(f"/list{query}")).text == read


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("cursor=x", "cursor", "invalid cursor in URL"),
        ("cursor=-1", "cursor", "invalid cursor in URL"),
        ("cursor=1.0", "cursor", "invalid cursor in URL"),
        ("cursor=" + "9" * 19, "cursor", "invalid cursor in URL"),
        ("cursor=%D9%A3", "cursor", "invalid cursor in URL"),
        ("limit=0", "limit", "invalid limit in URL"),
        ("limit=1_0", "limit", "invalid limit in URL"),
        ("limit=%00", "limit", "invalid limit in URL"),
        ("limit=101", "limit", "invalid limit in URL (cannot be greater than 100)"),
    ],
)
async def test_a_bad_cursor_or_limit_is_refused_in_gigawallets_words(
    client: httpx.AsyncClient, query: str, field: str, message: str
) -> None:
    answer = await client.get(f"/list?{query}")

    assert answer.status_code == 400
    assert answer.json() == {"error": {"code": "bad-request", "message": message, "field": field}}


def defaults(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every default that is described, with the name of its field or parameter."""
    if isinstance(node, dict):
        if "default" in node:
            yield name, node["default"]
        for key, child in node.items():
            yield from defaults(child, node.get("name", name) if key == "schema" else key)
    elif isinstance(node, list):
        for child in node:
            yield from defaults(child, name)


async def test_both_listeners_describe_every_status_and_the_bounds_of_parameters(
    kennel: context.AppContext, payer: httpx.AsyncClient
) -> None:
    async with client_of(application.admin(kennel, lambda: "id", token="such-token-of-16")) as locked:
        headers = {"Authorization": "Bearer such-token-of-16"}
        admin = (await locked.get("/openapi.json", headers=headers)).json()["paths"]
    public = (await payer.get("/openapi.json")).json()["paths"]
    operations = [
        (path, operation)
        for path, methods in (*admin.items(), *public.items())
        for operation in methods.values()
    ]

    assert len(operations) > 60
    for path, operation in operations:
        assert {"200", "400", "403", "500", "503"} <= operation["responses"].keys()
        assert ("401" in operation["responses"]) == (path in admin and path not in middleware.KEYLESS_PATHS)
        bounds = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
        if "limit" in bounds:
            assert (bounds["limit"]["minimum"], bounds["limit"]["maximum"]) == (1, 100)
        if "Idempotency-Key" in bounds:
            assert (bounds["Idempotency-Key"]["minLength"], bounds["Idempotency-Key"]["maxLength"]) == (
                1,
                255,
            )
            assert {"409", "422"} <= operation["responses"].keys()


async def test_a_client_that_sends_the_defaults_that_are_described_asks_for_the_same(
    admin: httpx.AsyncClient,
) -> None:
    """A cursor is a text, metadata an object; and of an account, what is absent stays."""
    described = (await admin.get("/openapi.json")).json()
    found_defaults = list(defaults(described))

    assert {default for name, default in found_defaults if name == "cursor"} == {"", 0}
    assert [default for name, default in found_defaults if name == "metadata"] == []
    assert list(defaults(described["components"]["schemas"]["AccountFields"])) == []
    assert len(found_defaults) > 20
