"""What the page's template gets: an invoice, its shop and its screen, in a payer's language."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson
from markupsafe import Markup

from app import urls
from app.api import qr
from app.api.checkout import screens
from app.api.checkout.branding import Branding
from app.api.checkout.catalogues import Catalogue
from app.api.checkout.screens import Screen
from app.domain import rates
from app.domain.accounts import Account
from app.domain.invoices import Invoice, InvoicePayment, Order
from app.money import DOGE, Koinu, parse, show

_FILLED_IN_THE_BROWSER: Final = {"left": Markup('<span id="clock"></span>'), "copy": "{copy}"}


class Subject(NamedTuple):
    """What was read of the database; `opened`: the visitor has the token, or needs none.

    `ended` says how the last payment ended that no block has: double_spent, dropped, or "" where none did.
    `connect` ends the URI of the code: it says where wallets read the payment request. `order` has also
    the invoices with the first and the current price, where that was renewed.
    """

    invoice: Invoice
    account: Account
    payments: Sequence[InvoicePayment]
    ended: str
    opened: bool
    connect: str
    order: Order


class Shop(NamedTuple):
    """Who is paid: the account's vendor_* fields, else the installation's branding."""

    name: str
    url: str = ""
    icon: str = ""
    address: str = ""


class Code(NamedTuple):
    """What the codes hold, and what a tap copies: the URI, the address, and the bare amount."""

    uri: str
    address: str
    amount: str


class Line(NamedTuple):
    """An item of the invoice in words; its amounts are those of the language."""

    kind: str
    name: str
    description: str
    quantity: int
    value: str
    total: str


class Money(NamedTuple):
    """A price in money and the rate by which it became DOGE, as the language writes them."""

    total: str
    rate: str
    source: str
    time: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class PayView:
    """The page of an invoice. `facts` fill the texts; without the token there are no lines and no reference.

    At `again` the payer gets another invoice, with a fresh quote; where it is `renewable`, by a form of this page.
    `elsewhere` is the page of an invoice of the same order to which money has come. `fault` names the text that
    says why there is no fresh quote.
    """

    screen: Screen
    catalogue: Catalogue
    facts: Mapping[str, str]
    shop: Shop
    contact: str
    back: str = ""
    invoice: Invoice | None = None
    code: Code | None = None
    lines: Sequence[Line] = ()
    payments: Sequence[InvoicePayment] = ()
    confirmations: int = 0
    created: str = ""
    seconds_left: int | None = None
    money: Money | None = None
    again: str = ""
    renewable: bool = False
    elsewhere: str = ""
    fault: str = ""

    def text(self, name: str) -> Markup:
        """Return a text of the catalogue, filled with the facts."""
        return self.catalogue.fill(name, self.facts)

    @property
    def saying(self) -> Markup:
        """What the payer does next."""
        begins_again = self.screen.name == "expired" and bool(self.again or self.renewable)
        return self.text("expired_again_text" if begins_again else f"{self.screen.name}_text")

    @property
    def amount_is_obsolete(self) -> bool:
        """Whether the amount is no longer to be sent."""
        return self.screen.name in screens.OBSOLETE

    @property
    def deadline(self) -> Markup:
        """Until when to pay, and what comes then."""
        renews = self.invoice is not None and bool(self.invoice.link or self.invoice.renewable_until)
        return self.text("pay_before_again" if renews else "pay_before")

    @property
    def has_forms(self) -> bool:
        """Whether this document may get a form: it changes its content, and keeps its policy."""
        return self.invoice is not None and self.invoice.renewable_until is not None

    @property
    def version(self) -> str:
        """What the page's module compares with `/status`: the page is old where it differs."""
        if self.invoice is None:
            return ""
        sums = map(show, (self.invoice.received, self.invoice.confirmed, self.invoice.seen))
        return "/".join((self.invoice.state, *sums, str(self.confirmations)))


def without_invoice(screen: Screen, catalogue: Catalogue, branding: Branding) -> PayView:
    """Return the page for a text that is no invoice's id, or where no invoice can be read."""
    shop = Shop(branding.name or catalogue.texts["the_shop"], branding.url, branding.logo)
    contact = branding.contact_about("", "")
    facts = _FILLED_IN_THE_BROWSER | {"shop": shop.name}
    return PayView(screen=screen, catalogue=catalogue, facts=facts, shop=shop, contact=contact, back=shop.url)


