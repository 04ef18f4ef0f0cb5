"""What the ledger must say, computed from the chain and the requests: a second, slower and simpler ledger.

An account has what the chain paid it, less what its payments and their cancellations took once they were deep
enough, and what was transferred. Where a reorg takes back what is spent already, `clawback` lends the
difference: never more than was taken back. What is deep enough stays so until its own block goes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.chain import wire
from app.chain.wire import Block, Transaction
from app.db.tables import CLAWBACK, COLD_STORAGE
from app.domain.dogecoin import Outpoint
from app.domain.payments import LIVE, Payment
from app.money import COIN, DUST
from tests.chain_harness import RULES
from tests.walk import known_faults
from tests.walk.snapshot import Branch, OwnAddress, SignedTransaction, Snapshot

DEEP = RULES.confirmations
ENDED = ("CONFIRMED", "FAILED", "VOIDED")


@dataclass(frozen=True, slots=True)
class ChainDeposit:
    """A deposit as the chain has it."""

    address: OwnAddress
    amount: int
    confirmed: bool


@dataclass
class Model:
    """What is remembered from step to step."""

    transferred: Counter[int] = field(default_factory=Counter)
    """What was transferred between accounts, by account."""
    covered: int = 0
    """What the operator has covered of the shortfall."""
    limits: dict[int, int] = field(default_factory=dict)
    """What was reserved for each payment when it was accepted."""
    peaks: dict[bytes, int] = field(default_factory=dict)
    """The greatest depth that each block of the branch has had."""
    known: dict[bytes, Transaction] = field(default_factory=dict)
    """Every transaction that was ever seen."""
    deposits_ever: dict[Outpoint, ChainDeposit] = field(default_factory=dict)
    """Every deposit that a block ever contained."""
    released: set[int] = field(default_factory=set)
    """Signed payments whose money was returned."""

    def compare(
        self,
        blocks: Sequence[tuple[bytes, Block]],
        snapshot: Snapshot,
        faucet_transactions: Sequence[Transaction],
    ) -> "Comparison":
        """Compare everything, or fail; returns the comparison."""
        now = self._now(Branch(blocks), snapshot)
        now.fresh = [own for txid, own in snapshot.own.items() if txid not in self.known]
        self.known |= {
            transaction.txid: transaction for transaction in faucet_transactions
        } | now.branch.transactions
        self.known |= {txid: own.transaction for txid, own in snapshot.own.items()}
        self.released |= {
            p.id for p in snapshot.payments.values() if p.txid and p.state in ("FAILED", "VOIDED")
        }
        self.deposits_ever |= now.deposits
        now.check()
        return now

    def _now(self, branch: Branch, snapshot: Snapshot) -> "Comparison":
        depths = branch.depths
        self.peaks = {block: max(depth, self.peaks.get(block, 0)) for block, depth in depths.items()}
        return Comparison(self, branch, snapshot)


@dataclass
class Comparison:
    """The model, the chain and the program's records at one moment."""

    model: Model
    branch: Branch
    snapshot: Snapshot

    def __post_init__(self) -> None:
        self.fresh: Sequence[SignedTransaction] = ()
        self.deposits = dict(self._deposits())

    def depth(self, txid: bytes) -> int:
        """The depth of a transaction, or the greatest since its block came; 0 where no block contains it."""
        block = self.branch.block_of.get(txid)
        return 0 if block is None else self.model.peaks[block]

    def check(self) -> None:
        """Assert all that must be true."""
        self.everybody_was_paid_once()
        for payment in self.snapshot.payments.values():
            self.states_are_those_of_the_chain(payment)
        for own in self.snapshot.own.values():
            self.transactions_pay_what_they_say(own)
        for own in self.fresh:
            self.coins_are_taken_once(own)
        self.accounts_have_what_they_are_due()

    @property
    def has_ended(self) -> bool:
        """Whether no payment is pending."""
        return all(
            payment.state in ENDED or known_faults.waits_for_nothing(self, payment)
            for payment in self.snapshot.payments.values()
        )

    def end(self) -> None:
        """Assert that no payment is pending."""
        stuck = [payment for payment in self.snapshot.payments.values() if payment.state not in ENDED]
        assert self.has_ended, [(payment.id, payment.kind, payment.state, payment.error) for payment in stuck]

    # ------------------------------------------------------------ payments

    def everybody_was_paid_once(self) -> None:
        """Payees have on the chain what the mined payments say, each by one output."""
        due = [
            (output.script, output.paid)
            for payment in self.snapshot.payments.values()
            if payment.txid in self.branch.transactions
            for output in payment.outputs
        ]
        payees = {output.script for payment in self.snapshot.payments.values() for output in payment.outputs}
        strangers = payees - set(self.snapshot.addresses)
        got = [
            (output.script, output.value)
            for output in self.branch.outputs.values()
            if output.script in strangers
        ]
        assert Counter(got) == Counter(output for output in due if output[0] in strangers)

    def states_are_those_of_the_chain(self, payment: Payment) -> None:
        """A payment's state is what the chain says of it."""
        if payment.txid is None:
            assert payment.state in ("PENDING", "FAILED", "VOIDED"), payment
            return
        deep = self.depth(payment.txid) >= DEEP
        voided = any(self.depth(own.transaction.txid) >= DEEP for own in self._cancels(payment))
        assert (payment.state == "CONFIRMED") == deep, (payment.state, payment.id, self.depth(payment.txid))
        assert (payment.state == "VOIDED") == voided, (payment.state, payment.id)
        if payment.state == "FAILED":
            assert self.is_dead(payment.txid), f"payment {payment.id} may still be paid: {payment.error}"
        assert payment.state != "PENDING", payment.id

    def is_dead(self, txid: bytes) -> bool:
        """Whether a deep enough block spends a transaction's inputs, or those of an ancestor, otherwise."""
        if txid in self.branch.transactions or txid not in self.model.known:
            return False
        for spent in self.model.known[txid].inputs:
            rival = self.branch.spender.get(Outpoint(spent.txid, spent.vout))
            if (rival is not None and self.depth(rival) >= DEEP) or self.is_dead(spent.txid):
                return True
        return False

    def transactions_pay_what_they_say(self, own: SignedTransaction) -> None:
        """A transaction takes from us what its payments say, within what was reserved for them."""
        carried = [
            payment for payment in self.snapshot.payments.values() if payment.txid == own.transaction.txid
        ]
        if not carried:  # it cancels, or another version is in its place
            return
        assert own.pays, own.id
        assert sum(_cost(payment) for payment in carried) == self.cost(own), own.id
        for payment in carried:
            limit = self.model.limits.get(payment.id, _cost(payment))
            assert _cost(payment) <= max(limit, _most(payment)), payment.id
            assert not payment.explicit_fee or (payment.fee or 0) <= payment.explicit_fee + DUST, payment.id
            if not payment.deducts:
                assert payment.paid == payment.amount, payment.id

    def coins_are_taken_once(self, fresh: SignedTransaction) -> None:
        """A new transaction spends no coin of an earlier one, unless that is cancelled by it, or dead."""
        for earlier in self.snapshot.own.values():
            if earlier.id < fresh.id and not earlier.family & fresh.family and earlier.spends & fresh.spends:
                assert self.is_dead(earlier.transaction.txid), (earlier.id, fresh.id)

    def cost(self, own: SignedTransaction) -> int:
        """Return what a transaction takes from us: inputs less change."""
        spent = sum(
            self.model.known[spent.txid].outputs[spent.vout].value for spent in own.transaction.inputs
        )
        return spent - sum(spent.value for spent in own.transaction.outputs if self._is_change(spent))

    def _cancels(self, payment: Payment) -> list[SignedTransaction]:
        return [
            own
            for own in self.snapshot.own.values()
            if own.replaces == payment.transaction_id and not own.pays
        ]

    def _is_change(self, output: wire.Output) -> bool:
        return output.script in self.snapshot.addresses and self.snapshot.addresses[output.script].change

    # ------------------------------------------------------------ accounts

    def accounts_have_what_they_are_due(self) -> None:
        """Each account has its due and what clawback lends it; clawback lacks that, and what was stolen."""
        due, taken_back, lent = self._due(), self._taken_back(), 0
        outgoing = self._outgoing()
        for account in self.snapshot.accounts.values():
            balance = self.snapshot.balances.get(account)
            if balance is None:
                continue
            waits = [
                p.amount for p in self.deposits.values() if p.address.account == account and not p.confirmed
            ]
            assert balance["incoming"] == sum(waits), (account, balance, waits)
            assert balance["outgoing"] == outgoing[account], (account, balance, outgoing)
            more = sum(balance[name] for name in ("available", "incoming", "held", "outgoing")) - due[account]
            assert 0 <= more <= taken_back[account], (
                f"account {account} has {more} too much, {taken_back[account]} is out"
            )
            lent += more
        self._cold_storage_has_what_it_is_due(due[COLD_STORAGE], outgoing[COLD_STORAGE])
        lacking = lent + self._stolen() - self.model.covered
        assert self._clawback() == -lacking, (self._clawback(), lent, self._stolen(), self.model.covered)

    def _cold_storage_has_what_it_is_due(self, due: int, outgoing: int) -> None:
        """Below zero it has what went there and has not come back, to the koinu."""
        balance = self.snapshot.balances.get(COLD_STORAGE)
        if balance is not None:
            assert sum(balance[name] for name in ("available", "incoming", "outgoing")) == due, (balance, due)
            assert balance["outgoing"] == outgoing, (balance, outgoing)

    def _due(self) -> Counter[int]:
        due = Counter(self.model.transferred)
        for paid in self.deposits.values():
            due[paid.address.account] += paid.amount
        for payment in self.snapshot.payments.values():
            if payment.txid is not None and self.depth(payment.txid) >= DEEP:
                due[payment.owner.id] -= _cost(payment) - payment.principal
                due[COLD_STORAGE] -= payment.principal
            for own in self._cancels(payment) if payment.txid else ():
                if self.depth(own.transaction.txid) >= DEEP:
                    due[payment.owner.id] -= self.cost(own)
        return due

    def _taken_back(self) -> dict[int, int]:
        """Return what reorgs took from each account and kept: the most that clawback may have lent it."""
        by_account: dict[int, int] = defaultdict(int)
        for outpoint, paid in self.model.deposits_ever.items():
            if outpoint not in self.deposits or not self.deposits[outpoint].confirmed:
                by_account[paid.address.account] += paid.amount
        for number in self.model.released:
            payment = self.snapshot.payments[number]
            if payment.state not in ("FAILED", "VOIDED"):
                by_account[payment.owner.id] += _cost(payment) - payment.principal
        return by_account

    def _outgoing(self) -> Counter[int]:
        by_account: Counter[int] = Counter()
        for payment in self.snapshot.payments.values():
            if payment.state in LIVE:
                reserved = payment.reserved if payment.txid is None else _cost(payment)
                by_account[payment.owner.id] += reserved - payment.principal
                by_account[COLD_STORAGE] += payment.principal
        return by_account

    def _clawback(self) -> int:
        return int(self.snapshot.balances[CLAWBACK]["available"]) if CLAWBACK in self.snapshot.balances else 0

    def _stolen(self) -> int:
        """Return the sum of our coins that unknown transactions spent."""
        return sum(
            output.value
            for outpoint, output in self.branch.outputs.items()
            if output.script in self.snapshot.addresses
            and outpoint in self.branch.spender
            and self.branch.spender[outpoint] not in self.snapshot.own
        )

    def _deposits(self) -> Iterator[tuple[Outpoint, ChainDeposit]]:
        """Yield what the chain pays us, without our own change."""
        for outpoint, output in self.branch.outputs.items():
            address = self.snapshot.addresses.get(output.script)
            if address is not None and not (address.change and outpoint.txid in self.snapshot.own):
                yield (
                    outpoint,
                    ChainDeposit(address, output.value, self.depth(outpoint.txid) >= address.confirmations),
                )


def _cost(payment: Payment) -> int:
    """Return what a signed payment takes from its account."""
    return (payment.paid or 0) + (payment.fee or 0)


def _most(payment: Payment) -> int:
    """Return what it may cost where its fee was too low at first, whatever was reserved then."""
    if payment.deducts or not payment.repriced:
        return 0
    return payment.amount + (payment.explicit_fee or payment.max_fee or COIN)
