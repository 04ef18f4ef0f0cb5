"""Text in requests: how long it may be, and no control characters where they make no sense."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from app import characters
from app.api import json_text

MAX_TEXT: Final = 1_000
MAX_LINK: Final = 2_000
MAX_LABEL: Final = 255
MAX_METADATA_BYTES: Final = 8 * 1024


def line(text: str) -> str:
    """Accept text of one line."""
    if characters.forbidden(text):
        raise ValueError("it holds control characters or ends of lines")
    return text


def decoded(text: str) -> str:
    """Accept one line of a URL; bytes of it that were no UTF-8 have become U+FFFD, and two such texts would be one."""
    if "\ufffd" in text:
        raise ValueError("it is not UTF-8")
    return line(text)


def _lines(text: str) -> str:
    if characters.forbidden_in_lines(text):
        raise ValueError("it holds control characters")
    return text


def _metadata(given: Any) -> str:
    """Accept an object of at most 8 KB; the result is JSON text, numbers exactly as they were sent."""
    if not isinstance(given, dict):
        raise ValueError("it must be an object")  # noqa: TRY004  pydantic collects ValueError only
    text = json_text.exact(given)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"it must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_lines)]
"""A description: several lines are welcome."""

Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(line)]
"""A URL; shown to others, never fetched."""

Label = Annotated[str, Field(max_length=MAX_LABEL), AfterValidator(line)]
"""A reference, key or code of the caller's own: one line."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_LABEL), AfterValidator(line)]
"""A label that is not empty: an account's foreign_id, an asset's code."""

Metadata = Annotated[str, PlainValidator(_metadata), WithJsonSchema({"type": "object"})]
"""Whatever the caller wants back; kept as JSON text."""
