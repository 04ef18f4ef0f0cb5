"""What the sender reads and writes: payments in turn, coins that are free, and transactions once they are signed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import coin_choice, facts, fees, funds, ledger, outbox, payments, payouts
from app.domain.coin_choice import Choice
from app.domain.funds import Path
from app.domain.pay_orders import CONSOLIDATION, PAYOUT
from app.domain.payments import Payment
from app.domain.refusals import Refusal
from app.money import Koinu
from app.tables import (
    accounts,
    addresses,
    chain_state,
    coins,
    payment_outputs,
    transactions,
)
from app.tables import payments as payment_rows

TURN: Final = 50
"""Payments looked at in one step; where the coins of all are not there yet, the next step looks at those after them."""
TOGETHER: Final = 50
"""Payments in one transaction."""
NOT_FOLLOWED: Final = "the chain is not followed yet"
RESEND: Final = timedelta(seconds=60)
CHANGE: Final = 1
_REFUSABLE: Final = ("BROADCAST", "CANCELLING")


class PaymentTaken(Exception):
    """A payment was signed or ended between two statements; nothing was done."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction with what it spends and pays. `change` None: it has none, and no `change_vout`."""

    txid: bytes
    raw: bytes
    choice: Choice
    change: Path | None
    change_vout: int | None
    replaces: int | None = None
    sends: bool = True


class Unsent(NamedTuple):
    """A transaction that the node is to be given."""

    id: int
    txid: bytes
    raw: bytes


async def paused(db: Db) -> str | None:
    """Return why nothing is signed; None where it may be. Keeps blocks away until the transaction ends."""
    found = sa.select(chain_state.c.payments_paused).with_for_update(read=True)
    row = (await db.execute(found)).first()
    return NOT_FOLLOWED if row is None else row.payments_paused


async def pending(db: Db, after: int = 0) -> list[Payment]:
    """Lock the payments whose turn it is: unsigned ones, oldest first, from the one `after` this on."""
    waiting = sa.and_(payment_rows.c.state == "PENDING", payment_rows.c.id > after)
    turn = sa.select(payment_rows.c.id).where(waiting).order_by(payment_rows.c.id).limit(TURN)
    found = await payments.load(db, payment_rows.c.id.in_(turn), lock=True)
    return [payment for payment in found if payment.state == "PENDING"]  # while it waited, others may have been first


def groups(given: Sequence[Payment]) -> list[list[Payment]]:
    """Say which payments go together: those that asked to, and bear their fee themselves; each other one alone.

    What a caller sends itself goes alone: it would take the others along, or leave them.
    """
    shared = [payment for payment in given if payment.batch and _can_share(payment)]
    together = [shared[start : start + TOGETHER] for start in range(0, len(shared), TOGETHER)]
    alone = [[payment] for payment in given if not (payment.batch and _can_share(payment))]
    return sorted([*together, *alone], key=lambda group: group[0].id)


def _can_share(payment: Payment) -> bool:
    return payment.kind not in ("paytx", CONSOLIDATION) and not payment.deducts and not payment.explicit_fee


def order(group: Sequence[Payment], policy: fees.Policy) -> coin_choice.Order:
    """Return what the group asks of coins; its fee is at most what was set aside for it.

    Where the fee is exact or taken from the outputs, what was set aside beyond that is spare.
    """
    outputs = [output for payment in group for output in payment.outputs]
    first = group[0]
    aside = Koinu(sum(payment.reserved - payment.amount for payment in group))
    if len(group) > 1:
        terms = fees.Terms(policy, min(aside, fees.HIGHEST_FEE))
    else:
        terms = fees.Terms.of(policy, first.explicit_fee, first.max_fee)
        terms = terms if first.deducts else terms.within(aside)
    return coin_choice.Order(
        amounts=tuple(output.amount for output in outputs),
        scripts=tuple(output.script for output in outputs),
        terms=terms,
        shares=tuple(output.share for output in outputs) if first.deducts else (),
        spare=Koinu(aside - (0 if first.deducts else terms.explicit or aside)),
    )


async def next_change(db: Db, account: int) -> tuple[str, int]:
    """Take the account's next change index; returns its xpub and that index."""
    moved = sa.update(accounts).where(accounts.c.id == account).values(next_change=accounts.c.next_change + 1)
    row = (await db.execute(moved.returning(accounts.c.xpub, accounts.c.next_change))).one()
    return row.xpub, row.next_change - 1


async def store(db: Db, group: Sequence[Payment], signed: Signed) -> None:
    """Keep the signed bytes, take the coins, and return what the fee left over; from here on only these bytes are sent."""
    number = await insert(db, signed)
    await funds.take(db, number, signed.choice.coins)
    await keep_change(db, signed)
    carried = _carried(group, signed.choice)
    rows = [
        {"account_id": p.owner.id, "id": p.id, "state": p.state, "paid": p.paid, "fee": p.fee, "reserved": p.reserved,
         "transaction_id": number}
        for p in carried
    ]  # fmt: skip
    await _end_waiting(db, rows)
    if paid := _paid_rows(carried):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), paid)
    entries = [
        after.give_back("signed", before.reserved - after.reserved)
        for before, after in zip(group, carried, strict=True)
        if before.reserved != after.reserved
    ]
    outcomes = await ledger.post(db, entries)
    await outbox.emit(db, payments.balance_changes(carried, outcomes))


async def _end_waiting(db: Db, rows: Sequence[Row]) -> None:
    """Write what became of payments that waited; where one of them no longer does, nobody may sign or end it again."""
    waiting = sa.and_(payment_rows.c.transaction_id.is_(None), payment_rows.c.state == "PENDING")
    ended = bulk.change(payment_rows, ("account_id", "id"), tuple(rows[0])).where(waiting)
    if (await db.execute(ended, bulk.arrays(rows))).rowcount != len(rows):
        raise PaymentTaken


