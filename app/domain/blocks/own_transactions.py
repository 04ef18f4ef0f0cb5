"""A transaction of ours in the chain: unmined, mined, settled or dead, and the entries of its payments."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from app.db.tables import CLAWBACK, COLD_STORAGE, NETWORK_FEES, WORLD
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import Payment, fee_bumps, fees
from app.money import NOTHING, Koinu

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING

Repay = Callable[[int, int], int]
"""Writes off at most an amount of what an account owes for undone deposits, and returns how much."""


def no_debts(_account: int, _most: int) -> int:
    """Write off nothing: no deposit owes anything."""
    return 0


class OwnTransaction(NamedTuple):
    """A signed transaction of ours. It `pays` its `payments`, or else cancels them.

    `replaces` is the id of the first transaction of these payments, where that is another, or the same under
    another txid. `mined_count` counts how often a block contained it or another of its family. At
    `conflict_height` another transaction spent one of its inputs.
    """

    id: int
    txid: bytes
    fee: Koinu
    replaces: int | None
    broadcast_by_us: bool
    state: str
    height: int | None
    confirm_height: int | None
    conflict_height: int | None
    mined_count: int
    inputs: frozenset[Outpoint] = frozenset()
    payments: tuple[Payment, ...] = ()
    pays: bool = True

    @property
    def first(self) -> int:
        """The id of the first transaction of its payments: its own, or that of the one it replaces."""
        return self.replaces or self.id

    @property
    def is_pending(self) -> bool:
        """Whether a block may still contain it."""
        return self.state in ("signed", "sent")

    @property
    def may_win(self) -> bool:
        """Whether a block may still contain it, and none has spent one of its inputs."""
        return self.is_pending and self.conflict_height is None

    def mined(self, height: int, confirmations: int, times: int) -> "OwnTransaction":
        """Return it in the block at `height`, the `times`-th of its family; from now on we send it."""
        deep = height + confirmations - 1
        return self._replace(
            state="mined", height=height, confirm_height=deep, mined_count=times, broadcast_by_us=True
        )

    def unmined(self) -> "OwnTransaction":
        """Return it without a block."""
        return self._replace(state="sent", height=None, confirm_height=None)

    def priced(self) -> tuple["OwnTransaction", list[Entry]]:
        """Return it with its payments at this version's fee, and the entries where they had another's."""
        versions = {payment.version_id or payment.transaction_id for payment in self.payments}
        if not self.pays or versions <= {self.id}:
            return self, []
        borne = [payment.fee or NOTHING for payment in self.payments]
        most = [fee_bumps.largest_fee(payment) for payment in self.payments]
        rooms = [largest - fee for largest, fee in zip(most, borne, strict=True)]
        enough = sum(most) >= self.fee
        shares = fees.reapportion(borne, self.fee, rooms if enough else [self.fee] * len(borne))
        pairs = [
            (payment, fee_bumps.priced(payment, fee, self.id))
            for payment, fee in zip(self.payments, shares, strict=True)
        ]
        entries = [entry for before, now in pairs if (entry := _repriced(before, now)) is not None]
        payments = tuple(_after_refund(before, now, self.txid) for before, now in pairs)
        return self._replace(payments=payments), entries

    def settle(self, repay: Repay = no_debts, *, back: bool = False) -> list[Entry]:
        """Return the entries of its settling: the reserved money leaves; with `back` it returns.

        What a cancellation returns goes to clawback first, as far as that is owed.
        """
        step = "confirmed" if self.pays else "voided"
        sign = -1 if back else 1
        name = f"un{step}" if back else step
        return [
            payment.entry(name, self._postings(payment, fee, sign, repay), self.mined_count, clawback=back)
            for payment, fee in zip(self.payments, self._fees(), strict=True)
        ]

    def settled(self) -> "OwnTransaction":
        """Return it settled; from what a cancellation returns, its payments have paid what they owe."""
        if self.pays:
            return self._replace(state="settled")
        pairs = zip(self.payments, self._fees(), strict=True)
        returned = tuple(_returned(payment, payment.total - fee) for payment, fee in pairs)
        return self._replace(state="settled", payments=returned)

    def release(self, repay: Repay = no_debts, *, back: bool = False) -> list[Entry]:
        """Return the entries of payments that can no longer happen, or with `back` can again.

        Clawback is repaid first.
        """
        entries = []
        for payment in self.payments:
            amount = -payment.total if back else payment.total
            postings = (*payment.whole(OUTGOING, -amount), *_return(payment, amount, repay))
            name = "revived" if back else "released"
            entries.append(payment.entry(name, postings, self.mined_count, clawback=back))
        return entries

    def released(self) -> "OwnTransaction":
        """Return it after its release: its payments have paid what they owe."""
        return self._replace(payments=tuple(_returned(payment, payment.total) for payment in self.payments))

    def charged(self, amounts: Mapping[str, int]) -> "OwnTransaction":
        """Return it with what clawback was charged for its payments, by their ids, added to what they owe."""
        charged = (
            payment._replace(clawback_debt=Koinu(payment.clawback_debt + amounts.get(str(payment.id), 0)))
            for payment in self.payments
        )
        return self._replace(payments=tuple(charged))

    def _fees(self) -> Sequence[Koinu]:
        """Return each payment's share of the fee: its own, or an equal one of a cancellation's."""
        if self.pays:
            return [payment.fee or NOTHING for payment in self.payments]
        return fees.apportion(self.fee, [1] * len(self.payments))

    def _postings(self, payment: Payment, fee: Koinu, sign: int, repay: Repay) -> tuple[Posting, ...]:
        rest = sign * (payment.total - fee)
        return (
            *payment.whole(OUTGOING, -sign * payment.total),
            *((Posting(WORLD, AVAILABLE, rest),) if self.pays else _return(payment, rest, repay)),
            Posting(NETWORK_FEES, AVAILABLE, sign * fee),
        )


def _repriced(before: Payment, now: Payment) -> Entry | None:
    """Return the entry of another version's fee, which takes from the account, or repays clawback and it."""
    more = now.reserved - before.reserved
    postings = (Posting(now.owner.id, OUTGOING, more), *_refund(before, -more, no_debts))
    return now.entry("repriced", postings, now.repriced, clawback=more > 0) if more else None


def _after_refund(before: Payment, now: Payment, txid: bytes) -> Payment:
    """Return a payment in the version with this txid; a lower fee has repaid a part of what it owes."""
    back = max(0, before.reserved - now.reserved)
    return now._replace(txid=txid, clawback_debt=Koinu(max(0, now.clawback_debt - back)))


def _return(payment: Payment, amount: int, repay: Repay) -> tuple[Posting, ...]:
    """Return an amount of the whole payment: what was for cold storage to that, the rest as `_refund`."""
    principal = payment.principal if amount > 0 else -payment.principal
    return (Posting(COLD_STORAGE, AVAILABLE, principal), *_refund(payment, amount - principal, repay))


def _refund(payment: Payment, amount: int, repay: Repay) -> tuple[Posting, ...]:
    """Return an amount to the account, clawback's part first; below zero, take it from the account."""
    due = max(0, min(payment.clawback_debt, amount))
    due += repay(payment.owner.id, amount - due) if amount > due else 0
    return (Posting(CLAWBACK, AVAILABLE, due), Posting(payment.owner.id, AVAILABLE, amount - due))


def _returned(payment: Payment, amount: int) -> Payment:
    """Return the payment after so much of it came back."""
    debt = max(0, payment.clawback_debt - amount + payment.principal)
    return payment._replace(clawback_debt=Koinu(debt), returned=Koinu(amount))
