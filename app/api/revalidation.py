"""Answers that a caller may have already: each has a tag, and 304 stands in place of the same one."""

from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import Header
from starlette.responses import Response

CHANGES: Final = "private, no-cache"
"""Cache-Control of what changes: it is asked for again each time, and no cache shares it."""
NOT_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The caller has this answer already"}
}
"""How OpenAPI describes what stands in place of a known answer."""
_TAG_BYTES: Final = 16

Tags = Annotated[
    str,
    Header(alias="If-None-Match", description="The ETags of the answers that the caller has: 304 for these"),
]


def revalidated(response: Response, tags: str, cache_control: str = CHANGES) -> Response:
    """Return the response with its ETag, or 304 where that is one of the `tags`.

    The tag is made from the whole body: equal tags are equal bytes (RFC 9110, 8.8.3). Callers may send it back
    marked as weak, as proxies do that compress.
    """
    tag = f'"{blake2b(response.body, digest_size=_TAG_BYTES).hexdigest()}"'
    if tags.strip() == "*" or tag in (known.strip().removeprefix("W/") for known in tags.split(",")):
        response = Response(status_code=304)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = cache_control
    return response
