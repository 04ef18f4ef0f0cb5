"""A payment: money that an account sends out on the chain. What it posts, how it is shown, and its events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.db.tables import COLD_STORAGE
from app.domain import outbox, rates
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.outbox import Flow, OutboxEvent
from app.domain.outbox.payload import TXID_CHANGED, json_text
from app.domain.owner import Owner
from app.domain.rates import Quote
from app.money import NOTHING, Koinu, show

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING
LIVE: Final = ("AWAITING_APPROVAL", "PENDING", "PROCESSING", "BROADCAST", "CANCELLING")
"""States in which money is set aside."""
RETURNED: Final = ("FAILED", "VOIDED")
"""States in which the money has come back."""

COLD: Final = "cold"
"""The kind of payments to cold storage: the amount is in the books of cold storage, the fee in its account's."""
_OF_THE_FEE: Final = ("signed", "repriced")
"""Steps that move a part of the fee; all others move all of the payment."""


class PaymentOutput(NamedTuple):
    """An output of a payment: its `amount` as requested, and what is `paid` once the fee is known."""

    address: str
    script: bytes
    amount: Koinu
    share: int
    paid: Koinu | None = None


class Payment(NamedTuple):
    """A payment as it is now.

    `txid`, in internal byte order, and `raw` are None until it is signed. `clawback_debt` is what clawback
    waits for. `returned` is what came back when it ended unpaid; only the code that ends it fills that in.
    `former` is the txid that it had before; only the code that changes the txid fills that in. `quote` is
    what a DOGE was worth when it was requested.
    """

    owner: Owner
    id: int
    kind: str
    state: str
    amount: Koinu
    reserved: Koinu
    explicit_fee: Koinu
    max_fee: Koinu
    paid: Koinu | None
    fee: Koinu | None
    transaction_id: int | None
    batch: bool
    reference: str
    error: str
    created: datetime
    outputs: tuple[PaymentOutput, ...]
    txid: bytes | None = None
    raw: bytes | None = None
    confirmations: int = 0
    clawback_debt: Koinu = NOTHING
    version_id: int | None = None
    repriced: int = 0
    returned: Koinu = NOTHING
    former: bytes | None = None
    asked_by: str = ""
    quote: Quote | None = None

    @property
    def is_returned(self) -> bool:
        """Whether its money has come back."""
        return self.state in RETURNED

    @property
    def principal(self) -> Koinu:
        """What of it is not its account's: customers have what lies in cold storage."""
        return self.amount if self.kind == COLD else NOTHING

    @property
    def deducts(self) -> bool:
        """Whether the fee comes out of the outputs."""
        return any(output.share for output in self.outputs)

    @property
    def total(self) -> Koinu:
        """What leaves the account: outputs and fee.

        While the fee is not known it is what is set aside; or the amount, where that bears the fee.
        """
        if self.fee is None:
            return min(self.amount, self.reserved) if self.deducts else self.reserved
        return Koinu((self.paid or 0) + self.fee)

    def entry(
        self, step: str, postings: Sequence[Posting], number: int = 1, *, clawback: bool = False
    ) -> Entry:
        """Return an entry of this payment: `step` names it, `number` counts its repetitions."""
        return Entry(
            kind=f"PAYMENT_{step.upper()}",
            cause=("payment", str(self.id)),
            key=f"payment:{self.id}:{step}:{number}",
            postings=tuple(posting for posting in postings if posting.amount),
            reference=("payment", self.reference) if self.reference else ("", ""),
            clawback=clawback,
        )

    def set_aside(self, step: str, amount: int, number: int = 1) -> Entry:
        """Return the entry that moves `amount` from what the account can spend to what is set aside."""
        return self.entry(step, self._moved(step, AVAILABLE, OUTGOING, amount), number)

    def give_back(self, step: str, amount: int) -> Entry:
        """Return the entry that moves `amount` from what is set aside back to what the account can spend."""
        return self.entry(step, self._moved(step, OUTGOING, AVAILABLE, amount))

    def whole(self, bucket: Bucket, amount: int) -> tuple[Posting, Posting]:
        """Return what a bucket gains, or with an amount below zero gives, where all of the payment moves."""
        principal = self.principal if amount > 0 else -self.principal
        return Posting(COLD_STORAGE, bucket, principal), Posting(self.owner.id, bucket, amount - principal)

    def _moved(self, step: str, giver: Bucket, taker: Bucket, amount: int) -> tuple[Posting, ...]:
        if step in _OF_THE_FEE:
            return Posting(self.owner.id, giver, -amount), Posting(self.owner.id, taker, amount)
        return (*self.whole(giver, -amount), *self.whole(taker, amount))


