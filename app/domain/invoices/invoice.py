"""An invoice: a fixed list of items that is to be paid to one new address. How it is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import addresses, chain_state, deposits, invoices, payments
from app.domain import accounts, dogecoin, owner
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.owner import Owner
from app.domain.payments import RETURNED
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal
from app.money import NOTHING, Koinu


class NoSuchInvoice(NotFound):
    """GetInvoice: no such invoice: {address}"""  # noqa: D400, D415  GigaWallet's words


class NotInThisAccount(NotFound):
    """GetInvoice: no such invoice in this account"""  # noqa: D400, D415  GigaWallet's words


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as it is now. Amounts in koinu; `items` and `metadata` are JSON text.

    `late`: money came after it was `expired` or `cancelled`. `seen` waits for a block. `refunded` is what
    went back, or is on its way back. `return_url` and `cancel_url` are pages of the shop, "" for none.
    Where it is priced in money, `fiat_total` is the price in the smallest unit of `fiat_currency`, and `rate` is
    what a DOGE was worth at `rate_at` as `rate_source` said. `link` is the pay link that it comes from. A payer
    gets a new price until `renewable_until`: in another invoice, which `renews` the first one by its address, as
    the first one is `renewed_by` the last.
    """

    owner: Owner
    index: int
    address: str
    items: str
    total: Koinu
    due: Koinu
    required_confirmations: int
    token: str
    reference: str
    metadata: str
    received: Koinu
    confirmed: Koinu
    settled: bool
    confirmation_lost: bool
    created: datetime
    expires: datetime | None = None
    expired: bool = False
    cancelled: bool = False
    late: bool = False
    seen: Koinu = NOTHING
    refunded: Koinu = NOTHING
    return_url: str = ""
    cancel_url: str = ""
    fiat_currency: str | None = None
    fiat_total: int | None = None
    rate: Decimal | None = None
    rate_source: str | None = None
    rate_at: datetime | None = None
    link: str | None = None
    renewable_until: datetime | None = None
    renews: str | None = None
    renewed_by: str | None = None
    estimate_seconds_to_confirm: int = 0

    @property
    def part_payment_detected(self) -> bool:
        """Whether a block has a part of the money or all, as in GigaWallet's manual."""
        return self.received > 0 or self.settled

    @property
    def total_payment_detected(self) -> bool:
        """Whether blocks have enough, or it is accepted before that (accept_unconfirmed_below)."""
        return self.received >= self.due or self.settled

    @property
    def total_payment_confirmed(self) -> bool:
        """Whether enough is confirmed."""
        return self.settled

    @property
    def payment_unconfirmed(self) -> bool:
        """Whether it was confirmed until a reorg."""
        return self.confirmation_lost and not self.settled

    @property
    def remaining(self) -> Koinu:
        """What is still to be paid, beside what blocks have and what waits for one; 0 once that is enough."""
        come = self.received + self.seen
        return Koinu(0 if self.settled or come >= self.due else self.total - come)

    @property
    def has_money(self) -> bool:
        """Whether anything has come for it, or waits for a block."""
        return self.settled or self.received > 0 or self.seen > 0

    def is_payable(self, now: datetime) -> bool:
        """Whether nothing has come, and its time is not over."""
        return self.state == "unpaid" and (self.expires is None or self.expires > now)

    def is_renewable(self, now: datetime) -> bool:
        """Whether a payer gets a new price in its place: its time is over without money, not long ago."""
        is_over = self.state in ("unpaid", "expired") and not self.is_payable(now) and not self.has_money
        return is_over and self.renewable_until is not None and now < self.renewable_until

    @property
    def overpaid(self) -> Koinu:
        """What blocks have above the total."""
        return Koinu(max(0, self.received - self.total))

    @property
    def state(self) -> str:
        """One word for all flags; `INVOICE_STATE` is the same rule in SQL. Late money still pays."""
        if self.settled:
            return "confirmed"
        if self.total_payment_detected:
            return "detected"
        if self.cancelled or self.expired:
            return "cancelled" if self.cancelled else "expired"
        if self.received:
            return "partial"
        return "seen" if self.seen else "unpaid"


class InvoiceKey(NamedTuple):
    """Names an invoice of an account."""

    foreign_id: str
    address: str


async def fetch(db: ReadDb, network: Network, address: str) -> Invoice:
    """Return the invoice to be paid to `address`, or refuse with NoSuchInvoice."""
    invoice = (await by_addresses(db, [address], network)).get(address)
    if invoice is None:
        raise no_such(address)
    return invoice


