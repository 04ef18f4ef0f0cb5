"""A pay link, and how it is found, locked and shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import links
from app.domain import accounts, rates
from app.domain.access import EVERYTHING, Reach
from app.domain.invoices import Item, Price, items_shown
from app.domain.owner import Owner
from app.domain.pages import Page, PageRequest
from app.domain.refusals import NotFound
from app.money import Koinu, parse, show


class NoSuchLink(NotFound):
    """There is no pay link {id}."""


class LinkTerms(NamedTuple):
    """What each invoice of a link gets of it."""

    required_confirmations: int = -1
    reference: str = ""
    metadata: str = "{}"
    return_url: str = ""
    cancel_url: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A pay link as it is now.

    With `open_amount` the payer says how much, and the price's amount is a suggestion. A link that is for
    `once` is one order, and has one invoice at a time; any other has one for each payer.
    """

    id: str
    owner: Owner
    price: Price
    open_amount: bool
    once: bool
    terms: LinkTerms
    expires: datetime | None
    state: str
    created: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether it makes no invoices any more."""
        return self.state == "closed" or (self.expires is not None and self.expires <= now)


class LinkCursor(NamedTuple):
    """The position of a link in its account's list."""

    created: datetime
    id: str


_OWNER: Final = ("foreign_id", "address", "account_state")
_SELECT: Final = sa.select(
    links,
    account_rows.c.foreign_id,
    account_rows.c.address,
    account_rows.c.state.label("account_state"),
).join(account_rows, account_rows.c.id == links.c.account_id)


async def fetch(db: Db, link_id: str, reach: Reach = EVERYTHING) -> Link:
    """Return the link, or refuse with NoSuchLink; also where its account is beyond reach."""
    link = (await load(db, [link_id])).get(link_id)
    if link is None or not reach.covers(link.owner.foreign_id):
        raise NoSuchLink(id=link_id, field="id")
    return link


async def load(db: Db, ids: Sequence[str]) -> dict[str, Link]:
    """Return the links by their ids."""
    chosen = _SELECT.where(links.c.id == sa.any_(sa.literal(list(ids), bulk.TEXTS)))
    return {row["id"]: of(row) for row in await bulk.fetch_all(db, chosen)}


async def lock(db: Db, ids: Sequence[str]) -> dict[str, Link]:
    """Lock the links, by id, and return them by their ids."""
    chosen = _SELECT.where(links.c.id == sa.any_(sa.literal(list(ids), bulk.TEXTS))).order_by(links.c.id)
    rows = await bulk.fetch_all(db, chosen.with_for_update(key_share=True, of=links))
    return {row["id"]: of(row) for row in rows}


async def page(db: Db, foreign_id: str, request: PageRequest[LinkCursor]) -> Page[Link, LinkCursor]:
    """Return a page of the account's links, newest first."""
    account = await accounts.fetch(db, foreign_id)
    order = (links.c.created, links.c.id)
    query = _SELECT.where(links.c.account_id == account.id)
    if request.after is not None:
        after = (sa.literal(value, column.type) for value, column in zip(request.after, order, strict=True))
        query = query.where(sa.tuple_(*order) < sa.tuple_(*after))
    query = query.order_by(*(column.desc() for column in order)).limit(request.rows)
    listed = [of(row) for row in await bulk.fetch_all(db, query)]
    return request.page(listed, lambda link: LinkCursor(link.created, link.id))


def of(row: Row) -> Link:
    """Read a row."""
    owner = Owner(row["account_id"], row["foreign_id"], row["address"], row["account_state"] == "open")
    items = tuple(_item(item, row["fiat_currency"]) for item in orjson.loads(row["items"]))
    terms = LinkTerms(**{name: row[name] for name in LinkTerms._fields})
    return Link(
        owner=owner,
        price=Price(items, row["fiat_currency"], row["amount"]),
        terms=terms,
        **{name: row[name] for name in ("id", "open_amount", "once", "expires", "state", "created")},
    )


def row_of(price: Price) -> dict[str, object]:
    """Return the columns of a price."""
    return {
        "items": items_shown(price.items, price.currency),
        "fiat_currency": price.currency,
        "amount": price.amount,
    }


def shown(link: Link) -> dict[str, Any]:
    """Return the link as the API shows it, but for its URL."""
    amount, currency = link.price.amount, link.price.currency
    return {
        "id": link.id,
        "foreign_id": link.owner.foreign_id,
        "amount": "" if currency or amount is None else show(amount),
        "fiat_total": "" if not currency or amount is None else rates.show_money(amount, currency),
        "fiat_currency": currency,
        "items": _items_shown(link.price),
        "open_amount": link.open_amount,
        "once": link.once,
        "expires": link.expires and link.expires.isoformat(),
        **link.terms._asdict(),
        "metadata": orjson.Fragment(link.terms.metadata),
        "state": link.state,
        "created": link.created.isoformat(),
    }


def _items_shown(price: Price) -> list[dict[str, Any]]:
    """Return the items; what a price in money comes to is known only when somebody opens the link."""
    items = orjson.loads(items_shown(price.items, price.currency))
    return [{name: item[name] for name in item if name != "value" or not price.currency} for item in items]


def _item(item: dict[str, Any], currency: str) -> Item:
    fiat = rates.parse_money(item["fiat_value"], currency) if currency else None
    return Item(**item | {"value": Koinu(parse(item["value"])), "fiat_value": fiat})
