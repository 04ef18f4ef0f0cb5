"""The pages at /l/{id}: what a pay link asks for, and a button that makes an invoice of it."""

import asyncio
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api import client_limits, parameters, request_body
from app.api.checkout import link_view, page
from app.api.checkout.link_view import LinkSubject
from app.api.checkout.visit import Visit
from app.api.context import AppContext, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import accounts, links, rates
from app.domain.installation import NotCurrent
from app.domain.invoices import Invoice
from app.domain.links import LinkOver, NoSuchLink, OpenOrder
from app.domain.owner import AccountClosed
from app.domain.rates import NoRate
from app.domain.refusals import NotFound, Refusal

router = APIRouter(route_class=LazyRoute)

_COOKIE: Final = "kennel_invoice"
_FIELDS: Final = 8
"""The most fields of a form that are looked at."""
_FAULTS: Final[tuple[tuple[type[Refusal], str, int], ...]] = (
    (NoSuchLink, "link_unknown", 404),
    (NotFound, "link_unknown", 404),
    (LinkOver, "link_over", 410),
    (AccountClosed, "link_over", 410),
    (NoRate, "link_no_rate", 503),
    (NotCurrent, "link_no_rate", 503),
    (links.TooManyOpen, "link_busy", 503),
)
"""The text for each refusal, and the status; any other is about the amount."""
_TOO_MANY: Final = ("link_busy", 429)


@router.get("/l/{link_id}", include_in_schema=False)
async def get_link(link_id: str, request: Request, context: Context) -> Response:
    """What the link asks for. It changes nothing: previews and robots open links too."""
    subject = await _subject(context, link_id)
    fault = ("", 200)
    if subject is None:
        fault = ("link_unknown", 404)
    elif subject.link.is_over(datetime.now(UTC)):
        fault = ("link_over", 410)
    elif subject.link.price.currency and not subject.quote:
        fault = ("link_no_rate", 503)
    return await _page(context, request, subject, fault)


@router.post("/l/{link_id}", include_in_schema=False)
async def open_link(
    link_id: str, request: Request, context: Context, client: client_limits.Client
) -> Response:
    """Lead the payer to an invoice: the one that this browser has, while it can be paid as asked, or a new one."""
    subject = await _subject(context, link_id)
    if subject is None:
        return await _page(context, request, None, ("link_unknown", 404))
    if client and context.openings.take(client):
        return await _page(context, request, subject, _TOO_MANY)
    typed = _form(request).get("amount", "")
    try:
        amount = link_view.amount_of(typed, subject.link)
        order = OpenOrder(link_id, amount, request.cookies.get(_COOKIE, "")[:64])
        invoice = (await context.commits.submit(links.OPEN, order)).resource
    except Refusal as refusal:
        return await _page(context, request, subject, _fault(refusal), typed)
    return _redirect(context, request, link_id, invoice)


async def _subject(context: AppContext, link_id: str) -> LinkSubject | None:
    """Read the link, its account and the price of now; None if there is none such."""
    if not parameters.is_link_id(link_id):
        return None
    async with context.reads.connect() as db:
        try:
            link = await links.fetch(db, link_id)
        except NoSuchLink:
            return None
        account = await accounts.fetch(db, link.owner.foreign_id)
        currency = link.price.currency
        quote = (await rates.in_currencies(db, [currency])).get(currency) if currency else None
    return LinkSubject(link, account, None if isinstance(quote, Refusal) else quote)


async def _page(
    context: AppContext,
    request: Request,
    subject: LinkSubject | None,
    fault: tuple[str, int],
    typed: str = "",
) -> Response:
    visit = Visit.of(request)
    name, status = fault
    shown = link_view.of(subject, visit.catalogue, context.branding, name, typed)
    html = await asyncio.to_thread(page.html, "link.html", shown, visit, context.branding)
    headers = page.headers(visit, context.branding.policy_with_forms)
    if status in (429, 503):
        headers["Retry-After"] = "60"
    return HTMLResponse(html, status, headers)


def _fault(refusal: Refusal) -> tuple[str, int]:
    known = ((text, status) for kind, text, status in _FAULTS if isinstance(refusal, kind))
    return next(known, ("link_amount_wrong", 400))


def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form, each once; what is no form has none."""
    try:
        fields = parse_qs(request_body.content(request).decode(), max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}


def _redirect(context: AppContext, request: Request, link_id: str, invoice: Invoice) -> Response:
    """Go to the invoice's page, and let this browser know its invoice for as long as that can be paid."""
    url = f"../pay/{invoice.address}?token={invoice.token}"
    parameters = Visit.of(request).parameters
    url += "".join(f"&{name}={parameters[name]}" for name in ("lang", "mode") if name in parameters)
    answer = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    public = urlsplit(context.public_url)
    seconds = 0 if invoice.expires is None else int((invoice.expires - datetime.now(UTC)).total_seconds())
    answer.set_cookie(
        _COOKIE,
        invoice.address,
        max_age=max(60, seconds),
        path=f"{public.path}/l/{link_id}",
        secure=public.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer
