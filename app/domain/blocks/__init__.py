"""Blocks as the ledger follows them, with deposits, our own transactions, reserves and recovery."""

from app.domain.blocks.block_effects import Block, BlockOutput, Spend
from app.domain.blocks.block_events import chain_activity, unknown_spend
from app.domain.blocks.connecting import (
    BeforeTheStart,
    Header,
    LedgerMismatch,
    Rules,
    Tip,
    TipMoved,
    connect,
    disconnect,
    hash_at,
    hashes,
    rescan,
    start,
    tip,
)
from app.domain.blocks.debts import events as debt_events
from app.domain.blocks.deposit_events import confirmed as deposit_confirmed
from app.domain.blocks.deposit_events import unconfirmed as deposit_unconfirmed
from app.domain.blocks.deposit_listing import DepositCursor, ListedDeposit, deposit_page
from app.domain.blocks.deposits import Deposit, OwnAddress
from app.domain.blocks.recovery import RecoveredAccount, check_empty, restore
from app.domain.blocks.rescans import RESCAN, Rescan, over_cells, rescan_from
from app.domain.blocks.reserves import UNSPENT, in_transit, total_change, unspent
from app.domain.blocks.solvency import PlatformTooPoor, cover, shortfall
from app.domain.blocks.solvency import events as solvency_events
