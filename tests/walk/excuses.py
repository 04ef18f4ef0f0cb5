"""Known faults of the program, each a condition under which a walk does not complain; what is mended goes from here."""

from collections.abc import Mapping
from typing import Protocol

from app.chain.wire import Transaction
from app.domain.dogecoin import Outpoint
from app.domain.payments import Payment
from tests.walk.views import Books, Branch


class Memory(Protocol):
    """What was ever seen."""

    known: dict[bytes, Transaction]

    @property
    def once(self) -> Mapping[Outpoint, object]:
        """Every deposit that a block ever held."""
        ...


class Chances(Protocol):
    """What can be said of a transaction."""

    books: Books
    branch: Branch

    @property
    def model(self) -> Memory:
        """What is remembered."""
        ...

    def is_hopeless(self, txid: bytes) -> bool:
        """Whether something else has spent, deep enough, what it or one that it stands on spends."""
        ...


def waits_for_nothing(now: Chances, payment: Payment) -> bool:
    """Whether one of the faults below keeps it on its way for ever."""
    return payment.txid is not None and stands_on_a_lost_stranger(now, payment.txid)


def stands_on_a_lost_stranger(now: Chances, txid: bytes) -> bool:
    """It is built on a deposit whose payer had the money from a transaction that paid us nothing, and that one is lost."""
    return now.is_hopeless(txid) and not is_seen_to_be_hopeless(now, txid)


def is_seen_to_be_hopeless(now: Chances, txid: bytes) -> bool:
    """Whether that shows in the inputs of our transactions and of deposits' alone: all others nobody watches."""
    watched = now.books.own.keys() | {outpoint.txid for outpoint in now.model.once}
    if txid in now.branch.transactions or txid not in watched:
        return False
    inputs = [Outpoint(spent.txid, spent.vout) for spent in now.model.known[txid].inputs]
    return any(one in now.branch.spender or is_seen_to_be_hopeless(now, one.txid) for one in inputs)
