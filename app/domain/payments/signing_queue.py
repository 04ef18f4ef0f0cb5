"""What the sender reads and writes: payments in turn, coins that are free, and transactions once they are signed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts, addresses, chain_state, coins, payment_outputs, transactions
from app.db.tables import payments as payment_rows
from app.domain import outbox
from app.domain.payments import coin_selection, fee_bumps, fees, payouts, spendable_coins
from app.domain.payments.coin_selection import Choice
from app.domain.payments.payment import Payment, end_events, unsent
from app.domain.payments.payment import load as load_payments
from app.domain.payments.payment import signed as with_signature
from app.domain.payments.requesting import CONSOLIDATION, PAYOUT
from app.domain.payments.spendable_coins import Path
from app.domain.refusals import Refusal
from app.money import Koinu

BATCH_SIZE: Final = 50
"""Payments looked at in one step; where the coins of all are not there yet, the next step looks at those after them."""
TOGETHER: Final = 50
"""Payments in one transaction."""
NOT_FOLLOWED: Final = "the chain is not followed yet"


class PaymentTaken(Exception):
    """A payment was signed or ended between two statements; nothing was done."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction with what it spends and pays. `change` None: it has none, and no `change_vout`.

    `replaces` is the first that was signed for the same payments: this one `pays` them too, or cancels it.
    """

    txid: bytes
    raw: bytes
    choice: Choice
    change: Path | None
    change_vout: int | None
    replaces: int | None = None
    pays: bool = True
    sends: bool = True
    ancestors: int = 1


@dataclass(frozen=True, slots=True)
class Draft:
    """Payments, and the transaction that was signed for them; it is not stored yet."""

    payments: Sequence[Payment]
    signed: Signed


class ChangeKey(NamedTuple):
    """What an account's next change address is derived from."""

    xpub: str
    next: int


async def paused(db: Db) -> str | None:
    """Return why nothing is signed; None where it may be. Keeps blocks away until the transaction ends."""
    reason = sa.select(chain_state.c.payments_paused).with_for_update(read=True)
    row = (await db.execute(reason)).first()
    return NOT_FOLLOWED if row is None else row.payments_paused


async def pending(db: Db, after: int = 0, limit: int = BATCH_SIZE) -> list[Payment]:
    """Lock the payments whose turn it is: unsigned ones, oldest first, from the one `after` this on."""
    waiting = sa.and_(payment_rows.c.state == "PENDING", payment_rows.c.id > after)
    waiting_turn = sa.select(payment_rows.c.id).where(waiting).order_by(payment_rows.c.id).limit(limit)
    payments = await load_payments(db, payment_rows.c.id.in_(waiting_turn), lock=True)
    return [
        payment for payment in payments if payment.state == "PENDING"
    ]  # while it waited, others may have been first


def groups(payments: Sequence[Payment]) -> list[list[Payment]]:
    """Say which payments go together: those that asked to, and bear their fee themselves; each other one alone.

    What a caller sends itself goes alone: it would take the others along, or leave them.
    """
    shared = [payment for payment in payments if payment.batch and _can_share(payment)]
    together = [shared[start : start + TOGETHER] for start in range(0, len(shared), TOGETHER)]
    alone = [[payment] for payment in payments if not (payment.batch and _can_share(payment))]
    return sorted([*together, *alone], key=lambda group: group[0].id)


def _can_share(payment: Payment) -> bool:
    return payment.kind not in ("paytx", CONSOLIDATION) and not payment.deducts and not payment.explicit_fee


def order(group: Sequence[Payment], policy: fees.Policy) -> coin_selection.SelectionOrder:
    """Return what the group asks of coins; its fee is at most what was set aside for it.

    Where the fee is exact or taken from the outputs, what was set aside beyond that is spare.
    """
    outputs = [output for payment in group for output in payment.outputs]
    first = group[0]
    aside = Koinu(sum(payment.reserved - payment.amount for payment in group))
    if len(group) > 1:
        terms = fees.FeeTerms(policy, min(aside, fees.HIGHEST_FEE))
    else:
        terms = fees.FeeTerms.of(policy, first.explicit_fee, first.max_fee)
        terms = terms if first.deducts else terms.within(aside)
    return coin_selection.SelectionOrder(
        amounts=tuple(output.amount for output in outputs),
        scripts=tuple(output.script for output in outputs),
        terms=terms,
        shares=tuple(output.share for output in outputs) if first.deducts else (),
        spare=Koinu(aside - (0 if first.deducts else terms.explicit or aside)),
    )


async def change_keys(db: Db, owners: Collection[int]) -> dict[int, ChangeKey]:
    """Return where these accounts' next change goes. Locks nothing: `store` looks whether it is still so."""
    keys = sa.select(accounts.c.id, accounts.c.xpub, accounts.c.next_change)
    rows = await db.execute(keys.where(accounts.c.id == sa.any_(sa.literal(sorted(owners), bulk.BIGINTS))))
    return {row.id: ChangeKey(row.xpub, row.next_change) for row in rows}


