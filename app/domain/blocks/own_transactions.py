"""Transactions of ours as the chain moves them: mined, settled, overtaken, and back; and what that does to payments."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import (
    CLAWBACK,
    NETWORK_FEES,
    WORLD,
    coins,
    payment_outputs,
    transaction_inputs,
    transactions,
    watched_inputs,
)
from app.db.tables import payments as payment_rows
from app.domain.blocks.double_spend_watch import Spends
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import Payment, fee_bumps, fees, versions
from app.domain.payments import load as load_payments
from app.money import NOTHING, Koinu

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING

Repay = Callable[[int, int], int]
"""Writes off what an account owes for deposits that were taken back, as far as an amount goes; returns how much."""


def no_debts(_account: int, _most: int) -> int:
    """Write off nothing: no deposit owes anything."""
    return 0


@dataclass(frozen=True, slots=True)
class OwnTransaction:
    """A signed transaction of ours. `payments` are those that it `pays`, or else cancels.

    `replaces` is the first that was signed for them, where that is another; so it is of the same one under another txid.
    `round` counts how often a block brought it or one of its rivals; `conflict_height` is where another transaction spent one of its inputs.
    """

    id: int
    txid: bytes
    fee: Koinu
    replaces: int | None
    sends: bool
    state: str
    height: int | None
    confirm_height: int | None
    conflict_height: int | None
    round: int
    inputs: frozenset[Outpoint] = frozenset()
    payments: tuple[Payment, ...] = ()
    pays: bool = True

    @property
    def first(self) -> int:
        """The number of the transaction that carries its payments: itself, or the one that it cancels."""
        return self.replaces or self.id

    @property
    def waits(self) -> bool:
        """Whether a block may still bring it."""
        return self.state in ("signed", "sent")

    def mined(self, height: int, confirmations: int) -> "OwnTransaction":
        """Return it in the block at `height`; whoever sent it, from now on we do."""
        deep = height + confirmations - 1
        return replace(
            self, state="mined", height=height, confirm_height=deep, round=self.round + 1, sends=True
        )

    def unmined(self) -> "OwnTransaction":
        """Return it without a block."""
        return replace(self, state="sent", height=None, confirm_height=None)

    def priced(self) -> tuple["OwnTransaction", list[Entry]]:
        """Return it with its payments as this version carries them, and the movements where they had another one's fee."""
        if not self.pays or all((one.version_id or one.transaction_id) == self.id for one in self.payments):
            return self, []
        borne = [payment.fee or NOTHING for payment in self.payments]
        rooms = [fee_bumps.largest_fee(one) - fee for one, fee in zip(self.payments, borne, strict=True)]
        enough = sum(borne) + sum(rooms) >= self.fee
        each = fees.reapportion(borne, self.fee, rooms if enough else [self.fee] * len(borne))
        now = [
            fee_bumps.priced(payment, fee, self.id) for payment, fee in zip(self.payments, each, strict=True)
        ]
        pairs = list(zip(self.payments, now, strict=True))
        entries = [entry for was, one in pairs if (entry := _set_aside(was, one)) is not None]
        return replace(self, payments=tuple(_paid_back(was, one, self.txid) for was, one in pairs)), entries

    def settle(self, repay: Repay = no_debts, *, back: bool = False) -> list[Entry]:
        """Return the movements of its settling, or of undoing that: what was set aside has left, or returns.

        What a cancellation gives back goes to clawback first, as far as that is owed.
        """
        step = "confirmed" if self.pays else "voided"
        sign = -1 if back else 1
        name = f"un{step}" if back else step
        return [
            payment.entry(name, self._postings(payment, fee, sign, repay), self.round, clawback=back)
            for payment, fee in zip(self.payments, self._fees(), strict=True)
        ]

    def settled(self) -> "OwnTransaction":
        """Return it deep enough; of what a cancellation gives back, its payments have paid what they owe."""
        if self.pays:
            return replace(self, state="settled")
        returned = zip(self.payments, self._fees(), strict=True)
        return replace(
            self, state="settled", payments=tuple(_returned(one, one.total - fee) for one, fee in returned)
        )

    def release(self, repay: Repay = no_debts, *, back: bool = False) -> list[Entry]:
        """Return the movements of payments that can no longer happen, or can again; clawback is repaid first."""
        entries = []
        for payment in self.payments:
            amount = -payment.total if back else payment.total
            postings = (Posting(payment.owner.id, OUTGOING, -amount), *_given_back(payment, amount, repay))
            name = "revived" if back else "released"
            entries.append(payment.entry(name, postings, self.round, clawback=back))
        return entries

    def released(self) -> "OwnTransaction":
        """Return it after its release: its payments have paid what they owe."""
        return replace(self, payments=tuple(_returned(payment, payment.total) for payment in self.payments))

    def charged(self, amounts: Mapping[str, int]) -> "OwnTransaction":
        """Return it with what clawback was charged for its payments, by their ids, added to what they owe."""
        owing = (replace(one, owed=Koinu(one.owed + amounts.get(str(one.id), 0))) for one in self.payments)
        return replace(self, payments=tuple(owing))

    def _fees(self) -> Sequence[Koinu]:
        """What each payment bears: its own share, or of a cancellation an equal one."""
        if self.pays:
            return [payment.fee or NOTHING for payment in self.payments]
        return fees.apportion(self.fee, [1] * len(self.payments))

    def _postings(self, payment: Payment, fee: Koinu, sign: int, repay: Repay) -> tuple[Posting, ...]:
        rest = sign * (payment.total - fee)
        return (
            Posting(payment.owner.id, OUTGOING, -sign * payment.total),
            *((Posting(WORLD, AVAILABLE, rest),) if self.pays else _given_back(payment, rest, repay)),
            Posting(NETWORK_FEES, AVAILABLE, sign * fee),
        )


