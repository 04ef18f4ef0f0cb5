"""The signing queue: which payments the sender signs next, and storing what it signed."""

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
from app.domain.payments.payment import COLD, Payment, end_events, ended_unsigned
from app.domain.payments.payment_rows import load as load_payments
from app.domain.payments.requesting import CONSOLIDATION, PAYOUT
from app.domain.payments.spendable_coins import Path
from app.domain.refusals import Refusal
from app.money import Koinu

BATCH_SIZE: Final = 50
"""Payments that are read in one step. Where none of them has coins, the next step reads those after them."""
GROUP_SIZE: Final = 50
"""Payments in one transaction."""
NOT_FOLLOWED: Final = "the chain is not followed yet"


class PaymentTaken(Exception):
    """A payment was signed or ended between two statements; nothing was done."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction with what it spends and pays. Without change, `change` and `change_vout` are None.

    `replaces` is the first transaction of the same payments, where this is not the first. It `pays` those
    payments, or cancels them.
    """

    txid: bytes
    raw: bytes
    choice: Choice
    change: Path | None
    change_vout: int | None
    replaces: int | None = None
    pays: bool = True
    broadcast_by_us: bool = True
    ancestors: int = 1


@dataclass(frozen=True, slots=True)
class Draft:
    """Payments, and the transaction that was signed for them and is not stored yet."""

    payments: Sequence[Payment]
    signed: Signed


class ChangeKey(NamedTuple):
    """What an account's next change address is derived from."""

    xpub: str
    next: int


async def paused(db: Db) -> str | None:
    """Say why nothing may be signed, None where it may. Until the transaction ends no block is connected."""
    reason = sa.select(chain_state.c.payments_paused).with_for_update(read=True)
    row = (await db.execute(reason)).first()
    return NOT_FOLLOWED if row is None else row.payments_paused


async def pending(db: Db, after: int = 0, limit: int = BATCH_SIZE) -> list[Payment]:
    """Lock the next unsigned payments, oldest first, from the one after the number `after` on."""
    waiting = sa.and_(payment_rows.c.state == "PENDING", payment_rows.c.id > after)
    ids = sa.select(payment_rows.c.id).where(waiting).order_by(payment_rows.c.id).limit(limit)
    payments = await load_payments(db, payment_rows.c.id.in_(ids), lock=True)
    # Another transaction may have changed some while this one waited for their locks.
    return [payment for payment in payments if payment.state == "PENDING"]


def groups(payments: Sequence[Payment]) -> list[list[Payment]]:
    """Put those payments together that ask for it and bear their fee themselves: they share a transaction.

    A transaction that the caller sends carries one payment: others would depend on that caller.
    """
    shared = [payment for payment in payments if _can_share(payment)]
    together = [shared[start : start + GROUP_SIZE] for start in range(0, len(shared), GROUP_SIZE)]
    alone = [[payment] for payment in payments if not _can_share(payment)]
    return sorted([*together, *alone], key=lambda group: group[0].id)


def _can_share(payment: Payment) -> bool:
    bears_fee = not payment.deducts and not payment.explicit_fee
    return payment.batch and payment.kind not in ("paytx", CONSOLIDATION, COLD) and bears_fee


def selection_order(group: Sequence[Payment], policy: fees.Policy) -> coin_selection.SelectionOrder:
    """Return what the group needs of coins. Its fee is at most what was set aside for it.

    Where the fee is exact, or taken from the outputs, the rest of what was set aside is spare.
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
    """Return where these accounts' next change goes. It locks nothing: `move_change` checks it again."""
    keys = sa.select(accounts.c.id, accounts.c.xpub, accounts.c.next_change)
    rows = await db.execute(keys.where(accounts.c.id == sa.any_(sa.literal(sorted(owners), bulk.BIGINTS))))
    return {row.id: ChangeKey(row.xpub, row.next_change) for row in rows}


async def store(db: Db, drafts: Sequence[Draft], failed: Sequence[tuple[Payment, Refusal]] = ()) -> None:
    """Store the signed bytes, take the coins, and give back what the fees do not need.

    From here on only these bytes are sent. `drafts` are in the order of their signing: one may spend the
    change of those before it. The `failed` payments can never be signed: their money goes back. Raises
    CoinTaken or PaymentTaken where another transaction was first.
    """
    carried = [payment for draft in drafts for payment in _carried(draft.payments, draft.signed.choice)]
    before = [payment for draft in drafts for payment in draft.payments]
    ended = [ended_unsigned(payment, "FAILED", str(refusal)) for payment, refusal in failed]
    failed_payouts = [payment.owner.id for payment in ended if payment.kind == PAYOUT]
    if drafts:
        await _store_signed(db, drafts, carried)
    if ended:
        rows = [_state_columns(payment) | {"error": payment.error, "reserved": 0} for payment in ended]
        await _leave_queue(db, rows)
    await move_change(db, [draft.signed for draft in drafts], failed_payouts)
    await payouts.suspend_payouts(db, failed_payouts)
    entries = [
        old.give_back("signed", old.reserved - new.reserved)
        for old, new in zip(before, carried, strict=True)
        if old.reserved != new.reserved
    ]
    entries += [payment.give_back("failed", payment.reserved) for payment in ended]
    events = end_events(ended, "PAYMENT_FAILED")
    await outbox.post_and_emit(db, entries, events, [payment.owner for payment in [*carried, *ended]])


