"""What the books must say, worked out of the chain and of what was asked: a second, slower and simpler bookkeeping.

What an account has is what the chain paid it, less what its payments and their cancellations took there once they were
deep enough, and what moved inside. Where a reorg takes back what is spent already, `clawback` lends the difference: never
more than what was taken back. What is deep enough stays so until its own block goes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.chain import wire
from app.chain.wire import Block, Transaction
from app.db.tables import CLAWBACK
from app.domain.dogecoin import Outpoint
from app.domain.payments import LIVE, Payment
from app.money import COIN, DUST
from tests.chain_harness import RULES
from tests.walk import excuses
from tests.walk.views import Books, Branch, Own, Place

DEEP = RULES.confirmations
ENDED = ("CONFIRMED", "FAILED", "VOIDED")


@dataclass(frozen=True, slots=True)
class Paid:
    """A deposit as the chain holds it."""

    place: Place
    amount: int
    confirmed: bool


@dataclass
class Model:
    """What must be remembered from step to step."""

    inside: Counter[int] = field(default_factory=Counter)
    """What moved between accounts, by account."""
    covered: int = 0
    """What the operator has borne of what was owed."""
    limits: dict[int, int] = field(default_factory=dict)
    """What was set aside for each payment when it was accepted."""
    peaks: dict[bytes, int] = field(default_factory=dict)
    """How deep each block of the branch has been."""
    known: dict[bytes, Transaction] = field(default_factory=dict)
    """Every transaction that was ever seen."""
    once: dict[Outpoint, Paid] = field(default_factory=dict)
    """Every deposit that a block ever held."""
    released: set[int] = field(default_factory=set)
    """Payments that were signed, and of which the money was given back."""

    def compare(
        self, blocks: Sequence[tuple[bytes, Block]], books: Books, given: Sequence[Transaction]
    ) -> "Now":
        """Look at everything, or fail; returns what was looked at."""
        now = self._now(Branch(blocks), books)
        now.fresh = [own for txid, own in books.own.items() if txid not in self.known]
        self.known |= {one.txid: one for one in given} | now.branch.transactions
        self.known |= {txid: own.transaction for txid, own in books.own.items()}
        self.released |= {p.id for p in books.payments.values() if p.txid and p.state in ("FAILED", "VOIDED")}
        self.once |= now.deposits
        now.check()
        return now

    def _now(self, branch: Branch, books: Books) -> "Now":
        depths = branch.depths
        self.peaks = {block: max(depth, self.peaks.get(block, 0)) for block, depth in depths.items()}
        return Now(self, branch, books)


@dataclass
class Now:
    """The model, the chain and the books at one moment."""

    model: Model
    branch: Branch
    books: Books

    def __post_init__(self) -> None:
        self.fresh: Sequence[Own] = ()
        self.deposits = dict(self._deposits())

    def depth(self, txid: bytes) -> int:
        """How deep a transaction is, or was since its block came; 0 where no block holds it."""
        block = self.branch.block_of.get(txid)
        return 0 if block is None else self.model.peaks[block]

    def check(self) -> None:
        """Hold everything against everything."""
        self.everybody_was_paid_once()
        for payment in self.books.payments.values():
            self.states_are_those_of_the_chain(payment)
        for own in self.books.own.values():
            self.transactions_pay_what_they_say(own)
        for own in self.fresh:
            self.coins_are_taken_once(own)
        self.accounts_have_what_they_are_due()

    @property
    def has_ended(self) -> bool:
        """Whether no payment is on its way."""
        return all(
            payment.state in ENDED or excuses.waits_for_nothing(self, payment)
            for payment in self.books.payments.values()
        )

    def end(self) -> None:
        """No payment is on its way for ever."""
        stuck = [one for one in self.books.payments.values() if one.state not in ENDED]
        assert self.has_ended, [(one.id, one.kind, one.state, one.error) for one in stuck]

    # ------------------------------------------------------------ payments

    def everybody_was_paid_once(self) -> None:
        """Strangers have got on the chain what the payments say that are on it, each by one output."""
        due = [
            (output.script, output.paid)
            for payment in self.books.payments.values()
            if payment.txid in self.branch.transactions
            for output in payment.outputs
        ]
        payees = {output.script for payment in self.books.payments.values() for output in payment.outputs}
        strangers = payees - set(self.books.places)
        got = [(one.script, one.value) for one in self.branch.outputs.values() if one.script in strangers]
        assert Counter(got) == Counter(one for one in due if one[0] in strangers)

    def states_are_those_of_the_chain(self, payment: Payment) -> None:
        """What a payment says has happened to it on the chain."""
        if payment.txid is None:
            assert payment.state in ("PENDING", "FAILED", "VOIDED"), payment
            return
        deep = self.depth(payment.txid) >= DEEP
        voided = any(self.depth(own.transaction.txid) >= DEEP for own in self._cancels(payment))
        assert (payment.state == "CONFIRMED") == deep, (payment.state, payment.id, self.depth(payment.txid))
        assert (payment.state == "VOIDED") == voided, (payment.state, payment.id)
        if payment.state == "FAILED":
            assert self.is_hopeless(payment.txid), f"payment {payment.id} may still be paid: {payment.error}"
        assert payment.state != "PENDING", payment.id

    def is_hopeless(self, txid: bytes) -> bool:
        """Whether something else has spent, deep enough, what a transaction or one that it stands on spends."""
        if txid in self.branch.transactions or txid not in self.model.known:
            return False
        for spent in self.model.known[txid].inputs:
            rival = self.branch.spender.get(Outpoint(spent.txid, spent.vout))
            if (rival is not None and self.depth(rival) >= DEEP) or self.is_hopeless(spent.txid):
                return True
        return False

    def transactions_pay_what_they_say(self, own: Own) -> None:
        """What leaves us by a transaction is what its payments say, within what was set aside for them."""
        carried = [
            payment for payment in self.books.payments.values() if payment.txid == own.transaction.txid
        ]
        if not carried:  # it cancels, or another version has its place
            return
        assert own.pays, own.id
        assert sum(_cost(payment) for payment in carried) == self.cost(own), own.id
        for payment in carried:
            limit = self.model.limits.get(payment.id, _cost(payment))
            assert _cost(payment) <= max(limit, _most(payment)), payment.id
            assert not payment.explicit_fee or (payment.fee or 0) <= payment.explicit_fee + DUST, payment.id
            if not payment.deducts:
                assert payment.paid == payment.amount, payment.id

    def coins_are_taken_once(self, fresh: Own) -> None:
        """What was signed just now spends nothing that another is to spend, unless it cancels that, or that is hopeless."""
        for other in self.books.own.values():
            if other.id < fresh.id and not other.family & fresh.family and other.spends & fresh.spends:
                assert self.is_hopeless(other.transaction.txid), (other.id, fresh.id)

    def cost(self, own: Own) -> int:
        """What a transaction takes from us: inputs less change."""
        spent = sum(self.model.known[one.txid].outputs[one.vout].value for one in own.transaction.inputs)
        return spent - sum(one.value for one in own.transaction.outputs if self._is_change(one))

    def _cancels(self, payment: Payment) -> list[Own]:
        return [
            own for own in self.books.own.values() if own.replaces == payment.transaction_id and not own.pays
        ]

    def _is_change(self, output: wire.Output) -> bool:
        return output.script in self.books.places and self.books.places[output.script].change

    # ------------------------------------------------------------ accounts

    def accounts_have_what_they_are_due(self) -> None:
        """Each account has what it is due and what clawback lends it; clawback lacks that, and what was stolen."""
        due, taken_back, lent = self._due(), self._taken_back(), 0
        outgoing = self._outgoing()
        for account in self.books.accounts.values():
            found = self.books.balances.get(account)
            if found is None:
                continue
            waits = [
                p.amount for p in self.deposits.values() if p.place.account == account and not p.confirmed
            ]
            assert found["incoming"] == sum(waits), (account, found, waits)
            assert found["outgoing"] == outgoing[account], (account, found, outgoing)
            more = sum(found[name] for name in ("available", "incoming", "held", "outgoing")) - due[account]
            assert 0 <= more <= taken_back[account], (
                f"account {account} has {more} too much, {taken_back[account]} is out"
            )
            lent += more
        lacking = lent + self._stolen() - self.model.covered
        assert self._clawback() == -lacking, (self._clawback(), lent, self._stolen(), self.model.covered)

    def _due(self) -> Counter[int]:
        due = Counter(self.model.inside)
        for paid in self.deposits.values():
            due[paid.place.account] += paid.amount
        for payment in self.books.payments.values():
            if payment.txid is not None and self.depth(payment.txid) >= DEEP:
                due[payment.owner.id] -= _cost(payment)
            for own in self._cancels(payment) if payment.txid else ():
                if self.depth(own.transaction.txid) >= DEEP:
                    due[payment.owner.id] -= self.cost(own)
        return due

    def _taken_back(self) -> dict[int, int]:
        """What reorgs have taken from each account and not given again: what clawback may have lent it."""
        found: dict[int, int] = defaultdict(int)
        for outpoint, paid in self.model.once.items():
            if outpoint not in self.deposits or not self.deposits[outpoint].confirmed:
                found[paid.place.account] += paid.amount
        for number in self.model.released:
            payment = self.books.payments[number]
            if payment.state not in ("FAILED", "VOIDED"):
                found[payment.owner.id] += _cost(payment)
        return found

    def _outgoing(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for payment in self.books.payments.values():
            if payment.state in LIVE:
                found[payment.owner.id] += payment.reserved if payment.txid is None else _cost(payment)
        return found

    def _clawback(self) -> int:
        return int(self.books.balances[CLAWBACK]["available"]) if CLAWBACK in self.books.balances else 0

    def _stolen(self) -> int:
        """Coins of ours that transactions spent which are not ours."""
        return sum(
            output.value
            for outpoint, output in self.branch.outputs.items()
            if output.script in self.books.places
            and outpoint in self.branch.spender
            and self.branch.spender[outpoint] not in self.books.own
        )

    def _deposits(self) -> Iterator[tuple[Outpoint, Paid]]:
        """What the chain pays us, but for our own change."""
        for outpoint, output in self.branch.outputs.items():
            place = self.books.places.get(output.script)
            if place is not None and not (place.change and outpoint.txid in self.books.own):
                yield outpoint, Paid(place, output.value, self.depth(outpoint.txid) >= place.confirmations)


def _cost(payment: Payment) -> int:
    """What a signed payment takes from its account."""
    return (payment.paid or 0) + (payment.fee or 0)


def _most(payment: Payment) -> int:
    """What it may cost where its fee was too low at first, whatever was set aside in the beginning."""
    if payment.deducts or not payment.repriced:
        return 0
    return payment.amount + (payment.explicit_fee or payment.max_fee or COIN)
