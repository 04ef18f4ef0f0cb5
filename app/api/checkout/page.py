"""The pages at /pay/{invoice_id}, and the files that they load."""

import asyncio
import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.api import invoice_links, qr
from app.api.checkout import catalogues, view
from app.api.checkout.branding import Branding
from app.api.checkout.link_view import LinkView
from app.api.checkout.screens import UNKNOWN
from app.api.checkout.view import PayView, Subject
from app.api.checkout.visit import Visit
from app.api.context import AppContext, Context
from app.api.routes.lazy_route import LazyRoute
from app.domain import accounts, invoices, sightings

if TYPE_CHECKING:  # loaded with the first page
    from jinja2 import Environment

router = APIRouter(route_class=LazyRoute)

_HERE: Final = Path(__file__).parent
_TYPES: Final = {"page.css": "text/css", "page.js": "text/javascript", "kennel.js": "text/javascript"}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_FOR_AN_HOUR: Final = {"Cache-Control": "public, max-age=3600"}


@router.get("/pay/{invoice_id}", include_in_schema=False)
async def get_page(invoice_id: str, request: Request, context: Context) -> Response:
    """The page of an invoice; where there is none such, one that says so, with status 404."""
    visit = Visit.of(request)
    return await page_of(context, visit, await subject_of(context, invoice_id, visit.get("token")))


async def page_of(
    context: AppContext, visit: Visit, subject: Subject | None, fault: str = "", status: int = 200
) -> Response:
    """Return the page of an invoice, None: of none such, which has the status 404. `fault` as for the view."""
    branding = context.branding
    if subject is None:
        shown, status = view.without_invoice(UNKNOWN, visit.catalogue, branding), 404
    else:
        shown = view.of(subject, visit.catalogue, branding, datetime.now(UTC), fault)
    text = await asyncio.to_thread(html, "page.html", shown, visit, branding)
    policy = branding.policy_with_forms if shown.has_forms else branding.policy
    return HTMLResponse(text, status, headers(visit, policy))


def headers(visit: Visit, policy: str) -> dict[str, str]:
    """Return the headers of a page in the visit's language."""
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Content-Language": visit.catalogue.code,
        "Vary": "Accept-Language",
    }


@router.get("/checkout/{name}", include_in_schema=False)
async def get_file(name: str, context: Context) -> Response:
    """A file of the page. Its URL in the page has its hash, so it can be kept for ever."""
    if name not in _TYPES:
        return Response(status_code=404)
    return Response(_file(name, context.branding), media_type=_TYPES[name], headers=_FOR_EVER)


@router.get("/kennel.js", include_in_schema=False)
async def get_kennel_js(context: Context) -> Response:
    """What a shop's page loads to open the checkout over itself."""
    return Response(
        _file("kennel.js", context.branding), media_type=_TYPES["kennel.js"], headers=_FOR_AN_HOUR
    )


async def subject_of(context: AppContext, invoice_id: str, token: str) -> Subject | None:
    """Read the invoice and what belongs to it; None if there is none such."""
    async with context.reads.connect() as db:
        found = await invoices.by_addresses(db, [invoice_id], context.network)
        if invoice_id not in found:
            return None
        invoice = found[invoice_id]
        account = await accounts.fetch(db, invoice.owner.foreign_id)
        payments = await invoices.payments_of(db, invoice)
        ended = await sightings.last_end(db, invoice)
        order = await invoices.order_of(db, invoice, context.network)
    known = token if invoice_links.has_token(invoice, token) else ""
    connect = invoice_links.connect_parameters(context, invoice, known)
    opened = context.open_items or bool(known)
    return Subject(invoice, account, payments, ended, opened, connect, order)


def html(template: str, shown: PayView | LinkView, visit: Visit, branding: Branding) -> str:
    """Write a page; painting its codes takes milliseconds."""
    return (
        _templates()
        .get_template(template)
        .render(
            view=shown,
            text=shown.text,
            visit=visit,
            branding=branding,
            languages=catalogues.all_catalogues().values(),
            svg=qr.inline,
            url=lambda name: f"{visit.root}checkout/{name}?v={_hash(name, branding)}",
            parent=visit.get("origin") if branding.frames(visit.get("origin")) else "",
        )
    )


@cache
def _templates() -> "Environment":
    """Templates escape every value that is no Markup, and refuse a name that they were not given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _file(name: str, branding: Branding) -> bytes:
    text = (_HERE / "files" / name).read_bytes()
    return branding.style.encode() + text if name == "page.css" else text


@cache
def _hash(name: str, branding: Branding) -> str:
    return hashlib.sha256(_file(name, branding)).hexdigest()[:16]
