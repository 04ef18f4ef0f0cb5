"""What the template of a pay link's page gets: what is asked for, and the shop, in a payer's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from markupsafe import Markup

from app.api.checkout import view
from app.api.checkout.branding import Branding
from app.api.checkout.catalogues import Catalogue
from app.api.checkout.view import Line, Shop
from app.domain import rates
from app.domain.accounts import Account
from app.domain.invoices import items_shown
from app.domain.links import Link
from app.domain.rates import BadMoney, Quote
from app.domain.refusals import Invalid
from app.money import COIN, DOGE, BadAmount, Koinu, parse, show

_LONGEST: Final = 40
_HUNDREDTH: Final = COIN // 100


class LinkSubject(NamedTuple):
    """What was read of the database: a link, its account, and for money the quote of now, None without one."""

    link: Link
    account: Account
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """The page of a link. `fault` names the text that says why nothing can be paid, or what was wrong.

    `asks` is the price in the language; `suggested` is it for a field, where the payer says how much. `about`
    is what a price in money comes to now.
    """

    catalogue: Catalogue
    facts: Mapping[str, str]
    shop: Shop
    contact: str
    fault: str = ""
    payable: bool = False
    open_amount: bool = False
    unit: str = DOGE
    asks: str = ""
    suggested: str = ""
    about: str = ""
    lines: Sequence[Line] = ()

    def text(self, name: str) -> Markup:
        """Return a text of the catalogue, filled with the facts."""
        return self.catalogue.fill(name, self.facts)


_FINAL: Final = ("link_unknown", "link_over")
"""After these nothing can be paid here."""


def of(
    subject: LinkSubject | None, catalogue: Catalogue, branding: Branding, fault: str, typed: str = ""
) -> LinkView:
    """Return the page of a link; of a text that is no link's id it has a sentence only.

    What the payer has `typed` in stays in its field.
    """
    if subject is None:
        shop = Shop(branding.name or catalogue.texts["the_shop"], branding.url, branding.logo)
        contact = branding.contact_about("", "")
        return LinkView(
            catalogue=catalogue, facts={"shop": shop.name}, shop=shop, contact=contact, fault=fault
        )
    link, account, quote = subject
    shop = view.shop_of(account, catalogue, branding)
    reference = link.terms.reference
    return LinkView(
        catalogue=catalogue,
        facts={"shop": shop.name} | _rate(quote, catalogue),
        shop=shop,
        contact=branding.contact_about(reference, reference),
        fault=fault,
        payable=fault not in _FINAL,
        open_amount=link.open_amount,
        unit=link.price.currency or DOGE,
        asks=_asks(link, catalogue),
        suggested=typed[:_LONGEST] or _shown(link.price.amount, link.price.currency),
        about=_about(link, quote, catalogue),
        lines=view.lines_of(
            items_shown(link.price.items, link.price.currency), catalogue, link.price.currency
        ),
    )


def amount_of(text: str, link: Link) -> int | None:
    """Read what the payer has typed in, None where the link says how much. Raises Invalid for no amount."""
    if not link.open_amount:
        return None
    plain = text.strip()[:_LONGEST].replace(",", ".")
    try:
        if link.price.currency:
            return rates.parse_money(plain, link.price.currency)
        return parse(plain)
    except (BadAmount, BadMoney) as wrong:
        raise Invalid(reason=str(wrong), field="amount") from None


def _shown(amount: int | None, currency: str) -> str:
    if amount is None:
        return ""
    return rates.show_money(amount, currency) if currency else show(amount)


def _asks(link: Link, catalogue: Catalogue) -> str:
    shown = _shown(link.price.amount, link.price.currency)
    return catalogue.decimal(shown) if shown and not link.open_amount else ""


def _about(link: Link, quote: Quote | None, catalogue: Catalogue) -> str:
    amount = link.price.amount
    if quote is None or amount is None or link.open_amount:
        return ""
    return catalogue.number(_rounded(quote.price(amount)))


def _rounded(amount: Koinu) -> Koinu:
    """Round an amount that is only about right to hundredths of a DOGE, the smallest that can be sent, upwards."""
    return Koinu(-(-amount // _HUNDREDTH) * _HUNDREDTH)


def _rate(quote: Quote | None, catalogue: Catalogue) -> dict[str, str]:
    if quote is None:
        return {}
    rate = f"1 {DOGE} = {catalogue.decimal(quote.rate_shown)} {quote.currency}"
    return {"rate": rate, "source": quote.source, "rate_time": view.time_shown(quote.at)}
