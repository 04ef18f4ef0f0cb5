"""The lowest rate that a full mempool takes: it rises above what was evicted, and halves after a block.

Core: `CTxMemPool::GetMinFee` and `trackPackageRemoved`. Rates are koinu per 1,000 bytes.
"""

from dataclasses import dataclass
from typing import Final

HALF_LIFE_SECONDS: Final = 12 * 60 * 60  # Core: ROLLING_FEE_HALFLIFE
PAUSE_SECONDS: Final = 10
"""The shortest time between two computations."""


@dataclass(slots=True)
class FeeFloor:
    """`step` is what a transaction pays more than those that it evicts; a rate below half of it is 0."""

    step: int
    _rate: float = 0.0
    _updated: int = 0
    _falls: bool = False

    def evicted(self, rate: int) -> None:
        """Rise above the rate of what was evicted, and stay there until the next block."""
        if rate + self.step > self._rate:
            self._rate = rate + self.step
            self._falls = False

    def block(self, now: int) -> None:
        """Begin to fall, because a block came."""
        self._updated = now
        self._falls = True

    def rate(self, now: int, used: int, limit: int) -> int:
        """Return the rate at a time in seconds.

        It falls faster where less than a half, or a quarter, of the mempool is used.
        """
        if not self._falls or not self._rate:
            return int(self._rate)
        if now > self._updated + PAUSE_SECONDS:
            half_life = HALF_LIFE_SECONDS // (4 if used < limit // 4 else 2 if used < limit // 2 else 1)
            self._rate /= 2.0 ** ((now - self._updated) / half_life)
            self._updated = now
            if self._rate < self.step / 2:
                self._rate = 0.0
                return 0
        return max(int(self._rate), self.step)
