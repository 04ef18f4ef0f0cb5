"""The OpenAPI description: that of FastAPI, completed with request bodies, keys and errors."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api import fast_route, idempotency_keys, middleware, request_body, responses
from app.api.access import rules
from app.domain import event_examples, outbox

_REFERENCE: Final = "#/components/schemas/{model}"

_KEYED: Final[Mapping[fast_route.Call, bool]] = {
    idempotency_keys.with_body: False,
    idempotency_keys.without_body: False,
    idempotency_keys.required: True,
    idempotency_keys.required_without_body: True,
    idempotency_keys.named: True,
}
"""The dependencies that read an Idempotency-Key, and whether each requires one."""

_ERROR_SCHEMA: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "enum": sorted(responses.STATUSES)},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "scope": {"type": "string", "description": "The scope that the key lacks"},
            },
        }
    },
    "examples": [
        {
            "error": {
                "code": "bad-request",
                "message": "items.0.name must be a string",
                "field": "items.0.name",
            }
        }
    ],
}
_ANYWHERE: Final = (400, 403, 408, 413, 431, 500, 503)
"""Errors that any operation may answer with: the request itself is wrong, or the service is not available."""
_MEANINGS: Final[Mapping[int, str]] = {
    400: "Something in the request is wrong; `field` says what",
    401: "The token or key is missing or wrong, or the key has ended",
    403: "The key lacks the operation's scope, which `scope` names; or a page of another site asks, or the name in"
    " `Host` is none of Kennel's",
    404: "There is no such thing, or no such path",
    408: "The request did not arrive in time",
    409: "It cannot be done as things are; or the same key is still running",
    413: "The body is too large",
    422: "The Idempotency-Key was used for another request",
    429: "The caller's address asks for too much: try again after `Retry-After` seconds",
    431: "The headers are too large",
    500: "Our fault; the log knows more under `x-request-id`",
    503: "The database or the node is away, or too much is asked at once:"
    " try again after `Retry-After` seconds",
}
_REPLAYED: Final = {
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Where an Idempotency-Key had made it before",
    }
}


_SIGNED: Final = [
    {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": about}
    for name, about in (
        ("webhook-id", "The event's id: the same at each attempt"),
        ("webhook-timestamp", "When this attempt was made, in Unix seconds"),
        (
            "webhook-signature",
            "Standard Webhooks: `v1,` or `v1a,` and the signature; several while a secret is rotated",
        ),
        ("X-Giga-Timestamp", "The same time, for receivers of GigaWallet"),
        ("X-Giga-Signature", "GigaWallet's: `sha256=` and the hex of HMAC-SHA256 over `timestamp.body`"),
    )
]


_KINDS: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "object": dict,
    "array": list,
    "boolean": bool,
}


def describe(app: FastAPI, *, locked: bool, limited: bool = False) -> None:
    """Complete `app.openapi()`: request bodies with their examples, one error shape, the bearer token."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain(), app, locked=locked, limited=limited)
        return app.openapi_schema or {}

    # FastAPI's documented way to extend its description.
    app.openapi = openapi  # type: ignore[method-assign]


def _complete(schema: dict[str, Any], app: FastAPI, *, locked: bool, limited: bool) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
    models = {
        model.__name__: model for route in routes if (reader := _reader(route)) for model in reader.models
    }
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (models[name], "validation") for name in sorted(models)
    ]
    _, definitions = models_json_schema(wanted, ref_template=_REFERENCE)
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {}).update(definitions.get("$defs", {}), Error=_ERROR_SCHEMA)
    for model in components["schemas"].values():
        for shape in model.get("properties", {}).values():
            _drop_unfit_default(shape)
    for route in routes:
        for method in route.methods or ():
            operation = schema["paths"][route.path_format][method.lower()]
            _finish(operation, route)
            if locked:
                _lock(operation, route, method)
            statuses = [*_refusals(operation, route, method, locked=locked), *([429] if limited else ())]
            for status in statuses:
                operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    components["responses"] = {str(status): _refused(status) for status in _MEANINGS}
    if any(route.path_format == "/webhooks" for route in routes):
        schema["webhooks"] = {name: _webhook(name) for name in outbox.TYPES}
    if locked:
        components["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "The admin token, or a key that has the operation's scope",
            }
        }


def _reader(route: APIRoute) -> request_body.Reader[Any] | None:
    calls = fast_route.dependencies(route.endpoint).values()
    return next((call for call in calls if isinstance(call, request_body.Reader)), None)


def _key(route: APIRoute) -> fast_route.Call | None:
    calls = fast_route.dependencies(route.endpoint).values()
    return next((call for call in calls if call in _KEYED), None)


def _drop_unfit_default(shape: dict[str, Any]) -> None:
    """Remove a default of another type than the schema's: cursors and metadata have another type inside."""
    kind = _KINDS.get(str(shape.get("type")))
    if kind is not None and not isinstance(shape.get("default", kind()), kind):
        del shape["default"]


def _finish(operation: dict[str, Any], route: APIRoute) -> None:
    for parameter in operation.get("parameters", ()):
        _drop_unfit_default(parameter["schema"])
    operation["responses"].pop("422", None)
    if reader := _reader(route):
        operation["requestBody"] = _body(reader)
    if key := _key(route):
        parameter = {**idempotency_keys.PARAMETER, "required": _KEYED[key]}
        operation.setdefault("parameters", []).append(parameter)
        operation["responses"]["200"]["headers"] = _REPLAYED


def _lock(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    """Say which scope a key needs, or which of several; the roles of a bearer scheme are what OpenAPI 3.1 has for it."""
    if route.path_format in middleware.KEYLESS_PATHS:
        return
    scopes = rules.rule_of({method}, route.path_format).scopes
    operation["security"] = [{"bearer": [scope]} for scope in scopes]
    description, needed = operation.get("description", ""), " or ".join(f"`{scope}`" for scope in scopes)
    operation["description"] = f"{description}\n\nScope: {needed}.".lstrip()


def _refusals(operation: Mapping[str, Any], route: APIRoute, method: str, *, locked: bool) -> Iterator[int]:
    """Yield the status of each error that this operation may answer with."""
    yield from _ANYWHERE
    if locked and route.path_format not in middleware.KEYLESS_PATHS:
        yield 401
    if route.path_format in middleware.KEYLESS_PATHS - middleware.OPEN_PATHS:
        yield 429
    if operation.get("parameters") or _reader(route):
        yield 404
    if method != "GET":
        yield 409
    if _key(route):
        yield 422


def _refused(status: int) -> dict[str, Any]:
    return {
        "description": _MEANINGS[status],
        "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="Error")}}},
    }


def _webhook(name: str) -> dict[str, Any]:
    """Describe the request to a webhook for this type of event, with the example of the docs."""
    example = json.loads(outbox.envelope(event_examples.event(event_examples.all_types()[name])))
    content = {"schema": {"$ref": _REFERENCE.format(model="EventView")}, "example": example}
    posted = {
        "summary": outbox.TYPES[name],
        "operationId": f"event_{name.lower()}",
        "parameters": _SIGNED,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"2XX": {"description": "Taken; anything else is tried again"}},
    }
    return {"post": posted}


def _body(reader: request_body.Reader[Any]) -> dict[str, Any]:
    forms = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in reader.models]
    schema: dict[str, Any] = {"anyOf": forms} if len(forms) > 1 else forms[0]
    return {"required": reader.required, "content": {"application/json": {"schema": schema}}}
