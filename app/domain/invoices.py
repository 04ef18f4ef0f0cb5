"""Invoices: a fixed list of items to be paid to one fresh address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import accounts, facts, hd, outbox, scripts
from app.domain import items as lines
from app.domain.accounts import NoSuchAccount
from app.domain.facts import Owner
from app.domain.items import Item
from app.domain.networks import Network
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal
from app.domain.verbs import Verb
from app.money import Koinu
from app.tables import accounts as account_rows
from app.tables import addresses, chain_state, deposits, invoices

CONFIRMATIONS: Final = 1000
"""The most that an invoice may ask for."""


class NoSuchInvoice(NotFound):
    """GetInvoice: no such invoice: {address}"""  # noqa: D400, D415  GigaWallet's words


class NotInThisAccount(NotFound):
    """GetInvoice: no such invoice in this account"""  # noqa: D400, D415  GigaWallet's words


class AccountClosed(Conflict):
    """The account {foreign_id} is closed."""


@dataclass(frozen=True, slots=True)
class Order:
    """The invoice that a caller wants; checked at birth. `tolerance` is in percent of the total.

    `required_confirmations` of None or -1 is the installation's default; 0 counts as 1 and is shown as given.
    """

    foreign_id: str
    items: tuple[Item, ...]
    required_confirmations: int | None = None
    tolerance: Decimal = Decimal(0)
    reference: str = ""
    metadata: str = "{}"

    def __post_init__(self) -> None:
        """Refuse what can never be an invoice."""
        lines.total(self.items)
        if not -1 <= (self.required_confirmations or 0) <= CONFIRMATIONS:
            reason = f"required_confirmations is from 0 to {CONFIRMATIONS}, or -1 for the default."
            raise Invalid(reason=reason, field="required_confirmations")
        if not 0 <= self.tolerance < lines.HUNDRED:
            raise Invalid(reason="payment_tolerance is a percentage below 100.", field="payment_tolerance")


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as it is. Amounts in koinu; `items` and `metadata` are JSON text."""

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
    estimate_seconds_to_confirm: int = 0

    @property
    def part_payment_detected(self) -> bool:
        """Something is in a block, but not enough."""
        return 0 < self.received < self.due

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
        """One word for the flags."""
        if self.settled:
            return "confirmed"
        if self.total_payment_detected:
            return "detected"
        return "partial" if self.received else "unpaid"


def creating(network: Network, confirmations: int, token: Callable[[], str]) -> Verb[Order, Invoice]:
    """Issue invoices; `confirmations` is the installation's default, `token` makes an unguessable word."""
    run = partial(create, network=network, confirmations=confirmations, token=token)
    return Verb("invoice", run, partial(by_addresses, network=network), lambda invoice: invoice.address)


async def create(
    db: Db, orders: Sequence[Order], network: Network, confirmations: int, token: Callable[[], str]
) -> list[Invoice | Refusal]:
    """Issue each invoice on the next address of its account."""
    locked = await accounts.lock(db, list({order.foreign_id for order in orders}))
    next_index = {name: row["next_index"] for name, row in locked.items()}
    outcomes: list[Refusal | tuple[Row, dict[str, Any]]] = []
    given: list[dict[str, object]] = []
    for order in orders:
        account = locked.get(order.foreign_id)
        if (refusal := _refusal(order, account)) or account is None:
            outcomes.append(refusal or NoSuchAccount(foreign_id=order.foreign_id))
            continue
        index, script = _address(account["xpub"], next_index[order.foreign_id])
        next_index[order.foreign_id] = index + 1
        given.append(
            {"script": script, "account_id": account["id"], "branch": hd.RECEIVE, "index": index, "purpose": "invoice"}
        )
        address = scripts.to_address(network, script)
        fixed = {"account_id": account["id"], "index": index, "address": address, "token": token()}
        outcomes.append((account, fixed | _row(order, confirmations)))
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


async def page(db: Db, network: Network, foreign_id: str, first: int, limit: int) -> list[Invoice]:
    """Return the account's invoices from key index `first` on, in that order."""
    account = await accounts.fetch(db, foreign_id)
    found = _SHOWN.where(invoices.c.account_id == account.id, invoices.c.index >= first)
    rows = await bulk.fetch_all(db, found.order_by(invoices.c.index).limit(limit))
    return [_of(network, row) for row in rows]


async def by_addresses(db: Db, given: Sequence[str], network: Network) -> dict[str, Invoice]:
    """Return those of the addresses that are an invoice's; any other text is no address of ours."""
    wanted = [script for address in given if (script := _script(network, address)) is not None]
    rows = await bulk.fetch_all(db, _PAID_TO, {"scripts": wanted})
    return {row["address"]: _of(network, row) for row in rows}


def _script(network: Network, address: str) -> bytes | None:
    try:
        return scripts.of_address(network, address)
    except scripts.BadAddress:
        return None


def _refusal(order: Order, account: Row | None) -> Refusal | None:
    if account is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    return AccountClosed(foreign_id=order.foreign_id) if account["state"] == "closed" else None


def _address(xpub: str, index: int) -> tuple[int, bytes]:
    """Derive the address at `index`, or the next that has a key."""
    while True:
        try:
            return index, hd.script_at(xpub, hd.RECEIVE, index)
        except hd.InvalidChild:
            index += 1


def _row(order: Order, confirmations: int) -> dict[str, object]:
    total = lines.total(order.items)
    asked = order.required_confirmations
    return {
        "items": lines.shown(order.items),
        "total": total,
        "due": lines.due(total, order.tolerance),
        "required_confirmations": confirmations if asked is None or asked < 0 else asked,
        "reference": order.reference,
        "metadata": order.metadata,
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


def _select() -> sa.Select[Any]:
    """Invoices with their owner, and the height at which what has come so far will be confirmed."""
    confirm_height = (
        sa.select(sa.func.max(deposits.c.confirm_height))
        .where(deposits.c.account_id == invoices.c.account_id, deposits.c.invoice == invoices.c.index)
        .where(deposits.c.state == "incoming")
        .scalar_subquery()
    )
    tip = sa.select(chain_state.c.height).scalar_subquery()
    return sa.select(
        invoices,
        account_rows.c.foreign_id,
        account_rows.c.address.label("account_address"),
        (confirm_height - tip).label("blocks_to_confirm"),
    ).join(account_rows, account_rows.c.id == invoices.c.account_id)


_SHOWN: Final = _select()
_PAID_TO: Final = _SHOWN.join(
    addresses, sa.and_(addresses.c.account_id == invoices.c.account_id, addresses.c.index == invoices.c.index)
).where(addresses.c.script == sa.any_(sa.bindparam("scripts", type_=bulk.BYTES)), addresses.c.purpose == "invoice")


def _of(network: Network, row: Row) -> Invoice:
    plain = {name: row[name] for name in Invoice.__slots__ if name in row and name != "owner"}
    waiting = 0 if row["settled"] else max(0, row["blocks_to_confirm"] or 0)
    return Invoice(
        owner=Owner(row["account_id"], row["foreign_id"], row["account_address"]),
        estimate_seconds_to_confirm=waiting * network.spacing_seconds,
        **plain,
    )
