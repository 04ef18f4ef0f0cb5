"""A route that looks, before anything else, whether its caller has the scope and reaches the account."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.api import responses
from app.api.access import callers, rules
from app.api.access.callers import Caller, LacksScope
from app.api.access.rules import Accounts, Rule
from app.api.routes.lazy_route import LazyRoute

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(LazyRoute):
    """A route of the merchant's API; `rules` says what it asks."""

    def get_route_handler(self) -> Answer:
        """Return the function that answers a request, or refuses it."""
        return guarded(self, super().get_route_handler())


def guarded(route: APIRoute, answer: Answer) -> Answer:
    """Let `answer` answer only to callers that the route's rule lets in."""
    rule = rules.rule_of(route.methods or (), route.path_format)

    async def look_first(request: Request) -> Response:
        caller = callers.of(request.scope)
        if caller.is_admin:
            return await answer(request)
        return _objection(caller, rule, request.path_params) or await answer(request)

    return look_first


def _objection(caller: Caller, rule: Rule, path: Mapping[str, Any]) -> Response | None:
    """Answer a caller who may not do this, or raise LacksScope, or NoSuchAccount for an account beyond its reach."""
    if not any(map(caller.may, rule.scopes)):
        raise LacksScope(scope=rule.scopes[0])
    if rule.accounts is Accounts.ALL and caller.reach.limited:
        return responses.error("forbidden", "this key is for some accounts, and this concerns all of them")
    if "foreign_id" in path:
        caller.reach.require(path["foreign_id"], "foreign_id")
    return None
