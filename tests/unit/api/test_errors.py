import logging
from typing import Any

import httpx
import pytest


async def test_a_refusal_is_its_sentence_code_and_field(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refused/funds")

    assert answer.status_code == 409
    assert answer.json() == {
        "error": {"code": "insufficient-funds", "message": "Not enough doge.", "field": "amount"}
    }


async def test_errors_and_answers_are_json_that_nobody_stores(client: httpx.AsyncClient) -> None:
    for path, status in (("/refused/missing", 404), ("/health", 200), ("/nowhere", 404)):
        answer = await client.get(path)

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_bug_answers_500_with_an_id_and_says_the_rest_in_the_log_only(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/refused/bug")

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "unknown-error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("kind", ["down", "unconnected"])
async def test_an_unreachable_database_is_503_and_worth_another_try(
    client: httpx.AsyncClient, kind: str
) -> None:
    answer = await client.get(f"/refused/{kind}")

    assert answer.status_code == 503
    assert answer.json() == {
        "error": {"code": "not-available", "message": "the database is not available; try again"}
    }
    assert answer.headers["retry-after"] == "1"


async def test_every_answer_carries_the_id_of_its_request(client: httpx.AsyncClient) -> None:
    ids = [
        (await client.get(path)).headers["x-request-id"] for path in ("/health", "/nowhere", "/account/%00")
    ]

    assert ids == ["id-1", "id-2", "id-3"]


async def test_another_method_is_405_and_options_says_which_there_are(client: httpx.AsyncClient) -> None:
    wrong = await client.delete("/account/x")
    options = await client.options("/account/x")

    assert wrong.status_code == 405
    assert wrong.json()["error"]["code"] == "method-not-allowed"
    assert wrong.headers["allow"] == options.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert options.status_code == 200


async def test_head_is_get_without_its_body(client: httpx.AsyncClient) -> None:
    got = await client.get("/account/x")
    head = await client.head("/account/x")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_slash_too_many_is_redirected_with_the_method_kept_and_to_the_same_host(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/account/a%20b/?from=x%3Fy", headers={"Host": "127.0.0.1:9"})

    assert answer.status_code == 307
    assert answer.headers["location"] == "/account/a%20b?from=x%3Fy"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authorization header required"),
        ("", "Authorization header required"),
        ("such-token", "Invalid authorization format, expected 'Bearer TOKEN'"),
        ("Basic such-token", "Invalid authorization format, expected 'Bearer TOKEN'"),
        ("Bearer  such-token", "Invalid authorization format, expected 'Bearer TOKEN'"),
        ("Bearer such-token x", "Invalid authorization format, expected 'Bearer TOKEN'"),
        ("Bearer such-tokem", "Invalid token"),
        ("Bearer such-toke", "Invalid token"),
        (b"Bearer \xff", "Invalid token"),
    ],
)
async def test_without_the_token_every_path_is_401_in_gigawallets_words(
    locked: httpx.AsyncClient, authorization: Any, message: str
) -> None:
    headers = [] if authorization is None else [("Authorization", authorization)]

    for path in ("/account/x", "/list"):
        answer = await locked.get(path, headers=headers)

        assert answer.status_code == 401
        assert answer.json() == {"error": {"code": "unauthorized", "message": message}}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens_and_the_scheme_has_any_case(locked: httpx.AsyncClient, scheme: str) -> None:
    answer = await locked.get("/account/x", headers={"Authorization": f"{scheme} such-token"})

    assert answer.text == "x"


@pytest.mark.parametrize("authorization", [b"Bearer such-token ", b" Bearer such-token\t"])
async def test_blanks_around_the_token_are_no_part_of_it(
    locked: httpx.AsyncClient, authorization: bytes
) -> None:
    answer = await locked.get("/account/x", headers=[(b"Authorization", authorization)])

    assert answer.text == "x"


async def test_without_a_token_an_unknown_path_is_404_and_options_tells_the_methods(
    locked: httpx.AsyncClient,
) -> None:
    unknown = [await locked.request(method, "/nothing/here") for method in ("GET", "POST", "OPTIONS")]
    options = await locked.options("/account/x")
    known = [await locked.request(method, "/account/x") for method in ("GET", "HEAD", "POST", "DELETE")]

    assert [answer.status_code for answer in unknown] == [404] * 3
    assert (options.status_code, options.headers["allow"], options.content) == (
        200,
        "GET, HEAD, OPTIONS, POST",
        b"",
    )
    assert [answer.status_code for answer in known] == [401] * 4


async def test_health_needs_no_token(locked: httpx.AsyncClient) -> None:
    assert (await locked.get("/health")).status_code == 200


def test_openapi_describes_request_bodies_parameters_and_errors(described: dict[str, Any]) -> None:
    order = described["paths"]["/order"]["post"]
    schemas = described["components"]["schemas"]

    assert order["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Order"
    }
    assert schemas["Order"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Line"}
    assert {"type": "number"} in schemas["Line"]["properties"]["value"]["anyOf"]
    assert schemas["Sum"]["properties"]["total"]["type"] == "string"
    assert list(order["responses"]) == [
        "200",
        "400",
        "403",
        "408",
        "413",
        "431",
        "500",
        "503",
        "401",
        "404",
        "409",
    ]
    for status in list(order["responses"])[1:]:
        refused = described["components"]["responses"][order["responses"][status]["$ref"].rsplit("/", 1)[1]]
        assert refused["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
    names = {
        parameter["name"] for parameter in described["paths"]["/keyed/{foreign_id}"]["post"]["parameters"]
    }
    assert names == {"foreign_id", "Idempotency-Key"}


async def test_docs_are_served_only_where_asked_for(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).status_code == 404
