"""How far an invoice is paid, to a payer's page that waits for it."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated, Self

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api import fast_route, fields, parameters, responses, revalidation, streams
from app.api.context import Context, Queries
from app.api.invoice_watch import InvoiceWatch
from app.api.invoices import InvoiceState
from app.api.routes.lazy_route import LazyRoute
from app.domain import invoices
from app.domain.invoices import InvoiceStatus
from app.money import show

router = APIRouter(route_class=LazyRoute)
busy = APIRouter(route_class=fast_route.OpenRoute)


class PaymentView(responses.View):
    """A transaction's output that pays an invoice; with 0 confirmations it waits for a block."""

    txid: str
    amount: fields.KoinuShown
    confirmations: int


class StatusView(responses.View):
    """How far an invoice is paid: `seen` waits for a block, `unconfirmed` is accepted before its money is confirmed."""

    id: str
    state: str
    total: fields.KoinuShown
    received: fields.KoinuShown
    confirmed: fields.KoinuShown
    seen: fields.KoinuShown
    unconfirmed: bool
    remaining: fields.KoinuShown
    confirmations: int
    required_confirmations: int
    estimate_seconds_to_confirm: int
    expires: responses.Time | None
    payments: list[PaymentView]
    fiat_total: str
    fiat_currency: str
    rate: str
    rate_source: str
    rate_at: responses.Time | None

    @classmethod
    def of(cls, status: InvoiceStatus) -> Self:
        """Show it; nothing in it is more than the chain shows to everybody, but the price and the times."""
        names = ("total", "received", "confirmed", "seen", "remaining")
        amounts = {name: show(getattr(status, name)) for name in names}
        payments = [PaymentView.showing(payment, amount=show(payment.amount)) for payment in status.payments]
        expires = status.expires and status.expires.isoformat()
        return cls.showing(status, expires=expires, payments=payments, **amounts, **status.money)


@busy.get(
    "/invoice/{invoice_id}/status",
    response_model=StatusView,
    responses=revalidation.NOT_CHANGED,
    summary="How far an invoice is paid",
)
async def get_status(
    invoice_id: parameters.InvoiceId, queries: Queries, tags: revalidation.Tags = ""
) -> Response:
    """The same for everybody who knows the invoice's address; 404 where it is none's."""
    view = StatusView.of(await queries.fetch(invoices.STATUS, invoice_id))
    return revalidation.revalidated(responses.show(view), tags)


Known = Annotated[InvoiceState, Query(description="The state that the caller knows")]
Timeout = Annotated[
    int, Query(alias="timeout", ge=1, le=60, description="Seconds until the answer comes in any case")
]


@router.get(
    "/invoice/{invoice_id}/poll", response_model=StatusView, summary="Wait for a change of an invoice"
)
async def poll_status(
    invoice_id: parameters.InvoiceId, context: Context, state: Known = "", seconds: Timeout = 30
) -> Response:
    """Answers at once where the state is another than `state`, else at the next change, or after `timeout`."""
    watch = context.invoice_watch
    status = await watch.first(invoice_id)
    if status.state == state:
        status = await watch.change(status, seconds)
    return responses.show(StatusView.of(status))


@router.get(
    "/invoice/{invoice_id}/events",
    response_class=streams.Stream,
    status_code=200,
    summary="Each change of an invoice, as it happens",
)
async def stream_status(invoice_id: parameters.InvoiceId, context: Context) -> Response:
    """Server-sent events, `event: status` with the answer of `/status` in `data`: the first at once."""
    status = await context.invoice_watch.first(invoice_id)
    return streams.Stream(_changes(context.invoice_watch, status), nullcontext())


async def _changes(watch: InvoiceWatch, status: InvoiceStatus) -> AsyncIterator[bytes]:
    """Yield the status, then each change of it; a comment at each beat without one."""
    yield b"retry: %d\n\n" % streams.RETRY_MILLISECONDS
    yield _event(status)
    while not watch.ended:
        changed = await watch.change(status, watch.beat_seconds)
        yield _event(changed) if changed != status else b":\n\n"
        status = changed


def _event(status: InvoiceStatus) -> bytes:
    return b"event: status\ndata: %b\n\n" % orjson.dumps(StatusView.of(status).model_dump())
