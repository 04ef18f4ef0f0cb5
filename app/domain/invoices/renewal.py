"""Renews the price of an invoice in money that nobody has paid in time: another invoice takes its place.

The one whose time is over stays as it is. What comes for it later counts for it, and is told, as always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import NOW
from app.db.tables import invoices as rows
from app.domain import outbox, rates
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.invoices import receipts
from app.domain.invoices.invoice import Invoice, NotInThisAccount, by_addresses, load, no_such
from app.domain.invoices.issuing import InvoiceOrder, Renewal, create
from app.domain.invoices.items import HUNDRED, Item
from app.domain.invoices.receipts import LockedInvoice
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import json_text
from app.domain.refusals import Conflict, Refusal
from app.money import Koinu, parse

ATTEMPTS: Final = 1_000
"""The most invoices with the price of one order that are looked at."""
_MINUTE: Final = timedelta(minutes=1)
_PERCENTAGE: Final = Decimal("0.000001")


class NotRenewable(Conflict):
    """The invoice {address} gets no new price: it is cancelled, not priced in money, or its time is long over."""


@dataclass(frozen=True, slots=True)
class RenewOrder:
    """The invoice that a payer holds; a merchant names its account, a payer ("") does not."""

    address: str
    foreign_id: str = ""


class Order(NamedTuple):
    """An order of the shop: its first invoice, and the `current` one, with which its payer goes on."""

    first: Invoice
    current: Invoice


class _Over(NamedTuple):
    """An order whose last price has run out, and which gets a new one."""

    first: Invoice


async def renew(db: Db, orders: Sequence[RenewOrder], installation: Installation) -> list[Invoice | Refusal]:
    """Return for each order the invoice that the payer goes on with, in order.

    That is the one to which money has come, else the last one while it can be paid, else a new one with the rate
    of now. All who ask at the same time get the same one: they lock the first invoice.
    """
    asked = await by_addresses(db, [order.address for order in orders], installation.network)
    firsts = {address: invoice.renews or address for address, invoice in asked.items()}
    locked = await receipts.lock(db, installation.network, sorted(set(firsts.values())))
    known = await _orders(db, set(firsts.values()), installation.network)
    now: datetime = (await db.execute(sa.select(NOW))).scalar_one()
    decided = [_decide(order, known.get(firsts.get(order.address, "")), now) for order in orders]
    wanted = {
        outcome.first.address: _renewed(outcome.first) for outcome in decided if isinstance(outcome, _Over)
    }
    issued = await create(db, list(wanted.values()), installation) if wanted else []
    new = dict(zip(wanted, issued, strict=True))
    await _note(db, [(locked[first], made) for first, made in new.items() if isinstance(made, Invoice)])
    return [new[outcome.first.address] if isinstance(outcome, _Over) else outcome for outcome in decided]


RENEW: Final = Command("invoice", renew, load, lambda invoice: invoice.address)


async def order_of(db: Db, invoice: Invoice, network: Network) -> Order:
    """Return the order of an invoice; while no price was renewed, the invoice is both its first and its current."""
    if invoice.renews is None and invoice.renewed_by is None:
        return Order(invoice, invoice)
    first = invoice.renews or invoice.address
    return (await _orders(db, {first}, network))[first]


# Of each first invoice the one of those which renew it to which money has come, else the last one.
_LAST: Final = sa.text("""
    SELECT DISTINCT ON (asked.first) asked.first, last.address
    FROM unnest(:firsts) AS asked (first)
    CROSS JOIN LATERAL (
        SELECT address, index, settled OR received > 0 OR seen > 0 AS has_money FROM invoices
        WHERE renews = asked.first ORDER BY index DESC LIMIT :most
    ) AS last
    ORDER BY asked.first, last.has_money DESC, last.index DESC
""").bindparams(sa.bindparam("firsts", type_=bulk.TEXTS))


async def _orders(db: Db, firsts: set[str], network: Network) -> dict[str, Order]:
    """Read them once the first invoices are locked: who makes another one holds the same lock."""
    last = {
        row["first"]: row["address"]
        for row in await bulk.fetch_all(db, _LAST, {"firsts": sorted(firsts), "most": ATTEMPTS})
    }
    known = await by_addresses(db, sorted(firsts | set(last.values())), network)
    return {
        first: Order(known[first], _with_money_first(known[first], known[last.get(first, first)]))
        for first in firsts
    }


def _with_money_first(first: Invoice, last: Invoice) -> Invoice:
    return first if first.has_money and not last.has_money else last


def _decide(order: RenewOrder, known: Order | None, now: datetime) -> Invoice | _Over | Refusal:
    """Return the invoice that the payer goes on with, or that there is to be a new one."""
    if known is None:
        return no_such(order.address)
    first, last = known
    if order.foreign_id not in ("", first.owner.foreign_id):
        return NotInThisAccount(field="id")
    if last.has_money or last.is_payable(now):
        return last
    if first.cancelled or not last.is_renewable(now):
        return NotRenewable(address=order.address, field="id")
    return _Over(first)


def _renewed(first: Invoice) -> InvoiceOrder:
    """Return the order for an invoice with the same items and terms, which holds for as long as the first did."""
    currency, ends = first.fiat_currency or "", first.expires or first.created
    return InvoiceOrder(
        first.owner.foreign_id,
        tuple(_item(item, currency) for item in orjson.loads(first.items)),
        first.required_confirmations,
        _tolerance(first),
        first.reference,
        first.metadata,
        max(1, round((ends - first.created) / _MINUTE)),
        first.return_url,
        first.cancel_url,
        currency,
        first.fiat_total,
        renewal=Renewal(first.address, first.token, first.renewable_until),
    )


def _tolerance(first: Invoice) -> Decimal:
    """Return the percentage that may be missing: what is due was rounded up to a koinu."""
    return (HUNDRED * (first.total - first.due) / first.total).quantize(_PERCENTAGE)


def _item(item: Mapping[str, Any], currency: str) -> Item:
    """Read an item in money as it is shown; what it comes to is found by the new rate."""
    price = rates.parse_money(item["fiat_value"], currency)
    return Item(**dict(item) | {"value": Koinu(parse(item["value"])), "fiat_value": price})


async def _note(db: Db, renewed: Sequence[tuple[LockedInvoice, Invoice]]) -> None:
    """Write into the first invoices which one renews their price now, and tell it."""
    if renewed:
        changed = [
            {"account_id": first.owner.id, "index": first.index, "renewed_by": made.address}
            for first, made in renewed
        ]
        await bulk.update(db, rows, ("account_id", "index"), changed)
        await outbox.emit(db, [invoice_renewed(first, made.address) for first, made in renewed])


def invoice_renewed(first: LockedInvoice, made: str) -> OutboxEvent:
    """Return INV_RENEWED of the first invoice; INV_CREATED of the other has its new price."""
    message = receipts.invoice_amounts(first.owner, first.receipts) | {"renewed_by": made}
    return OutboxEvent(first.owner.id, first.owner.foreign_id, "INV_RENEWED", json_text(message))