async def _store_signed(db: Db, drafts: Sequence[Draft], carried: Sequence[Payment]) -> None:
    """Write the transactions, their inputs and change, and their payments. Locks no account yet."""
    signed = [draft.signed for draft in drafts]
    numbers = await insert_signed(db, signed)
    await spendable_coins.take(
        db, {numbers[transaction.txid]: transaction.choice.coins for transaction in signed}
    )
    carriers = [numbers[draft.signed.txid] for draft in drafts for _ in draft.payments]
    rows = [
        _state_columns(payment)
        | {"paid": payment.paid, "fee": payment.fee, "reserved": payment.reserved, "transaction_id": number}
        for payment, number in zip(carried, carriers, strict=True)
    ]
    await _leave_queue(db, rows)
    if paid := fee_bumps.paid_rows(carried):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), paid)


def _state_columns(payment: Payment) -> dict[str, object]:
    return {"account_id": payment.owner.id, "id": payment.id, "state": payment.state}


_WAITING: Final = sa.and_(payment_rows.c.transaction_id.is_(None), payment_rows.c.state == "PENDING")


async def _leave_queue(db: Db, rows: Sequence[Row]) -> None:
    """Write these payments, which waited to be signed. Raises PaymentTaken where one no longer does."""
    if await bulk.update(db, payment_rows, ("account_id", "id"), rows, _WAITING) != len(rows):
        raise PaymentTaken


def _carried(group: Sequence[Payment], choice: Choice) -> list[Payment]:
    """Return the payments with what each output gets, and with each payment's share of the fee."""
    amounts = iter(choice.amounts)
    shares = [choice.fee]
    if len(group) > 1:
        shares = _shares(choice.fee, [payment.reserved - payment.amount for payment in group])
    carried = []
    for payment, fee in zip(group, shares, strict=True):
        outputs = tuple(output._replace(paid=next(amounts)) for output in payment.outputs)
        paid = Koinu(sum(output.paid or 0 for output in outputs))
        priced = payment._replace(outputs=outputs, paid=paid, fee=fee, reserved=Koinu(paid + fee))
        carried.append(priced._replace(state="PROCESSING"))
    return carried


def _shares(fee: Koinu, limits: Sequence[int]) -> list[Koinu]:
    """Divide a fee so that none bears more than its limit, which was set aside for it.

    What is saved is divided by the limits and rounded down.
    """
    saved = fees.apportion(Koinu(sum(limits) - fee), limits)
    return [Koinu(limit - part) for limit, part in zip(limits, saved, strict=True)]


_COPIED: Final = ("txid", "raw", "replaces", "pays", "broadcast_by_us", "ancestors")


async def insert_signed(db: Db, signed: Sequence[Signed]) -> dict[bytes, int]:
    """Store the signed bytes and their change, which no block holds yet; return the numbers by txid."""
    rows = [
        {name: getattr(transaction, name) for name in _COPIED}
        | {"fee": transaction.choice.fee, "state": "signed"}
        for transaction in signed
    ]
    written = await bulk.insert(db, transactions, rows, ("id", "txid"))
    change = [(transaction, transaction.change) for transaction in signed if transaction.change is not None]
    if change:
        scripts = [{**_path_columns(path), "script": path.script, "purpose": "change"} for _, path in change]
        await bulk.insert(db, addresses, scripts)
        await bulk.insert(db, coins, [_change_coin(transaction, path) for transaction, path in change])
    return {bytes(row["txid"]): row["id"] for row in written}


def _path_columns(path: Path) -> dict[str, object]:
    return {"account_id": path.account, "branch": path.branch, "index": path.index}


def _change_coin(signed: Signed, path: Path) -> dict[str, object]:
    coin = {"txid": signed.txid, "vout": signed.change_vout, "amount": signed.choice.change}
    return {**_path_columns(path), **coin, "coinbase": False, "change": True}


async def move_change(db: Db, signed: Sequence[Signed], also: Sequence[int] = ()) -> None:
    """Move the accounts' next change beyond what was used. Raises PaymentTaken where it was moved already.

    It locks the accounts `also`, which are changed later, with the others and in order.
    """
    used: dict[int, list[int]] = {}
    for transaction in signed:
        if transaction.change is not None:
            used.setdefault(transaction.change.account, []).append(transaction.change.index)
    if not used:
        return
    touched = accounts.c.id == sa.any_(sa.literal(sorted({*used, *also}), bulk.BIGINTS))
    selected = sa.select(accounts.c.id, accounts.c.next_change).where(touched).order_by(accounts.c.id)
    rows = await db.execute(selected.with_for_update(key_share=True))
    next_change = {row.id: row.next_change for row in rows}
    if any(next_change[account] > min(indices) for account, indices in used.items()):
        raise PaymentTaken
    moved = [{"id": account, "next_change": max(indices) + 1} for account, indices in used.items()]
    await bulk.update(db, accounts, ("id",), moved)
