"""The audit log over HTTP: what administrators have changed, newest first."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import cursors, fields, parameters, responses
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Reading
from app.domain import audit_log
from app.domain.audit_log import LogCursor, LogFilter, LoggedChange
from app.domain.pages import PageRequest

router = APIRouter(route_class=GuardedRoute)

CURSORS: Final = cursors.Cursor(r"([0-9]{1,17}) ([0-9]{1,18})", LogCursor, cursors.MOMENT, cursors.NUMBER)


class ChangeView(responses.View):
    """A change: `actor` is `token`, `key:7`, `anyone` (where nothing is locked) or `command line`, `actor_name` whose that is.

    `subject` names what was changed. `before` is null where there was nothing.
    """

    id: int
    at: responses.Time
    actor: str
    actor_name: str
    action: str
    foreign_id: str
    subject: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @classmethod
    def of(cls, change: LoggedChange) -> "ChangeView":
        """Show a row of the log."""
        shown = {name: json.loads(getattr(change, name)) for name in ("before", "after")}
        return cls.showing(change, id=change.cursor.id, at=change.cursor.at, **shown)


class ChangePage(cursors.Page[ChangeView]):
    """A page of changes, newest first."""


def _text(description: str) -> Any:
    return Query(max_length=fields.MAX_LABEL, description=description)


Actor = Annotated[str, _text("Only what this actor did, such as `key:7`"), AfterValidator(fields.decoded)]
ActionName = Annotated[str, _text("Only this action, such as `key.create`"), AfterValidator(fields.decoded)]


async def _filters(
    actor: Actor = "",
    action: ActionName = "",
    foreign_id: parameters.Account = None,
    start: parameters.Start = None,
    end: parameters.End = None,
) -> LogFilter:
    return LogFilter(actor, action, foreign_id or "", start, end)


@router.get("/audit/log", response_model=ChangePage, summary="What administrators have changed")
async def list_changes(
    db: Reading,
    filters: Annotated[LogFilter, Depends(_filters)],
    request: Annotated[PageRequest[LogCursor], Depends(CURSORS.request)],
) -> Response:
    """Newest first. Nobody can change or delete what is there."""
    page = await audit_log.page(db, filters, request)
    return responses.show(ChangePage.of(page, ChangeView.of, CURSORS))
