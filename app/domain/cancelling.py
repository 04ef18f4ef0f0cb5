"""Cancelling an invoice: while nothing has come, its account may withdraw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from app.db import Db
from app.domain import accounts, invoice_sums, invoices, outbox
from app.domain.invoices import Invoice, NoSuchInvoice, NotInThisAccount
from app.domain.networks import Network
from app.domain.refusals import Conflict, Refusal
from app.domain.verbs import Verb


class AlreadyReceived(Conflict):
    """Money has come for this invoice: it cannot be cancelled, but refunded."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The invoice to be cancelled, by its account and address."""

    foreign_id: str
    address: str


def cancelling(network: Network) -> Verb[Wish, Invoice]:
    """Cancel invoices; what is cancelled already stays so, and tells nothing."""
    return Verb(
        "cancel",
        partial(cancel, network=network),
        partial(invoices.by_addresses, network=network),
        lambda one: one.address,
    )


async def cancel(db: Db, wishes: Sequence[Wish], network: Network) -> list[Invoice | Refusal]:
    """Cancel what has received nothing, in the order of the wishes."""
    there = await accounts.owners(db, [wish.foreign_id for wish in wishes])
    locked = await invoice_sums.lock(db, network, [wish.address for wish in wishes])
    refused: dict[int, Refusal] = {}
    changed: dict[str, invoice_sums.Sums] = {}
    told: list[outbox.Fact] = []
    for n, wish in enumerate(wishes):
        now = changed.get(wish.address) or locked.get(wish.address)
        if (refusal := _refusal(wish, now, known=wish.foreign_id in there)) is not None or now is None:
            refused[n] = refusal or NoSuchInvoice(address=wish.address, field="id")
        elif not now.receipts.cancelled:
            changed[wish.address], fact = now.cancelled()
            told.append(fact)
    await invoice_sums.write(db, [changed[address] for address in locked if address in changed])
    await outbox.emit(db, told)
    shown = await invoices.by_addresses(db, [wish.address for wish in wishes], network)
    return [refused[n] if n in refused else shown[wish.address] for n, wish in enumerate(wishes)]


def _refusal(wish: Wish, now: invoice_sums.Sums | None, *, known: bool) -> Refusal | None:
    if not known:
        return accounts.NoSuchAccount(foreign_id=wish.foreign_id, field="foreign_id")
    if now is None:
        return NoSuchInvoice(address=wish.address, field="id")
    if now.owner.foreign_id != wish.foreign_id:
        return NotInThisAccount(field="id")
    return AlreadyReceived(field="id") if now.receipts.received else None
