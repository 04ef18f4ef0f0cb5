"""Invoices that accounts of other cells pay, or are refunded to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from app.domain import batch, ledger
from app.domain.batch import Step
from app.domain.crossings import groups, parties
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.invoices import pay_from_account, receipts, refunds
from app.domain.invoices.pay_from_account import PayFromOrder
from app.domain.invoices.receipts import LockedInvoice
from app.domain.invoices.refunds import Refund
from app.domain.owner import Owner
from app.domain.refusals import Refusal
from app.domain.transfers import Available, InvoiceTransfer, Transfer

Order = TypeVar("Order")
InvoiceStep = Step[LockedInvoice, InvoiceTransfer]


async def settle(crossing: Crossing, placed: Sequence[Placed[PayFromOrder]]) -> list[Transfer | Refusal]:
    """Pay what each invoice lacks, in order, as far as each account's money goes; the payer is at home."""
    known = await parties.find(crossing, [(order.foreign_id, cells) for order, cells in placed])
    locked = await _lock(crossing, [(order.address, cells) for order, cells in placed])
    available = await _available(crossing, locked, known)

    def decide(each: Placed[PayFromOrder], invoice: LockedInvoice | None) -> InvoiceStep | Refusal:
        payer = known.get((each.request.foreign_id, each.cells))
        return pay_from_account.decide(each.request, payer, invoice, available)

    return await _post(crossing, placed, locked, lambda order: order.address, decide)


async def refund(crossing: Crossing, placed: Sequence[Placed[Refund]]) -> list[Transfer | Refusal]:
    """Refund to accounts, in order, as far as each invoice and its account's money goes; the invoice is at home."""
    known = await parties.find(crossing, [(order.to, cells) for order, cells in placed])
    locked = await _lock(crossing, [(order.invoice, cells[:1]) for order, cells in placed])
    on_chain: dict[str, int] = {}
    for cell, invoices in _by_cell(crossing, locked.values()):
        of_cell = {invoice.address: invoice for invoice in invoices}
        on_chain |= await receipts.refunded_on_chain(await enter(crossing, cell), of_cell)
    available = await _available(crossing, locked, known)

    def decide(each: Placed[Refund], invoice: LockedInvoice | None) -> InvoiceStep | Refusal:
        payee = known.get((each.request.to, each.cells))
        refunded = on_chain.get(each.request.invoice, 0)
        return refunds.decide(each.request, payee, invoice, refunded, available)

    return await _post(crossing, placed, locked, lambda order: order.invoice, decide)


async def _lock(
    crossing: Crossing, sought: Iterable[tuple[str, tuple[int, ...]]]
) -> dict[str, LockedInvoice]:
    """Lock the invoices that exist of these addresses, each looked for in the cells beside it."""
    addresses: dict[int, list[str]] = {}
    for address, cells in sought:
        for cell in cells:
            addresses.setdefault(cell, []).append(address)
    locked: dict[str, LockedInvoice] = {}
    for cell in sorted(addresses):
        network = crossing.installations[cell].network
        locked |= await receipts.lock(await enter(crossing, cell), network, addresses[cell])
    return locked


async def _available(
    crossing: Crossing, locked: Mapping[str, LockedInvoice], known: Mapping[parties.Sought, Owner]
) -> Available:
    """Lock the Dogecoin balances of all accounts concerned; return what each can spend, in koinu."""
    accounts: dict[int, set[int]] = {}
    for owner in (*known.values(), *(invoice.owner for invoice in locked.values())):
        accounts.setdefault(crossing.cell_of(owner.id), set()).add(owner.id)
    available: Available = {}
    for cell in sorted(accounts):
        available |= await ledger.lock_available(await enter(crossing, cell), accounts[cell])
    return available


async def _post(
    crossing: Crossing,
    placed: Sequence[Placed[Order]],
    locked: Mapping[str, LockedInvoice],
    address: Callable[[Order], str],
    decide: Callable[[Placed[Order], LockedInvoice | None], InvoiceStep | Refusal],
) -> list[Transfer | Refusal]:
    """Decide the orders, post the transfers and write the invoices."""
    decided = batch.decide(placed, locked, lambda each: address(each.request), decide)
    steps = batch.accepted(decided)
    made = await groups.post_invoice_transfers(crossing, [transfer for _, transfer in steps])
    last = {invoice.address: invoice for invoice, _ in steps}
    for cell, changed in _by_cell(crossing, last.values()):
        await receipts.write(await enter(crossing, cell), changed)
    return batch.outcomes(decided, made)


def _by_cell(crossing: Crossing, invoices: Iterable[LockedInvoice]) -> list[tuple[int, list[LockedInvoice]]]:
    of_cell: dict[int, list[LockedInvoice]] = {}
    for invoice in invoices:
        of_cell.setdefault(crossing.cell_of(invoice.owner.id), []).append(invoice)
    return sorted(of_cell.items(), key=lambda pair: pair[0])
