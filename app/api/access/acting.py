"""Who does what: the action of an administrator, as the audit log names it."""

from typing import Annotated

from fastapi import Depends, Request

from app.api.access import callers, rules
from app.domain.audit_log import Action
from app.runtime import logs


async def action_of(request: Request) -> Action:
    """Return the action of a request, as a dependency; KeyError where `rules.ACTIONS` has no name for its route."""
    caller = callers.of(request.scope)
    route = f"{request.method} {request.scope['route'].path_format}"
    return Action(
        caller.name,
        rules.ACTIONS[route],
        caller.description,
        request.path_params.get("foreign_id", ""),
        logs.request_id.get(),
    )


Acting = Annotated[Action, Depends(action_of)]
"""The action that an endpoint hands to `commits.submit`, which logs it in the transaction of the change."""
