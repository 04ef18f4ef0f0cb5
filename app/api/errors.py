"""One table from what went wrong to what the caller is told."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy.exc
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app import db
from app.api import responses, validation_errors
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
}
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not-found", "no such path"),
    405: ("method-not-allowed", "this path does not take this method"),
    413: ("too-large", "the request body is too large"),
}
_UNREACHABLE: Final = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    OSError,
)
"""What the engine raises while the database is down, starting, or has no connection to spare."""
_PASSING: Final = frozenset({"08", "40", "53", "55", "57"})
"""Classes of SQLSTATE that another try may outlive: lost connections, conflicts, shortage, locks, shutdown, time-outs."""


def tables() -> dict[Any, Any]:
    """Return the exception handlers that FastAPI is to call; all else reaches `unexpected`."""
    return {
        refusals.Refusal: _refused,
        RequestValidationError: _invalid,
        HTTPException: _http,
        ClientDisconnect: _gone,
    }


def code_of(refusal: refusals.Refusal) -> str:
    """Return the refusal's own code, or that of its kind."""
    return refusal.code or next((code for kind, code in _KINDS if isinstance(refusal, kind)), "bad-request")


def told(error: Exception) -> dict[str, str]:
    """Say what came in the place of one of many things that a request asked for; what was not expected is logged."""
    if isinstance(error, refusals.Refusal):
        return responses.fault(code_of(error), str(error), error.field)
    if is_outage(error):
        return responses.fault("not-available", _excuse(error))
    _log.error("one of many failed", exc_info=error)
    return responses.fault("unknown-error", "something went wrong here; the log knows more")


def unexpected(error: Exception, request_id: str) -> Response:
    """Answer for an exception that nothing expected; only the log says what it was."""
    if is_outage(error):
        excuse = _excuse(error)
        _log.error("request %s: %s (%s)", request_id, excuse, type(error).__name__)
        return responses.error("not-available", excuse, headers=_HEADERS["not-available"])
    _log.error("request %s failed", request_id, exc_info=error)
    return responses.error(
        "unknown-error", f"something went wrong here; the log knows more under {request_id}"
    )


def answer_to(refusal: refusals.Refusal) -> Response:
    """Answer with a refusal."""
    return answer_of(code_of(refusal), str(refusal), refusal.field)


def answer_of(code: str, message: str, field: str | None = None) -> Response:
    """Answer with a code, and with the headers that belong to it."""
    return responses.error(code, message, field, _HEADERS.get(code))


def broken_off() -> Response:
    """Answer to a body that broke off; who left while sending does not hear it."""
    return responses.error("bad-request", "the request body broke off")


async def _refused(request: Request, refusal: refusals.Refusal) -> Response:
    return answer_to(refusal)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Path, query and header parameters; their location begins with where they stand."""
    relative = [{**one, "loc": one["loc"][1:]} for one in error.errors()]
    field, sentence = validation_errors.of_errors(relative)
    return responses.error("bad-request", sentence, field)


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        return _other_method(request)
    code, message = _HTTP.get(error.status_code, ("bad-request", "the request is not understood"))
    return responses.error(code, message, headers=error.headers)


def _other_method(request: Request) -> Response:
    """Say which methods the path takes; that is also all that OPTIONS asks for."""
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


def _excuse(error: Exception) -> str:
    if db.sqlstate(error) == db.QUERY_CANCELED:
        return "this took the database too long and was stopped; ask for less, or try again"
    return "the database is not available; try again"


def is_outage(error: Exception) -> bool:
    """Say whether the database is away, or has no connection to spare: another try may outlive that."""
    lost = isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, _UNREACHABLE) or (db.sqlstate(error) or "")[:2] in _PASSING
