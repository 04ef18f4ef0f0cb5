"""Pages of lists over HTTP: the one form of their cursors, and the models that show them."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, NamedTuple, Self, TypeVar

from fastapi import Depends, Query

from app.api import parameters, responses
from app.domain import characters, pages, refusals
from app.domain.pages import PageRequest

Key = TypeVar("Key")
Item = TypeVar("Item")
Row = TypeVar("Row")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class ForeignCursor(refusals.Invalid):
    """The cursor is not one that a list has given."""

    field = "cursor"


class Part(NamedTuple):
    """How one field of a key is read from text, and written as text."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]


def _seconds(moment: datetime) -> str:
    return f"{int(moment.timestamp())} {moment.microsecond}"


def _of_seconds(text: str) -> datetime:
    second, microsecond = map(int, text.split())
    return datetime.fromtimestamp(second, UTC).replace(microsecond=microsecond)


NUMBER: Final = Part(int, str)
TEXT: Final = Part(str, str)
HEX: Final = Part(bytes.fromhex, bytes.hex)
MOMENT: Final = Part(
    lambda text: _EPOCH + int(text) * _MICROSECOND, lambda moment: str((moment - _EPOCH) // _MICROSECOND)
)
"""Microseconds since 1970."""
SECONDS: Final = Part(_of_seconds, _seconds)
"""Seconds since 1970, and the microseconds of the last one."""


class Cursor(Generic[Key]):
    """The cursors of a list: the fields of an item's key with spaces between, in base64."""

    def __init__(self, pattern: str, key: Callable[..., Key], *parts: Part) -> None:
        """Take the pattern of a whole key, with a group for each part; the last parts may be missing."""
        self._pattern, self._key, self._parts = re.compile(pattern, re.ASCII), key, parts

    async def request(
        self,
        cursor: Annotated[str, Query(description="Where to go on: the `cursor` of the page before")] = "",
        limit: parameters.Limit = parameters.DEFAULT_PAGE,
    ) -> PageRequest[Key]:
        """Read which page is asked for; ForeignCursor where the cursor is none of this list."""
        return PageRequest(self.read(cursor) if cursor else None, limit)

    def read(self, cursor: str) -> Key:
        """Read the key back; ForeignCursor for anything but a cursor of this list."""
        match = self._pattern.fullmatch(_text(cursor))
        if match is None:
            raise ForeignCursor
        texts = [text for text in match.groups() if text is not None]
        return self._key(*(part.read(text) for part, text in zip(self._parts, texts, strict=False)))

    def write(self, key: Key | None) -> str:
        """Write the cursor behind which a list goes on; empty at its end."""
        if key is None:
            return ""
        fields = key if isinstance(key, tuple) else (key,)
        texts = [
            part.write(field) for part, field in zip(self._parts, fields, strict=True) if field is not None
        ]
        return base64.urlsafe_b64encode(" ".join(texts).encode()).rstrip(b"=").decode()


def _text(cursor: str) -> str:
    """Return what a cursor says; PostgreSQL's text holds no NUL, and no key has a control character."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise ForeignCursor from None
    if characters.forbidden(text):
        raise ForeignCursor
    return text


IDS: Final = Cursor(r"([0-9]{1,18})", int, NUMBER)
"""The cursors of lists that go by id."""
ById = Annotated[PageRequest[int], Depends(IDS.request)]
"""Which page of a list that goes by id."""


class Page(responses.View, Generic[Item]):
    """A page of a list; the cursor is empty at its end."""

    items: list[Item]
    cursor: str

    @classmethod
    def of(cls, page: pages.Page[Row, Key], item: Callable[[Row], Item], cursors: "Cursor[Key]") -> Self:
        """Show a page, each row by `item`."""
        return cls(items=[item(row) for row in page.items], cursor=cursors.write(page.rest))
