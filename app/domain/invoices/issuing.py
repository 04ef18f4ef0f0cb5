"""Issuing an invoice: it gets the next address of its account, and its row, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NOW, invoices
from app.domain import accounts, batch, dogecoin, outbox
from app.domain.accounts import ReceivingBranch
from app.domain.batch import Step
from app.domain.commands import Command
from app.domain.installation import Installation, NotCurrent, why_not_current
from app.domain.invoices import items as invoice_items
from app.domain.invoices.invoice import Invoice, invoice_created, load
from app.domain.invoices.items import Item
from app.domain.owner import AccountClosed, NoSuchAccount, Owner
from app.domain.refusals import Invalid, Refusal
from app.money import NOTHING

CONFIRMATIONS: Final = 1000
"""The most confirmations that an invoice may require."""
MINUTES: Final = 10 * 366 * 24 * 60
"""The longest that an invoice may take to expire: ten years."""


@dataclass(frozen=True, slots=True)
class InvoiceOrder:
    """An invoice to be issued. `tolerance` is in percent of the total.

    `required_confirmations` None or -1 means the installation's default; 0 counts as 1 but is shown as 0.
    `expire_minutes` None: it never expires.
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

    def __post_init__(self) -> None:
        """Raise Invalid for what can never be an invoice."""
        invoice_items.total(self.items)
        if not -1 <= (self.required_confirmations or 0) <= CONFIRMATIONS:
            reason = f"required_confirmations is from 0 to {CONFIRMATIONS}, or -1 for the default."
            raise Invalid(reason=reason, field="required_confirmations")
        if not 0 <= self.tolerance < invoice_items.HUNDRED:
            raise Invalid(reason="payment_tolerance is a percentage below 100.", field="payment_tolerance")
        if not 1 <= (1 if self.expire_minutes is None else self.expire_minutes) <= MINUTES:
            raise Invalid(reason=f"expire_minutes is from 1 to {MINUTES}.", field="expire_minutes")


async def create(
    db: Db, orders: Sequence[InvoiceOrder], installation: Installation
) -> list[Invoice | Refusal]:
    """Issue each invoice on the next address of its account, in order.

    Each is refused with NotCurrent while that address may be in use already.
    """
    if (reason := await why_not_current(db)) is not None:
        return [NotCurrent(reason=reason) for _ in orders]
    branches = await accounts.lock_branches(db, [order.foreign_id for order in orders])
    now = await _now(db, orders)
    decided = batch.decide(
        orders,
        branches,
        lambda order: order.foreign_id,
        lambda order, branch: _issue(order, branch, installation, now),
    )
    steps = batch.accepted(decided)
    created = await _write(db, steps)
    issued = [_invoice(branch.owner, row, created[row["address"]]) for branch, (_, row) in steps]
    await outbox.emit(db, [invoice_created(invoice) for invoice in issued])
    return batch.outcomes(decided, issued)


CREATE: Final = Command("invoice", create, load, lambda invoice: invoice.address)

IssueStep = Step[ReceivingBranch, tuple[Row, Row]]
"""The branch after the invoice's address; the rows of the address and of the invoice."""


def _issue(
    order: InvoiceOrder, branch: ReceivingBranch | None, installation: Installation, now: datetime | None
) -> IssueStep | Refusal:
    if branch is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if not branch.owner.open:
        return AccountClosed(foreign_id=order.foreign_id, field="foreign_id")
    after, address = branch.next_address("invoice")
    row = {
        "account_id": branch.owner.id,
        "index": address["index"],
        "address": dogecoin.to_address(installation.network, address["script"]),
        "token": installation.token(),
    }
    return Step(after, (address, row | _row(order, installation, now)))


async def _now(db: Db, orders: Sequence[InvoiceOrder]) -> datetime | None:
    """Return the database's time, None where no invoice expires."""
    return await db.scalar(sa.select(NOW)) if any(order.expire_minutes for order in orders) else None


def _row(order: InvoiceOrder, installation: Installation, now: datetime | None) -> dict[str, object]:
    total = invoice_items.total(order.items)
    depth = order.required_confirmations
    return {
        "items": invoice_items.shown(order.items),
        "total": total,
        "due": invoice_items.due(total, order.tolerance),
        "required_confirmations": installation.confirmations if depth is None or depth < 0 else depth,
        "reference": order.reference,
        "metadata": order.metadata,
        "return_url": order.return_url,
        "cancel_url": order.cancel_url,
        "expires": now + timedelta(minutes=order.expire_minutes) if now and order.expire_minutes else None,
    }


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
