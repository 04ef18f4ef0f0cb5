"""Which accounts a caller reaches; all others are unknown to it."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from app.db import bulk
from app.domain.owner import NoSuchAccount

LimitedBy = Literal["", "prefix", "names"]
"""In which of its two ways a reach is limited; "" for none."""


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

    @property
    def limited_by(self) -> LimitedBy:
        """What limits it: a statement is made once for all callers that are limited alike."""
        if self.prefix:
            return "prefix"
        return "names" if self.names else ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `within`."""
        ends = {"reach_first": self.prefix, "reach_behind": _behind(self.prefix)} if self.prefix else {}
        return {"reach_names": sorted(self.names), **ends}

    def includes(self, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that the account named by a column is within reach."""
        behind = _behind(self.prefix) if self.prefix else ""
        ends = sa.literal(self.prefix, sa.Text), sa.literal(behind, sa.Text)
        return _condition(name, self.limited_by, ends, sa.literal(sorted(self.names), bulk.TEXTS))


def within(name: sa.ColumnElement[Any], limited_by: LimitedBy) -> sa.ColumnElement[bool]:
    """Return the condition that the account named by a column is within a reach, of which it takes the parameters."""
    ends = sa.bindparam("reach_first", type_=sa.Text), sa.bindparam("reach_behind", type_=sa.Text)
    return _condition(name, limited_by, ends, sa.bindparam("reach_names", type_=bulk.TEXTS))


def _condition(
    name: sa.ColumnElement[Any],
    limited_by: LimitedBy,
    ends: tuple[sa.ColumnElement[str], sa.ColumnElement[str]],
    names: sa.ColumnElement[Any],
) -> sa.ColumnElement[bool]:
    """A prefix is two bounds in the order of the names' bytes: an index is read between them in any plan."""
    if limited_by == "prefix":
        return sa.and_(_bytes(name, "~>=~", ends[0]), _bytes(name, "~<~", ends[1]))
    return name == sa.any_(names) if limited_by == "names" else sa.true()


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
