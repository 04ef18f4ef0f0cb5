"""How many blocks a transaction connects when the ledger is far behind: as many as it can do in good time."""

from dataclasses import dataclass, replace
from typing import Final

BATCH: Final = 100
"""Blocks in the first transaction."""
LARGEST: Final = 1_000
GROWTH: Final = 8
"""The part by which a batch grows that comes near to what the database has given up."""
TRANSACTION_SECONDS: Final = 2.0
"""A transaction that lasts longer is followed by smaller ones, down to BATCH: who signs waits for it."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """How many `blocks` come next. The database has given up a batch of `too_many`, if any."""

    blocks: int = BATCH
    too_many: int = 2 * LARGEST

    def given_up(self, size: int) -> "BatchSize":
        """Return what follows a transaction of `size` blocks that the database gave up: it would do so again."""
        return BatchSize(max(1, size // 2), size)

    def after(self, size: int, seconds: float) -> "BatchSize":
        """Return what follows a transaction of `size` blocks that lasted so long."""
        if seconds > TRANSACTION_SECONDS:
            fitting = int(size * TRANSACTION_SECONDS / seconds)
            return replace(self, blocks=max(min(self.blocks, BATCH), fitting))
        grown = 2 * size if 2 * size < self.too_many else size + size // GROWTH + 1
        return replace(self, blocks=min(LARGEST, max(self.blocks, grown)))
