"""Transfers: money between accounts in the ledger, single, in bulk or all at once, and credits of the operator's own assets."""

from app.domain.transfers.account_opening import PUT_ACCOUNT
from app.domain.transfers.atomic import MAKE_ATOMIC
from app.domain.transfers.credit import Credit
from app.domain.transfers.grouped import (
    Available,
    Move,
    Movement,
    TransferSides,
    decide,
    fact,
    post_movements,
    post_moves,
)
from app.domain.transfers.json import shown, told
from app.domain.transfers.listing import TransferCursor, TransferFilter, page
from app.domain.transfers.making import (
    ISSUER,
    MAKE,
    KeyMade,
    Lacking,
    Payee,
    PayeeTwice,
    SameAccount,
    TooMuchAtOnce,
    TransferOrder,
    make,
    open_and_make,
)
from app.domain.transfers.reversal import (
    REVERSE,
    AboveTransfer,
    AlreadyReversed,
    NotReversible,
    PartOfSeveral,
    ReversalOrder,
    reverse,
)
from app.domain.transfers.transfer import NoSuchTransfer, Share, Transfer, by_ids, fetch

__all__ = [
    "ISSUER",
    "MAKE",
    "MAKE_ATOMIC",
    "PUT_ACCOUNT",
    "REVERSE",
    "AboveTransfer",
    "AlreadyReversed",
    "Available",
    "Credit",
    "KeyMade",
    "Lacking",
    "Move",
    "Movement",
    "NoSuchTransfer",
    "NotReversible",
    "PartOfSeveral",
    "Payee",
    "PayeeTwice",
    "ReversalOrder",
    "SameAccount",
    "Share",
    "TooMuchAtOnce",
    "Transfer",
    "TransferCursor",
    "TransferFilter",
    "TransferOrder",
    "TransferSides",
    "by_ids",
    "decide",
    "fact",
    "fetch",
    "make",
    "open_and_make",
    "page",
    "post_movements",
    "post_moves",
    "reverse",
    "shown",
    "told",
]
