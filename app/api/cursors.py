"""Pages of lists over HTTP: the one form of their cursors, and the models that show them."""

import base64
import re
from collections.abc import Callable, Sequence
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
_BETWEEN_CELLS: Final = "."
_AT_THE_END: Final = "~"
"""What stands between the cursors of cells, and for that of a list that has ended: base64 has neither."""


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

    async def request_over_cells(
        self,
        cursor: Annotated[str, Query(description="Where to go on: the `cursor` of the page before")] = "",
        limit: parameters.Limit = parameters.DEFAULT_PAGE,
    ) -> "ListRequest[Key]":
        """Take which page of a list over cells is asked for."""
        return ListRequest(self, cursor, limit)

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


class Merged(NamedTuple, Generic[Row]):
    """The rows of a page over cells, and the cursor behind which the list goes on; empty at its end."""

    items: Sequence[Row]
    cursor: str


class ListRequest(NamedTuple, Generic[Key]):
    """Asks for at most `limit` items of a list over cells, behind a cursor as its caller sent it; empty: the first ones."""

    cursors: Cursor[Key]
    cursor: str
    limit: int

    def of_cells(self, cells: int) -> list[PageRequest[Key] | None]:
        """Return what each of so many cells is to read, None where its list has ended.

        ForeignCursor for a cursor that is not one over so many.
        """
        if not self.cursor:
            return [PageRequest(None, self.limit)] * cells
        asked = [self._of_cell(cursor) for cursor in self.cursor.split(_BETWEEN_CELLS)]
        if len(asked) != cells or not any(asked):
            raise ForeignCursor
        return asked

    def behind(self, rests: Sequence[PageRequest[Key] | None]) -> str:
        """Write the cursor behind which the list goes on, where those of cells do; empty where all have ended."""
        if not any(rests):
            return ""
        return _BETWEEN_CELLS.join(
            _AT_THE_END if rest is None else self.cursors.write(rest.after) for rest in rests
        )

    def _of_cell(self, cursor: str) -> PageRequest[Key] | None:
        if cursor == _AT_THE_END:
            return None
        return PageRequest(self.cursors.read(cursor) if cursor else None, self.limit)


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
ByIdOverCells = Annotated[ListRequest[int], Depends(IDS.request_over_cells)]
"""The same of a list over cells."""


class Page(responses.View, Generic[Item]):
    """A page of a list; the cursor is empty at its end."""

    items: list[Item]
    cursor: str

    @classmethod
    def of(cls, page: pages.Page[Row, Key], item: Callable[[Row], Item], cursors: "Cursor[Key]") -> Self:
        """Show a page, each row by `item`."""
        return cls(items=[item(row) for row in page.items], cursor=cursors.write(page.rest))

    @classmethod
    def over_cells(cls, page: Merged[Row], item: Callable[[Row], Item]) -> Self:
        """Show a page of a list over cells, each row by `item`."""
        return cls(items=[item(row) for row in page.items], cursor=page.cursor)
