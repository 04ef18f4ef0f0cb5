"""Blocks as the ledger follows them: connecting and disconnecting, deposits, our own transactions, reserves, recovery."""

from app.domain.blocks.block_effects import Block, BlockOutput, Spend, chain_activity, unknown_spend
from app.domain.blocks.connecting import (
    RESCAN,
    BeforeTheStart,
    BooksDisagree,
    Header,
    Rescan,
    Rules,
    Tip,
    TipMoved,
    connect,
    disconnect,
    hash_at,
    hashes,
    rescan,
    rescan_from,
    start,
    tip,
)
from app.domain.blocks.debts import told
from app.domain.blocks.deposit_events import confirmed, unconfirmed
from app.domain.blocks.deposit_listing import Arrival, DepositCursor, page
from app.domain.blocks.deposits import AddressOwner, Coin, Deposit
from app.domain.blocks.double_spend_watch import INPUTS, Watches
from app.domain.blocks.own_transaction_effects import TURNED, OwnTransactionEffects
from app.domain.blocks.own_transactions import OwnTransaction, write
from app.domain.blocks.recovery import NotEmpty, Wallet, check_empty, restore
from app.domain.blocks.reserves import UNSPENT, in_transit, moved, unspent
from app.domain.blocks.solvency import cover, shortfall, turned
