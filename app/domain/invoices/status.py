"""How far an invoice is paid: what a payer's page shows while it waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import chain_state, deposits, invoices
from app.domain.dogecoin import Network
from app.domain.invoices import invoice as invoice_rows
from app.domain.invoices.invoice import Invoice, NoSuchInvoice
from app.money import Koinu


@dataclass(frozen=True, slots=True)
class InvoiceStatus:
    """How far an invoice is paid. Amounts in koinu; `remaining` is 0 once enough has come.

    `confirmations` are those of the deposit that has the fewest, 0 without a deposit in a block.
    """

    id: str
    state: str
    total: Koinu
    received: Koinu
    confirmed: Koinu
    remaining: Koinu
    confirmations: int
    required_confirmations: int
    estimate_seconds_to_confirm: int
    expires: datetime | None

    @classmethod
    def of(cls, invoice: Invoice, confirmations: int) -> Self:
        """Return the status of this invoice."""
        missing = 0 if invoice.total_payment_detected else invoice.total - invoice.received
        return cls(
            invoice.address,
            invoice.state,
            invoice.total,
            invoice.received,
            invoice.confirmed,
            Koinu(missing),
            confirmations,
            invoice.required_confirmations,
            invoice.estimate_seconds_to_confirm,
            invoice.expires,
        )


class InvoiceDeposit(NamedTuple):
    """A transaction's output in a block that pays an invoice."""

    txid: str
    amount: Koinu
    confirmations: int


async def deposits_of(db: Db, invoice: Invoice) -> list[InvoiceDeposit]:
    """Return what has come for the invoice in blocks, oldest first."""
    paid = sa.and_(deposits.c.account_id == invoice.owner.id, deposits.c.invoice == invoice.index)
    tip = sa.select(chain_state.c.height).scalar_subquery()
    confirmations = (tip - deposits.c.height + 1).label("confirmations")
    received = sa.select(deposits, confirmations).where(paid, deposits.c.state != "undone")
    rows = await bulk.fetch_all(db, received.order_by(deposits.c.height, deposits.c.txid, deposits.c.vout))
    return [
        InvoiceDeposit(bytes(row["txid"])[::-1].hex(), row["amount"], row["confirmations"]) for row in rows
    ]


async def status(db: Db, network: Network, address: str) -> InvoiceStatus:
    """Return how far the invoice is paid that is to be paid to `address`, or refuse with NoSuchInvoice."""
    invoice_status = (await statuses(db, network, [address])).get(address)
    if invoice_status is None:
        raise NoSuchInvoice(address=address, field="id")
    return invoice_status


async def statuses(db: Db, network: Network, addresses: Sequence[str]) -> dict[str, InvoiceStatus]:
    """Return how far the invoices are paid that are to be paid to these addresses, in one statement."""
    rows = await bulk.fetch_all(db, _STATUS, {"scripts": invoice_rows.scripts(network, addresses)})
    return {
        row["address"]: InvoiceStatus.of(invoice_rows.of(network, row), row["confirmations"]) for row in rows
    }


def _select() -> sa.Select[Any]:
    """Invoices by their scripts, without their long texts."""
    newest = (
        sa.select(sa.func.max(deposits.c.height))
        .where(deposits.c.account_id == invoices.c.account_id, deposits.c.invoice == invoices.c.index)
        .scalar_subquery()
    )
    tip = sa.select(chain_state.c.height).scalar_subquery()
    full = invoice_rows.select()
    short = [column for column in full.selected_columns if column.key not in ("items", "metadata")]
    return invoice_rows.paid_to(
        full.with_only_columns(
            *short,
            sa.literal("[]").label("items"),
            sa.literal("{}").label("metadata"),
            sa.func.coalesce(tip - newest + 1, 0).label("confirmations"),
        )
    )


_STATUS: Final = _select()
