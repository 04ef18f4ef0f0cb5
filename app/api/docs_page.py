"""The page at /docs: the OpenAPI description as plain HTML, without scripts and without other sites."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

PATH: Final = "/docs"
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "code,pre,.path{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{padding:.6rem;overflow:auto;border:1px solid #8886}"
    "details{border-bottom:1px solid #8886;padding:.35rem 0}"
    "summary{cursor:pointer}"
    ".method{display:inline-block;min-width:4.5rem;font-weight:700}"
    "table{border-collapse:collapse;margin:.5rem 0}"
    "td,th{text-align:left;vertical-align:top;padding:.15rem .9rem .15rem 0}"
)
_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_BOUNDS: Final[Mapping[str, str]] = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
}
_REFERENCE: Final = "#/components/schemas/"

Node = Mapping[str, Any]


def add(app: FastAPI) -> None:
    """Serve the page at PATH; the first request makes it."""
    written: list[str] = []

    async def docs(request: Request) -> Response:
        if not written:
            written.append(page(app.openapi()))
        return HTMLResponse(
            written[0], headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        )

    app.add_route(PATH, docs, methods=["GET"], include_in_schema=False)


def page(description: Node) -> str:
    """Return an OpenAPI description as HTML."""
    info = description["info"]
    title = escape(f"{info['title']} {info['version']}")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>',
        "<h2>Routes</h2>",
        *_operations(description["paths"]),
        "<h2>Schemas</h2>",
        *(_schema(name, schema) for name, schema in sorted(description["components"]["schemas"].items())),
        *(["<h2>Webhooks</h2>", *_operations(description["webhooks"])] if "webhooks" in description else []),
        "</body></html>",
    ]
    return "".join(parts)


def _operations(paths: Node) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield (
                f'<details><summary><span class="method">{escape(method.upper())}</span> '
                f'<span class="path">{escape(path)}</span> {escape(operation.get("summary", ""))}</summary>'
                f"<p>{escape(operation.get('description', ''))}</p>"
                f"{_parameters(operation.get('parameters', ()))}{_bodies(operation)}</details>"
            )


def _parameters(parameters: Any) -> str:
    rows = [
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>in the {escape(parameter['in'])}"
        f"{', required' if parameter.get('required') else ''}</td><td>{_kind(parameter['schema'])}</td>"
        f"<td>{escape(parameter.get('description', ''))}</td></tr>"
        for parameter in parameters
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _bodies(operation: Node) -> str:
    """Describe the request's body and the answers."""
    lines = []
    for heading, shape in [
        ("Body", operation.get("requestBody", {})),
        *operation.get("responses", {}).items(),
    ]:
        for media, content in shape.get("content", {}).items():
            kind = _kind(content.get("schema", {}))
            lines.append(f"<p>{escape(heading)}: {kind} <code>{escape(media)}</code></p>{_example(content)}")
    refused = [status for status, shape in operation.get("responses", {}).items() if "$ref" in shape]
    error = _kind({"$ref": f"{_REFERENCE}Error"})
    return "".join([*lines, f"<p>{', '.join(sorted(refused))}: {error}</p>" if refused else ""])


def _schema(name: str, schema: Node) -> str:
    required = schema.get("required", ())
    rows = [
        f"<tr><td><code>{escape(field)}</code></td><td>{_kind(shape)}</td>"
        f"<td>{'required' if field in required else _default(shape)}</td>"
        f"<td>{escape(shape.get('description', ''))}</td></tr>"
        for field, shape in schema.get("properties", {}).items()
    ]
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f"{escape(schema.get('description', ''))}</summary>"
        f"<table>{''.join(rows)}</table>{_example(schema)}</details>"
    )


def _kind(shape: Node) -> str:
    """Describe the type of a value, with a link if its schema has a name."""
    reference = shape.get("$ref", "").removeprefix(_REFERENCE)
    if reference:
        return f'<a href="#{escape(reference)}">{escape(reference)}</a>'
    options = shape.get("anyOf") or shape.get("oneOf") or shape.get("allOf")
    if options:
        return " or ".join(map(_kind, options))
    if "enum" in shape or "const" in shape:
        return escape(", ".join(map(json.dumps, shape.get("enum", [shape.get("const")]))))
    kind = escape(str(shape.get("format") or shape.get("type", "any")))
    if shape.get("type") == "array":
        kind = f"list of {_kind(shape.get('items', {}))}"
    bounds = [words.format(shape[name]) for name, words in _BOUNDS.items() if name in shape]
    return ", ".join([kind, *map(escape, bounds)])


def _default(shape: Node) -> str:
    return f"default <code>{escape(json.dumps(shape['default']))}</code>" if "default" in shape else ""


def _example(shape: Node) -> str:
    example = shape.get("example", next(iter(shape.get("examples", ())), None))
    return (
        f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
        if example is not None
        else ""
    )
