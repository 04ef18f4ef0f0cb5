"""The two HTTP applications, admin and public, built from the values they are given."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from app import VERSION
from app.api import (
    accounts,
    addresses,
    assets,
    auth,
    crediting,
    edge,
    errors,
    escrows,
    events,
    history,
    holds,
    invoices,
    openapi,
    operations,
    payments,
    settling,
    transactions,
    transfer_lists,
    transfers,
    webhook_deliveries,
    webhooks,
)
from app.api.program import Program

_QUIET: Final[Any] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry would carry request bodies to whatever is configured in the environment."""


def admin(program: Program, new_id: Callable[[], str], token: str = "") -> FastAPI:
    """Build the merchant's API, described at /docs; `token` locks it. `new_id` makes request ids of printable ASCII."""
    # Paths are tried in this order: what is called most comes first.
    routers = [
        invoices.busy,
        transfers.busy,
        crediting.busy,
        accounts.busy,
        invoices.admin,
        accounts.router,
        payments.router,
        transactions.router,
        addresses.admin,
        settling.router,
        transfers.router,
        transfer_lists.router,
        assets.router,
        history.router,
        holds.router,
        escrows.router,
        events.router,
        webhooks.router,
        webhook_deliveries.router,
        operations.router,
    ]
    return build("Kennel", [*routers, operations.health], new_id, program=program, token=token, documented=True)


def public(program: Program, new_id: Callable[[], str]) -> FastAPI:
    """Build the payer's API, which knows nothing but invoices and deposit addresses."""
    return build("Kennel", [invoices.public, addresses.public, operations.health], new_id, program=program)


def build(
    title: str,
    routers: Sequence[APIRouter],
    new_id: Callable[[], str],
    *,
    program: Program | None = None,
    token: str = "",
    documented: bool = False,
) -> FastAPI:
    """Build an application of `routers`; `token` locks it, `documented` serves /docs and /openapi.json.

    `new_id` makes request ids: short, of printable ASCII.
    """
    layers = [Middleware(edge.Edge, new_id=new_id)]
    if token:
        layers.append(Middleware(auth.Bearer, token=token))
    app = FastAPI(
        title=title,
        version=VERSION,
        openapi_url="/openapi.json" if documented else None,
        redoc_url=None,
        middleware=layers,
        exception_handlers=errors.tables(),
        telemetry=_QUIET,
    )
    app.state.program = program
    # The routes themselves, not include_router(), which would match each path twice; before FastAPI's own.
    app.router.routes[:0] = [route for router in routers for route in router.routes]
    openapi.describe(app, locked=bool(token))
    return app
