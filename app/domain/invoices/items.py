"""The items of an invoice, and their total."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

import orjson

from app.domain.rates import show_money
from app.domain.refusals import Invalid
from app.money import COIN, MAX_MONEY, Koinu, show

TYPES: Final = ("item", "tax", "fee", "shipping", "discount", "donation")
ITEMS: Final = 500
QUANTITY: Final = 10**9
LEAST_TOTAL: Final = Koinu(COIN // 100)
"""An output of less is dust, which costs its sender extra."""
HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an invoice. `value` is the unit price in koinu, below zero for a discount.

    In an invoice that is priced in money `fiat_value` is the unit price, in the currency's smallest unit, and
    `value` is what that comes to, for reading only.
    """

    type: str
    name: str
    sku: str
    description: str
    value: Koinu
    quantity: int
    image_link: str
    fiat_value: int | None = None

    @property
    def price(self) -> int:
        """The unit price: in koinu, or in the smallest unit of the invoice's currency."""
        return self.value if self.fiat_value is None else self.fiat_value

    @property
    def total(self) -> int:
        """The line's total, as its price."""
        return self.price * self.quantity

    def fault(self, currency: str = "") -> tuple[str, str] | None:
        """Return the field that is wrong and why, in GigaWallet's words; None where the line is in order."""
        priced = "value" if self.fiat_value is None else "fiat_value"
        if bool(currency) != (priced == "fiat_value"):
            return priced, "With fiat_currency each item has its price in fiat_value, without it in value"
        if self.type not in TYPES:
            return "type", "Invalid item type"
        if not 0 < self.quantity <= QUANTITY:
            fault = "should be greater than zero" if self.quantity <= 0 else "is too large"
            return "quantity", f"Item quantity {fault}"
        if self.type == "discount" and self.price >= 0:
            return priced, "Discount value should be less than zero"
        if self.type != "discount" and self.price <= 0:
            return priced, "Item value should be greater than zero"
        return None


def total(items: Sequence[Item]) -> Koinu:
    """Return the sum of the items. Raises Invalid, which names the item and the field."""
    return in_range(sum_of(items))


def sum_of(items: Sequence[Item], currency: str = "") -> int:
    """Return the sum of items that have their prices in the currency, "" in DOGE. Raises Invalid as `total`."""
    if not items:
        raise Invalid(reason="missing 'items' in JSON body", field="items")
    if len(items) > ITEMS:
        raise Invalid(reason=f"An invoice has at most {ITEMS} items.", field="items")
    for number, item in enumerate(items):
        if fault := item.fault(currency):
            field, reason = fault
            raise Invalid(reason=reason, field=f"items.{number}.{field}")
    return _checked(sum(item.total for item in items))


def _checked(amount: int) -> int:
    if amount <= 0:
        raise Invalid(reason="The total must be greater than zero", field="items")
    return amount


def in_range(amount: int, field: str = "items") -> Koinu:
    """Return a total of so many koinu, or raise Invalid."""
    if not LEAST_TOTAL <= amount <= MAX_MONEY:
        raise Invalid(reason="The total must be from 0.01 to 10,000,000,000 DOGE.", field=field)
    return Koinu(amount)


def due(total: Koinu, tolerance_percent: Decimal) -> Koinu:
    """Return what is enough for `total` where `tolerance_percent` may be missing, rounded up to a koinu."""
    share = (HUNDRED - tolerance_percent) / HUNDRED
    return Koinu(int((total * share).to_integral_value(ROUND_CEILING)))


def shown(items: Sequence[Item], currency: str = "") -> str:
    """Render the items as JSON in GigaWallet's order of fields; with a currency the prices in it behind them."""
    return orjson.dumps([_shown(item, currency) for item in items]).decode()


def _shown(item: Item, currency: str) -> dict[str, object]:
    money = {} if item.fiat_value is None else {"fiat_value": show_money(item.fiat_value, currency)}
    return {
        "type": item.type,
        "name": item.name,
        "sku": item.sku,
        "description": item.description,
        "value": show(item.value),
        "quantity": item.quantity,
        "image_link": item.image_link,
    } | money
