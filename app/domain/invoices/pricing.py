"""What an invoice costs: the sum of its items in DOGE, or its price in money by the quote of now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.domain.invoices import items as invoice_items
from app.domain.invoices.items import Item
from app.domain.rates import MOST, Quote, show_money
from app.domain.refusals import Invalid, Refusal
from app.money import Koinu


class Price(NamedTuple):
    """What is asked for: `amount` of the currency in its smallest unit, or of DOGE (currency "") in koinu.

    The amount is the sum of the items, where there are any.
    """

    items: tuple[Item, ...]
    currency: str = ""
    amount: int | None = None


class Priced(NamedTuple):
    """A price in koinu: the total, the items, and the quote by which money became koinu."""

    total: Koinu
    items: Sequence[Item]
    quote: Quote | None = None


def check_price(price: Price) -> int:
    """Return the amount. Raises Invalid, which names the field, for what can never be a price."""
    if price.items or price.amount is None:
        amount = invoice_items.sum_of(price.items, price.currency)
        if price.amount not in (None, amount):
            raise Invalid(reason=f"{_field(price)} is not the sum of the items.", field=_field(price))
    else:
        amount = price.amount
    if price.currency and not 0 < amount <= MOST:
        most = show_money(MOST, price.currency)
        raise Invalid(
            reason=f"The total must be above zero and at most {most} {price.currency}.", field=_field(price)
        )
    return amount if price.currency else invoice_items.in_range(amount, "items" if price.items else "amount")


def _amount(price: Price) -> int:
    """Return the amount of a price that was checked."""
    return sum([item.total for item in price.items]) if price.amount is None else price.amount


def in_koinu(price: Price, quotes: Mapping[str, Quote | Refusal]) -> Priced | Refusal:
    """Return the price in koinu. Money is rounded up to the next koinu: the shop never gets less than its price."""
    if not price.currency:
        return Priced(Koinu(_amount(price)), price.items)
    amount = check_price(price)
    quote = quotes[price.currency]
    if isinstance(quote, Refusal):
        return quote
    total = quote.price(amount)
    if not invoice_items.LEAST_TOTAL <= total <= invoice_items.MAX_MONEY:
        return Invalid(reason="The total must be from 0.01 to 10,000,000,000 DOGE.", field=_field(price))
    return Priced(total, [_with_value(item, quote) for item in price.items], quote)


def _with_value(item: Item, quote: Quote) -> Item:
    return replace(item, value=quote.nearest(item.price))


def _field(price: Price) -> str:
    return "fiat_total" if price.currency else "amount"
