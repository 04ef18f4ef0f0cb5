"""How far an invoice is paid: what a payer's page shows while it waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

import orjson
import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, bulk
from app.db.tables import chain_state, deposits, invoices, sightings
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.invoices import invoice as invoice_rows
from app.domain.invoices import showing
from app.domain.invoices.invoice import Invoice
from app.domain.queries import Query
from app.domain.refusals import Refusal
from app.money import Koinu

PAYMENTS: Final = 100
"""So many payments of an invoice are shown at most."""


class InvoicePayment(NamedTuple):
    """An output that pays an invoice, in koinu. Without confirmations it waits for a block."""

    txid: str
    amount: Koinu
    confirmations: int


@dataclass(frozen=True, slots=True)
class InvoiceStatus:
    """How far an invoice is paid. Amounts in koinu; `seen` waits for a block; `remaining` is in neither.

    `unconfirmed`: it counts as confirmed before its money is (accept_unconfirmed_below). `confirmations` are
    those of the deposit that has the fewest, 0 without a deposit in a block. `money` is the price in money and
    its rate, as invoices show it.
    """

    id: str
    state: str
    total: Koinu
    received: Koinu
    confirmed: Koinu
    seen: Koinu
    unconfirmed: bool
    remaining: Koinu
    confirmations: int
    required_confirmations: int
    estimate_seconds_to_confirm: int
    expires: datetime | None
    payments: tuple[InvoicePayment, ...]
    money: Mapping[str, Any]

    @classmethod
    def of(cls, invoice: Invoice, confirmations: int, payments: Sequence[InvoicePayment]) -> Self:
        """Return the status of this invoice."""
        return cls(
            invoice.address,
            invoice.state,
            invoice.total,
            invoice.received,
            invoice.confirmed,
            invoice.seen,
            invoice.settled and invoice.confirmed < invoice.due,
            invoice.remaining,
            confirmations,
            invoice.required_confirmations,
            invoice.estimate_seconds_to_confirm,
            invoice.expires,
            tuple(payments),
            showing.money_shown(invoice),
        )


async def payments_of(db: Db, invoice: Invoice) -> list[InvoicePayment]:
    """Return what has come for the invoice over the chain, the oldest of PAYMENTS first."""
    query = _payments(sa.literal(invoice.owner.id), sa.literal(invoice.index))
    return [_payment(row.txid, row.amount, row.confirmations) for row in await db.execute(query)]


async def fetch_many(
    db: ReadDb, addresses: Sequence[str], installation: Installation
) -> list[InvoiceStatus | Refusal]:
    """Return how far the invoices are paid, in order; NoSuchInvoice where an address is none's."""
    known = await statuses(db, installation.network, addresses)
    return [known.get(address) or invoice_rows.no_such(address) for address in addresses]


STATUS: Final = Query("invoice status", fetch_many)
"""How far an invoice is paid, by its address."""


async def statuses(db: ReadDb, network: Network, addresses: Sequence[str]) -> dict[str, InvoiceStatus]:
    """Return how far the invoices are paid that are to be paid to these addresses, in one statement."""
    rows = await bulk.fetch_all(db, _STATUS, {"scripts": invoice_rows.scripts(network, addresses)})
    return {
        row["address"]: InvoiceStatus.of(
            invoice_rows.of(network, row),
            row["confirmations"],
            [_payment(*payment) for payment in orjson.loads(row["payments"])],
        )
        for row in rows
    }


def _payment(txid: str, amount: int, confirmations: int) -> InvoicePayment:
    return InvoicePayment(bytes.fromhex(txid)[::-1].hex(), Koinu(amount), confirmations)


def _payments(
    account: sa.ColumnElement[int], index: sa.ColumnElement[int]
) -> sa.Select[tuple[str, int, int]]:
    """Select the payments of an invoice: those in blocks by their heights, and then what waits for one."""
    tip = sa.select(chain_state.c.height).scalar_subquery()
    order = (deposits.c.height, deposits.c.txid, deposits.c.vout)
    in_blocks = (
        sa.select(*_columns(deposits), (tip - deposits.c.height + 1).label("confirmations"))
        .where(deposits.c.account_id == account, deposits.c.invoice == index, deposits.c.state != "undone")
        .order_by(*order)
        .limit(PAYMENTS)
        .correlate(invoices)
    )
    seen = (
        sa.select(*_columns(sightings), sa.literal(0).label("confirmations"))
        .where(sightings.c.account_id == account, sightings.c.invoice == index, sightings.c.state == "seen")
        .order_by(sightings.c.created, sightings.c.txid, sightings.c.vout)
        .limit(PAYMENTS)
        .correlate(invoices)
    )
    both = sa.union_all(in_blocks.subquery().select(), seen.subquery().select()).subquery()
    return sa.select(both).limit(PAYMENTS)


def _columns(table: sa.Table) -> Sequence[sa.ColumnElement[Any]]:
    return sa.func.encode(table.c.txid, "hex").label("txid"), table.c.amount


def _confirmations() -> sa.ColumnElement[int]:
    """Of the newest deposit that a block has; 0 where there is none."""
    newest = (
        sa.select(sa.func.max(deposits.c.height))
        .where(deposits.c.account_id == invoices.c.account_id, deposits.c.invoice == invoices.c.index)
        .scalar_subquery()
    )
    tip = sa.select(chain_state.c.height).scalar_subquery()
    return sa.func.coalesce(tip - newest + 1, 0)


def _select() -> sa.Select[Any]:
    """Invoices by their scripts, without their long texts."""
    payment = _payments(invoices.c.account_id, invoices.c.index).subquery()
    listed = sa.func.json_agg(sa.func.json_build_array(*payment.c))
    text = sa.func.coalesce(sa.cast(listed, sa.Text), "[]")
    payments = sa.select(text).select_from(payment).scalar_subquery()
    full = invoice_rows.select()
    short = [column for column in full.selected_columns if column.key not in ("items", "metadata")]
    return invoice_rows.paid_to(
        full.with_only_columns(
            *short,
            sa.literal("[]").label("items"),
            sa.literal("{}").label("metadata"),
            _confirmations().label("confirmations"),
            payments.label("payments"),
        )
    )


_STATUS: Final = Prepared(_select())
