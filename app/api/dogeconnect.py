"""DogeConnect over HTTP: wallets read payment requests, submit transactions, and hear what became of them."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.api import errors, invoice_links, parameters, responses
from app.api.context import AppContext, Context
from app.domain import accounts, dogeconnect, invoices
from app.domain.invoices import Invoice
from app.domain.refusals import NotFound, Refusal


class ConnectError(responses.View):
    """An error in DogeConnect's form."""

    error: str
    message: str


class Envelope(responses.View):
    """A payment request: JSON in base64, the relay's key, and its signature over the JSON (BIP-340)."""

    version: str
    payload: str
    pubkey: str
    sig: str


_STATUSES: Final = {"not_found": HTTPStatus.NOT_FOUND, "expired": HTTPStatus.BAD_REQUEST}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ConnectError, "description": "Wrong for good: the same request is answered so again"},
    404: {"model": ConnectError, "description": "There is no such payment"},
}
"""How OpenAPI describes the errors."""


class ConnectRoute(APIRoute):
    """Answers refusals in DogeConnect's form; what may succeed later is answered as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                word = _word(refusal)
                if word not in _STATUSES:
                    raise
                view = ConnectError(error=word, message=str(refusal))
                return responses.show(view, status=_STATUSES[word])

        return answer


def _word(refusal: Refusal) -> str:
    """Return DogeConnect's word for a refusal."""
    return "not_found" if isinstance(refusal, NotFound) else errors.code_of(refusal)


public = APIRouter(route_class=ConnectRoute)
admin = APIRouter(route_class=ConnectRoute)


@public.get("/dc/{invoice_id}", response_model=Envelope, responses=ERRORS, summary="A request for wallets")
@public.get("/invoice/{invoice_id}/connect", response_model=Envelope, responses=ERRORS, summary="The same")
async def get_envelope(
    invoice_id: parameters.InvoiceId, context: Context, token: parameters.Token = ""
) -> Response:
    """DogeConnect 1.0. With the invoice's token it has the items; 400 once nothing is to be paid any more."""
    async with context.reads.connect() as db:  # the node is asked without it
        invoice = await invoices.fetch(db, context.network, invoice_id)
        vendor = await accounts.fetch(db, invoice.owner.foreign_id)
    with_items = context.open_items or invoice_links.has_token(invoice, token)
    return await _envelope(context, invoice, vendor, with_items=with_items)


@admin.get(
    "/account/{foreign_id}/invoice/{invoice_id}/connect",
    response_model=Envelope,
    responses=ERRORS,
    summary="An invoice's request for wallets",
)
async def get_own_envelope(
    foreign_id: parameters.ForeignId, invoice_id: parameters.InvoiceId, context: Context
) -> Response:
    """What a wallet reads at the URL of the QR code that has the token."""
    async with context.reads.connect() as db:
        invoice = await invoices.fetch_of(db, context.network, foreign_id, invoice_id)
        vendor = await accounts.fetch(db, foreign_id)
    return await _envelope(context, invoice, vendor, with_items=True)


async def _envelope(
    context: AppContext, invoice: Invoice, vendor: accounts.Account, *, with_items: bool
) -> Response:
    now = datetime.now(UTC)
    dogeconnect.check_open(invoice, now)
    relay, policy = context.relay, await context.relay.policy()
    terms = dogeconnect.Terms(
        f"{context.public_url}/dc/{invoice.address}", relay.token(invoice.address), policy.floor
    )
    content = dogeconnect.payload(invoice, vendor, terms, now, with_items=with_items)
    return responses.show(Envelope(**dogeconnect.envelope(content, relay.public_key, relay.sign)))
