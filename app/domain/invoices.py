"""Invoices: a fixed list of items to be paid to one fresh address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import accounts, facts, hd, installation, outbox, scripts
from app.domain import items as lines
from app.domain.accounts import AccountClosed, NoSuchAccount
from app.domain.facts import Owner
from app.domain.installation import NotCurrent
from app.domain.items import Item
from app.domain.networks import Network
from app.domain.payments import RETURNED
from app.domain.refusals import Invalid, NotFound, Refusal
from app.domain.verbs import Verb
from app.money import NOTHING, Koinu
from app.tables import NOW, addresses, chain_state, deposits, invoices, payments
from app.tables import accounts as account_rows

CONFIRMATIONS: Final = 1000
"""The most that an invoice may ask for."""
MINUTES: Final = 10 * 366 * 24 * 60
"""The longest that an invoice may take to expire: ten years."""


class NoSuchInvoice(NotFound):
    """GetInvoice: no such invoice: {address}"""  # noqa: D400, D415  GigaWallet's words


class NotInThisAccount(NotFound):
    """GetInvoice: no such invoice in this account"""  # noqa: D400, D415  GigaWallet's words


@dataclass(frozen=True, slots=True)
class Order:
    """The invoice that a caller wants; checked at birth. `tolerance` is in percent of the total.

    `required_confirmations` of None or -1 is the installation's default; 0 counts as 1 and is shown as given.
    `expire_minutes` of None: it never expires.
    """

    foreign_id: str
    items: tuple[Item, ...]
    required_confirmations: int | None = None
    tolerance: Decimal = Decimal(0)
    reference: str = ""
    metadata: str = "{}"
    expire_minutes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what can never be an invoice."""
        lines.total(self.items)
        if not -1 <= (self.required_confirmations or 0) <= CONFIRMATIONS:
            reason = f"required_confirmations is from 0 to {CONFIRMATIONS}, or -1 for the default."
            raise Invalid(reason=reason, field="required_confirmations")
        if not 0 <= self.tolerance < lines.HUNDRED:
            raise Invalid(reason="payment_tolerance is a percentage below 100.", field="payment_tolerance")
        if not 1 <= (1 if self.expire_minutes is None else self.expire_minutes) <= MINUTES:
            raise Invalid(reason=f"expire_minutes is from 1 to {MINUTES}.", field="expire_minutes")


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as it is. Amounts in koinu; `items` and `metadata` are JSON text.

    `late`: money came after it was `expired` or `cancelled`. `refunded` is what went back, or is on its way back.
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
    unsettled: bool
    created: datetime
    expires: datetime | None = None
    expired: bool = False
    cancelled: bool = False
    late: bool = False
    refunded: Koinu = NOTHING
    estimate_seconds_to_confirm: int = 0

    @property
    def part_payment_detected(self) -> bool:
        """Something is in a block, be it a part or all, as GigaWallet's manual has it."""
        return self.received > 0

    @property
    def total_payment_detected(self) -> bool:
        """Enough is in blocks."""
        return self.received >= self.due

    @property
    def total_payment_confirmed(self) -> bool:
        """Enough is confirmed."""
        return self.settled

    @property
    def payment_unconfirmed(self) -> bool:
        """It was confirmed, and a reorg took that back."""
        return self.unsettled and not self.settled

    @property
    def overpaid(self) -> Koinu:
        """What is in blocks above the total."""
        return Koinu(max(0, self.received - self.total))

    @property
    def state(self) -> str:
        """One word for the flags; `invoice_lists` finds by the same rule. Money that comes late still pays."""
        if self.settled:
            return "confirmed"
        if self.total_payment_detected:
            return "detected"
        if self.cancelled or self.expired:
            return "cancelled" if self.cancelled else "expired"
        return "partial" if self.received else "unpaid"


def creating(network: Network, confirmations: int, token: Callable[[], str]) -> Verb[Order, Invoice]:
    """Issue invoices; `confirmations` is the installation's default, `token` makes an unguessable word."""
    run = partial(create, network=network, confirmations=confirmations, token=token)
    return Verb("invoice", run, partial(by_addresses, network=network), lambda invoice: invoice.address)


async def create(
    db: Db, orders: Sequence[Order], network: Network, confirmations: int, token: Callable[[], str]
) -> list[Invoice | Refusal]:
    """Issue each invoice on the next address of its account; NotCurrent while that may be in use already."""
    if (unfit := await installation.unfit(db)) is not None:
        return [NotCurrent(reason=unfit) for _ in orders]
    locked = await accounts.lock(db, list({order.foreign_id for order in orders}))
    next_index = {name: row["next_index"] for name, row in locked.items()}
    now = await _now(db, orders)
    outcomes: list[Refusal | tuple[Row, dict[str, Any]]] = []
    given: list[dict[str, object]] = []
    for order in orders:
        account = locked.get(order.foreign_id)
        if (refusal := _refusal(order, account)) or account is None:
            outcomes.append(refusal or NoSuchAccount(foreign_id=order.foreign_id))
            continue
        index, script = hd.next_script(account["xpub"], hd.RECEIVE, next_index[order.foreign_id])
        next_index[order.foreign_id] = index + 1
        given.append(
            {"script": script, "account_id": account["id"], "branch": hd.RECEIVE, "index": index, "purpose": "invoice"}
        )
        address = scripts.to_address(network, script)
        fixed = {"account_id": account["id"], "index": index, "address": address, "token": token()}
        outcomes.append((account, fixed | _row(order, confirmations, now)))
    rows = [outcome[1] for outcome in outcomes if not isinstance(outcome, Refusal)]
    created = await _write(db, rows, given, [(locked[name]["id"], index) for name, index in next_index.items()])
    made = [o if isinstance(o, Refusal) else _made(*o, created[o[1]["address"]]) for o in outcomes]
    await outbox.emit(db, [facts.invoice_created(invoice) for invoice in made if isinstance(invoice, Invoice)])
    return made


