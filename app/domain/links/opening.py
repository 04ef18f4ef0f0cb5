"""Opens pay links: each opening gets an invoice, a new one with a fresh quote, or one that can still be paid."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import NOW
from app.domain import invoices as invoicing
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.invoices import Invoice, InvoiceOrder
from app.domain.links import link as link_rows
from app.domain.links.link import Link, NoSuchLink
from app.domain.refusals import Conflict, Invalid, Refusal

OPEN_INVOICES: Final = 500
"""The most invoices of a link that wait for their payers: each takes an address, which may never be paid."""
ATTEMPTS: Final = 1_000
"""The most invoices of a link for once that are looked at."""


class LinkOver(Conflict):
    """The pay link {id} is closed, or its time is over."""


class TooManyOpen(Refusal):
    """Too many people have opened the pay link {id} and not paid yet. Try again later."""

    code: ClassVar[str | None] = "not-available"


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A payer opens a link, and has perhaps an `invoice` of it already, by its address.

    `amount` is what the payer says, in koinu or in the smallest unit of the link's currency.
    """

    link: str
    amount: int | None = None
    invoice: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What there is already: links by id, invoices by address, that of each link for once, how many wait."""

    links: Mapping[str, Link]
    invoices: Mapping[str, Invoice]
    of_once: Mapping[str, Invoice]
    waiting: Mapping[str, int]
    now: datetime


async def open_links(
    db: Db, orders: Sequence[OpenOrder], installation: Installation
) -> list[Invoice | Refusal]:
    """Return an invoice for each order, in order.

    A link for once has one invoice for all who open it, until that can be paid no more and nothing has come.
    """
    known = await _known(db, orders, installation.network)
    decided = [_decide(order, known) for order in orders]
    wanted: dict[Hashable, InvoiceOrder] = {}
    for number, (order, outcome) in enumerate(zip(orders, decided, strict=True)):
        if isinstance(outcome, InvoiceOrder):
            wanted.setdefault(_key(known.links[order.link], number), outcome)
    issued = await invoicing.create(db, list(wanted.values()), installation) if wanted else []
    new = dict(zip(wanted, issued, strict=True))
    return [
        new[_key(known.links[order.link], number)] if isinstance(outcome, InvoiceOrder) else outcome
        for number, (order, outcome) in enumerate(zip(orders, decided, strict=True))
    ]


async def _load(db: Db, ids: Sequence[str], installation: Installation) -> dict[str, Invoice]:
    return await invoicing.by_addresses(db, ids, installation.network)


OPEN: Final = Command("invoice", open_links, _load, lambda invoice: invoice.address)


def _key(link: Link, number: int) -> Hashable:
    """Return what orders have in common that get the same invoice."""
    return link.id if link.once else number


async def _known(db: Db, orders: Sequence[OpenOrder], network: Network) -> _Known:
    """Lock the links, so that a link for once has no two invoices; then read what they have."""
    links = await link_rows.lock(db, sorted({order.link for order in orders}))
    once = {link_id for link_id, link in links.items() if link.once}
    of_once = await _addresses_of_once(db, once)
    addresses = {order.invoice for order in orders if order.invoice} | set(of_once.values())
    known = await invoicing.by_addresses(db, sorted(addresses), network) if addresses else {}
    waiting = await _waiting(db, links.keys() - once)
    now: datetime = (await db.execute(sa.select(NOW))).scalar_one()
    last = {link_id: known[address] for link_id, address in of_once.items()}
    return _Known(links, known, last, waiting, now)


# Of a link for once the invoice to which money has come, else the last one.
_OF_ONCE: Final = sa.text("""
    SELECT DISTINCT ON (asked.id) asked.id, last.address
    FROM unnest(:ids) AS asked (id)
    CROSS JOIN LATERAL (
        SELECT address, index, settled OR received > 0 OR seen > 0 AS has_money FROM invoices
        WHERE link = asked.id ORDER BY index DESC LIMIT :most
    ) AS last
    ORDER BY asked.id, last.has_money DESC, last.index DESC
""").bindparams(sa.bindparam("ids", type_=bulk.TEXTS))
_WAITING: Final = sa.text("""
    SELECT asked.id, (
        SELECT count(*) FROM (
            SELECT 1 FROM invoices WHERE link = asked.id AND NOT (expired OR cancelled OR settled) LIMIT :most
        ) AS waiting
    ) AS waiting
    FROM unnest(:ids) AS asked (id)
""").bindparams(sa.bindparam("ids", type_=bulk.TEXTS))


async def _addresses_of_once(db: Db, ids: set[str]) -> dict[str, str]:
    rows = await bulk.fetch_all(db, _OF_ONCE, {"ids": sorted(ids), "most": ATTEMPTS}) if ids else ()
    return {row["id"]: row["address"] for row in rows}


async def _waiting(db: Db, ids: set[str]) -> dict[str, int]:
    """Return how many invoices of each link wait for their payers, OPEN_INVOICES at most."""
    rows = await bulk.fetch_all(db, _WAITING, {"ids": sorted(ids), "most": OPEN_INVOICES}) if ids else ()
    return {row["id"]: row["waiting"] for row in rows}


def _decide(order: OpenOrder, known: _Known) -> Invoice | InvoiceOrder | Refusal:
    """Return the invoice that the payer gets, or the order for a new one."""
    link = known.links.get(order.link)
    if link is None:
        return NoSuchLink(id=order.link, field="id")
    mine = known.of_once.get(link.id) if link.once else known.invoices.get(order.invoice)
    if mine is not None and mine.link == link.id and _serves(mine, order, link, known.now):
        return mine
    if link.is_over(known.now):
        return LinkOver(id=link.id)
    if known.waiting.get(link.id, 0) >= OPEN_INVOICES:
        return TooManyOpen(id=link.id)
    return _new(order, link)


def _serves(invoice: Invoice, order: OpenOrder, link: Link, now: datetime) -> bool:
    """Whether the payer gets this invoice again."""
    return _goes_on(invoice, link) or (not link.is_over(now) and _is_as_asked(invoice, order, link, now))


def _goes_on(invoice: Invoice, link: Link) -> bool:
    """Whether money has come to it: a link for once is that order's, any other lets its payer pay the rest."""
    has_money = invoice.settled or invoice.received > 0 or invoice.seen > 0
    is_enough = invoice.settled or invoice.received + invoice.seen >= invoice.due
    return has_money and (link.once or not is_enough)


def _is_as_asked(invoice: Invoice, order: OpenOrder, link: Link, now: datetime) -> bool:
    """Whether it can still be paid, nothing has come, and it costs what the payer says."""
    amount = invoice.fiat_total if link.price.currency else invoice.total
    is_open = invoice.expires is None or invoice.expires > now
    same = link.once or amount == _asked(order, link)
    return invoice.state == "unpaid" and is_open and same


def _asked(order: OpenOrder, link: Link) -> int | None:
    return order.amount if link.open_amount and order.amount is not None else link.price.amount


def _new(order: OpenOrder, link: Link) -> InvoiceOrder | Refusal:
    try:
        return InvoiceOrder(
            link.owner.foreign_id,
            link.price.items,
            required_confirmations=link.terms.required_confirmations,
            reference=link.terms.reference,
            metadata=link.terms.metadata,
            return_url=link.terms.return_url,
            cancel_url=link.terms.cancel_url,
            currency=link.price.currency,
            amount=_asked(order, link),
            link=link.id,
        )
    except Invalid as refusal:
        return refusal
