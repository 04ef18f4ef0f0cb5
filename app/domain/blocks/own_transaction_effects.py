"""The effects of blocks on our transactions: which of several that spend one coin wins, and what follows."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from app.domain.blocks.own_transaction_index import OwnTransactionIndex
from app.domain.blocks.own_transactions import OwnTransaction, Repay, no_debts
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Entry
from app.domain.outbox import TXID_CHANGED
from app.domain.payments import Payment, fee_bumps

FLOW: Final = "FLOW"
"""Stands for the events of money that comes back, or goes out after all, beside a payment's own event."""
CONFLICTED: Final = "Another transaction spent the coins of this payment."


class Step(Protocol):
    """The effects of one block: height, entries, and events, each with its payment as it is then."""

    height: int
    entries: list[Entry]
    payment_events: list[tuple[str, Payment]]


@dataclass(slots=True)
class OwnTransactionEffects:
    """The transactions as they were locked, by id, changed block by block.

    A block costs what it touches, however many transactions a batch of blocks has: what is due is found by
    its height, and what follows from a change is searched for among the transactions that changed.
    """

    transactions: dict[int, OwnTransaction]
    confirmations: int
    changed_ids: set[int] = field(default_factory=set)
    _index: OwnTransactionIndex = field(init=False)
    _due: list[tuple[int, int]] = field(default_factory=list)
    _conflicts: dict[int, set[int]] = field(default_factory=dict)
    _touched: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Index what was locked."""
        self._index = OwnTransactionIndex(self.transactions.values())
        for transaction in self.transactions.values():
            self._note(transaction)

    def __contains__(self, txid: object) -> bool:
        """Whether the transaction is one of ours."""
        return txid in self._index.by_txid

    @property
    def changed(self) -> list[OwnTransaction]:
        """The transactions to be written back."""
        return self._of(self.changed_ids)

    def spend(self, outpoint: Outpoint, by: bytes, step: Step) -> OwnTransaction | None:
        """Apply a spend of one of our coins; returns the transaction of ours that made it, if one did."""
        number = self._index.by_txid.get(by)
        ours = None if number is None else self.transactions[number]
        if ours is not None and ours.height is None:
            self._mine(ours, step)
        rivals = [rival for rival in self._of(self._index.spending(outpoint)) if rival.txid != by]
        self._lose(rivals, step)
        return ours

    def conflict(
        self, dead: Collection[bytes], descendants: Mapping[bytes, Collection[bytes]], step: Step
    ) -> None:
        """Apply that the `dead` of others, ours in conflict, and their descendants can never be mined.

        `descendants` are unmined transactions of others, by what they spend.
        """
        rest = [*dead, *(transaction.txid for transaction in self._conflicted(step.height))]
        fallen = set(rest)
        while rest:
            txid = rest.pop()
            children = {*descendants.get(txid, ()), *self._unmined_children(txid)} - fallen
            rest += children
            fallen |= children
        self._lose(self._of(self._index.by_txid[txid] for txid in fallen if txid in self), step)

    def settle(self, tip: int, step: Step, repay: Repay = no_debts) -> None:
        """Settle what is deep enough, bury what has lost, release the payments that nothing can pay now."""
        for transaction in self._deep_enough(tip):
            step.entries += transaction.settle(repay)
            self._pay(transaction.settled(), "CONFIRMED" if transaction.pays else "VOIDED", step)
        for height in sorted(self._conflicts):
            if height + self.confirmations - 1 <= tip:
                for transaction in self._conflicted(height):
                    if transaction.is_pending:
                        self._put(transaction._replace(state="dead"))
                del self._conflicts[height]
        self._bury(step)
        for transaction in self._of({self.transactions[number].first for number in self._touched}):
            if self._is_lost(transaction):
                step.entries += transaction.release(repay)
                self._pay(transaction.released(), "FAILED", step, CONFLICTED)
        self._touched.clear()

    def disconnect(self, height: int, step: Step) -> None:
        """Undo the block at `height`, in reverse order."""
        for transaction in self._in_order():
            if transaction.conflict_height == height:
                state = "sent" if transaction.state == "dead" else transaction.state
                self._put(transaction._replace(conflict_height=None, state=state))
        for transaction in reversed(self._in_order()):
            if transaction.replaces is None and not self._is_dead(transaction):
                self._revive(transaction, step)
        for transaction in reversed(self._in_order()):
            if transaction.height == height:
                self._unmine(transaction, step)

    def charge(self, amounts: Mapping[str, int]) -> None:
        """Add to what payments owe, by their ids, what clawback was charged for them."""
        for transaction in self._in_order():
            if any(str(payment.id) in amounts for payment in transaction.payments):
                self._put(transaction.charged(amounts))

    def _deep_enough(self, tip: int) -> list[OwnTransaction]:
        """Return the mined transactions that have their confirmations at the tip; they are due no longer."""
        due = set()
        while self._due and self._due[0][0] <= tip:
            confirm_height, number = heapq.heappop(self._due)
            transaction = self.transactions[number]
            if transaction.state == "mined" and transaction.confirm_height == confirm_height:
                due.add(number)
        return self._of(due)

    def _conflicted(self, height: int) -> list[OwnTransaction]:
        """Return the transactions that the block at `height` conflicts with."""
        transactions = self._of(self._conflicts.get(height, ()))
        return [transaction for transaction in transactions if transaction.conflict_height == height]

    def _bury(self, step: Step) -> None:
        """Mark as dead what was touched, or is built on it, where its parents are; parents have lower ids."""
        rest = sorted(self._touched.union(*(self._children(number) for number in self._touched)))
        while rest:
            number = heapq.heappop(rest)
            if self._inherit(self.transactions[number], step):
                for child in self._children(number):
                    heapq.heappush(rest, child)

    def _inherit(self, transaction: OwnTransaction, step: Step) -> bool:
        """Mark an unmined child of the dead as dead, until their conflict is undone; returns whether."""
        parents = {outpoint.txid for outpoint in transaction.inputs} if transaction.height is None else set()
        known = self._of(self._index.by_txid[txid] for txid in parents if txid in self)
        since = [parent.conflict_height for parent in known if parent.state == "dead"]
        heights = [height for height in (*since, transaction.conflict_height) if height is not None]
        if not since or (transaction.state, transaction.conflict_height) == ("dead", min(heights)):
            return False
        self._put(transaction._replace(state="dead", conflict_height=min(heights)))
        self._send_another(transaction, step)
        return True

    def _lose(self, transactions: Sequence[OwnTransaction], step: Step) -> None:
        """Mark those that may still win as in conflict with this block; then send other versions of them.

        Only when all are marked it shows which versions may still be mined.
        """
        lost = [transaction for transaction in transactions if transaction.may_win]
        for transaction in lost:
            self._put(transaction._replace(conflict_height=step.height))
        for transaction in lost:
            self._send_another(transaction, step)

    def _send_another(self, lost: OwnTransaction, step: Step) -> None:
        """Where the version that is sent has lost, send the last of the others that may still be mined."""
        versions = [version for version in self._family(lost) if version.pays and version.may_win]
        if lost.pays and lost.broadcast_by_us and versions:
            sent = self._price(versions[-1]._replace(broadcast_by_us=True), step)
            state = sent.payments[0].state if sent.payments else ""
            self._pay(sent, state, step, event="PAYMENT_REPLACED")

    def _children(self, number: int) -> Sequence[int]:
        """Return the ids of the transactions that spend an output of this one."""
        return self._index.children(self.transactions[number].txid)

    def _unmined_children(self, txid: bytes) -> list[bytes]:
        """Return the txids of ours that no block contains and that spend an output of this transaction."""
        children = self._of(self._index.children(txid))
        return [child.txid for child in children if child.height is None]

    def _mine(self, transaction: OwnTransaction, step: Step) -> None:
        times = 1 + max(
            version.mined_count for version in self._family(transaction)
        )  # part of the entries' keys
        mined = transaction.mined(step.height, self.confirmations, times)
        if not transaction.pays:
            self._put(mined)
            return
        for payment in transaction.payments:
            if payment.txid not in (None, transaction.txid):
                step.payment_events.append((TXID_CHANGED, fee_bumps.with_txid(payment, transaction.txid)))
        self._pay(self._price(mined, step), "BROADCAST", step, event="PAYMENT_ON_CHAIN")

    def _price(self, transaction: OwnTransaction, step: Step) -> OwnTransaction:
        """Return the version with its fee on the payments, for `_put`; stop sending the other versions."""
        for version in self._family(transaction):
            if version.pays and version.broadcast_by_us and version.id != transaction.id:
                self._put(version._replace(broadcast_by_us=False))
        priced, entries = transaction.priced()
        step.entries += entries
        return priced

    def _unmine(self, transaction: OwnTransaction, step: Step) -> None:
        event = "PAYMENT_UNCONFIRMED" if transaction.state == "settled" or transaction.pays else ""
        if transaction.state == "settled":
            step.entries += transaction.settle(back=True)
        for twin in self._family(transaction):  # nodes may not relay the bytes that were mined
            same = (twin.inputs, twin.fee) == (transaction.inputs, transaction.fee)
            if transaction.pays and twin.pays and twin.is_pending and same:
                self._put(twin._replace(broadcast_by_us=True))
        unmined = transaction.unmined()
        self._put(unmined)
        self._pay(unmined, self._undecided_state(transaction), step, event=event)

    def _revive(self, transaction: OwnTransaction, step: Step) -> None:
        """Reserve again what was released; a voided payment's money returns with its cancellation."""
        if transaction.payments and all(payment.state == "FAILED" for payment in transaction.payments):
            step.entries += transaction.release(back=True)
            revived = transaction._replace(mined_count=transaction.mined_count + 1)
            self._pay(revived, self._undecided_state(transaction), step, event="PAYMENT_UNCONFIRMED")

    def _undecided_state(self, transaction: OwnTransaction) -> str:
        """Return the state of its payments while no block has decided.

        A transaction that we do not send is its caller's to send, until it expires; or it was being voided,
        and still is.
        """
        family = self._family(transaction)
        if any(version.is_pending for version in family if not version.pays):
            return "CANCELLING"
        if any(version.broadcast_by_us for version in family if version.pays):
            return "BROADCAST"
        callers = all(payment.kind == "paytx" for payment in transaction.payments)
        return "PROCESSING" if callers else "CANCELLING"

    def _is_lost(self, transaction: OwnTransaction) -> bool:
        """Whether nothing can pay its payments now, and they are not released yet."""
        released = all(payment.state in ("FAILED", "VOIDED") for payment in transaction.payments)
        return transaction.replaces is None and self._is_dead(transaction) and not released

    def _is_dead(self, transaction: OwnTransaction) -> bool:
        """Whether it is dead, and so is all that replaces or cancels it."""
        return all(version.state == "dead" for version in self._family(transaction))

    def _family(self, transaction: OwnTransaction) -> list[OwnTransaction]:
        """Return all transactions of the same payments: those that pay, and those that cancel them."""
        return self._of(self._index.families[transaction.first])

    def _pay(
        self, transaction: OwnTransaction, state: str, step: Step, error: str = "", event: str | None = None
    ) -> None:
        """Bring the payments of a transaction's family to `state`, with `event` or PAYMENT_<state>."""
        payments = tuple(payment._replace(state=state, error=error) for payment in transaction.payments)
        self._put(transaction._replace(payments=payments))
        new = {payment.id: payment for payment in payments}
        for version in self._family(transaction):
            if version.id != transaction.id:
                shared = tuple(new.get(payment.id, payment) for payment in version.payments)
                self._put(version._replace(payments=shared))
        name = f"PAYMENT_{state}" if event is None else event
        for before, payment in zip(transaction.payments, payments, strict=True):
            step.payment_events += [(name, payment)] if name else []
            step.payment_events += [(FLOW, payment)] if before.is_returned != payment.is_returned else []

    def _put(self, transaction: OwnTransaction) -> None:
        self.transactions[transaction.id] = transaction
        self.changed_ids.add(transaction.id)
        self._note(transaction)

    def _note(self, transaction: OwnTransaction) -> None:
        """Note when it is due, its conflict, and that its children are to be checked."""
        if transaction.state == "mined" and transaction.confirm_height is not None:
            heapq.heappush(self._due, (transaction.confirm_height, transaction.id))
        if transaction.conflict_height is not None:
            self._conflicts.setdefault(transaction.conflict_height, set()).add(transaction.id)
        self._touched.add(transaction.id)

    def _of(self, ids: Iterable[int]) -> list[OwnTransaction]:
        return [self.transactions[number] for number in sorted(ids)]

    def _in_order(self) -> list[OwnTransaction]:
        return self._of(self.transactions)
