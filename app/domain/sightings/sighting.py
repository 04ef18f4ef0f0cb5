"""A sighting: an output to an address of ours, in a transaction that waits for a block. It moves no money."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.domain import invoices, outbox
from app.domain.dogecoin import Outpoint
from app.domain.invoices import Receipts
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.money import Koinu, show


class WaitingOutput(NamedTuple):
    """An output of a transaction in the mempool."""

    outpoint: Outpoint
    script: bytes
    amount: Koinu


class WaitingTransaction(NamedTuple):
    """A transaction in the mempool: what it pays, and which outpoints it spends.

    `replaceable`: it signals that another may replace it (BIP125).
    """

    txid: bytes
    outputs: Sequence[WaitingOutput]
    inputs: Sequence[Outpoint]
    replaceable: bool


@dataclass(frozen=True, slots=True)
class Sighting:
    """An output to us in no block. `invoice` is the key index of the invoice whose address it pays, if any.

    `state` is seen, double_spent or dropped. `acceptable`: it counts as confirmed for its invoice.
    """

    owner: Owner
    outpoint: Outpoint
    branch: int
    index: int
    invoice: int | None
    address: str
    amount: Koinu
    required_confirmations: int
    acceptable: bool = False
    state: str = "seen"


def sighting_event(
    sighting: Sighting, happened: str, receipts: Receipts | None, **more: object
) -> OutboxEvent:
    """INV_PAYMENT_* of a sighting that pays an invoice with these `receipts`; DEPOSIT_* of any other.

    `happened` is SEEN, DOUBLE_SPENT or DROPPED.
    """
    txid, vout = sighting.outpoint
    message: dict[str, Any] = {"txid": txid[::-1].hex(), "vout": vout, "amount": show(sighting.amount)}
    if receipts is not None:
        message = invoices.invoice_amounts(sighting.owner, receipts) | message | more
        return outbox.of_account(sighting.owner, f"INV_PAYMENT_{happened}", message)
    message |= {
        "address": sighting.address,
        "invoice": "",
        "confirmations": 0,
        "required_confirmations": sighting.required_confirmations,
        "state": sighting.state,
    }
    return outbox.of_account(sighting.owner, f"DEPOSIT_{happened}", message | more)
