"""Makes pay links, and closes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import links
from app.domain import accounts, batch, invoices, rates
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.invoices import InvoiceOrder, Price
from app.domain.links import link as rows
from app.domain.links.link import Link, LinkTerms, NoSuchLink
from app.domain.owner import Owner, find_open
from app.domain.rates import UnknownCurrency
from app.domain.refusals import Invalid, Refusal
from app.money import COIN


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """A link to be made. Its price needs no amount where the payer says how much."""

    foreign_id: str
    price: Price
    terms: LinkTerms = field(default_factory=LinkTerms)
    open_amount: bool = False
    once: bool = False
    expires: datetime | None = None

    def __post_init__(self) -> None:
        """Raise Invalid for what could never make an invoice."""
        if self.open_amount and self.price.items:
            raise Invalid(
                reason="With open_amount the payer says how much: there are no items.", field="items"
            )
        if self.price.items or self.price.amount is not None:
            amount = invoices.check_price(self.price)
        elif self.open_amount:
            amount = None
        else:
            needed = "fiat_total" if self.price.currency else "amount"
            raise Invalid(reason=f"A link needs {needed}, items, or open_amount.", field=needed)
        InvoiceOrder(self.foreign_id, (), self.terms.required_confirmations, amount=COIN)
        object.__setattr__(self, "price", self.price._replace(amount=amount))


async def make(db: Db, orders: Sequence[LinkOrder], installation: Installation) -> list[Link | Refusal]:
    """Make a link for each order whose account is open and whose currency has a source of rates."""
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    quotes = await rates.in_currencies(db, {order.price.currency for order in orders} - {""})
    unknown = {code: quote for code, quote in quotes.items() if isinstance(quote, UnknownCurrency)}
    decided = [
        unknown.get(order.price.currency)
        or _decide(order, find_open(owners, order.foreign_id, "foreign_id"), installation.token())
        for order in orders
    ]
    made = batch.accepted(decided)
    if made:
        await bulk.insert(db, links, made)
    loaded = await rows.load(db, [str(row["id"]) for row in made])
    return batch.outcomes(decided, [loaded[str(row["id"])] for row in made])


def _decide(order: LinkOrder, owner: Owner | Refusal, token: str) -> dict[str, object] | Refusal:
    if isinstance(owner, Refusal):
        return owner
    plain_columns = {"open_amount": order.open_amount, "once": order.once, "expires": order.expires}
    return {
        "id": token,
        "account_id": owner.id,
        **rows.row_of(order.price),
        **plain_columns,
        **order.terms._asdict(),
    }


async def close(db: Db, ids: Sequence[str]) -> list[Link | Refusal]:
    """Close the links. Invoices that they have made stay as they are; closing again changes nothing."""
    locked = await rows.lock(db, ids)
    if locked:
        chosen = links.c.id == sa.any_(sa.literal(list(locked), bulk.TEXTS))
        await db.execute(sa.update(links).where(chosen).values(state="closed"))
    closed = await rows.load(db, list(locked))
    return [closed.get(link_id) or NoSuchLink(id=link_id, field="id") for link_id in ids]


MAKE: Final = Command("link", make, plain(rows.load), lambda link: link.id)
CLOSE: Final = Command("link", plain(close), plain(rows.load), lambda link: link.id)
