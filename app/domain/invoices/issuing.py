"""Issuing an invoice: it gets the next address of its account, and its row, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NOW, invoices
from app.domain import accounts, batch, dogecoin, outbox, rates
from app.domain.accounts import ReceivingBranch
from app.domain.batch import Step
from app.domain.commands import Command
from app.domain.installation import Installation, NotCurrent, why_not_current
from app.domain.invoices import items as invoice_items
from app.domain.invoices import pricing
from app.domain.invoices.invoice import Invoice, load
from app.domain.invoices.items import Item
from app.domain.invoices.pricing import Price, Priced
from app.domain.invoices.showing import invoice_created
from app.domain.owner import AccountClosed, NoSuchAccount, Owner
from app.domain.rates import Quote
from app.domain.refusals import Invalid, Refusal
from app.money import NOTHING

CONFIRMATIONS: Final = 1000
"""The most confirmations that an invoice may require."""
MINUTES: Final = 10 * 366 * 24 * 60
"""The longest that an invoice may take to expire: ten years."""
RENEW_MINUTES: Final = 24 * 60
"""For so long after the end of a price in money payers get a new one, where the shop says nothing else."""


class Renewal(NamedTuple):
    """What an invoice has in common with the `first` one, whose price it renews: that one's address, and these."""

    first: str
    token: str
    renewable_until: datetime | None


@dataclass(frozen=True, slots=True)
class InvoiceOrder:
    """An invoice to be issued. `tolerance` is in percent of the total.

    `required_confirmations` None or -1 means the installation's default; 0 counts as 1 but is shown as 0.
    `expire_minutes` None: it never expires. With a `currency` the items, and the `amount` that is their sum or
    stands in their place, are in its smallest unit, and it expires when its quote does; for `renew_minutes` after
    that payers get a new quote, in an invoice with a `renewal`. `link` is the pay link that asks for it.
    """

    foreign_id: str
    items: tuple[Item, ...]
    required_confirmations: int | None = None
    tolerance: Decimal = Decimal(0)
    reference: str = ""
    metadata: str = "{}"
    expire_minutes: int | None = None
    return_url: str = ""
    cancel_url: str = ""
    currency: str = ""
    amount: int | None = None
    link: str | None = None
    renew_minutes: int | None = None
    renewal: Renewal | None = None

    @property
    def price(self) -> Price:
        """What it costs."""
        return Price(self.items, self.currency, self.amount)

    @property
    def is_quoted(self) -> bool:
        """Whether its price holds for a while only: it is in money, or from a pay link, which makes another."""
        return bool(self.currency or self.link)

    def __post_init__(self) -> None:
        """Raise Invalid for what can never be an invoice."""
        pricing.check_price(self.price)
        if not -1 <= (self.required_confirmations or 0) <= CONFIRMATIONS:
            reason = f"required_confirmations is from 0 to {CONFIRMATIONS}, or -1 for the default."
            raise Invalid(reason=reason, field="required_confirmations")
        if not 0 <= self.tolerance < invoice_items.HUNDRED:
            raise Invalid(reason="payment_tolerance is a percentage below 100.", field="payment_tolerance")
        if not 1 <= (1 if self.expire_minutes is None else self.expire_minutes) <= MINUTES:
            raise Invalid(reason=f"expire_minutes is from 1 to {MINUTES}.", field="expire_minutes")
        if not 0 <= (self.renew_minutes or 0) <= MINUTES:
            raise Invalid(reason=f"renew_minutes is from 0 to {MINUTES}.", field="renew_minutes")
        if self.renew_minutes and not self.currency:
            raise Invalid(reason="renew_minutes needs fiat_currency.", field="renew_minutes")


async def create(
    db: Db, orders: Sequence[InvoiceOrder], installation: Installation
) -> list[Invoice | Refusal]:
    """Issue each invoice on the next address of its account, in order.

    Each is refused with NotCurrent while that address may be in use already. A price in money is converted by
    the quote of now.
    """
    if (reason := await why_not_current(db)) is not None:
        return [NotCurrent(reason=reason) for _ in orders]
    branches = await accounts.lock_branches(db, [order.foreign_id for order in orders])
    quotes = await rates.in_currencies(db, {order.currency for order in orders if order.currency})
    terms = _Terms(installation, await _now(db, orders), quotes)
    decided = batch.decide(
        orders,
        branches,
        lambda order: order.foreign_id,
        lambda order, branch: _issue(order, branch, terms),
    )
    steps = batch.accepted(decided)
    created = await _write(db, steps)
    issued = [_invoice(branch.owner, row, created[row["address"]]) for branch, (_, row) in steps]
    await outbox.emit(db, [invoice_created(invoice) for invoice in issued])
    return batch.outcomes(decided, issued)


