"""What a payer's browser may store, read by script, and need not be sent again."""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import segno
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of

ELSEWHERE = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
WAYS = ("", "/status", "/qr.png", "/qr.svg")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
async def made(admin: httpx.AsyncClient) -> dict[str, Any]:
    await admin.post("/account/shop", content="{}")
    item = {"type": "item", "name": "Doge plush", "value": "10", "quantity": 1}
    answer = await admin.post("/account/shop/invoice", content=json.dumps({"items": [item]}))
    invoice: dict[str, Any] = answer.json()
    return invoice


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_caller_has_is_not_sent_again(
    payer: httpx.AsyncClient, made: dict[str, Any], way: str
) -> None:
    path = f"/invoice/{made['id']}{way}"
    first = await payer.get(path)
    tag = first.headers["etag"]

    for tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await payer.get(path, headers={"If-None-Match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    for tags in ('"other"', tag.strip('"'), "", ",,"):
        assert (await payer.get(path, headers={"If-None-Match": tags})).status_code == 200
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    head = await payer.head(path, headers={"If-None-Match": tag})
    assert (head.status_code, head.headers["etag"]) == (304, tag)


async def test_a_tag_is_another_as_soon_as_the_answer_is(
    payer: httpx.AsyncClient, made: dict[str, Any], engine: AsyncEngine
) -> None:
    path = f"/invoice/{made['id']}/status"
    tag = (await payer.get(path)).headers["etag"]
    chain = await Chain(engine).start()

    await chain.mine((made["id"], doge(1)))

    changed = await payer.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"]) == (200, "partial")
    assert changed.headers["etag"] != tag


async def test_the_tag_of_a_payer_with_the_token_is_that_of_what_they_see(
    payer: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    path = f"/invoice/{made['id']}"
    bare = (await payer.get(path)).headers["etag"]

    whole = await payer.get(path, params={"token": made["token"]}, headers={"If-None-Match": bare})

    assert whole.status_code == 200
    assert whole.json()["items"] != []


async def test_caches_are_told_what_is_true(payer: httpx.AsyncClient, made: dict[str, Any]) -> None:
    caching = {way: (await payer.get(f"/invoice/{made['id']}{way}")).headers["cache-control"] for way in WAYS}

    assert caching[""] == caching["/status"] == "private, no-cache"
    assert caching["/qr.png"] == caching["/qr.svg"] == "max-age=900, immutable"
    assert (await payer.get("/invoice/junk/status")).headers["cache-control"] == "no-store"


# ---------------------------------------------------------------- scripts of other sites


async def answered(
    kennel: context.AppContext, readers: frozenset[str], path: str, **headers: str
) -> httpx.Response:
    app = application.public(kennel, lambda: "id", readers=readers)
    async with client_of(app) as client:
        method = "OPTIONS" if "Access-Control-Request-Method" in headers else "GET"
        return await client.request(method, path, headers={**ELSEWHERE, **headers})


async def test_every_site_reads_the_payers_api_by_script_unless_it_is_set_otherwise(
    payer: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    for way in WAYS:
        answer = await payer.get(f"/invoice/{made['id']}{way}", headers=ELSEWHERE)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert "ETag" in answer.headers["access-control-expose-headers"]
    missing = await payer.get("/invoice/junk/status", headers=ELSEWHERE)
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")


async def test_only_the_sites_that_are_named_read_it(
    kennel: context.AppContext, made: dict[str, Any]
) -> None:
    path, shop = f"/invoice/{made['id']}/status", frozenset({"https://shop.example"})

    named = await answered(kennel, shop, path)
    others = [
        await answered(kennel, shop, path, Origin="https://evil.example"),
        await answered(kennel, frozenset(), path),
        await answered(kennel, shop, path, Origin="https://shop.example.evil.example"),
        await answered(kennel, shop, path, Origin="null"),
    ]

    assert named.headers["access-control-allow-origin"] == "https://shop.example"
    assert "Origin" in named.headers["vary"]
    assert ["access-control-allow-origin" in answer.headers for answer in others] == [False] * 4


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [("GET", "if-none-match", 200), ("GET", "last-event-id", 200), ("POST", "", 400), ("GET", "x-key", 400)],
)
async def test_a_browser_that_asks_before_learns_what_a_script_may_send(
    kennel: context.AppContext, made: dict[str, Any], method: str, fields: str, status: int
) -> None:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": fields}
    answer = await answered(
        kennel, frozenset({"*"}), f"/invoice/{made['id']}/status", **{k: v for k, v in asked.items() if v}
    )

    assert answer.status_code == status


async def test_no_site_reads_the_merchants_api_by_script(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/accounts", headers=ELSEWHERE)

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


# ---------------------------------------------------------------- the code as a drawing


async def test_the_drawing_has_a_view_box_its_quiet_zone_and_dark_modules_on_light(
    payer: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    answer = await payer.get(f"/invoice/{made['id']}/qr.svg")

    assert answer.headers["content-type"].startswith("image/svg+xml")
    drawing = ET.fromstring(answer.content)
    light, dark = drawing.findall(f"{SVG}path")
    left, top, width, height = map(int, drawing.attrib["viewBox"].split())
    modules = len(segno.make_qr(made["uri"], error="m", boost_error=False).matrix)
    assert (left, top, width, height) == (0, 0, modules + 8, modules + 8)
    assert "width" not in drawing.attrib
    assert (light.attrib["fill"], dark.attrib["stroke"]) == ("#ffffff", "#000000")
    assert dark.attrib["d"].startswith("M4 4.5h7")


async def test_the_drawing_takes_the_colours_of_the_picture(
    payer: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    answer = await payer.get(f"/invoice/{made['id']}/qr.svg?fg=ff800080&bg=0000ff")
    bad = await payer.get(f"/invoice/{made['id']}/qr.svg", params={"fg": '"><script>', "bg": "blue"})

    light, dark = ET.fromstring(answer.content).findall(f"{SVG}path")
    assert (light.attrib["fill"], light.attrib["fill-opacity"]) == ("#0000ff", "1.000")
    assert (dark.attrib["stroke"], dark.attrib["stroke-opacity"]) == ("#ff8000", "0.502")
    assert bad.content == (await payer.get(f"/invoice/{made['id']}/qr.svg")).content