def ended_unsigned(payment: Payment, state: str, error: str = "") -> Payment:
    """Return the payment ended before it was signed: all of its money comes back."""
    return payment._replace(state=state, error=error, returned=payment.total)


def payment_shown(payment: Payment) -> dict[str, Any]:
    """Return the payment as the API shows it; until it is signed it has no txid and no transaction."""
    return {
        "id": payment.id,
        "foreign_id": payment.owner.foreign_id,
        "state": payment.state,
        "pay_to": _pay_to(payment),
        "total": show(payment.total),
        "paid": show(payment.paid or 0),
        "fee": show(payment.fee or 0),
        "hex": _txid_shown(payment),
        "tx": payment.raw.hex() if payment.raw else "",
        "confirmations": max(0, payment.confirmations),
        "created": payment.created.isoformat(),
        "reference": payment.reference,
        "error": payment.error,
        "fiat": rates.worth_shown(payment.quote, payment.amount),
    }


def payment_event(payment: Payment, event: str) -> OutboxEvent:
    """Return any PAYMENT_* event: the fields of GigaWallet's PaymentEvent, then state and fee.

    An event of a payment that ended unpaid also says what came back. Of one to cold storage only the fee is its
    account's, and told here.
    """
    message = {
        "payment_id": payment.id,
        "account_id": payment.owner.address,
        "foreign_id": payment.owner.foreign_id,
        "pay_to": [] if payment.kind == COLD else _pay_to(payment),
        "total": show(payment.total - payment.principal),
        "txid": _txid_shown(payment),
        "state": payment.state,
        "fee": show(payment.fee or 0),
        "fiat": rates.worth_shown(payment.quote, payment.amount - payment.principal),
    }
    if event == TXID_CHANGED and payment.former:
        message["previous_txid"] = payment.former[::-1].hex()
    if payment.is_returned:
        message["returned"] = show(payment.returned - payment.principal)
    if payment.error:
        message["error"] = payment.error
    return OutboxEvent(payment.owner.id, payment.owner.foreign_id, event, json_text(message))


def _txid_shown(payment: Payment) -> str:
    return payment.txid[::-1].hex() if payment.txid else ""


def _pay_to(payment: Payment) -> list[dict[str, str]]:
    return [
        {"to": output.address, "amount": show(output.amount), "deduct_fee_percent": show(output.share)}
        for output in payment.outputs
    ]


def request_events(payment: Payment) -> list[OutboxEvent]:
    """Return the events that tell that money was set aside for the payment, and that it waits for approval, if so."""
    waits = ["PAYMENT_AWAITING_APPROVAL"] if payment.state == "AWAITING_APPROVAL" else []
    told = [payment_event(payment, event) for event in ("PAYMENT_REQUESTED", *waits)]
    return [*told, *_flow(payment)]


def end_events(payments: Sequence[Payment], event: str) -> list[OutboxEvent]:
    """Return the events of payments that ended unpaid: each one's own, and that its money came back."""
    return [fact for payment in payments for fact in (payment_event(payment, event), *return_events(payment))]


def return_events(payment: Payment) -> list[OutboxEvent]:
    """Return the events that its money came back, or goes out after all: of its account, and of a refund."""
    return [*_flow(payment), *([refund_returned(payment)] if payment.kind == "refund" else [])]


def _flow(payment: Payment) -> list[OutboxEvent]:
    """Return ACC_PAYMENT of money that is to go out, or `reversed` once that money came back.

    PAYMENT_SENT tells which transaction carries it, and its fee. What goes to cold storage leaves no account.
    """
    if payment.kind == COLD:
        return []
    out = Flow("out", "payment", payment.reference or str(payment.id), payment.amount)
    return [outbox.account_payment(payment.owner, out, back=payment.is_returned)]


def refund_returned(payment: Payment) -> OutboxEvent:
    """Return INV_REFUND_RETURNED: a refund was not paid, or `reversed` goes out after all."""
    message = {
        "invoice_id": payment.reference,
        "payment_id": payment.id,
        "amount": show(payment.amount),
        "to": payment.outputs[0].address,
        "reversed": not payment.is_returned,
    }
    return outbox.of_account(payment.owner, "INV_REFUND_RETURNED", message)