CREATE: Final = Command("invoice", create, load, lambda invoice: invoice.address)

IssueStep = Step[ReceivingBranch, tuple[Row, Row]]
"""The branch after the invoice's address; the rows of the address and of the invoice."""


class _Terms(NamedTuple):
    """What all orders of a batch are issued by; `now` is None where no invoice expires."""

    installation: Installation
    now: datetime | None
    quotes: Mapping[str, Quote | Refusal]


def _issue(order: InvoiceOrder, branch: ReceivingBranch | None, terms: _Terms) -> IssueStep | Refusal:
    if branch is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if not branch.owner.open:
        return AccountClosed(foreign_id=order.foreign_id, field="foreign_id")
    priced = pricing.in_koinu(order.price, terms.quotes)
    if isinstance(priced, Refusal):
        return priced
    after, address = branch.next_address("invoice")
    row = {
        "account_id": branch.owner.id,
        "index": address["index"],
        "address": dogecoin.to_address(terms.installation.network, address["script"]),
        "token": order.renewal.token if order.renewal else terms.installation.token(),
    }
    return Step(after, (address, row | _row(order, priced, terms)))


async def _now(db: Db, orders: Sequence[InvoiceOrder]) -> datetime | None:
    """Return the database's time, None where no invoice expires."""
    return (
        await db.scalar(sa.select(NOW))
        if any(order.expire_minutes or order.is_quoted for order in orders)
        else None
    )


def _row(order: InvoiceOrder, priced: Priced, terms: _Terms) -> dict[str, object]:
    depth = order.required_confirmations
    minutes = order.expire_minutes or (terms.installation.quote_minutes if order.is_quoted else None)
    expires = terms.now + timedelta(minutes=minutes) if terms.now and minutes else None
    return {
        "items": invoice_items.shown(priced.items, order.currency),
        "total": priced.total,
        "due": invoice_items.due(priced.total, order.tolerance),
        "required_confirmations": terms.installation.confirmations if depth is None or depth < 0 else depth,
        "reference": order.reference,
        "metadata": order.metadata,
        "return_url": order.return_url,
        "cancel_url": order.cancel_url,
        "link": order.link,
        "expires": expires,
        **_renewing(order, expires),
        **_money(order, priced.quote),
    }


def _renewing(order: InvoiceOrder, expires: datetime | None) -> dict[str, object]:
    """Return the columns that say whose price it renews, and until when its own is renewed."""
    if order.renewal:
        return {"renews": order.renewal.first, "renewable_until": order.renewal.renewable_until}
    minutes = RENEW_MINUTES if order.renew_minutes is None else order.renew_minutes
    if not (order.currency and minutes and expires) or order.link:
        return {"renews": None, "renewable_until": None}
    return {"renews": None, "renewable_until": expires + timedelta(minutes=minutes)}


def _money(order: InvoiceOrder, quote: Quote | None) -> dict[str, object]:
    """Return the columns of a price in money, all of them null where it is in DOGE."""
    columns = rates.columns_of(quote)
    if quote is None:
        return columns | {"fiat_total": None, "rate_source": None}
    return columns | {"fiat_total": pricing.check_price(order.price), "rate_source": quote.source}


async def _write(db: Db, steps: Sequence[IssueStep]) -> Mapping[str, datetime]:
    """Write accounts, addresses and invoices, a statement each; return the invoices' times, by address."""
    if not steps:
        return {}
    await accounts.write_addresses(
        db, [branch for branch, _ in steps], [address for _, (address, _) in steps]
    )
    written = await bulk.insert(db, invoices, [row for _, (_, row) in steps], ("address", "created"))
    return {row["address"]: row["created"] for row in written}


def _invoice(owner: Owner, row: Row, created: datetime) -> Invoice:
    values: dict[str, Any] = {name: value for name, value in row.items() if name != "account_id"}
    values |= {"received": NOTHING, "confirmed": NOTHING, "settled": False, "confirmation_lost": False}
    return Invoice(owner=owner, created=created, **values)
