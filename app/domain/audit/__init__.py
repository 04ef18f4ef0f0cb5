"""The audit's rules, one file a kind of check; `app.audit` runs them."""

from app.domain.audit.hash_chain import entries_equal_seals
from app.domain.audit.ledger import Totals, height, totals
from app.domain.audit.slices import Position, Slice
