"""Payments: money going out on the chain, asked for by an account and set aside in the same instant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import chain_state, payment_outputs, payments, transactions
from app.domain import accounts, outbox, pages
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.outbox import Flow, OutboxEvent
from app.domain.outbox.payload import TXID_CHANGED, json_text
from app.domain.owner import Owner
from app.domain.pages import Page, PageRequest
from app.domain.payments import versions
from app.domain.refusals import NotFound
from app.money import NOTHING, Koinu, show


def payment_shown(payment: "Payment") -> dict[str, Any]:
    """The payment as the API shows it; unsigned it has no txid and no transaction."""
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
        "confirmations": max(0, payment.confirmations),
        "created": payment.created.isoformat(),
        "reference": payment.reference,
        "error": payment.error,
    }


def payment_event(payment: "Payment", event: str) -> OutboxEvent:
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
    return OutboxEvent(payment.owner.id, payment.owner.foreign_id, event, json_text(message))


def _pay_to(payment: "Payment") -> list[dict[str, str]]:
    return [
        {"to": output.address, "amount": show(output.amount), "deduct_fee_percent": show(output.share)}
        for output in payment.outputs
    ]


AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING
LIVE: Final = ("PENDING", "PROCESSING", "BROADCAST", "CANCELLING")
"""States in which money is set aside."""
RETURNED: Final = ("FAILED", "VOIDED")
"""States in which it has come back."""


class NoSuchPayment(NotFound):
    """There is no payment {id} in this account."""


@dataclass(frozen=True, slots=True)
class PaymentOutput:
    """What a payee is to get: `amount` as asked for, `paid` once the fee is known."""

    address: str
    script: bytes
    amount: Koinu
    share: int
    paid: Koinu | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is. `txid` in internal byte order and `raw` once signed; `owed` is what clawback waits for."""

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
    owed: Koinu = NOTHING
    version_id: int | None = None
    repriced: int = 0
    returned: Koinu = NOTHING  # what came back when it ended unpaid; only whoever ends it knows that
    former: bytes | None = None  # the txid that it was told under before; only whoever changes it knows that

    @property
    def is_returned(self) -> bool:
        """Whether its money has come back."""
        return self.state in RETURNED

    @property
    def deducts(self) -> bool:
        """Whether the fee comes out of the outputs."""
        return any(output.share for output in self.outputs)

    @property
    def total(self) -> Koinu:
        """What leaves the account: outputs and fee once known, else the amount that bears its fee, or what is set aside."""
        if self.fee is None:
            return min(self.amount, self.reserved) if self.deducts else self.reserved
        return Koinu((self.paid or 0) + self.fee)

    def entry(
        self, step: str, postings: Sequence[Posting], number: int = 1, *, clawback: bool = False
    ) -> Entry:
        """Return a movement of this payment: `step` names it, `number` counts its repetitions."""
        return Entry(
            kind=f"PAYMENT_{step.upper()}",
            cause=("payment", str(self.id)),
            key=f"payment:{self.id}:{step}:{number}",
            postings=tuple(posting for posting in postings if posting.amount),
            reference=("payment", self.reference) if self.reference else ("", ""),
            clawback=clawback,
        )

    def give_back(self, step: str, amount: int) -> Entry:
        """Return the movement of `amount` from what is set aside back to what can be spent."""
        account = self.owner.id
        return self.entry(step, (Posting(account, OUTGOING, -amount), Posting(account, AVAILABLE, amount)))


async def fetch(db: Db, foreign_id: str, payment_id: int) -> Payment:
    """Return the account's payment, or refuse."""
    account = await accounts.fetch(db, foreign_id)
    payments_found = await load(db, sa.and_(payments.c.account_id == account.id, payments.c.id == payment_id))
    if not payments_found:
        raise NoSuchPayment(id=payment_id, field="id")
    return payments_found[0]


async def page(db: Db, foreign_id: str, request: PageRequest[int]) -> Page[Payment, int]:
    """Return some of the account's payments, newest first."""
    account = await accounts.fetch(db, foreign_id)
    of_account, before = payments.c.account_id == account.id, request.after_or(pages.BEHIND_IDS)
    ids = sa.select(payments.c.id).where(of_account, payments.c.id < before)
    ids = ids.order_by(payments.c.id.desc()).limit(request.rows)
    listed = await load(db, sa.and_(of_account, payments.c.id.in_(ids)))
    return request.page(listed[::-1], lambda payment: payment.id)


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Payment]:
    """Return the payments with these ids."""
    numbers = sa.literal([int(text) for text in ids], bulk.BIGINTS)
    return {str(payment.id): payment for payment in await load(db, payments.c.id == sa.any_(numbers))}


