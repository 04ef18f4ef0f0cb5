"""The audit log: what administrators have changed, who they were, and what was before. Rows are only ever added.

A row is written in the transaction of the change. Secrets are in none: what is before and after is as the API shows it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import audit_log
from app.domain import pages
from app.domain.installation import Installation
from app.domain.pages import Page, PageRequest

Request = TypeVar("Request")
Resource = TypeVar("Resource")
LONGEST: Final = 500
"""The most characters of a text in the log."""
Shown = Mapping[str, Any]
"""Something as the API shows it; amounts are texts."""


@dataclass(frozen=True, slots=True)
class Action:
    """Who does what. `actor` is `token`, `key:7`, `anyone` or `command line`; `actor_name` whose that is.

    `name` is such as `key.create`. `foreign_id` is the account that it concerns, if it is one.
    """

    actor: str
    name: str
    actor_name: str = ""
    foreign_id: str = ""
    request_id: str = ""


class Change(NamedTuple):
    """What an action has changed; `before` is None where there was nothing or it has nothing to do with that."""

    action: Action
    subject: str
    before: Shown | None
    after: Shown | None


@dataclass(frozen=True, slots=True, eq=False)
class Audited(Generic[Request, Resource]):
    """How a command's changes are shown in the log.

    `before` locks what the requests change, and returns it as it is. `after` shows what a request has made, and `subject`
    names it. Nothing is logged where both are the same, nor with `only_changes` where there was nothing before.
    """

    after: Callable[[Resource], Shown]
    subject: Callable[[Resource], str]
    before: Callable[[Db, Sequence[Request], Installation], Awaitable[Sequence[Shown | None]]] | None = None
    only_changes: bool = False

    def changes(
        self,
        actions: Sequence[Action | None],
        before: Sequence[Shown | None],
        made: Sequence[Resource | None],
    ) -> list[Change]:
        """Return what is to be logged; None is made by a refused request.

        What one request has left is what the next of the batch finds.
        """
        last: dict[str, Shown] = {}
        changes = []
        for action, found, resource in zip(actions, before, made, strict=True):
            if resource is None:
                continue
            subject, shown = self.subject(resource), self.after(resource)
            was = last.get(subject, found)
            last[subject] = shown
            if action is not None and was != shown and not (self.only_changes and was is None):
                changes.append(Change(action, subject, was, shown))
        return changes


async def before(
    db: Db, audited: Audited[Request, Resource], requests: Sequence[Request], installation: Installation
) -> Sequence[Shown | None]:
    """Return what each request is about to change, and keep it so until the transaction ends."""
    return (
        [None] * len(requests) if audited.before is None else await audited.before(db, requests, installation)
    )


async def write(db: Db, changes: Sequence[Change]) -> None:
    """Add the changes, in the transaction that makes them."""
    if changes:
        await bulk.insert(db, audit_log, [_row(change) for change in changes])


def _row(change: Change) -> dict[str, object]:
    action = change.action
    of_account = (change.after or {}).get("foreign_id") or ""
    return {
        "actor": action.actor,
        "actor_name": action.actor_name,
        "action": action.name,
        "foreign_id": action.foreign_id or of_account,
        "subject": change.subject,
        "request_id": action.request_id,
        "before": _text(change.before),
        "after": _text(change.after),
    }


def _text(shown: Shown | None) -> str:
    """Write it as JSON, without the rest of pictures and other long texts."""
    return json.dumps(None if shown is None else {name: _clipped(value) for name, value in shown.items()})


def _clipped(value: Any) -> Any:
    return f"{value[:LONGEST]}..." if isinstance(value, str) and len(value) > LONGEST else value


class LogCursor(NamedTuple):
    """The place of a row in the log, newest first."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows are wanted: of an actor, an action, an account, from `start` on, before `end`; empty is any."""

    actor: str = ""
    action: str = ""
    foreign_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A row of the log; `before` and `after` are JSON."""

    cursor: LogCursor
    actor: str
    actor_name: str
    action: str
    foreign_id: str
    subject: str
    request_id: str
    before: str
    after: str


_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = LogCursor(datetime(9999, 1, 1, tzinfo=UTC), 0)
_INDEXED: Final = (("foreign_id",), ("actor", "action"), ("actor",), ("action",), ())
"""The filters that lead an index, the first that are all there count."""
_TEXTS: Final = ("actor", "actor_name", "action", "foreign_id", "subject", "request_id", "before", "after")


async def page(db: Db, filters: LogFilter, request: PageRequest[LogCursor]) -> Page[LoggedChange, LogCursor]:
    """Return a page of the log, newest first.

    An index is read from where the page begins. Where an account is named, its other filters look at the rows of that.
    """
    rows = await bulk.fetch_all(db, _page(filters, request))
    return request.page([_read(row) for row in rows], lambda change: change.cursor)


def _page(filters: LogFilter, request: PageRequest[LogCursor]) -> sa.Select[Any]:
    leading = next(names for names in _INDEXED if all(getattr(filters, name) for name in names))
    rest = [name for name in ("actor", "action") if getattr(filters, name) and name not in leading]
    query = sa.select(audit_log).where(*(audit_log.c[name] == getattr(filters, name) for name in rest))
    if "foreign_id" in leading:
        query = query.where(audit_log.c.foreign_id != pages.EMPTY)
    columns = [audit_log.c[name] for name in (*leading, "at", "id")]
    same = [getattr(filters, name) for name in leading]
    first = LogCursor(_FIRST if filters.start is None else filters.start, -1)
    last = request.after_or(_LAST if filters.end is None else LogCursor(filters.end, -1))
    low, high = (_bound(columns, [*same, *end]) for end in (first, last))
    query = query.where(sa.tuple_(*columns) > low, sa.tuple_(*columns) < high)
    return query.order_by(*(column.desc() for column in columns)).limit(request.rows)


def _bound(columns: Sequence[sa.Column[Any]], values: Sequence[Any]) -> sa.Tuple:
    return sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(values, columns, strict=True)))


def _read(row: Row) -> LoggedChange:
    return LoggedChange(LogCursor(row["at"], row["id"]), *(row[name] for name in _TEXTS))