def _set_aside(before: Payment, now: Payment) -> Entry | None:
    """Return what the fee of another version takes from the account, or gives back: clawback is repaid first."""
    more = now.reserved - before.reserved
    postings = (Posting(now.owner.id, OUTGOING, more), *_given_back(before, -more, no_debts))
    return now.entry("repriced", postings, now.repriced, clawback=more > 0) if more else None


def _paid_back(before: Payment, now: Payment, txid: bytes) -> Payment:
    """Return a payment in a version of this txid, after clawback had of what it gives back what it was owed."""
    back = max(0, before.reserved - now.reserved)
    return replace(now, txid=txid, owed=Koinu(max(0, now.owed - back)))


def _given_back(payment: Payment, amount: int, repay: Repay) -> tuple[Posting, ...]:
    """What returns to the account: first clawback has what it is owed. Below zero it is taken from the account again."""
    due = max(0, min(payment.owed, amount))
    due += repay(payment.owner.id, amount - due) if amount > due else 0
    return (Posting(CLAWBACK, AVAILABLE, due), Posting(payment.owner.id, AVAILABLE, amount - due))


def _returned(payment: Payment, amount: int) -> Payment:
    """Return the payment after so much of it came back."""
    return replace(payment, owed=Koinu(max(0, payment.owed - amount)), returned=Koinu(amount))


async def of_blocks(
    db: Db, spends: Spends, lost: Collection[bytes], heights: tuple[int, int]
) -> dict[int, OwnTransaction]:
    """Lock the transactions of ours that blocks hold, overtake or make final, with their rivals and payments.

    `spends` are those of the blocks, and `lost` the transactions of others that these may prove dead; `heights` are
    the tip, and the height up to which a conflict is final. Whoever signs holds the chain's lock, so no transaction
    comes in between.
    """
    tip, final = heights
    inputs = transaction_inputs  # not the coins: one that was given back may be spent by several
    outpoints = bulk.rows(inputs, ["txid", "vout"], [outpoint._asdict() for outpoint, _ in spends])
    spenders = list({by for _, by in spends})
    same = sa.and_(inputs.c.txid == outpoints.c.txid, inputs.c.vout == outpoints.c.vout)
    taken = sa.select(inputs.c.transaction_id).join(outpoints, same)
    mine = sa.select(transactions.c.id).where(
        transactions.c.txid == sa.any_(sa.literal(spenders, bulk.BYTES))
    )
    due = sa.select(transactions.c.id).where(
        transactions.c.state == "mined", transactions.c.confirm_height <= tip
    )
    overtaken = sa.select(transactions.c.id).where(
        transactions.c.conflict_height <= final, transactions.c.state.in_(("signed", "sent"))
    )
    return await _locked(db, [taken, mine, due, overtaken] if spends else [due, overtaken], lost)


async def of_height(db: Db, height: int) -> dict[int, OwnTransaction]:
    """Lock the transactions of ours that the block at `height` holds or overtook, with their rivals and payments."""
    concerned = sa.or_(transactions.c.height == height, transactions.c.conflict_height == height)
    return await _locked(db, [sa.select(transactions.c.id).where(concerned)])


_WANTED: Final = sa.exists().where(
    transaction_inputs.c.txid == coins.c.txid,
    transaction_inputs.c.vout == coins.c.vout,
    transactions.c.id == transaction_inputs.c.transaction_id,
    transactions.c.state.in_(("signed", "sent", "mined")),
)
"""A transaction that may still be mined spends the coin: of an original and its cancellation one may be dead before."""


_WRITTEN: Final = ("state", "error", "owed", "paid", "fee", "reserved", "repriced", "version_id")


