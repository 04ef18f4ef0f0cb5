"""Invoices over HTTP, to the merchant and to the payer."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import WithJsonSchema
from starlette.responses import Response

from app.api import (
    fast_route,
    fields,
    idempotency_keys,
    invoice_links,
    parameters,
    request_body,
    responses,
    revalidation,
)
from app.api.access.guarded_route import GuardedRoute
from app.api.context import AppContext, Commits, Context
from app.api.new_invoice import NewInvoice
from app.domain import invoices

admin = APIRouter(route_class=GuardedRoute)
public = APIRouter(route_class=fast_route.OpenRoute)
busy = APIRouter(route_class=fast_route.FastRoute)

Shown = dict[str, Any]
"""A model's members, as JSON has them."""
Items = Annotated[Any, WithJsonSchema({"type": "array", "items": {"$ref": "#/components/schemas/NewItem"}})]
"""Items as an `orjson.Fragment` of the JSON text in which they are stored."""


class PublicInvoice(responses.Written):
    """What a payer sees: GigaWallet's fields in its order, then ours."""

    id: str
    items: Items
    created: responses.Time
    total: fields.KoinuShown
    pay_to_address: str
    required_confirmations: int
    part_payment_detected: bool
    total_payment_detected: bool
    total_payment_confirmed: bool
    payment_unconfirmed: bool
    estimate_seconds_to_confirm: int
    state: str
    reference: str
    metadata: responses.JsonObject
    seen: fields.KoinuShown
    overpaid: fields.KoinuShown
    expires: responses.Time | None
    late: bool
    refunded: fields.KoinuShown
    uri: str
    pay_url: str
    return_url: str
    cancel_url: str
    fiat_total: str
    fiat_currency: str
    rate: str
    rate_source: str
    rate_at: responses.Time | None
    link: str
    renewable_until: responses.Time | None
    renews: str
    renewed_by: str

    @classmethod
    def of(cls, invoice: invoices.Invoice, context: AppContext, token: str = "") -> Shown:
        """Show all of it; its links have the `token`."""
        return _shown(cls, invoice, context, token)

    @classmethod
    def bare(cls, invoice: invoices.Invoice, context: AppContext) -> Shown:
        """Show what anyone may know who saw the payment on the chain: no items, reference or metadata."""
        return cls.of(invoice, context) | {"items": [], "reference": "", "metadata": {}}


class CreatedInvoice(PublicInvoice):
    """A new invoice, with the token that opens its items to a payer."""

    token: str


class AdminInvoice(responses.Written):
    """What the merchant sees: GigaWallet's admin form in its order, then ours."""

    id: str
    account: str
    items: Items
    required_confirmations: int
    created: responses.Time
    total: fields.KoinuShown
    total_incoming: fields.KoinuShown
    total_confirmed: fields.KoinuShown
    pay_to_address: str
    part_payment_detected: bool
    total_payment_detected: bool
    total_payment_confirmed: bool
    payment_unconfirmed: bool
    estimate_seconds_to_confirm: int
    token: str
    state: str
    reference: str
    metadata: responses.JsonObject
    seen: fields.KoinuShown
    overpaid: fields.KoinuShown
    expires: responses.Time | None
    late: bool
    refunded: fields.KoinuShown
    uri: str
    pay_url: str
    return_url: str
    cancel_url: str
    fiat_total: str
    fiat_currency: str
    rate: str
    rate_source: str
    rate_at: responses.Time | None
    link: str
    renewable_until: responses.Time | None
    renews: str
    renewed_by: str

    @classmethod
    def of(cls, invoice: invoices.Invoice, context: AppContext) -> Shown:
        """Show all of it; `account` is the account's id on the wire."""
        return _shown(cls, invoice, context, invoice.token)


class InvoicePage(responses.View):
    """A page of an account's invoices, oldest first.

    The cursor is GigaWallet's: the next key index, or 0 where the page is not full.
    """

    items: list[AdminInvoice]
    cursor: int


def _shown(view: type[responses.View], invoice: invoices.Invoice, context: AppContext, token: str) -> Shown:
    shown = invoices.invoice_shown(invoice) | {
        "uri": invoice_links.payment_uri(context, invoice, token),
        "pay_url": invoice_links.pay_url(context, invoice, token),
        "return_url": invoice.return_url,
        "cancel_url": invoice.cancel_url,
    }
    return {name: shown[name] for name in view.model_fields}


def _for_payer(context: Context, invoice: invoices.Invoice, token: str) -> Shown:
    """Show all of it to the token's holder."""
    if invoice_links.has_token(invoice, token):
        return PublicInvoice.of(invoice, context, token)
    show = PublicInvoice.of if context.open_items else PublicInvoice.bare
    return show(invoice, context)


