"""What a posting is called in an account's history: the entry's kind in the words of a wallet."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.domain.ledger import Bucket

WITHDRAWAL: Final = ("REQUESTED", "SIGNED", "REPRICED", "CONFIRMED", "UNCONFIRMED", "UNVOIDED", "REVIVED")
GIVEN_BACK: Final = ("FAILED", "VOIDED", "RELEASED")

_TYPES: Final[Mapping[str, str]] = {
    "DEPOSIT": "DEPOSIT",
    "DEPOSIT_CONFIRMED": "DEPOSIT",
    "DEPOSIT_UNDONE": "REVERSAL",
    **{f"PAYMENT_{step}": "WITHDRAWAL" for step in WITHDRAWAL},
    **{f"PAYMENT_{step}": "REVERSAL" for step in GIVEN_BACK},
    "SPENT_BEFORE_RECOVERY": "WITHDRAWAL",
    "UNKNOWN_SPENT": "WITHDRAWAL",
    "UNKNOWN_UNSPENT": "REVERSAL",
    "COVER": "COVER",
    "PAYFROM": "TRANSFER",
    "TRANSFER": "TRANSFER",
    "REVERSAL": "REVERSAL",
    "REFUND": "REFUND",
    "TOPUP": "TOPUP",
    "SPEND": "SPEND",
    "BONUS": "BONUS",
    "HOLD": "HOLD",
    "HOLD_RELEASE": "RELEASE",
    "HOLD_EXPIRED": "RELEASE",
    "HOLD_CAPTURE": "CAPTURE",
    "ESCROW_LOCK": "ESCROW_LOCK",
    "ESCROW_RELEASE": "ESCROW_RELEASE",
    "ESCROW_REFUND": "REFUND",
    "ESCROW_RESOLVE": "ESCROW_RELEASE",
}
KINDS: Final = frozenset(_TYPES)
"""Every kind of entry that there is."""

_SETTLED: Final = ("ESCROW_RELEASE", "ESCROW_RESOLVE")
"""Entries in which an escrow's money leaves the buyer's `held`."""

_GETS: Final = {"buyer": "REFUND", "platform": "FEE_CREDIT"}

TYPES: Final = frozenset(_TYPES.values()) | frozenset(_GETS.values()) | {"SALE_CREDIT", "FEE_DEBIT"}
"""Every word that a history may hold."""


class Leg(NamedTuple):
    """A posting as its account sees it; what it gets of an escrow, it gets as `side`: buyer, seller or platform."""

    kind: str
    bucket: str
    amount: int
    side: str | None = None


def word(leg: Leg) -> str:
    """Return the posting's type; a kind that is not known yet stands for itself."""
    if leg.kind in _SETTLED and leg.bucket == Bucket.AVAILABLE:
        return _settled(leg)
    if leg.kind == "ESCROW_LOCK" and leg.bucket == Bucket.AVAILABLE and leg.amount > 0:
        return "RELEASE"  # what a hold had above its escrow
    return _TYPES.get(leg.kind, leg.kind)


def _settled(leg: Leg) -> str:
    """Say what whoever gets something of an escrow gets."""
    if leg.amount < 0:
        return "FEE_DEBIT"
    return _GETS.get(leg.side or "", "SALE_CREDIT")
