"""The audit's rules, one file a kind of check."""

from app.domain.audit.hash_chain import entries_equal_seals
from app.domain.audit.holds import escrows_equal_entries, held_equals_holds, holds_equal_entries
from app.domain.audit.ledger import (
    Totals,
    balances_equal_postings,
    blocks_equal_entries,
    entries_balance,
    height,
    invoices_equal_deposits,
    invoices_equal_entries,
    totals,
)
from app.domain.audit.payments import (
    COINS,
    account_slice,
    address_slice,
    check_accounts,
    check_addresses,
    check_coins,
    clawback_equals_debts,
    coin_slice,
    outgoing_equals_payments,
    payments_equal_entries,
)
from app.domain.audit.slices import Position, Slice

__all__ = [
    "COINS",
    "Position",
    "Slice",
    "Totals",
    "account_slice",
    "address_slice",
    "balances_equal_postings",
    "blocks_equal_entries",
    "check_accounts",
    "check_addresses",
    "check_coins",
    "clawback_equals_debts",
    "coin_slice",
    "entries_balance",
    "entries_equal_seals",
    "escrows_equal_entries",
    "height",
    "held_equals_holds",
    "holds_equal_entries",
    "invoices_equal_deposits",
    "invoices_equal_entries",
    "outgoing_equals_payments",
    "payments_equal_entries",
    "totals",
]
