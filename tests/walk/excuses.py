"""Known faults of the program, each a condition under which a walk does not complain; what is mended goes from here."""

from typing import Protocol

from app.domain.payments import Payment
from tests.walk.views import Books


class Chances(Protocol):
    """What can be said of a transaction."""

    books: Books

    def is_hopeless(self, txid: bytes) -> bool:
        """Whether something else has spent, deep enough, what it or one that it stands on spends."""
        ...


def waits_for_nothing(now: Chances, payment: Payment) -> bool:
    """Whether one of the faults below keeps it on its way for ever."""
    if payment.txid is None:
        return False
    return stands_on_a_lost_deposit(now, payment.txid) or is_sent_by_nobody(now, payment)


def stands_on_a_lost_deposit(now: Chances, txid: bytes) -> bool:
    """The coin that was to pay us went elsewhere, and the payment that spends what it was to be waits for ever."""
    return now.is_hopeless(txid)


def is_sent_by_nobody(now: Chances, payment: Payment) -> bool:
    """A paytx that its caller had not sent was overtaken, released, and revived: it is BROADCAST, and nobody sends it."""
    own = now.books.own[payment.txid or b""]
    return payment.kind == "paytx" and payment.state == "BROADCAST" and not own.sends
