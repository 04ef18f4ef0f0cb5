"""The audit's rules, one file a kind of check."""

from app.domain.audit.hash_chain import hold
from app.domain.audit.holds import escrows_equal_entries, held_is_kept, holds_equal_entries
from app.domain.audit.ledger import (
    Totals,
    balances_equal_postings,
    blocks_agree,
    entries_balance,
    height,
    invoices_equal_deposits,
    invoices_equal_entries,
    totals,
)
from app.domain.audit.payments import (
    COINS,
    at_node,
    clawback_is_owed,
    derived,
    of_seed,
    outgoing_is_payments,
    payments_equal_entries,
    some_accounts,
    some_addresses,
    some_coins,
)
from app.domain.audit.slices import Slice

__all__ = [
    "COINS",
    "Slice",
    "Totals",
    "at_node",
    "balances_equal_postings",
    "blocks_agree",
    "clawback_is_owed",
    "derived",
    "entries_balance",
    "escrows_equal_entries",
    "height",
    "held_is_kept",
    "hold",
    "holds_equal_entries",
    "invoices_equal_deposits",
    "invoices_equal_entries",
    "of_seed",
    "outgoing_is_payments",
    "payments_equal_entries",
    "some_accounts",
    "some_addresses",
    "some_coins",
    "totals",
]