async def write(db: Db, given: Sequence[OwnTransaction]) -> None:
    """Write back the transactions and payments that moved; the dead give their coins back, the revived take them."""
    if not given:
        return
    names = ("id", "sends", "state", "height", "confirm_height", "conflict_height", "round")
    await bulk.update(db, transactions, ("id",), [{n: getattr(one, n) for n in names} for one in given])
    changed = [
        {"account_id": payment.owner.id, "id": payment.id}
        | {name: getattr(payment, name) for name in _WRITTEN}
        for one in given
        for payment in one.payments
    ]
    if changed:
        await bulk.update(db, payment_rows, ("account_id", "id"), changed)
    deducting = (
        payment for one in given for payment in one.payments if payment.deducts and one.replaces is not None
    )
    if outputs := fee_bumps.paid_rows(deducting):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), outputs)
    dead = [
        number
        for one in given
        if one.state == "dead"
        for number in (one.id, one.replaces)
        if number is not None
    ]
    taken = coins.c.transaction_id == sa.any_(sa.literal(dead, bulk.BIGINTS))
    freed = sa.and_(taken, coins.c.spent_height.is_(None), ~_WANTED)
    await db.execute(sa.update(coins).where(freed).values(transaction_id=None))
    if any(one.replaces for one in given):
        await versions.keep_change(db, [one.id for one in given if one.state == "mined"])
    waiting = sa.literal([one.id for one in given if one.waits and one.pays], bulk.BIGINTS)
    inputs = transaction_inputs
    again = sa.and_(
        inputs.c.transaction_id == sa.any_(waiting),
        coins.c.txid == inputs.c.txid,
        coins.c.vout == inputs.c.vout,
        coins.c.transaction_id.is_(None),
    )
    first = sa.func.coalesce(transactions.c.replaces, transactions.c.id)
    await db.execute(
        sa.update(coins)
        .where(again, transactions.c.id == inputs.c.transaction_id)
        .values(transaction_id=first)
    )


async def _locked(
    db: Db, concerned: Sequence[sa.Select[tuple[int]]], lost: Collection[bytes] = ()
) -> dict[int, OwnTransaction]:
    """Find the rows, then lock payments and transactions in that order, each by id."""
    ids: set[int] = set(await db.scalars(sa.union(*concerned)))
    if not ids and not lost:
        return {}
    together = sa.literal(await _families(db, await _with_descendants(db, ids, lost)), bulk.BIGINTS)
    carried = await load_payments(db, payment_rows.c.transaction_id == sa.any_(together), lock=True)
    found = sa.select(transactions).where(transactions.c.id == sa.any_(together)).order_by(transactions.c.id)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True))
    spent = sa.select(transaction_inputs).where(transaction_inputs.c.transaction_id == sa.any_(together))
    inputs: dict[int, list[Outpoint]] = defaultdict(list)
    for row in await bulk.fetch_all(db, spent):
        inputs[row["transaction_id"]].append(Outpoint(bytes(row["txid"]), row["vout"]))
    carriers: dict[int | None, list[Payment]] = defaultdict(list)
    for payment in carried:
        carriers[payment.transaction_id].append(payment)
    return {
        row["id"]: _sending(row, carriers[row["replaces"] or row["id"]], inputs[row["id"]]) for row in rows
    }


async def _families(db: Db, numbers: Sequence[int]) -> list[int]:
    """Return these transactions, and all that carry or cancel the same payments; each is found by an index."""
    first = sa.func.coalesce(transactions.c.replaces, transactions.c.id).label("id")
    families = sa.select(first).where(transactions.c.id == sa.any_(sa.literal(numbers, bulk.BIGINTS))).cte()
    cancelling = sa.select(transactions.c.id).join(families, transactions.c.replaces == families.c.id)
    return sorted(await db.scalars(sa.select(families.c.id).union(cancelling)))


async def _with_descendants(db: Db, ids: set[int], lost: Collection[bytes]) -> list[int]:
    """Return these transactions, and all that no block holds and that are built on them or on the `lost`.

    They fall together; those of others that stand between are known where they brought a deposit.
    """
    ours = sa.select(transactions.c.txid).where(
        transactions.c.id == sa.any_(sa.literal(sorted(ids), bulk.BIGINTS))
    )
    others = sa.select(sa.func.unnest(sa.literal(list(lost), bulk.BYTES)))
    family = sa.select(ours.union(others).subquery().c.txid).cte("family", recursive=True)
    inputs, watched = transaction_inputs, watched_inputs
    spending = sa.select(transactions.c.txid).join(inputs, inputs.c.transaction_id == transactions.c.id)
    built = sa.union_all(
        spending.where(inputs.c.txid == family.c.txid, transactions.c.height.is_(None)).correlate(family),
        sa.select(watched.c.by)
        .where(watched.c.txid == family.c.txid, watched.c.height.is_(None))
        .correlate(family),
    ).lateral()
    family = family.union(sa.select(built.c.txid).select_from(family.join(built, sa.true())))
    found = sa.select(transactions.c.id).join(family, family.c.txid == transactions.c.txid)
    return sorted(await db.scalars(found))


def _sending(row: Row, carried: Sequence[Payment], inputs: Sequence[Outpoint]) -> OwnTransaction:
    plain = {name: row[name] for name in OwnTransaction.__slots__ if name in row}
    return OwnTransaction(**plain, inputs=frozenset(inputs), payments=tuple(carried))
