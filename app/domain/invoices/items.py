"""The items of an invoice, and their total."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

import orjson

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
    """A line of an invoice. `value` is the unit price in koinu, below zero for a discount."""

    type: str
    name: str
    sku: str
    description: str
    value: Koinu
    quantity: int
    image_link: str

    @property
    def total(self) -> int:
        """The line's total in koinu."""
        return self.value * self.quantity

    def fault(self) -> tuple[str, str] | None:
        """Return the field that is wrong and why, in GigaWallet's words; None where the line is in order."""
        if self.type not in TYPES:
            return "type", "Invalid item type"
        if not 0 < self.quantity <= QUANTITY:
            fault = "should be greater than zero" if self.quantity <= 0 else "is too large"
            return "quantity", f"Item quantity {fault}"
        if self.type == "discount" and self.value >= 0:
            return "value", "Discount value should be less than zero"
        if self.type != "discount" and self.value <= 0:
            return "value", "Item value should be greater than zero"
        return None


def total(items: Sequence[Item]) -> Koinu:
    """Return the sum of the items. Raises Invalid, which names the item and the field."""
    if not items:
        raise Invalid(reason="missing 'items' in JSON body", field="items")
    if len(items) > ITEMS:
        raise Invalid(reason=f"An invoice has at most {ITEMS} items.", field="items")
    for number, item in enumerate(items):
        if fault := item.fault():
            field, reason = fault
            raise Invalid(reason=reason, field=f"items.{number}.{field}")
    amount = sum(item.total for item in items)
    if amount <= 0:
        raise Invalid(reason="The total must be greater than zero", field="items")
    if not LEAST_TOTAL <= amount <= MAX_MONEY:
        raise Invalid(reason="The total must be from 0.01 to 10,000,000,000 DOGE.", field="items")
    return Koinu(amount)


def due(total: Koinu, tolerance_percent: Decimal) -> Koinu:
    """Return what is enough for `total` where `tolerance_percent` may be missing, rounded up to a koinu."""
    share = (HUNDRED - tolerance_percent) / HUNDRED
    return Koinu(int((total * share).to_integral_value(ROUND_CEILING)))


def shown(items: Sequence[Item]) -> str:
    """Render the items as JSON in GigaWallet's order of fields."""
    return orjson.dumps([_shown(item) for item in items]).decode()


def _shown(item: Item) -> dict[str, object]:
    return {
        "type": item.type,
        "name": item.name,
        "sku": item.sku,
        "description": item.description,
        "value": show(item.value),
        "quantity": item.quantity,
        "image_link": item.image_link,
    }