async def fetch_many(
    db: ReadDb, addresses: Sequence[str], installation: Installation
) -> list[Invoice | Refusal]:
    """Return the invoices that are to be paid to these addresses, in order; NoSuchInvoice where there is none."""
    known = await by_addresses(db, addresses, installation.network)
    return [known.get(address) or no_such(address) for address in addresses]


async def fetch_of(
    db: ReadDb, keys: Sequence[InvoiceKey], installation: Installation
) -> list[Invoice | Refusal]:
    """Return the accounts' invoices, in order; refuses with NoSuchAccount, NoSuchInvoice or NotInThisAccount."""
    known = await by_addresses(db, [key.address for key in keys], installation.network)
    others = [
        name for name, address in keys if address not in known or known[address].owner.foreign_id != name
    ]
    names = await accounts.by_names(db, others) if others else {}
    return [_of(key, known.get(key.address), known_account=key.foreign_id in names) for key in keys]


def _of(key: InvoiceKey, invoice: Invoice | None, *, known_account: bool) -> Invoice | Refusal:
    if invoice is not None and invoice.owner.foreign_id == key.foreign_id:
        return invoice
    if not known_account:
        return owner.no_such(key.foreign_id)
    return no_such(key.address) if invoice is None else NotInThisAccount(field="id")


def no_such(address: str) -> NoSuchInvoice:
    """Refuse an address that is no invoice's."""
    return NoSuchInvoice(address=address, field="id")


FETCH: Final = Query("invoice", fetch_many)
"""An invoice, by its address."""
FETCH_OF: Final = Query("account's invoice", fetch_of)
"""An account's invoice, by an InvoiceKey."""


async def load(db: Db, ids: Sequence[str], installation: Installation) -> dict[str, Invoice]:
    """Return the invoices by their ids, which are their addresses."""
    return await by_addresses(db, ids, installation.network)


async def by_addresses(db: ReadDb, texts: Sequence[str], network: Network) -> dict[str, Invoice]:
    """Return the invoices that are to be paid to these addresses, by address."""
    rows = await bulk.fetch_all(db, _PAID_TO, {"scripts": scripts(network, texts)})
    return {row["address"]: of(network, row) for row in rows}


def scripts(network: Network, texts: Sequence[str]) -> list[bytes]:
    """Return the scripts of those texts that are addresses."""
    return [script for text in texts if (script := dogecoin.to_script_or_none(network, text)) is not None]


def select() -> sa.Select[Any]:
    """Select invoices with their owner, what was refunded, and how many blocks confirm all deposits."""
    confirm_height = (
        sa.select(sa.func.max(deposits.c.confirm_height))
        .where(deposits.c.account_id == invoices.c.account_id, deposits.c.invoice == invoices.c.index)
        .where(deposits.c.state == "incoming")
        .scalar_subquery()
    )
    sent_back = (
        sa.select(sa.func.coalesce(sa.func.sum(payments.c.amount), 0))
        .where(
            payments.c.invoice_account == invoices.c.account_id, payments.c.invoice_index == invoices.c.index
        )
        .where(payments.c.state != sa.all_(sa.literal(list(RETURNED), bulk.TEXTS)))
        .scalar_subquery()
    )
    tip = sa.select(chain_state.c.height).scalar_subquery()
    return sa.select(
        invoices,
        account_rows.c.foreign_id,
        account_rows.c.address.label("account_address"),
        (confirm_height - tip).label("blocks_to_confirm"),
        (invoices.c.refunded_in_ledger + sa.cast(sent_back, sa.BigInteger)).label("refunded"),
    ).join(account_rows, account_rows.c.id == invoices.c.account_id)


def paid_to(selected: sa.Select[Any]) -> sa.Select[Any]:
    """Restrict selected invoices to those whose addresses have the `scripts`."""
    same = sa.and_(addresses.c.account_id == invoices.c.account_id, addresses.c.index == invoices.c.index)
    script = addresses.c.script == sa.any_(sa.bindparam("scripts", type_=bulk.BYTES))
    return selected.join(addresses, same).where(script, addresses.c.purpose == "invoice")


SHOWN: Final = select()
_PAID_TO: Final = Prepared(paid_to(SHOWN))


_columns: Final[Callable[[Row], tuple[Any, ...]]] = itemgetter(*Invoice.__slots__[1:-1])
"""Of a row all but the owner and the estimate."""


def of(network: Network, row: Row) -> Invoice:
    """Read a row of `select`."""
    owner = Owner(row["account_id"], row["foreign_id"], row["account_address"])
    waiting = 0 if row["settled"] else max(0, row["blocks_to_confirm"] or 0)
    return Invoice(owner, *_columns(row), waiting * network.spacing_seconds)  # type: ignore[call-arg]  # mypy counts the rest as one
