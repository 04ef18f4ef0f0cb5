"""What is told to the outside: each fact's name and fields, as GigaWallet names them and api.md adds."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.domain.outbox import Fact
from app.fragments import fragment, placed
from app.money import Koinu, show
from app.tables import NOBODY

if TYPE_CHECKING:
    from app.domain.accounts import Account
    from app.domain.invoices import Invoice
    from app.domain.ledger import Balance
    from app.domain.payments import Payment


class Owner(NamedTuple):
    """Whom a fact is about: the account's number, its foreign_id, and its address (the wire's id); whether it is open."""

    id: int
    foreign_id: str
    address: str
    open: bool = True


class Flow(NamedTuple):
    """Money that comes to an account (`in`) or goes from it (`out`), as ACC_PAYMENT tells it."""

    direction: str
    kind: str
    reference: str
    amount: Koinu
    txid: str = ""


class InvoiceSums(NamedTuple):
    """What an invoice asks for and has received, in koinu."""

    address: str
    total: Koinu
    received: Koinu
    confirmed: Koinu


def account_shown(account: "Account") -> dict[str, Any]:
    """GigaWallet's five fields, then ours."""
    return {
        "id": account.address,
        "foreign_id": account.foreign_id,
        "payout_address": account.payout_address,
        "payout_threshold": show(account.payout_threshold),
        "payout_frequency": account.payout_frequency,
        "name": account.name,
        "state": account.state,
        "created": account.created.isoformat(),
        "vendor_name": account.vendor_name,
        "vendor_icon": account.vendor_icon,
        "vendor_address": account.vendor_address,
        "vendor_url": account.vendor_url,
        "accept_unconfirmed_below": show(account.accept_unconfirmed_below),
        "batch": account.batch,
    }


def invoice_shown(invoice: "Invoice") -> dict[str, Any]:
    """GigaWallet's admin form, then ours; the public form is a part of it."""
    return {
        "id": invoice.address,
        "account": invoice.owner.address,
        "items": fragment(invoice.items),
        "required_confirmations": invoice.required_confirmations,
        "created": invoice.created.isoformat(),
        "total": show(invoice.total),
        "total_incoming": show(invoice.received),
        "total_confirmed": show(invoice.confirmed),
        "pay_to_address": invoice.address,
        "part_payment_detected": invoice.part_payment_detected,
        "total_payment_detected": invoice.total_payment_detected,
        "total_payment_confirmed": invoice.total_payment_confirmed,
        "payment_unconfirmed": invoice.payment_unconfirmed,
        "estimate_seconds_to_confirm": invoice.estimate_seconds_to_confirm,
        "token": invoice.token,
        "state": invoice.state,
        "reference": invoice.reference,
        "metadata": fragment(invoice.metadata),
        "overpaid": show(invoice.overpaid),
        "expires": invoice.expires and invoice.expires.isoformat(),
        "late": invoice.late,
        "refunded": show(invoice.refunded),
    }


def account_created(account: "Account") -> Fact:
    """ACC_CREATED."""
    return Fact(account.id, account.foreign_id, "ACC_CREATED", _json(account_shown(account)))


def account_updated(account: "Account") -> Fact:
    """ACC_UPDATED."""
    return Fact(account.id, account.foreign_id, "ACC_UPDATED", _json(account_shown(account)))


def account_closed(account: "Account") -> Fact:
    """ACC_CLOSED."""
    return Fact(account.id, account.foreign_id, "ACC_CLOSED", _json(account_shown(account)))


def balance_change(owner: Owner, balance: "Balance") -> Fact:
    """ACC_BALANCE_CHANGE: the three sums that GigaWallet knows, after the change."""
    message = {
        "current_balance": show(balance.available),
        "incoming_balance": show(balance.incoming),
        "outgoing_balance": show(balance.outgoing),
    }
    return of_account(owner, "ACC_BALANCE_CHANGE", message)


def account_payment(owner: Owner, flow: Flow, *, back: bool = False) -> Fact:
    """ACC_PAYMENT; `back` takes back one that was told before."""
    message = {
        "direction": flow.direction,
        "kind": flow.kind,
        "reference": flow.reference,
        "amount": show(flow.amount),
        "fee": "0",
        "txid": flow.txid,
        "reversed": back,
    }
    return of_account(owner, "ACC_PAYMENT", message)


def chain_activity(owner: Owner, height: int, block_hash: str, txids: Sequence[str], *, connected: bool) -> Fact:
    """ACC_CHAIN_ACTIVITY: one per account and block that touches it, `connected` or taken back."""
    message = {"height": height, "block_hash": block_hash, "connected": connected, "txids": list(txids)}
    return of_account(owner, "ACC_CHAIN_ACTIVITY", message)


