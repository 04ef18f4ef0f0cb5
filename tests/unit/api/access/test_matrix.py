"""Every route of the merchant's API against every scope, and against none. A route without a line is found here."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute

from app.api import application, context
from app.api.access import authentication, rules
from app.api.access.rules import Accounts
from app.domain import access
from app.domain.access import ADMIN, SCOPES, NewKey, Reach
from tests.unit.api.conftest import client_of

SECRET = "s" * 43
OPEN = {"GET /health", "GET /authorize", "POST /authorize", "POST /authorize/key"}
"""Who asks has no key, or not yet."""
FOR_ANY_KEY = {"GET /docs", "GET /openapi.json"}


@pytest.fixture
async def closed(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.admin(kennel, lambda: "id", closed=True)) as opened:
        yield opened


async def key_of(
    kennel: context.AppContext, *scopes: str, reach: Reach = access.EVERYTHING
) -> dict[str, str]:
    """The header of a new key."""
    new = NewKey(authentication.digest_of(SECRET), frozenset(scopes), reach)
    async with kennel.engine.begin() as db:
        made = await access.create(db, new)
    assert isinstance(made, access.ApiKey)
    return {"Authorization": f"Bearer {authentication.written(made.id, SECRET)}"}


def routes(kennel: context.AppContext) -> dict[str, str]:
    """Each route with the path of a request to it."""
    listed = {
        f"{method} {route.path_format}": f"{method} {re.sub('{[^}]*}', '7', route.path)}"
        for route in application.admin(kennel, lambda: "id").routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    return {route: request for route, request in listed.items() if route not in OPEN}


async def ask(client: httpx.AsyncClient, request: str, headers: dict[str, str]) -> httpx.Response:
    method, path = request.split(" ")
    return await client.request(method, path, headers=headers, follow_redirects=True)


async def test_every_route_has_a_line_and_every_line_a_route(kennel: context.AppContext) -> None:
    assert set(routes(kennel)) == set(rules.RULES)
    assert {scope for rule in rules.RULES.values() for scope in rule.scopes} <= SCOPES.keys()
    assert {
        route
        for route, rule in rules.RULES.items()
        if (rule.accounts is Accounts.IN_PATH) and "{foreign_id}" not in route
    } == set()


async def test_a_scope_opens_its_routes_and_no_other(
    closed: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    opened: dict[str, set[str]] = {}
    for scope in SCOPES.keys() - {ADMIN}:
        key = await key_of(kennel, scope)
        for route, request in routes(kennel).items():
            if route == "GET /events/stream" and scope == "events:read":
                continue  # it never ends
            answer = await ask(closed, request, key)
            if answer.status_code != 403:
                opened.setdefault(route, set()).add(scope)
                continue
            needed = rules.RULES[route].scopes[0]
            assert answer.json()["error"] == {
                "code": "forbidden",
                "message": f"This key lacks the scope {needed}.",
                "field": "Authorization",
                "scope": needed,
            }
            assert (
                answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'
            )

    lines = {route: {rule.scopes[0]} for route, rule in rules.RULES.items() if ADMIN not in rule.scopes}
    assert opened == {route: scopes for route, scopes in lines.items() if route != "GET /events/stream"}


async def test_without_a_key_every_route_is_401_and_with_admin_none_is_forbidden(
    closed: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    admin = await key_of(kennel, ADMIN)

    for request in routes(kennel).values():
        assert (await ask(closed, request, {})).status_code == 401
        if not request.endswith("/events/stream"):
            assert (await ask(closed, request, admin)).status_code not in (401, 403)
    for route in FOR_ANY_KEY:
        assert (await ask(closed, route, {})).status_code == 401
        assert (await ask(closed, route, await key_of(kennel, "events:read"))).status_code == 200


async def test_a_key_of_some_accounts_finds_others_unknown_or_is_refused_on_every_route(
    closed: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    every = [scope for scope in SCOPES if scope != ADMIN]
    key = await key_of(kennel, *every, reach=Reach(prefix="mine."))

    for route, request in routes(kennel).items():
        rule = rules.RULES[route]
        if ADMIN in rule.scopes or route == "GET /events/stream":
            continue
        answer = await ask(closed, request, key)
        if rule.accounts is Accounts.IN_PATH or "{foreign_id}" in route:
            assert answer.status_code == 404, route
        if rule.accounts is Accounts.ALL:
            assert answer.status_code == 403, route


async def test_openapi_says_the_scope_of_each_route(
    closed: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    described = (await closed.get("/openapi.json", headers=await key_of(kennel, ADMIN))).json()

    listed = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    hidden = {"POST /account/{foreign_id}/invoice/"}
    assert listed.keys() - OPEN == rules.RULES.keys() - hidden
    for route in listed.keys() - OPEN:
        scopes = rules.RULES[route].scopes
        assert listed[route]["security"] == [{"bearer": [scope]} for scope in scopes]
        assert listed[route]["description"].endswith(f"Scope: `{'` or `'.join(scopes)}`.")
        assert {"401", "403"} <= listed[route]["responses"].keys()
    assert "security" not in listed["GET /health"]
