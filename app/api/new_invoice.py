"""What a merchant asks for when an invoice is to be issued."""

from typing import Annotated, Any, Final

from pydantic import Field

from app.api import fiat, fields, request_body
from app.domain import invoices
from app.domain.refusals import Invalid

_EXAMPLE: Final[dict[str, Any]] = {
    "items": [{"type": "item", "name": "Doge plush", "value": "24.89", "quantity": 1}]
}


_WITH_PAGES: Final[dict[str, Any]] = _EXAMPLE | {
    "reference": "order-1001",
    "expire_minutes": 30,
    "return_url": "https://shop.example/orders/1001/thanks",
    "cancel_url": "https://shop.example/basket",
}


_IN_MONEY: Final[dict[str, Any]] = {
    "fiat_currency": "EUR",
    "items": [{"type": "item", "name": "Doge plush", "fiat_value": "19.90", "quantity": 1}],
}
_UNPRICED: Final = 0


class NewItem(request_body.Body):
    """One line of an invoice; `value` is the price of one unit, negative for a discount.

    In an invoice with `fiat_currency` the price is `fiat_value`, in that currency.
    """

    type: fields.Label
    name: fields.Text = ""
    sku: fields.Label = ""
    description: fields.Text = ""
    value: fields.KoinuIn = _UNPRICED
    quantity: int
    image_link: fields.Link = ""
    fiat_value: fields.AmountIn = fiat.UNPRICED

    def item(self, number: int, currency: str) -> invoices.Item:
        """Return the line of the invoice with this number."""
        named = {name: getattr(self, name) for name in NewItem.model_fields if name != "fiat_value"}
        price = fiat.read(self.fiat_value, currency, f"items.{number}.fiat_value")
        if price is not None and self.value:
            raise Invalid(reason="An item has value or fiat_value: not both.", field=f"items.{number}.value")
        return invoices.Item(**named, fiat_value=price)


class NewInvoice(request_body.Body):
    """What is to be paid, and from when on it counts as paid.

    With `fiat_currency` it is priced in money: by its items, by `fiat_total`, or by both, which agree.
    For `renew_minutes` after that price has run out its payer gets a new one.
    """

    model_config = request_body.examples(_EXAMPLE, _WITH_PAGES, _IN_MONEY)

    items: Annotated[list[NewItem], Field(default_factory=list, max_length=invoices.ITEMS)]
    required_confirmations: int = -1
    payment_tolerance: fields.PercentIn = fields.NO_PERCENT
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"
    expire_minutes: int | None = None
    return_url: fields.WebPage = ""
    cancel_url: fields.WebPage = ""
    fiat_currency: fiat.Currency = ""
    fiat_total: fields.AmountIn = fiat.UNPRICED
    renew_minutes: int | None = None

    def order(self, foreign_id: str) -> invoices.InvoiceOrder:
        """Return the invoice to be issued; refuses what can never be one."""
        return invoices.InvoiceOrder(
            foreign_id,
            tuple(item.item(number, self.fiat_currency) for number, item in enumerate(self.items)),
            self.required_confirmations,
            self.payment_tolerance,
            self.reference,
            self.metadata,
            self.expire_minutes,
            self.return_url,
            self.cancel_url,
            self.fiat_currency,
            fiat.read(self.fiat_total, self.fiat_currency, "fiat_total"),
            renew_minutes=self.renew_minutes,
        )
