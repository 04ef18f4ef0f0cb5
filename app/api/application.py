"""The two HTTP applications: admin for the merchant, public for payers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from app import VERSION
from app.api import (
    accounts,
    addresses,
    api_keys,
    assets,
    audit_log,
    cold_storage,
    docs_page,
    dogeconnect,
    errors,
    escrows,
    events,
    history,
    holds,
    invoice_codes,
    invoice_payments,
    invoice_status,
    invoices,
    links,
    metrics,
    openapi,
    operations,
    origins,
    payment_limits,
    payments,
    rates,
    transactions,
    transfer_views,
    transfers,
    webhook_deliveries,
    webhooks,
)
from app.api.access import authorize
from app.api.access.authentication import Lock
from app.api.access.request_rates import RequestRates
from app.api.cells.routing import Cells
from app.api.checkout import link_page, page, renewal_page
from app.api.client_limits import ClientLimits
from app.api.context import AppContext
from app.api.layers import Face, layers_of
from app.api.reports import routes as report_routes
from app.metrics.process import ProcessMetrics

_QUIET: Final[Any] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry would send request bodies to the collector that the environment names."""
_PUBLIC_AT_ONCE: Final = 32
_PUBLIC_BODY_BYTES: Final = 16 * 1024
"""Only wallets submit larger bodies, which hold transactions."""
_ADMIN: Final = (
    invoices.busy,
    transfers.busy,
    accounts.busy,
    payments.busy,
    transfer_views.busy,
    history.busy,
    events.busy,
    holds.busy,
    escrows.busy,
    invoices.admin,
    accounts.router,
    payments.router,
    payment_limits.router,
    transactions.router,
    addresses.admin,
    invoice_payments.router,
    dogeconnect.admin,
    links.router,
    transfers.router,
    assets.router,
    rates.router,
    report_routes.router,
    holds.router,
    escrows.router,
    events.router,
    webhooks.router,
    webhook_deliveries.router,
    operations.router,
    cold_storage.router,
    audit_log.router,
    api_keys.router,
    authorize.router,
    operations.ready,
    metrics.router,
    operations.health,
)
"""Paths are tried in this order: the busiest come first."""


def admin(
    context: AppContext | Cells,
    new_id: Callable[[], str],
    token: str = "",
    names: frozenset[str] = frozenset(),
    *,
    closed: bool = False,
    rates: RequestRates | None = None,
) -> FastAPI:
    """Build the merchant's API, described at /docs. A `token` locks it; `closed`: keys alone do so too.

    `rates` limit how often callers ask. `new_id` makes request ids of printable ASCII. The API answers to `names`, to loopback's names and to
    addresses.
    """
    cells = _all(context)
    lock = Lock(
        token=token, keys=cells.first.keys, closed=closed or bool(token), rates=rates or RequestRates()
    )
    face = Face(callers=origins.Callers(names), lock=lock, documented=True)
    return build("Kennel", _ADMIN, new_id, face, cells)


def watching(
    context: AppContext | Cells, new_id: Callable[[], str], names: frozenset[str] = frozenset()
) -> FastAPI:
    """Build what machines watch of a process, whatever its roles: /metrics, /ready and /health, without a token."""
    face = Face(callers=origins.Callers(names), listener="metrics", lock=Lock(closed=False))
    return build("Kennel", [operations.ready, metrics.router, operations.health], new_id, face, context)


def public(
    context: AppContext | Cells,
    new_id: Callable[[], str],
    names: frozenset[str] = frozenset(),
    readers: frozenset[str] = frozenset({origins.ANY}),
    clients: ClientLimits | None = None,
) -> FastAPI:
    """Build the payer's API: invoices, their pages and QR codes only, and any web page may show its answers.

    Scripts read them on pages of the origins `readers`. It is described at /docs, as the merchant's is.
    """
    face = Face(
        callers=origins.Callers(names, pages=True),
        listener="public",
        documented=True,
        body_bytes=_PUBLIC_BODY_BYTES,
        larger=dogeconnect.SUBMISSIONS,
        at_once=_PUBLIC_AT_ONCE,
        readers=readers,
        clients=clients or ClientLimits(),
        error_pages=_all(context).first.branding,
    )
    return build(
        "Kennel",
        [
            invoices.public,
            invoice_status.busy,
            invoice_status.router,
            invoice_codes.router,
            page.router,
            link_page.router,
            renewal_page.router,
            dogeconnect.public,
            addresses.public,
            operations.health,
        ],
        new_id,
        face,
        context,
    )


def _all(context: AppContext | Cells) -> Cells:
    """Return all cells: an installation of one is given by what its requests share."""
    return context if isinstance(context, Cells) else Cells([context])


def build(
    title: str,
    routers: Sequence[APIRouter],
    new_id: Callable[[], str],
    face: Face,
    context: AppContext | Cells | None = None,
) -> FastAPI:
    """Build an application of `routers`. `new_id` makes request ids: short, of printable ASCII."""
    cells = _all(context) if context else None
    process = cells.first.scrape.process if cells else ProcessMetrics()
    layers = layers_of(face, new_id, process.observers.of_listener(face.listener))
    app = FastAPI(
        # The routes themselves: include_router() would match each path twice.
        routes=[route for router in routers for route in router.routes],
        title=title,
        version=VERSION,
        openapi_url="/openapi.json" if face.documented else None,
        docs_url=None,
        redoc_url=None,
        middleware=layers,
        exception_handlers=errors.tables(),
        telemetry=_QUIET,
    )
    app.state.context = cells and cells.only
    app.state.cells = cells
    app.state.lock = face.lock
    openapi.describe(app, locked=face.lock is not None, limited=face.clients is not None)
    if face.documented:
        docs_page.add(app)
    return app