async def fail(db: Db, payment: Payment, refusal: Refusal) -> None:
    """End a payment that can never be signed; its money is back."""
    failed = payments.with_state(payment, "FAILED", str(refusal))
    row = {"account_id": payment.owner.id, "id": payment.id, "state": "FAILED", "error": str(refusal), "reserved": 0}
    await _end_waiting(db, [row])
    await payouts.hold_back(db, [payment.owner.id] if payment.kind == PAYOUT else [])
    outcomes = await ledger.post(db, [payment.give_back("failed", payment.reserved)])
    told = [facts.payment_event(failed, "PAYMENT_FAILED"), *payments.balance_changes([failed], outcomes)]
    await outbox.emit(db, told)


async def unsent(db: Db, limit: int) -> list[Unsent]:
    """Return transactions that no block holds and that the node was not given lately, oldest first."""
    lately = transactions.c.tried > sa.func.clock_timestamp() - RESEND
    waiting = sa.and_(
        transactions.c.state.in_(("signed", "sent")),
        transactions.c.sends,
        sa.or_(transactions.c.tried.is_(None), ~lately),
    )
    found = sa.select(transactions).where(waiting).order_by(transactions.c.id).limit(limit)
    return [Unsent(row["id"], bytes(row["txid"]), bytes(row["raw"])) for row in await bulk.fetch_all(db, found)]


async def sent(db: Db, number: int) -> None:
    """Mark a transaction as given to the node, and tell of its payments the first time."""
    carried = await payments.load(db, _carried_by(number), lock=True)
    await tried(db, number)
    first = sa.update(transactions).where(transactions.c.id == number, transactions.c.state == "signed")
    await db.execute(first.values(state="sent"))
    waiting = [payments.with_state(payment, "BROADCAST") for payment in carried if payment.state == "PROCESSING"]
    mended = [
        payments.with_state(payment, payment.state)
        for payment in carried
        if payment.error and payment.state in _REFUSABLE
    ]
    rows = [{"account_id": p.owner.id, "id": p.id, "state": p.state, "error": ""} for p in [*waiting, *mended]]
    if rows:
        await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    await outbox.emit(db, [facts.payment_event(payment, "PAYMENT_SENT") for payment in waiting])


async def tried(db: Db, number: int) -> None:
    """Note that the node was given a transaction: it is offered again in a while, until a block decides."""
    await db.execute(sa.update(transactions).where(transactions.c.id == number).values(tried=sa.func.clock_timestamp()))


async def refused(db: Db, number: int, reason: str) -> bool:
    """Note that the node does not take a transaction, and why; says whether that is news."""
    carried = await payments.load(db, _carried_by(number), lock=True)
    news = [payment for payment in carried if payment.error != reason]
    if news:
        rows = [{"account_id": p.owner.id, "id": p.id, "error": reason} for p in news]
        await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    await tried(db, number)
    return bool(news)


def _carried_by(number: int) -> sa.ColumnElement[bool]:
    """The payments that a transaction carries, or that it cancels."""
    original = sa.select(sa.func.coalesce(transactions.c.replaces, number)).where(transactions.c.id == number)
    return payment_rows.c.transaction_id == original.scalar_subquery()


async def highest(db: Db) -> int:
    """Return the highest number of a transaction that this database knows; 0 if none."""
    return int((await db.execute(sa.select(sa.func.coalesce(sa.func.max(transactions.c.id), 0)))).scalar_one())


def _carried(group: Sequence[Payment], choice: Choice) -> list[Payment]:
    """Return the payments as the transaction carries them: what each output gets, and each one's share of the fee."""
    amounts = iter(choice.amounts)
    shares = (
        _shares(choice.fee, [payment.reserved - payment.amount for payment in group])
        if len(group) > 1
        else [choice.fee]
    )
    return [
        payments.signed(payment, [next(amounts) for _ in payment.outputs], fee)
        for payment, fee in zip(group, shares, strict=True)
    ]


def _shares(paid: Koinu, limits: Sequence[int]) -> list[Koinu]:
    """Divide a fee so that none bears more than was set aside for it: what is saved is divided, and rounded down."""
    saved = fees.apportion(Koinu(sum(limits) - paid), limits)
    return [Koinu(limit - part) for limit, part in zip(limits, saved, strict=True)]


def _paid_rows(carried: Iterable[Payment]) -> list[Row]:
    return [
        {"account_id": payment.owner.id, "payment_id": payment.id, "number": number, "paid": output.paid}
        for payment in carried
        for number, output in enumerate(payment.outputs)
    ]


async def insert(db: Db, signed: Signed) -> int:
    """Keep the signed bytes; returns the transaction's number."""
    row = {
        "txid": signed.txid,
        "raw": signed.raw,
        "fee": signed.choice.fee,
        "replaces": signed.replaces,
        "sends": signed.sends,
        "state": "signed",
    }
    return int((await db.execute(sa.insert(transactions).values(row).returning(transactions.c.id))).scalar_one())


async def keep_change(db: Db, signed: Signed) -> None:
    """Register the change address and its coin, which no block holds yet."""
    if signed.change is None or signed.change_vout is None:
        return
    path = signed.change
    place = {"account_id": path.account, "branch": path.branch, "index": path.index}
    await db.execute(sa.insert(addresses).values(script=path.script, purpose="change", **place))
    coin = {"txid": signed.txid, "vout": signed.change_vout, "amount": signed.choice.change, "coinbase": False}
    await db.execute(sa.insert(coins).values(**coin, **place, change=True))
