"""A control character in a path, a query or a cursor: PostgreSQL's text holds no NUL, so it never gets there."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api import application
from app.api.context import AppContext
from tests.unit.api.conftest import client_of

NUL = "%00"
ENDLESS = {"/events/stream", "/invoice/{invoice_id}/events"}
KEYS = [
    "1 \0", "1 1 \0", "\0 1", "\0", "1 DOGE-EUR a\0b", "1 DOGE-EUR \0", "1 DO\0GE 1", "1 1 00\0 1", "\x1f", "a\x7fb",
]  # fmt: skip
"""What cursors of lists might say."""


def requests_to(app: FastAPI, known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each method and path with a NUL in one parameter of it, and what there is in the others."""
    described = app.openapi()["paths"]
    for route in app.routes:
        if not isinstance(route, APIRoute) or route.path_format in ENDLESS:
            continue
        for method in route.methods or ():
            operation = described.get(route.path_format, {}).get(method.lower(), {})
            names = re.findall(r"{(\w+)}", route.path_format)
            paths = [{**known, name: NUL} for name in names] + [{**known, name: f"a{NUL}"} for name in names]
            for values in paths:
                yield method, route.path_format.format(**values)
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    yield method, f"{route.path_format.format(**known)}?{parameter['name']}=a{NUL}"


def cursors_to(app: FastAPI, known: dict[str, str]) -> Iterator[str]:
    """Each list with each cursor of KEYS."""
    for path, methods in app.openapi()["paths"].items():
        parameters: list[dict[str, Any]] = methods.get("get", {}).get("parameters", [])
        if path not in ENDLESS and any(parameter["name"] == "cursor" for parameter in parameters):
            for key in KEYS:
                yield f"{path.format(**known)}?cursor={base64.urlsafe_b64encode(key.encode()).decode()}"


@pytest.fixture
async def known(admin: httpx.AsyncClient) -> dict[str, str]:
    """What there is, by the names of parameters."""
    await admin.post("/account/shop", json={})
    item = {"type": "item", "name": "Treat", "value": "5", "quantity": 1}
    invoice = (await admin.post("/account/shop/invoice", json={"items": [item]})).json()["id"]
    address = (await admin.post("/account/shop/address", json={})).json()["address"]
    link = (await admin.post("/account/shop/link", json={"amount": 5})).json()["id"]
    numbers = dict.fromkeys(("payment_id", "key_id", "webhook_id", "delivery_id", "blockheight"), "1")
    return {
        "foreign_id": "shop", "invoice_id": invoice, "address": address, "id": link, "link_id": link,
        "name": "page.css", **numbers,
    }  # fmt: skip


@pytest.mark.parametrize("listener", ["admin", "public"])
async def test_a_nul_in_any_parameter_is_refused_or_names_nothing(
    kennel: AppContext, known: dict[str, str], listener: str
) -> None:
    app = getattr(application, listener)(kennel, lambda: "id")
    async with client_of(app) as client:
        answers = {
            (method, path): (await client.request(method, path)).status_code
            for method, path in requests_to(app, known)
        }

    assert {request: status for request, status in answers.items() if status == 500} == {}
    assert len(answers) > 10


async def test_a_control_character_in_a_cursor_is_refused_by_name(
    kennel: AppContext, known: dict[str, str]
) -> None:
    app = application.admin(kennel, lambda: "id")
    async with client_of(app) as client:
        answers = {path: await client.get(path) for path in cursors_to(app, known)}

    unlike = {path: answer.text for path, answer in answers.items() if answer.status_code != 400}
    assert unlike == {}
    assert {answer.json()["error"].get("field", "cursor") for answer in answers.values()} == {"cursor"}
    assert any(path.startswith("/rates") for path in answers)


async def test_a_link_whose_id_holds_a_nul_is_unknown(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient, known: dict[str, str]
) -> None:
    closed = await admin.post(f"/link/{NUL}/close")
    page, opened = await payer.get(f"/l/{known['id']}{NUL}"), await payer.post(f"/l/{NUL}")

    assert (closed.status_code, closed.json()["error"]["field"]) == (404, "id")
    assert (page.status_code, opened.status_code) == (404, 404)