async def load(db: Db, where: sa.ColumnElement[bool], *, lock: bool = False) -> list[Payment]:
    """Return the payments that `where` names, by id, with their outputs and transaction; locked if asked for."""
    tip = sa.select(chain_state.c.height).scalar_subquery()
    selected = (
        sa.select(
            payments,
            account_rows.c.foreign_id,
            account_rows.c.address,
            transactions.c.txid,
            transactions.c.raw,
            sa.func.coalesce(tip - transactions.c.height + 1, 0).label("confirmations"),
        )
        .join(account_rows, account_rows.c.id == payments.c.account_id)
        .outerjoin(transactions, transactions.c.id == versions.CURRENT)
        .where(where)
        .order_by(payments.c.id)
    )
    rows = await bulk.fetch_all(
        db, selected.with_for_update(key_share=True, of=payments) if lock else selected
    )
    outputs = await _outputs(db, [(row["account_id"], row["id"]) for row in rows])
    return [_payment(row, tuple(outputs[row["id"]])) for row in rows]


async def _outputs(db: Db, keys: Sequence[tuple[int, int]]) -> dict[int, list[PaymentOutput]]:
    pairs = [{"account_id": account, "payment_id": number} for account, number in keys]
    wanted_keys = bulk.rows(payment_outputs, ["account_id", "payment_id"], pairs)
    same = sa.and_(
        payment_outputs.c.account_id == wanted_keys.c.account_id,
        payment_outputs.c.payment_id == wanted_keys.c.payment_id,
    )
    selected = (
        sa.select(payment_outputs)
        .join(wanted_keys, same)
        .order_by(payment_outputs.c.payment_id, payment_outputs.c.number)
    )
    outputs: dict[int, list[PaymentOutput]] = {number: [] for _, number in keys}
    for row in await bulk.fetch_all(db, selected):
        shown = {name: row[name] for name in ("address", "script", "amount", "share", "paid")}
        outputs[row["payment_id"]].append(PaymentOutput(**shown))
    return outputs


def _payment(row: Row, outputs: tuple[PaymentOutput, ...]) -> Payment:
    plain = {
        name: row[name] for name in Payment.__slots__ if name in row and name not in ("owner", "outputs")
    }
    owner = Owner(row["account_id"], row["foreign_id"], row["address"])
    return Payment(owner=owner, outputs=outputs, **plain)


def with_state(payment: Payment, state: str, error: str = "") -> Payment:
    """Return the payment in another state."""
    return replace(payment, state=state, error=error)


def unsent(payment: Payment, state: str, error: str = "") -> Payment:
    """Return the payment ended before it was signed: all of it comes back."""
    return replace(payment, state=state, error=error, returned=payment.total)


def signed(payment: Payment, amounts: Sequence[Koinu], fee: Koinu) -> Payment:
    """Return the payment as its transaction carries it: `amounts` to its outputs, and its share of the fee."""
    outputs = tuple(replace(output, paid=paid) for output, paid in zip(payment.outputs, amounts, strict=True))
    paid = Koinu(sum(amounts))
    return replace(
        payment, state="PROCESSING", outputs=outputs, paid=paid, fee=fee, reserved=Koinu(paid + fee)
    )


def request_events(payment: "Payment") -> tuple[OutboxEvent, OutboxEvent]:
    """Tell that money was set aside for it."""
    return payment_event(payment, "PAYMENT_REQUESTED"), _flow(payment)


def end_events(payments: Sequence["Payment"], event: str) -> list[OutboxEvent]:
    """Tell of payments that ended unpaid, and that their money does not go out."""
    return [
        event_of_payment
        for payment in payments
        for event_of_payment in (payment_event(payment, event), *turn_events(payment))
    ]


def turn_events(payment: "Payment") -> list[OutboxEvent]:
    """Tell that its money came back, or goes out after all: to its account, and for a refund's invoice."""
    return [_flow(payment), refund_returned(payment)] if payment.kind == "refund" else [_flow(payment)]


def _flow(payment: "Payment") -> OutboxEvent:
    """ACC_PAYMENT of money that is to go out, or `reversed` once that came back.

    Which transaction carries it, and its fee, is told by PAYMENT_SENT.
    """
    out = Flow("out", "payment", payment.reference or str(payment.id), payment.amount)
    return outbox.account_payment(payment.owner, out, back=payment.is_returned)


def refund_returned(payment: "Payment") -> OutboxEvent:
    """INV_REFUND_RETURNED: a refund was not paid, or `reversed` goes out after all."""
    message = {
        "invoice_id": payment.reference,
        "payment_id": payment.id,
        "amount": show(payment.amount),
        "to": payment.outputs[0].address,
        "reversed": not payment.is_returned,
    }
    return outbox.of_account(payment.owner, "INV_REFUND_RETURNED", message)
