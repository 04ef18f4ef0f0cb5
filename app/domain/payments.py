"""Payments: money going out on the chain, asked for by an account and set aside in the same instant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import accounts, ledger, outbox, payment_facts, versions
from app.domain.accounts import NoSuchAccount
from app.domain.facts import Owner
from app.domain.ledger import Bucket, Entry, InsufficientFunds, Posting
from app.domain.pay_orders import PayOrder
from app.domain.refusals import Invalid, NotFound, Refusal
from app.domain.verbs import Verb
from app.money import DOGE, DUST, NOTHING, Koinu, show
from app.tables import NOW, addresses, chain_state, payment_outputs, payments, transactions
from app.tables import accounts as account_rows

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING
LIVE: Final = ("PENDING", "PROCESSING", "BROADCAST", "CANCELLING")
"""States in which money is set aside."""
RETURNED: Final = ("FAILED", "VOIDED")
"""States in which it has come back."""


class NoSuchPayment(NotFound):
    """There is no payment {id} in this account."""


@dataclass(frozen=True, slots=True)
class Output:
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
    outputs: tuple[Output, ...]
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

    def entry(self, step: str, postings: Sequence[Posting], number: int = 1, *, clawback: bool = False) -> Entry:
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


def requesting() -> Verb[PayOrder, Payment]:
    """Set money aside for payments; the sender does the rest."""
    return Verb("payment", request, by_ids, lambda payment: str(payment.id), pays=True)


async def request(db: Db, orders: Sequence[PayOrder]) -> list[Payment | Refusal]:
    """Accept payments in order as far as each account's money goes; what is accepted lies in `outgoing` at once."""
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    change = await _change_addresses(db, orders)
    slots = sorted({(owner.id, DOGE) for owner in owners.values()})
    left = {account: balance.available for (account, _), balance in (await ledger.lock(db, slots)).items()}
    outcomes: list[Refusal | tuple[PayOrder, Owner, int]] = []
    for order in orders:
        outcome = _judge(order, owners.get(order.foreign_id), left, change)
        if not isinstance(outcome, Refusal):
            left[outcome[1].id] -= outcome[2]
        outcomes.append(outcome)
    accepted = [outcome for outcome in outcomes if not isinstance(outcome, Refusal)]
    made = iter(await _write(db, accepted))
    return [outcome if isinstance(outcome, Refusal) else next(made) for outcome in outcomes]


async def fetch(db: Db, foreign_id: str, payment_id: int) -> Payment:
    """Return the account's payment, or refuse."""
    account = await accounts.fetch(db, foreign_id)
    found = await load(db, sa.and_(payments.c.account_id == account.id, payments.c.id == payment_id))
    if not found:
        raise NoSuchPayment(id=payment_id, field="id")
    return found[0]


async def page(db: Db, foreign_id: str, before: int, limit: int) -> list[Payment]:
    """Return the account's payments with ids below `before`, newest first."""
    account = await accounts.fetch(db, foreign_id)
    some = sa.select(payments.c.id).where(payments.c.account_id == account.id, payments.c.id < before)
    some = some.order_by(payments.c.id.desc()).limit(limit)
    found = await load(db, sa.and_(payments.c.account_id == account.id, payments.c.id.in_(some)))
    return found[::-1]


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Payment]:
    """Return the payments with these ids."""
    wanted = sa.literal([int(text) for text in ids], bulk.BIGINTS)
    return {str(payment.id): payment for payment in await load(db, payments.c.id == sa.any_(wanted))}


def _judge(
    order: PayOrder, owner: Owner | None, left: dict[int, int], change: set[bytes]
) -> Refusal | tuple[PayOrder, Owner, int]:
    """Say what is to be set aside: the outputs and the fee's limit, as far as the account has it."""
    if owner is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    for payee in order.payees:
        if payee.script in change:
            return Invalid(reason="That is a change address of this installation.", field=f"{payee.place}to")
    available = left[owner.id]
    exact = order.deducts or order.explicit_fee
    borne = 0 if order.deducts else order.largest_fee
    least = borne if exact else order.least_fee
    if available < order.amount + least:
        return InsufficientFunds(available=show(max(0, available)), needed=show(order.amount + least))
    spare = DUST - 1 if exact else 0  # what may be left over and be too small for change
    return order, owner, min(available, order.amount + borne + spare)


