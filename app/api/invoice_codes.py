"""The QR codes by which an invoice is paid."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api import invoice_links, parameters, qr, revalidation
from app.api.client_limits import Client
from app.api.context import AppContext, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import invoices

router = APIRouter(route_class=LazyRoute)


@router.get(
    "/invoice/{invoice_id}/qr.png",
    response_class=Response,
    responses=qr.PNG_RESPONSE,
    summary="The QR code to pay an invoice",
)
async def get_png(
    invoice_id: parameters.InvoiceId,
    context: Context,
    colours: qr.Colours,
    token: parameters.Token = "",
    tags: revalidation.Tags = "",
    client: Client = "",
) -> Response:
    """A PNG of 512 x 512; a bad colour is black on white. With the token wallets show the items."""
    picture = await context.painter.picture(await _uri(context, invoice_id, token), *colours, client)
    return revalidation.revalidated(picture, tags, qr.FIXED)


@router.get(
    "/invoice/{invoice_id}/qr.svg",
    response_class=Response,
    responses=qr.SVG_RESPONSE,
    summary="The QR code to pay an invoice, of any size",
)
async def get_svg(
    invoice_id: parameters.InvoiceId,
    context: Context,
    colours: qr.Colours,
    token: parameters.Token = "",
    tags: revalidation.Tags = "",
    client: Client = "",
) -> Response:
    """An SVG with a viewBox and its quiet zone; a bad colour is black on white. The token as for the PNG."""
    drawing = await context.painter.picture(
        await _uri(context, invoice_id, token), *colours, client, svg=True
    )
    return revalidation.revalidated(drawing, tags, qr.FIXED)


async def _uri(context: AppContext, invoice_id: str, token: str) -> str:
    """Return what the code says."""
    invoice = await context.queries.fetch(invoices.FETCH, invoice_id)
    known = token if invoice_links.has_token(invoice, token) else ""
    return invoice_links.payment_uri(context, invoice, known)
