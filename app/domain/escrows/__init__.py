"""Escrows: a buyer's money locked for an order, until it is clear who gets it."""

from app.domain.escrows.escrow import Escrow, EscrowFilter, NoSuchEscrow, fee_earned, fetch, page, shown, told
from app.domain.escrows.locking import FeeAboveAmount, NewEscrow, OrderTaken, OtherAsset, SameSides, lock
from app.domain.escrows.settlement import FROM, End, NotInThatState, OtherSum, Platform, end, ending

__all__ = [
    "FROM",
    "End",
    "Escrow",
    "EscrowFilter",
    "FeeAboveAmount",
    "NewEscrow",
    "NoSuchEscrow",
    "NotInThatState",
    "OrderTaken",
    "OtherAsset",
    "OtherSum",
    "Platform",
    "SameSides",
    "end",
    "ending",
    "fee_earned",
    "fetch",
    "lock",
    "page",
    "shown",
    "told",
]