async def _write(db: Db, accepted: Sequence[tuple[PayOrder, Owner, int]]) -> list[Payment]:
    """Insert the payments, move their money, and tell of both."""
    if not accepted:
        return []
    ids = await bulk.new_ids(db, payments, len(accepted))
    now = await db.scalar(sa.select(NOW)) if any(order.seconds for order, _, _ in accepted) else None
    sharing = await accounts.sharing(db, [order.foreign_id for order, _, _ in accepted if order.batch is None])
    rows = [_row(number, now, sharing, *given) for number, given in zip(ids, accepted, strict=True)]
    await bulk.insert(db, payments, rows)
    outputs = [row for number, given in zip(ids, accepted, strict=True) for row in _output_rows(number, *given[:2])]
    if outputs:
        await bulk.insert(db, payment_outputs, outputs)
    made = await load(db, payments.c.id == sa.any_(sa.literal(ids, bulk.BIGINTS)))
    outcomes = await ledger.post(db, [_set_aside(payment) for payment in made])
    told = [fact for payment in made for fact in payment_facts.requested(payment)]
    await outbox.emit(db, [*told, *payment_facts.balance_changes(made, outcomes)])
    return made


def _set_aside(payment: Payment) -> Entry:
    account, amount = payment.owner.id, payment.reserved
    return payment.entry("requested", (Posting(account, AVAILABLE, -amount), Posting(account, OUTGOING, amount)))


async def _change_addresses(db: Db, orders: Sequence[PayOrder]) -> set[bytes]:
    """Return those of the scripts that are change of ours: paid by us they would be no deposit."""
    scripts = list({payee.script for order in orders for payee in order.payees})
    ours = sa.select(addresses.c.script).where(addresses.c.script == sa.any_(sa.literal(scripts, bulk.BYTES)))
    return {bytes(script) for script in await db.scalars(ours.where(addresses.c.purpose == "change"))}


def _row(
    number: int, now: datetime | None, sharing: set[str], order: PayOrder, owner: Owner, reserved: int
) -> dict[str, Any]:
    invoice_account, invoice_index = order.invoice or (None, None)
    return {
        "account_id": owner.id,
        "id": number,
        "kind": order.kind,
        "state": "PENDING",
        "amount": order.amount,
        "reserved": reserved,
        "explicit_fee": order.explicit_fee,
        "max_fee": order.max_fee,
        "batch": order.foreign_id in sharing if order.batch is None else order.batch,
        "reference": order.reference,
        "expires": now + timedelta(seconds=order.seconds) if now and order.seconds else None,
        "invoice_account": invoice_account,
        "invoice_index": invoice_index,
    }


def _output_rows(payment_id: int, order: PayOrder, owner: Owner) -> list[dict[str, object]]:
    return [
        {
            "account_id": owner.id,
            "payment_id": payment_id,
            "number": number,
            "address": payee.address,
            "script": payee.script,
            "amount": payee.amount,
            "share": payee.share,
        }
        for number, payee in enumerate(order.payees)
    ]


async def load(db: Db, where: sa.ColumnElement[bool], *, lock: bool = False) -> list[Payment]:
    """Return the payments that `where` names, by id, with their outputs and transaction; locked if asked for."""
    tip = sa.select(chain_state.c.height).scalar_subquery()
    found = (
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
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, of=payments) if lock else found)
    outputs = await _outputs(db, [(row["account_id"], row["id"]) for row in rows])
    return [_payment(row, tuple(outputs[row["id"]])) for row in rows]


async def _outputs(db: Db, keys: Sequence[tuple[int, int]]) -> dict[int, list[Output]]:
    wanted = [{"account_id": account, "payment_id": number} for account, number in keys]
    given = bulk.rows(payment_outputs, ["account_id", "payment_id"], wanted)
    same = sa.and_(
        payment_outputs.c.account_id == given.c.account_id, payment_outputs.c.payment_id == given.c.payment_id
    )
    found = (
        sa.select(payment_outputs).join(given, same).order_by(payment_outputs.c.payment_id, payment_outputs.c.number)
    )
    outputs: dict[int, list[Output]] = {number: [] for _, number in keys}
    for row in await bulk.fetch_all(db, found):
        shown = {name: row[name] for name in ("address", "script", "amount", "share", "paid")}
        outputs[row["payment_id"]].append(Output(**shown))
    return outputs


def _payment(row: Row, outputs: tuple[Output, ...]) -> Payment:
    plain = {name: row[name] for name in Payment.__slots__ if name in row and name not in ("owner", "outputs")}
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
    return replace(payment, state="PROCESSING", outputs=outputs, paid=paid, fee=fee, reserved=Koinu(paid + fee))