def invoice_created(invoice: "Invoice") -> Fact:
    """INV_CREATED."""
    return Fact(invoice.owner.id, invoice.owner.foreign_id, "INV_CREATED", _json(invoice_shown(invoice)))


def invoice_payment(owner: Owner, event: str, sums: InvoiceSums) -> Fact:
    """Any INV_* about money, with the sums after it; of an overpayment the excess too."""
    message = _invoice_sums(owner, sums)
    if event.startswith("INV_OVER_PAYMENT"):
        message["overpayment_incoming"] = show(max(0, sums.received - sums.total))
        message["overpayment_confirmed"] = show(max(0, sums.confirmed - sums.total))
    return Fact(owner.id, owner.foreign_id, event, _json(message))


def invoice_refunded(owner: Owner, sums: InvoiceSums, refunded: int, amount: int, to: str) -> Fact:
    """INV_PAYMENT_REFUNDED: what goes back `to` an address or account now, and all that went back by then."""
    message = _invoice_sums(owner, sums)
    message |= {"refunded": show(refunded), "amount": show(amount), "to": to}
    return Fact(owner.id, owner.foreign_id, "INV_PAYMENT_REFUNDED", _json(message))


def _invoice_sums(owner: Owner, sums: InvoiceSums) -> dict[str, str]:
    return {
        "invoice_id": sums.address,
        "account_id": owner.address,
        "foreign_id": owner.foreign_id,
        "invoice_total": show(sums.total),
        "total_incoming": show(sums.received),
        "total_confirmed": show(sums.confirmed),
    }


def payment_shown(payment: "Payment") -> dict[str, Any]:
    """The payment as api.md has it."""
    return {
        "id": payment.id,
        "foreign_id": payment.owner.foreign_id,
        "state": payment.state,
        "pay_to": _pay_to(payment),
        "total": show(payment.total),
        "paid": show(payment.paid or 0),
        "fee": show(payment.fee or 0),
        "hex": payment.txid[::-1].hex() if payment.txid else "",
        "tx": payment.raw.hex() if payment.raw else "",
        "confirmations": payment.confirmations,
        "created": payment.created.isoformat(),
        "reference": payment.reference,
        "error": payment.error,
    }


def payment_event(payment: "Payment", event: str) -> Fact:
    """Any PAYMENT_*: GigaWallet's PaymentEvent, then its state and fee; of one that ended unpaid, what came back of it."""
    message = {
        "payment_id": payment.id,
        "account_id": payment.owner.address,
        "foreign_id": payment.owner.foreign_id,
        "pay_to": _pay_to(payment),
        "total": show(payment.total),
        "txid": payment.txid[::-1].hex() if payment.txid else "",
        "state": payment.state,
        "fee": show(payment.fee or 0),
    }
    if event == TXID_CHANGED and payment.former:
        message["previous_txid"] = payment.former[::-1].hex()
    if payment.is_returned:
        message["returned"] = show(payment.returned)
    if payment.error:
        message["error"] = payment.error
    return Fact(payment.owner.id, payment.owner.foreign_id, event, _json(message))


def _pay_to(payment: "Payment") -> list[dict[str, str]]:
    return [
        {"to": output.address, "amount": show(output.amount), "deduct_fee_percent": show(output.share)}
        for output in payment.outputs
    ]


def unknown_spend(address: str, amount: Koinu, outpoint: str, txid: str, *, back: bool = False) -> Fact:
    """SYS_UNKNOWN_SPEND: a coin of ours was spent by a transaction that we did not make; or `back`, that was undone."""
    message = {"address": address, "amount": show(amount), "outpoint": outpoint, "txid": txid}
    event = "SYS_UNKNOWN_SPEND_UNDONE" if back else "SYS_UNKNOWN_SPEND"
    return Fact(NOBODY, "", event, _json(message))


def of_account(owner: Owner, event: str, message: dict[str, Any]) -> Fact:
    """A fact whose message begins with whom it is about."""
    whole = {"account_id": owner.address, "foreign_id": owner.foreign_id, **message}
    return Fact(owner.id, owner.foreign_id, event, _json(whole))


def _json(message: dict[str, Any]) -> str:
    return placed(_ENCODE(message))


TXID_CHANGED: Final = "PAYMENT_TXID_CHANGED"
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""Made once: `json.dumps` with arguments makes an encoder at each call, which takes longer than the encoding."""