InvoiceState = Literal["", "unpaid", "seen", "partial", "detected", "confirmed", "expired", "cancelled"]
State = Annotated[InvoiceState, Query(description="Only those in this state")]


async def _filters(
    state: State = "",
    reference: parameters.Reference = "",
    start: parameters.Start = None,
    end: parameters.End = None,
) -> invoices.InvoiceFilter:
    return invoices.InvoiceFilter(state, reference, start, end)


Filters = Annotated[invoices.InvoiceFilter, Depends(_filters)]
InvoiceBody = Annotated[NewInvoice, request_body.of(NewInvoice)]


@busy.post("/account/{foreign_id}/invoice", response_model=CreatedInvoice, summary="Issue an invoice")
@busy.post("/account/{foreign_id}/invoice/", include_in_schema=False)
async def create_invoice(
    foreign_id: parameters.ForeignId,
    body: InvoiceBody,
    key: idempotency_keys.Key,
    commits: Commits,
    context: Context,
) -> Response:
    """The invoice's id is the fresh address at which it is paid."""
    result = await commits.submit(invoices.CREATE, body.order(foreign_id), key)
    invoice = result.resource
    view = CreatedInvoice.of(invoice, context, invoice.token)
    return responses.show(view, replayed=result.replayed)


@busy.get("/account/{foreign_id}/invoices", response_model=InvoicePage, summary="An account's invoices")
async def list_invoices(
    foreign_id: parameters.ForeignId,
    context: Context,
    cursor: parameters.Cursor = 0,
    limit: parameters.Limit = parameters.DEFAULT_PAGE,
    filters: Filters = invoices.ALL,
) -> Response:
    """Oldest first."""
    async with context.queries.reader() as db:
        page = await invoices.page(db, context.network, foreign_id, cursor, limit, filters)
    rest = page[-1].index + 1 if len(page) == limit else 0
    return responses.show_page([AdminInvoice.of(invoice, context) for invoice in page], rest)


@busy.get("/account/{foreign_id}/invoice/{invoice_id}", response_model=AdminInvoice, summary="An invoice")
async def get_invoice(
    foreign_id: parameters.ForeignId, invoice_id: parameters.InvoiceId, context: Context
) -> Response:
    """404 also where the invoice is another account's."""
    key = invoices.InvoiceKey(foreign_id, invoice_id)
    invoice = await context.queries.fetch(invoices.FETCH_OF, key)
    return responses.show(AdminInvoice.of(invoice, context))


@admin.post(
    "/account/{foreign_id}/invoice/{invoice_id}/cancel",
    response_model=AdminInvoice,
    summary="Cancel an invoice",
)
async def cancel_invoice(
    foreign_id: parameters.ForeignId,
    invoice_id: parameters.InvoiceId,
    key: idempotency_keys.BodilessKey,
    commits: Commits,
    context: Context,
) -> Response:
    """409 once something was received; cancelling again changes nothing."""
    result = await commits.submit(invoices.CANCEL, invoices.CancelOrder(foreign_id, invoice_id), key)
    return responses.show(AdminInvoice.of(result.resource, context), replayed=result.replayed)


@admin.post(
    "/account/{foreign_id}/invoice/{invoice_id}/renew",
    response_model=AdminInvoice,
    summary="Renew the price of an invoice in money",
)
async def renew_invoice(
    foreign_id: parameters.ForeignId,
    invoice_id: parameters.InvoiceId,
    key: idempotency_keys.BodilessKey,
    commits: Commits,
    context: Context,
) -> Response:
    """The invoice that its payer goes on with: a new one once its time is over and nothing has come."""
    result = await commits.submit(invoices.RENEW, invoices.RenewOrder(invoice_id, foreign_id), key)
    return responses.show(AdminInvoice.of(result.resource, context), replayed=result.replayed)


@public.get(
    "/invoice/{invoice_id}",
    response_model=PublicInvoice,
    responses=revalidation.NOT_CHANGED,
    summary="An invoice, for its payer",
)
async def get_public_invoice(
    invoice_id: parameters.InvoiceId,
    context: Context,
    token: parameters.Token = "",
    tags: revalidation.Tags = "",
) -> Response:
    """Without the token there are no items: everyone who sees a payment on the chain knows the address."""
    invoice = await context.queries.fetch(invoices.FETCH, invoice_id)
    return revalidation.revalidated(responses.show(_for_payer(context, invoice, token)), tags)
