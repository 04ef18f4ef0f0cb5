"""Escrows: a buyer's money locked for an order, until it is clear who gets it."""

from app.domain.escrows.escrow import (
    FETCH,
    Escrow,
    fee_earned,
    shown,
    state_events,
    within,
)
from app.domain.escrows.listing import EscrowFilter, page
from app.domain.escrows.locking import LOCK, NewEscrow
from app.domain.escrows.settlement import END, End