async def fetch(db: Db, network: Network, address: str) -> Invoice:
    """Return the invoice to be paid to `address`, or refuse with NoSuchInvoice."""
    found = await by_addresses(db, [address], network)
    if address not in found:
        raise NoSuchInvoice(address=address, field="id")
    return found[address]


async def fetch_of(db: Db, network: Network, foreign_id: str, address: str) -> Invoice:
    """Return the account's invoice, or refuse: of another account it is none."""
    await accounts.fetch(db, foreign_id)
    invoice = await fetch(db, network, address)
    if invoice.owner.foreign_id != foreign_id:
        raise NotInThisAccount(field="id")
    return invoice


async def by_addresses(db: Db, given: Sequence[str], network: Network) -> dict[str, Invoice]:
    """Return those of the addresses that are an invoice's; any other text is no address of ours."""
    wanted = [script for address in given if (script := scripts.known(network, address)) is not None]
    rows = await bulk.fetch_all(db, _PAID_TO, {"scripts": wanted})
    return {row["address"]: of(network, row) for row in rows}


def _refusal(order: Order, account: Row | None) -> Refusal | None:
    if account is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    return AccountClosed(foreign_id=order.foreign_id, field="foreign_id") if account["state"] == "closed" else None


async def _now(db: Db, orders: Sequence[Order]) -> datetime | None:
    """Ask for the time only where an order counts from it."""
    return await db.scalar(sa.select(NOW)) if any(order.expire_minutes for order in orders) else None


def _row(order: Order, confirmations: int, now: datetime | None) -> dict[str, object]:
    total = lines.total(order.items)
    asked = order.required_confirmations
    return {
        "items": lines.shown(order.items),
        "total": total,
        "due": lines.due(total, order.tolerance),
        "required_confirmations": confirmations if asked is None or asked < 0 else asked,
        "reference": order.reference,
        "metadata": order.metadata,
        "expires": now + timedelta(minutes=order.expire_minutes) if now and order.expire_minutes else None,
    }


async def _write(
    db: Db, rows: Sequence[Row], given: Sequence[Row], next_index: Sequence[tuple[int, int]]
) -> Mapping[str, datetime]:
    """Three statements for any number of invoices; returns when each was created."""
    if not rows:
        return {}
    moved = [{"id": account, "next_index": index} for account, index in sorted(next_index)]
    await bulk.update(db, account_rows, ("id",), moved)
    await bulk.insert(db, addresses, given)
    written = await bulk.insert(db, invoices, rows, ("address", "created"))
    return {row["address"]: row["created"] for row in written}


def _made(account: Row, row: dict[str, Any], created: datetime) -> Invoice:
    owner = Owner(account["id"], account["foreign_id"], account["address"])
    values = {name: value for name, value in row.items() if name != "account_id"}
    none = Koinu(0)
    return Invoice(
        owner=owner, created=created, received=none, confirmed=none, settled=False, unsettled=False, **values
    )


def select() -> sa.Select[Any]:
    """Invoices with their owner, what was refunded, and the height at which what has come will be confirmed."""
    confirm_height = (
        sa.select(sa.func.max(deposits.c.confirm_height))
        .where(deposits.c.account_id == invoices.c.account_id, deposits.c.invoice == invoices.c.index)
        .where(deposits.c.state == "incoming")
        .scalar_subquery()
    )
    sent_back = (
        sa.select(sa.func.coalesce(sa.func.sum(payments.c.amount), 0))
        .where(payments.c.invoice_account == invoices.c.account_id, payments.c.invoice_index == invoices.c.index)
        .where(payments.c.state.not_in(RETURNED))
        .scalar_subquery()
    )
    tip = sa.select(chain_state.c.height).scalar_subquery()
    return sa.select(
        invoices,
        account_rows.c.foreign_id,
        account_rows.c.address.label("account_address"),
        (confirm_height - tip).label("blocks_to_confirm"),
        (invoices.c.refunded_inside + sa.cast(sent_back, sa.BigInteger)).label("refunded"),
    ).join(account_rows, account_rows.c.id == invoices.c.account_id)


SHOWN: Final = select()
_PAID_TO: Final = SHOWN.join(
    addresses, sa.and_(addresses.c.account_id == invoices.c.account_id, addresses.c.index == invoices.c.index)
).where(addresses.c.script == sa.any_(sa.bindparam("scripts", type_=bulk.BYTES)), addresses.c.purpose == "invoice")


def of(network: Network, row: Row) -> Invoice:
    """Read a row of `select`."""
    plain = {name: row[name] for name in Invoice.__slots__ if name in row and name != "owner"}
    waiting = 0 if row["settled"] else max(0, row["blocks_to_confirm"] or 0)
    return Invoice(
        owner=Owner(row["account_id"], row["foreign_id"], row["account_address"]),
        estimate_seconds_to_confirm=waiting * network.spacing_seconds,
        **plain,
    )
