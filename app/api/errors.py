"""Which answer each error gets."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import db
from app.api import responses, validation_errors
from app.api.access.callers import LacksScope
from app.api.validation_errors import Fault
from app.domain import refusals

_log = logging.getLogger(__name__)

_KINDS: Final[tuple[tuple[type[refusals.Refusal], str], ...]] = (
    (refusals.NotFound, "not-found"),
    (refusals.Conflict, "conflict"),
    (refusals.Invalid, "bad-request"),
    (refusals.Forbidden, "forbidden"),
)
_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    "too-large": {"Connection": "close"},
    "timeout": {"Connection": "close"},
    "not-available": {"Retry-After": "1"},
    "rate-limited": {"Retry-After": "1"},
}
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not-found", "no such path"),
    405: ("method-not-allowed", "this path does not take this method"),
    413: ("too-large", "the request body is too large"),
}


def tables() -> dict[Any, Any]:
    """Return the exception handlers for FastAPI; every other error goes to `unexpected`."""
    return {
        LacksScope: _lacks_scope,
        refusals.Refusal: _refused,
        RequestValidationError: _invalid,
        HTTPException: _http,
        ClientDisconnect: _gone,
    }


def code_of(refusal: refusals.Refusal) -> str:
    """Return the refusal's own code, or that of its kind."""
    return refusal.code or next((code for kind, code in _KINDS if isinstance(refusal, kind)), "bad-request")


def fault_of(error: Exception) -> dict[str, str]:
    """Return the members of "error" for one item of a request with many; logs an unexpected error."""
    if isinstance(error, refusals.Refusal):
        return responses.fault(code_of(error), str(error), error.field)
    if db.is_outage(error):
        return responses.fault("not-available", _outage(error))
    _log.error("one of many failed", exc_info=error)
    return responses.fault("unknown-error", "something went wrong here; the log knows more")


def fault_of_parameters(error: RequestValidationError) -> Fault:
    """Say what is wrong with a path, query or header parameter: its location begins with the kind of parameter."""
    return validation_errors.first([{**item, "loc": item["loc"][1:]} for item in error.errors()])


def unexpected(error: Exception, request_id: str) -> Response:
    """Answer to an exception that no rule expects; only the log has its text."""
    if db.is_outage(error):
        reason = _outage(error)
        _log.error("request %s: %s (%s)", request_id, reason, type(error).__name__)
        return responses.error("not-available", reason, headers=_HEADERS["not-available"])
    _log.error("request %s failed", request_id, exc_info=error)
    return responses.error(
        "unknown-error", f"something went wrong here; the log knows more under {request_id}"
    )


def answer_to(refusal: refusals.Refusal) -> Response:
    """Answer to a refusal."""
    return answer_of(code_of(refusal), str(refusal), refusal.field)


def answer_of(code: str, message: str, field: str | None = None) -> Response:
    """Answer with a code, a message and the headers of the code."""
    return responses.error(code, message, field, _HEADERS.get(code))


def broken_off() -> Response:
    """Answer to a body that broke off; a caller who has disconnected does not receive it."""
    return responses.error("bad-request", "the request body broke off")


async def _refused(request: Request, refusal: refusals.Refusal) -> Response:
    return answer_to(refusal)


async def _lacks_scope(request: Request, refusal: LacksScope) -> Response:
    """Answer as RFC 6750 has it, and name the scope in the body too."""
    members = responses.fault(code_of(refusal), str(refusal), refusal.field) | {"scope": refusal.scope}
    challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{refusal.scope}"'}
    return responses.Json(responses.fault_text(members).encode(), responses.STATUSES["forbidden"], challenge)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    field, sentence = fault_of_parameters(error)
    return responses.error("bad-request", sentence, field)


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        return _other_method(request)
    code, message = _HTTP.get(error.status_code, ("bad-request", "the request is not understood"))
    return responses.error(code, message, headers=error.headers)


def _other_method(request: Request) -> Response:
    """Return the methods of the path in `Allow`: with 405, or with 200 to OPTIONS."""
    allowed = {"OPTIONS"}
    for route in request.app.routes:
        match, _ = route.matches(dict(request.scope))
        if match.value and getattr(route, "methods", None):
            allowed |= route.methods | ({"HEAD"} if "GET" in route.methods else set())
    headers = {"Allow": ", ".join(sorted(allowed))}
    if request.method == "OPTIONS":
        return Response(headers=headers)
    return responses.error(*_HTTP[405], headers=headers)


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    return broken_off()


def _outage(error: Exception) -> str:
    if db.sqlstate(error) == db.QUERY_CANCELED:
        return "this took the database too long and was stopped; ask for less, or try again"
    return "the database is not available; try again"