def of(subject: Subject, catalogue: Catalogue, branding: Branding, now: datetime, fault: str = "") -> PayView:
    """Return the page of an invoice; its reference and its items are in it only if the subject is `opened`."""
    invoice = subject.invoice
    screen = screen_of(subject, now)
    shop = shop_of(subject.account, catalogue, branding)
    order = (invoice.reference if subject.opened else "") or invoice.address
    in_blocks = [payment.confirmations for payment in subject.payments if payment.confirmations]
    confirmations = min(in_blocks, default=0)
    money = _money(invoice, catalogue)
    facts = _facts(invoice, catalogue, confirmations) | {"shop": shop.name, "order": order}
    if money is not None:
        facts |= {"rate": money.rate, "source": money.source, "rate_time": money.time}
    return PayView(
        screen=screen,
        catalogue=catalogue,
        facts=facts,
        shop=shop,
        contact=branding.contact_about(order, str(catalogue.fill("order", facts))),
        back=_back(invoice, screen, shop),
        invoice=invoice,
        code=None if screen.asks is None else _code(subject, screen.asks),
        lines=lines_of(invoice.items, catalogue, invoice.fiat_currency or "") if subject.opened else (),
        payments=subject.payments,
        confirmations=confirmations,
        created=time_shown(invoice.created),
        seconds_left=_seconds_left(invoice, now),
        money=money,
        again=f"../l/{invoice.link}" if invoice.link and screen.name in screens.UNPAID_IN_TIME else "",
        renewable=screen.name in screens.UNPAID_IN_TIME and invoice.is_renewable(now),
        elsewhere=subject.order.current.address if screen is screens.ELSEWHERE else "",
        fault=fault,
    )


def screen_of(subject: Subject, now: datetime) -> Screen:
    """Return the screen of the invoice; where nothing has come for it, what became of its order goes before."""
    invoice, (first, current) = subject.invoice, subject.order
    if not invoice.has_money and not invoice.cancelled:
        if current.has_money and current.address != invoice.address:
            return screens.ELSEWHERE
        if first.cancelled:
            return screens.CANCELLED
    return screens.of(invoice, subject.ended, now)


def shop_of(account: Account, catalogue: Catalogue, branding: Branding) -> Shop:
    """Return who is paid."""
    icon = account.vendor_icon if branding.shows(account.vendor_icon) else branding.logo
    name = account.vendor_name or branding.name or catalogue.texts["the_shop"]
    return Shop(name, _web_page(account.vendor_url) or branding.url, icon, account.vendor_address)


def _web_page(text: str) -> str:
    """Return the text if it is an http or https URL, else "": a link must not run a script."""
    try:
        return text if urls.parse(text) else ""
    except ValueError:
        return ""


def _back(invoice: Invoice, screen: Screen, shop: Shop) -> str:
    """Return where the payer goes on: after a payment, or without one."""
    pages = (invoice.return_url, invoice.cancel_url)
    first, second = pages if screen.name in screens.GONE_WELL else pages[::-1]
    return first or second or shop.url


def _facts(invoice: Invoice, catalogue: Catalogue, confirmations: int) -> dict[str, str]:
    amounts = {
        "total": invoice.total,
        "received": invoice.received,
        "remaining": invoice.remaining,
        "seen": invoice.seen,
        "overpaid": invoice.overpaid,
        "refunded": invoice.refunded,
    }
    shown = {name: catalogue.number(amount) for name, amount in amounts.items()}
    return (
        _FILLED_IN_THE_BROWSER
        | shown
        | {
            "count": str(min(confirmations, needed(invoice))),
            "needed": str(needed(invoice)),
            "minutes": str(math.ceil(invoice.estimate_seconds_to_confirm / 60)),
            "time": time_shown(invoice.expires) if invoice.expires else "",
        }
    )


def needed(invoice: Invoice) -> int:
    """Return how many confirmations a payment needs: 0 counts as 1."""
    return max(1, invoice.required_confirmations)


def time_shown(moment: datetime) -> Markup:
    """Return a time in UTC, which the page's module writes as the payer's own."""
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), f"{utc:%Y-%m-%d %H:%M} UTC")


def _seconds_left(invoice: Invoice, now: datetime) -> int | None:
    return None if invoice.expires is None else max(0, math.ceil((invoice.expires - now).total_seconds()))


def _code(subject: Subject, amount: Koinu) -> Code:
    address = subject.invoice.address
    return Code(qr.payment_uri(address, amount) + subject.connect, address, show(amount))


def _money(invoice: Invoice, catalogue: Catalogue) -> Money | None:
    """Return the price in money, None where the invoice is priced in DOGE."""
    currency = invoice.fiat_currency
    if currency is None or invoice.fiat_total is None or invoice.rate is None or invoice.rate_at is None:
        return None
    total = catalogue.decimal(rates.show_money(invoice.fiat_total, currency))
    rate = f"1 {DOGE} = {catalogue.decimal(rates.shown(invoice.rate))} {currency}"
    return Money(f"{total} {currency}", rate, invoice.rate_source or "", time_shown(invoice.rate_at))


def lines_of(items: str, catalogue: Catalogue, currency: str) -> list[Line]:
    """Return items, as JSON, with their prices in the currency, "" in DOGE."""
    return [_line(item, catalogue, currency) for item in orjson.loads(items)]


def _line(item: Mapping[str, Any], catalogue: Catalogue, currency: str) -> Line:
    quantity = item["quantity"]
    if not currency:
        value = parse(item["value"])
        amounts = (catalogue.number(value), catalogue.number(value * quantity))
    else:
        value = rates.parse_money(item["fiat_value"], currency)
        each, all_of_it = (rates.show_money(amount, currency) for amount in (value, value * quantity))
        amounts = (catalogue.decimal(each), catalogue.decimal(all_of_it))
    kind = "" if item["type"] == "item" else catalogue.texts[item["type"]]
    return Line(kind, item["name"], item["description"], quantity, *amounts)
