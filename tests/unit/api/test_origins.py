"""What a web page can make a browser send, which names we answer to, and what we tell every browser."""

import re
from collections.abc import AsyncIterator
from itertools import product

import httpx
import pytest

from app.api import application, context, origins
from tests.unit.api.conftest import application_of, client_of

FORM = {"Content-Type": "text/plain;charset=UTF-8", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}
ELSEWHERE = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", **FORM}
"""What Firefox and Chromium send with fetch(..., {mode: "no-cors"}) from a page of another site."""


@pytest.fixture
async def named(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    names = origins.names_of("pay.example", "kennel")
    async with client_of(application.admin(kennel, lambda: "id", names=names)) as opened:
        yield opened


async def balance_paths(admin: httpx.AsyncClient) -> int:
    return len((await admin.get("/accounts")).json()["items"])


@pytest.mark.parametrize(
    "page",
    [
        ELSEWHERE,
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_another_site_changes_nothing(admin: httpx.AsyncClient, page: dict[str, str]) -> None:
    answer = await admin.post("/account/shop", content="{}", headers=page)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"
    assert await balance_paths(admin) == 0


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "HTTP://LOCALHOST"},
        {"Origin": "https://console.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_who_is_no_page_of_another_site_works_as_ever(
    admin: httpx.AsyncClient, page: dict[str, str]
) -> None:
    answer = await admin.post("/account/shop", content="{}", headers=page)

    assert answer.status_code == 200
    assert await balance_paths(admin) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "Text/Plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; b=x",
    ],
)
async def test_no_page_at_all_changes_anything_by_what_a_form_can_send(
    admin: httpx.AsyncClient, kind: str
) -> None:
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}

    form = await admin.post("/account/shop", content="{}", headers={**own, "Content-Type": kind})
    program = await admin.post("/account/shop", content="{}", headers={"Content-Type": kind})

    assert (form.status_code, form.json()["error"]["code"]) == (403, "forbidden")
    assert program.status_code == 200


async def test_a_page_of_another_site_reads_nothing_of_the_merchants_but_a_link_of_the_same_site_leads_here(
    admin: httpx.AsyncClient,
) -> None:
    for page in (ELSEWHERE, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://localhost:3000"}):
        assert (await admin.get("/accounts", headers=page)).status_code == 403

    link = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
    assert (await admin.get("/docs", headers=link)).status_code == 200


async def test_the_pages_of_shops_show_the_payers_images_and_change_nothing(payer: httpx.AsyncClient) -> None:
    path = "/address/n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb/qr.png"

    shown = await payer.get("/health", headers=ELSEWHERE)

    assert shown.status_code == 200
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
    assert (
        await payer.get(path, headers=ELSEWHERE)
    ).status_code == 404  # there is no such address; nothing else is wrong
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await payer.request(method, path, headers=ELSEWHERE)).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.nip.io", ""]
)
async def test_a_name_that_is_not_ours_is_not_answered(named: httpx.AsyncClient, host: str) -> None:
    for path in ("/accounts", "/health", "/docs", "/nowhere"):
        answer = await named.get(path, headers={"Host": host})

        assert answer.status_code == 403
        assert "KENNEL_ALLOWED_HOSTS" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost.:8081",
        "shop.localhost",
        "127.0.0.1:8081",
        "127.8.8.8",
        "[::1]:8081",
        "[::1]",
        "192.168.1.2:8081",
        "pay.example",
        "Pay.Example:443",
        "kennel:8081",
    ],
)
async def test_our_names_and_addresses_are_answered(named: httpx.AsyncClient, host: str) -> None:
    assert (await named.get("/health", headers={"Host": host})).status_code == 200


async def test_a_star_answers_to_every_name(kennel: context.AppContext) -> None:
    async with client_of(application.public(kennel, lambda: "id", frozenset({origins.ANY}))) as anybody:
        assert (await anybody.get("/health", headers={"Host": "what.ever"})).status_code == 200


async def test_every_answer_tells_browsers_what_they_may_do(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    headers = {"x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-resource-policy"}

    for client, method in product((admin, payer), ("GET", "HEAD", "POST", "OPTIONS")):
        for path, host in (("/health", ""), ("/nowhere", ""), ("/docs", ""), ("/health", "evil.example")):
            answer = await client.request(method, path, headers={"Host": host or "localhost"})

            assert headers <= set(answer.headers)
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_bug_and_a_missing_token_tell_browsers_the_same(locked: httpx.AsyncClient) -> None:
    async with client_of(application_of()) as client:
        for answer in (await locked.get("/list"), await client.get("/refused/bug")):
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")


async def test_the_documentation_has_no_script_and_nothing_from_elsewhere(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/docs")

    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|javascript:|\son\w+=|@import|<link|<img|<iframe|url\(", answer.text)
    assert re.findall(r"""(?:href|src)=["'](?!#)([^"']*)""", answer.text) == ["openapi.json"]
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_the_documentation_shows_every_route_and_every_field_of_a_body(
    admin: httpx.AsyncClient,
) -> None:
    described = (await admin.get("/openapi.json")).json()
    page = (await admin.get("/docs")).text

    for path, methods in described["paths"].items():
        assert page.count(f'<span class="path">{path}</span>') >= len(methods)
    for name, schema in described["components"]["schemas"].items():
        assert f'id="{name}"' in page
        assert all(f"<code>{field}</code>" in page for field in schema.get("properties", ()))
