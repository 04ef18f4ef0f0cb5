"""The button at /pay/{invoice_id} by which a payer gets a new price once the time of the last one is over."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.api import client_limits
from app.api.checkout import page
from app.api.checkout.view import Subject
from app.api.checkout.visit import Visit
from app.api.context import AppContext, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import invoices
from app.domain.installation import NotCurrent
from app.domain.invoices import NotRenewable, RenewOrder
from app.domain.rates import NoRate
from app.domain.refusals import Refusal

router = APIRouter(route_class=LazyRoute)

_BUSY: Final = ("link_busy", 429)
_NO_PRICE: Final = ("link_no_rate", 503)
_REFUSED: Final = ("renew_refused", 409)
"""The text and the status where there is no new price."""


@router.post("/pay/{invoice_id}", include_in_schema=False)
async def renew_price(
    invoice_id: str, request: Request, context: Context, client: client_limits.Client
) -> Response:
    """Lead the payer to the invoice to go on with: a new one with the price of now, or where money has come."""
    visit = Visit.of(request)
    subject = await page.subject_of(context, invoice_id, visit.get("token"))
    if subject is None:
        return await page.page_of(context, visit, None)
    if client and context.openings.take(client):
        return await _refused(context, visit, subject, _BUSY)
    try:
        invoice = (await context.commits.submit(invoices.RENEW, RenewOrder(invoice_id))).resource
    except NotRenewable:
        invoice = subject.invoice  # its page says how it is
    except Refusal as refusal:
        fault = _NO_PRICE if isinstance(refusal, NoRate | NotCurrent) else _REFUSED
        return await _refused(context, visit, subject, fault)
    return RedirectResponse(f"{invoice.address}{visit.query}", 303, {"Cache-Control": "no-store"})


async def _refused(context: AppContext, visit: Visit, subject: Subject, fault: tuple[str, int]) -> Response:
    """Show the page as it is, with the sentence that says why there is no new price."""
    text, status = fault
    answer = await page.page_of(context, visit, subject, text, status)
    if fault != _REFUSED:
        answer.headers["Retry-After"] = "60"
    return answer
