"""Which accounts a caller reaches; all others are unknown to it."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db import bulk
from app.domain.owner import NoSuchAccount


@dataclass(frozen=True, slots=True)
class Reach:
    """The accounts with one of the `names`, or those whose foreign_id begins with `prefix`; without both: all."""

    names: frozenset[str] = frozenset()
    prefix: str = ""

    @property
    def limited(self) -> bool:
        """Whether there are accounts beyond it."""
        return bool(self.names or self.prefix)

    def covers(self, foreign_id: str) -> bool:
        """Whether the account is within reach."""
        if self.prefix:
            return foreign_id.startswith(self.prefix)
        return not self.names or foreign_id in self.names

    def require(self, foreign_id: str, field: str) -> None:
        """Refuse an account beyond reach as one that does not exist; `field` is the request's."""
        if not self.covers(foreign_id):
            raise NoSuchAccount(foreign_id=foreign_id, field=field)

    def includes(self, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that the account named by a column is within reach.

        A prefix is two bounds in the order of the names' bytes: an index is read between them in any plan.
        """
        if self.prefix:
            first, behind = (sa.literal(end, sa.Text) for end in (self.prefix, _behind(self.prefix)))
            return sa.and_(_bytes(name, "~>=~", first), _bytes(name, "~<~", behind))
        if self.names:
            return name == sa.any_(sa.literal(sorted(self.names), bulk.TEXTS))
        return sa.true()


def _bytes(name: sa.ColumnElement[Any], operator: str, end: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Compare byte by byte, whatever the database's language is."""
    return name.op(operator, is_comparison=True)(end)


def _behind(prefix: str) -> str:
    """Return the first text behind all that begin with the prefix: bytes of UTF-8 have the order of its characters."""
    head = prefix.rstrip(_LAST)
    if not head:
        return _LAST * (len(prefix) + 256)  # names are shorter
    number = ord(head[-1]) + 1
    return head[:-1] + chr(_BEHIND_SURROGATES if number == _SURROGATES else number)


_LAST: Final = "\U0010ffff"
_SURROGATES, _BEHIND_SURROGATES = 0xD800, 0xE000
EVERYTHING: Final = Reach()
"""All accounts, and what concerns none."""
