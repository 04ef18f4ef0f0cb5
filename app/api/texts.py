"""Text in requests: how long it may be, and no control characters where they make no sense."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from app.api import json_text

MAX_TEXT: Final = 1_000
MAX_LINK: Final = 2_000
MAX_LABEL: Final = 255
MAX_METADATA_BYTES: Final = 8 * 1024

# Unicode's control characters (C0 without tab, line feed and carriage return; DEL; C1).
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def printable(given: str) -> str:
    """Accept one line of visible text; refuse control characters and what was left of undecodable bytes."""
    if not given.isprintable() or "\ufffd" in given:
        raise ValueError("it holds characters that cannot be printed")
    return given


def _uncontrolled(given: str) -> str:
    if _CONTROLS.search(given):
        raise ValueError("it holds control characters")
    return given


def _metadata(given: Any) -> str:
    """Accept an object of at most 8 KB; the result is JSON text, numbers exactly as they were sent."""
    if not isinstance(given, dict):
        raise ValueError("it must be an object")  # noqa: TRY004  pydantic collects ValueError only
    text = json_text.exact(given)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"it must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_uncontrolled)]
"""A description: several lines are welcome."""

Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(printable)]
"""A URL; shown to others, never fetched."""

Label = Annotated[str, Field(max_length=MAX_LABEL), AfterValidator(printable)]
"""A reference, key or code of the caller's own: one line."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_LABEL), AfterValidator(printable)]
"""A label that is not empty: an account's foreign_id, an asset's code."""

Metadata = Annotated[str, PlainValidator(_metadata), WithJsonSchema({"type": "object"})]
"""Whatever the caller wants back; kept as JSON text."""
