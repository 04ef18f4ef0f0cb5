"""What blocks do to our own transactions: which one of several that spend the same coin wins, and what follows."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from app.domain.blocks.own_transaction_index import SendingIndex
from app.domain.blocks.own_transactions import OwnTransaction, Repay, no_debts
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Entry
from app.domain.outbox import TXID_CHANGED
from app.domain.payments import Payment, fee_bumps

TURNED = "TURNED"
"""Stands for what is told beside a payment's own event when its money came back, or goes out after all."""
OVERTAKEN = "Another transaction spent the coins of this payment."


class Step(Protocol):
    """What one block did: its height, the entries, and the events with each payment as it is after them."""

    height: int
    entries: list[Entry]
    sent: list[tuple[str, Payment]]


@dataclass(slots=True)
class OwnTransactionEffects:
    """The transactions as they were locked, by id; moved on block by block.

    What a block does costs what it touches, however many transactions a batch of blocks has: what is due is found by
    its height, and what follows from a change is looked for among those that changed.
    """

    sendings: dict[int, OwnTransaction]
    confirmations: int
    moved: set[int] = field(default_factory=set)
    _index: SendingIndex = field(init=False)
    _due: list[tuple[int, int]] = field(default_factory=list)
    _conflicts: dict[int, set[int]] = field(default_factory=dict)
    _touched: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Index what was locked."""
        self._index = SendingIndex.of(self.sendings)
        for sending in self.sendings.values():
            self._note(sending)

    def __contains__(self, txid: object) -> bool:
        """Whether the transaction is one of ours."""
        return txid in self._index.by_txid

    @property
    def changed(self) -> list[OwnTransaction]:
        """The ones that are to be written back."""
        return self._of(self.moved)

    def spend(self, outpoint: Outpoint, by: bytes, step: Step) -> OwnTransaction | None:
        """Take a spend of one of our coins; returns the transaction of ours that did it, if one did."""
        number = self._index.by_txid.get(by)
        ours = None if number is None else self.sendings[number]
        if ours is not None and ours.height is None:
            self._mine(ours, step)
        rivals = self._of(self._index.spending(outpoint))
        self._lose(
            [one for one in rivals if one.txid != by and one.waits and one.conflict_height is None], step
        )
        return ours

    def overtake(
        self, dead: Collection[bytes], descendants: Mapping[bytes, Collection[bytes]], step: Step
    ) -> None:
        """Take that the `dead` can no longer be, nor what this block overtook, nor what is built on any of them.

        `descendants` are transactions of others in no block, by what they spend.
        """
        rest = [*dead, *(sending.txid for sending in self._overtaken(step.height))]
        gone = set(rest)
        while rest:
            txid = rest.pop()
            found = {*descendants.get(txid, ()), *self._unmined_on(txid)} - gone
            rest += found
            gone |= found
        ours = self._of(self._index.by_txid[txid] for txid in gone if txid in self)
        self._lose([one for one in ours if one.waits and one.conflict_height is None], step)

    def settle(self, tip: int, step: Step, repay: Repay = no_debts) -> None:
        """Settle what is deep enough, bury what was overtaken, and release the payments that nothing can pay now."""
        for sending in self._deep_enough(tip):
            step.entries += sending.settle(repay)
            self._pay(sending.settled(), "CONFIRMED" if sending.pays else "VOIDED", step)
        for height in [
            height for height in sorted(self._conflicts) if height + self.confirmations - 1 <= tip
        ]:
            for sending in self._overtaken(height):
                if sending.waits:
                    self._put(replace(sending, state="dead"))
            del self._conflicts[height]
        self._bury(step)
        for sending in self._of({self.sendings[number].first for number in self._touched}):
            if self._is_lost(sending):
                step.entries += sending.release(repay)
                self._pay(sending.released(), "FAILED", step, OVERTAKEN)
        self._touched.clear()

    def disconnect(self, height: int, step: Step) -> None:
        """Take back what the block at `height` did, in reverse."""
        for sending in self._in_order():
            if sending.conflict_height == height:
                state = "sent" if sending.state == "dead" else sending.state
                self._put(replace(sending, conflict_height=None, state=state))
        for sending in reversed(self._in_order()):
            if sending.replaces is None and not self._is_hopeless(sending):
                self._revive(sending, step)
        for sending in reversed(self._in_order()):
            if sending.height == height:
                self._unmine(sending, step)

    def charge(self, amounts: Mapping[str, int]) -> None:
        """Write on each payment, by its id, what clawback was charged for it; it is repaid when the money returns."""
        for sending in self._in_order():
            if any(str(payment.id) in amounts for payment in sending.payments):
                self._put(sending.charged(amounts))

    def _deep_enough(self, tip: int) -> list[OwnTransaction]:
        """Return those in blocks that have their confirmations at the tip, and do not wait for them any longer."""
        due = set()
        while self._due and self._due[0][0] <= tip:
            confirm_height, number = heapq.heappop(self._due)
            sending = self.sendings[number]
            if sending.state == "mined" and sending.confirm_height == confirm_height:
                due.add(number)
        return self._of(due)

    def _overtaken(self, height: int) -> list[OwnTransaction]:
        """Return those that the block at `height` overtook."""
        return [one for one in self._of(self._conflicts.get(height, ())) if one.conflict_height == height]

    def _bury(self, step: Step) -> None:
        """Bury what is built on those that were touched, or touched itself, where it must; parents are signed first."""
        rest = sorted(self._touched.union(*(self._descendants(number) for number in self._touched)))
        while rest:
            number = heapq.heappop(rest)
            if self._inherit(self.sendings[number], step):
                for descendant in self._descendants(number):
                    heapq.heappush(rest, descendant)

    def _inherit(self, sending: OwnTransaction, step: Step) -> bool:
        """Bury what spends change of the dead, until the block goes that overtook these: that change will never be."""
        spent = {outpoint.txid for outpoint in sending.inputs} if sending.height is None else set()
        parents = self._of(self._index.by_txid[txid] for txid in spent if txid in self)
        since = [parent.conflict_height for parent in parents if parent.state == "dead"]
        heights = [height for height in (*since, sending.conflict_height) if height is not None]
        if not since or (sending.state, sending.conflict_height) == ("dead", min(heights)):
            return False
        self._put(replace(sending, state="dead", conflict_height=min(heights)))
        self._send_another(sending, step)
        return True

    def _lose(self, lost: Sequence[OwnTransaction], step: Step) -> None:
        """Take that this block overtook them; only then it shows which of their other versions may still be mined."""
        for sending in lost:
            self._put(replace(sending, conflict_height=step.height))
        for sending in lost:
            self._send_another(sending, step)

    def _send_another(self, lost: OwnTransaction, step: Step) -> None:
        """Send the last of its other versions that may still be mined, where the one that is sent has lost."""
        rest = [one for one in self._rivals(lost) if one.pays and one.waits and one.conflict_height is None]
        if lost.pays and lost.sends and rest:
            now = self._price(replace(rest[-1], sends=True), step)
            state = now.payments[0].state if now.payments else ""
            self._pay(now, state, step, event="PAYMENT_REPLACED")

    def _descendants(self, number: int) -> Sequence[int]:
        """Return the numbers of those that are built on this one."""
        return self._index.built_on(self.sendings[number].txid)

    def _unmined_on(self, txid: bytes) -> list[bytes]:
        """Return those of ours that no block holds and that spend this transaction."""
        return [
            descendant.txid
            for descendant in self._of(self._index.built_on(txid))
            if descendant.height is None
        ]

    def _mine(self, sending: OwnTransaction, step: Step) -> None:
        turn = 1 + max(
            one.round for one in self._rivals(sending)
        )  # of all versions: it is part of the keys of entries
        mined = replace(sending.mined(step.height, self.confirmations), round=turn)
        if sending.pays:
            told = [
                fee_bumps.renamed(one, sending.txid)
                for one in sending.payments
                if one.txid not in (None, sending.txid)
            ]
            step.sent += [(TXID_CHANGED, payment) for payment in told]
            self._pay(self._price(mined, step), "BROADCAST", step, event="PAYMENT_ON_CHAIN")
        else:
            self._put(mined)

    def _price(self, sending: OwnTransaction, step: Step) -> OwnTransaction:
        """Give its payments the fee of this version, which from now on is the only one that is sent; they are not put yet."""
        for other in self._rivals(sending):
            if other.pays and other.sends and other.id != sending.id:
                self._put(replace(other, sends=False))
        priced, entries = sending.priced()
        step.entries += entries
        return priced

    def _unmine(self, sending: OwnTransaction, step: Step) -> None:
        event = "PAYMENT_UNCONFIRMED" if sending.state == "settled" or sending.pays else ""
        if sending.state == "settled":
            step.entries += sending.settle(back=True)
        for twin in self._rivals(sending):  # nodes may not pass on the bytes that were mined
            if (
                sending.pays
                and twin.pays
                and twin.waits
                and (twin.inputs, twin.fee) == (sending.inputs, sending.fee)
            ):
                self._put(replace(twin, sends=True))
        self._put(sending.unmined())
        self._pay(sending.unmined(), self._on_its_way(sending), step, event=event)

    def _revive(self, sending: OwnTransaction, step: Step) -> None:
        """Set aside again what was released; what was voided, its cancellation undoes."""
        if all(payment.state == "FAILED" for payment in sending.payments) and sending.payments:
            step.entries += sending.release(back=True)
            revived = replace(sending, round=sending.round + 1)
            self._pay(revived, self._on_its_way(sending), step, event="PAYMENT_UNCONFIRMED")

    def _on_its_way(self, sending: OwnTransaction) -> str:
        """Return the state of what it carries while nothing is decided.

        What we do not send is its caller's to send, until its time is over; or it was being voided, and still is.
        """
        rivals = self._rivals(sending)
        if any(other.waits for other in rivals if not other.pays):
            return "CANCELLING"
        if any(one.sends for one in rivals if one.pays):
            return "BROADCAST"
        return "PROCESSING" if all(payment.kind == "paytx" for payment in sending.payments) else "CANCELLING"

    def _is_lost(self, sending: OwnTransaction) -> bool:
        """Whether nothing can pay what it carries now, and nothing has."""
        return sending.replaces is None and self._is_hopeless(sending) and not self._is_released(sending)

    def _is_hopeless(self, sending: OwnTransaction) -> bool:
        """Dead, and so is all that cancels it."""
        return all(one.state == "dead" for one in self._rivals(sending))

    def _rivals(self, sending: OwnTransaction) -> list[OwnTransaction]:
        """Return the transaction that carries the payments, and all that cancel it."""
        return self._of(self._index.families[sending.first])

    def _is_released(self, sending: OwnTransaction) -> bool:
        return all(payment.state in ("FAILED", "VOIDED") for payment in sending.payments)

    def _pay(
        self, sending: OwnTransaction, state: str, step: Step, error: str = "", event: str | None = None
    ) -> None:
        """Bring the payments of a transaction, and of its rivals, to `state`; tell it as `event` (PAYMENT_<state>)."""
        payments = tuple(replace(payment, state=state, error=error) for payment in sending.payments)
        self._put(replace(sending, payments=payments))
        known = {payment.id: payment for payment in payments}
        for other in self._rivals(sending):
            if other.id != sending.id:
                self._put(replace(other, payments=tuple(known.get(one.id, one) for one in other.payments)))
        name = f"PAYMENT_{state}" if event is None else event
        for before, payment in zip(sending.payments, payments, strict=True):
            step.sent += [(name, payment)] if name else []
            step.sent += [(TURNED, payment)] if before.is_returned != payment.is_returned else []

    def _put(self, sending: OwnTransaction) -> None:
        self.sendings[sending.id] = sending
        self.moved.add(sending.id)
        self._note(sending)

    def _note(self, sending: OwnTransaction) -> None:
        """Remember what it waits for, and that what is built on it is to be looked at."""
        if sending.state == "mined" and sending.confirm_height is not None:
            heapq.heappush(self._due, (sending.confirm_height, sending.id))
        if sending.conflict_height is not None:
            self._conflicts.setdefault(sending.conflict_height, set()).add(sending.id)
        self._touched.add(sending.id)

    def _of(self, numbers: Iterable[int]) -> list[OwnTransaction]:
        return [self.sendings[number] for number in sorted(numbers)]

    def _in_order(self) -> list[OwnTransaction]:
        return self._of(self.sendings)
