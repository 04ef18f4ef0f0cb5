"""Escrows: a buyer's money locked for an order, until it is clear who gets it."""

from app.domain.escrows.escrow import (
    Escrow,
    EscrowFilter,
    NoSuchEscrow,
    fee_earned,
    fetch,
    page,
    shown,
    state_events,
)
from app.domain.escrows.locking import (
    LOCK,
    FeeAboveAmount,
    NewEscrow,
    OrderTaken,
    OtherAsset,
    SameSides,
    lock,
)
from app.domain.escrows.settlement import END, FROM, End, NotInThatState, OtherSum, end
