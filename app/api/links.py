"""Pay links over HTTP, to the merchant; their payers see the page at /l/{id}."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from app.api import cursors, fiat, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.callers import Within
from app.api.access.guarded_route import GuardedRoute
from app.api.context import AppContext, Commits, Context, Reading
from app.api.invoices import Items
from app.api.new_invoice import NewItem
from app.domain import invoices, links
from app.domain.invoices import Price
from app.domain.links import Link, LinkCursor, LinkOrder, LinkTerms
from app.domain.pages import PageRequest
from app.domain.refusals import Invalid

router = APIRouter(route_class=GuardedRoute)

_UNPRICED: Final = 0
_CURSORS: Final = cursors.Cursor(
    r"([0-9]{1,17}) ([A-Za-z0-9_-]{1,64})", LinkCursor, cursors.MOMENT, cursors.TEXT
)
_EXAMPLES: Final[tuple[dict[str, Any], ...]] = (
    {"fiat_currency": "EUR", "fiat_total": "19.90", "once": True, "reference": "order-1001"},
    {"amount": "50", "open_amount": True},
)


class NewLink(request_body.Body):
    """What the invoices of the link ask for: `amount` in DOGE, or `fiat_total` in money, or items."""

    model_config = request_body.examples(*_EXAMPLES)

    amount: fields.KoinuIn = _UNPRICED
    fiat_total: fields.AmountIn = fiat.UNPRICED
    fiat_currency: fiat.Currency = ""
    items: Annotated[list[NewItem], Field(default_factory=list, max_length=invoices.ITEMS)]
    open_amount: bool = False
    once: bool = False
    expires: parameters.Moment | None = None
    required_confirmations: int = -1
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"
    return_url: fields.WebPage = ""
    cancel_url: fields.WebPage = ""

    def order(self, foreign_id: str) -> LinkOrder:
        """Return the link to be made; refuses what can never make an invoice."""
        terms = LinkTerms(
            self.required_confirmations, self.reference, self.metadata, self.return_url, self.cancel_url
        )
        return LinkOrder(foreign_id, self._price(), terms, self.open_amount, self.once, self.expires)

    def _price(self) -> Price:
        items = tuple(item.item(number, self.fiat_currency) for number, item in enumerate(self.items))
        money = fiat.read(self.fiat_total, self.fiat_currency, "fiat_total")
        if not self.fiat_currency:
            return Price(items, amount=self.amount or None)
        if self.amount:
            raise Invalid(reason="A link in money has fiat_total in place of amount.", field="amount")
        return Price(items, self.fiat_currency, money)


class LinkView(responses.View):
    """A pay link; `amount` is in DOGE, or `fiat_total` in money; with `open_amount` it is a suggestion."""

    id: str
    url: str
    foreign_id: str
    amount: str
    fiat_total: str
    fiat_currency: str
    items: Items
    open_amount: bool
    once: bool
    expires: responses.Time | None
    required_confirmations: int
    reference: str
    metadata: responses.JsonObject
    return_url: str
    cancel_url: str
    state: Literal["open", "closed"]
    created: responses.Time

    @classmethod
    def of(cls, link: Link, context: AppContext) -> "LinkView":
        """Show it with the URL of its page."""
        return cls(url=f"{context.public_url}/l/{link.id}", **links.shown(link))


class LinkPage(cursors.Page[LinkView]):
    """A page of an account's links, newest first."""


LinkBody = Annotated[NewLink, request_body.of(NewLink)]


@router.post("/account/{foreign_id}/link", response_model=LinkView, summary="Make a pay link")
async def make_link(
    foreign_id: parameters.ForeignId,
    body: LinkBody,
    key: idempotency_keys.Key,
    commits: Commits,
    context: Context,
) -> Response:
    """Whoever opens its `url` gets an invoice with the price of that moment."""
    result = await commits.submit(links.MAKE, body.order(foreign_id), key)
    return responses.show(LinkView.of(result.resource, context), replayed=result.replayed)


@router.get("/account/{foreign_id}/links", response_model=LinkPage, summary="An account's pay links")
async def list_links(
    foreign_id: parameters.ForeignId,
    context: Context,
    db: Reading,
    request: Annotated[PageRequest[LinkCursor], Depends(_CURSORS.request)],
) -> Response:
    """Newest first."""
    page = await links.page(db, foreign_id, request)
    return responses.show(LinkPage.of(page, lambda link: LinkView.of(link, context), _CURSORS))


@router.post("/link/{id}/close", response_model=LinkView, summary="Close a pay link")
async def close_link(
    id: parameters.LinkId, key: idempotency_keys.BodilessKey, context: Context, within: Within
) -> Response:
    """It makes no invoices any more; those that it has made stay as they are."""
    if within.limited:
        async with context.reads.connect() as db:
            await links.fetch(db, id, within)
    result = await context.commits.submit(links.CLOSE, id, key)
    return responses.show(LinkView.of(result.resource, context), replayed=result.replayed)