async def store(db: Db, drafts: Sequence[Draft], failed: Sequence[tuple[Payment, Refusal]] = ()) -> None:
    """Keep the signed bytes, take the coins, and return what the fees left over; from here on only these bytes are sent.

    `drafts` stand in the order in which they were signed: one may spend the change of those before it. The `failed` ones can
    never be signed; their money is back. Raises CoinTaken or PaymentTaken where somebody else was first.
    """
    carried = [payment for draft in drafts for payment in _carried(draft.payments, draft.signed.choice)]
    before = [payment for draft in drafts for payment in draft.payments]
    ended = [unsent(payment, "FAILED", str(refusal)) for payment, refusal in failed]
    held_back = [payment.owner.id for payment in ended if payment.kind == PAYOUT]
    if drafts:
        await _store_signed(db, drafts, carried)
    if ended:
        await _end_waiting(
            db, [_state_columns(payment) | {"error": payment.error, "reserved": 0} for payment in ended]
        )
    await move_change(db, [draft.signed for draft in drafts], held_back)
    await payouts.suspend_payouts(db, held_back)
    entries = [
        was.give_back("signed", was.reserved - now.reserved)
        for was, now in zip(before, carried, strict=True)
        if was.reserved != now.reserved
    ]
    entries += [payment.give_back("failed", payment.reserved) for payment in ended]
    events = end_events(ended, "PAYMENT_FAILED")
    await outbox.post_and_emit(db, entries, events, [payment.owner for payment in [*carried, *ended]])


async def _store_signed(db: Db, drafts: Sequence[Draft], carried: Sequence[Payment]) -> None:
    """Write the transactions, what they spend, their change, and the payments that they carry; no account is locked yet."""
    signed = [draft.signed for draft in drafts]
    numbers = await insert(db, signed)
    await spendable_coins.take(
        db, {numbers[transaction.txid]: transaction.choice.coins for transaction in signed}
    )
    whose = [numbers[draft.signed.txid] for draft in drafts for _ in draft.payments]
    rows = [
        _state_columns(payment)
        | {"paid": payment.paid, "fee": payment.fee, "reserved": payment.reserved, "transaction_id": number}
        for payment, number in zip(carried, whose, strict=True)
    ]
    await _end_waiting(db, rows)
    if paid := fee_bumps.paid_rows(carried):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), paid)


def _state_columns(payment: Payment) -> dict[str, object]:
    return {"account_id": payment.owner.id, "id": payment.id, "state": payment.state}


async def _end_waiting(db: Db, rows: Sequence[Row]) -> None:
    """Write what became of payments that waited; where one of them no longer does, nobody may sign or end it again."""
    waiting = sa.and_(payment_rows.c.transaction_id.is_(None), payment_rows.c.state == "PENDING")
    ended = bulk.change(payment_rows, ("account_id", "id"), tuple(rows[0])).where(waiting)
    if (await db.execute(ended, bulk.arrays(rows))).rowcount != len(rows):
        raise PaymentTaken


def _carried(group: Sequence[Payment], choice: Choice) -> list[Payment]:
    """Return the payments as the transaction carries them: what each output gets, and each one's share of the fee."""
    amounts = iter(choice.amounts)
    shares = (
        _shares(choice.fee, [payment.reserved - payment.amount for payment in group])
        if len(group) > 1
        else [choice.fee]
    )
    return [
        with_signature(payment, [next(amounts) for _ in payment.outputs], fee)
        for payment, fee in zip(group, shares, strict=True)
    ]


def _shares(paid: Koinu, limits: Sequence[int]) -> list[Koinu]:
    """Divide a fee so that none bears more than was set aside for it: what is saved is divided, and rounded down."""
    saved = fees.apportion(Koinu(sum(limits) - paid), limits)
    return [Koinu(limit - part) for limit, part in zip(limits, saved, strict=True)]


_COPIED: Final = ("txid", "raw", "replaces", "pays", "sends", "ancestors")


async def insert(db: Db, signed: Sequence[Signed]) -> dict[bytes, int]:
    """Keep the signed bytes, and their change, which no block holds yet; returns each transaction's number by its txid."""
    rows = [
        {name: getattr(transaction, name) for name in _COPIED}
        | {"fee": transaction.choice.fee, "state": "signed"}
        for transaction in signed
    ]
    written = await bulk.insert(db, transactions, rows, ("id", "txid"))
    if change := [
        (transaction, transaction.change) for transaction in signed if transaction.change is not None
    ]:
        await bulk.insert(
            db,
            addresses,
            [_path_columns(path) | {"script": path.script, "purpose": "change"} for _, path in change],
        )
        await bulk.insert(
            db, coins, [_path_columns(path) | _change_coin(transaction) for transaction, path in change]
        )
    return {bytes(row["txid"]): row["id"] for row in written}


def _path_columns(path: Path) -> dict[str, object]:
    return {"account_id": path.account, "branch": path.branch, "index": path.index}


def _change_coin(signed: Signed) -> dict[str, object]:
    coin = {"txid": signed.txid, "vout": signed.change_vout, "amount": signed.choice.change}
    return {**coin, "coinbase": False, "change": True}


async def move_change(db: Db, signed: Sequence[Signed], also: Sequence[int] = ()) -> None:
    """Move the accounts' next change beyond what was used; PaymentTaken where somebody else has moved it.

    The accounts that are `also` changed later are locked here, with the others and in order.
    """
    used: dict[int, list[int]] = {}
    for transaction in signed:
        if transaction.change is not None:
            used.setdefault(transaction.change.account, []).append(transaction.change.index)
    if not used:
        return
    locked = (
        sa.select(accounts.c.id, accounts.c.next_change)
        .order_by(accounts.c.id)
        .with_for_update(key_share=True)
    )
    touched = accounts.c.id == sa.any_(sa.literal(sorted({*used, *also}), bulk.BIGINTS))
    next_change = {row.id: row.next_change for row in await db.execute(locked.where(touched))}
    if any(next_change[account] > min(indices) for account, indices in used.items()):
        raise PaymentTaken
    rows = [{"id": account, "next_change": max(indices) + 1} for account, indices in used.items()]
    await bulk.update(db, accounts, ("id",), rows)
