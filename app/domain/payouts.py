"""When an account's whole available balance is to be sent to its payout address."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.money import DUST, Koinu


@dataclass(frozen=True, slots=True)
class Plan:
    """When to pay out: at `threshold` koinu or more (0: off), and every `every` (None: off). Without an address, never."""

    address: str
    threshold: Koinu
    every: timedelta | None

    @classmethod
    def of(cls, address: str, threshold: Koinu, frequency: str) -> "Plan":
        """Read an account's `payout_address`, `payout_threshold` and `payout_frequency`: seconds, `""` or `"0"` for off."""
        seconds = int(frequency or "0")
        return cls(address, threshold, timedelta(seconds=seconds) if seconds else None)

    @property
    def is_on(self) -> bool:
        """Whether there will ever be a payout."""
        return bool(self.address) and (self.threshold > 0 or self.every is not None)


def is_due(plan: Plan, available: Koinu, since: datetime, now: datetime, least: Koinu = DUST) -> bool:
    """Say whether all of `available` goes out now: it is at the threshold, or the last payout is long enough ago.

    `since` is when the last payout was asked for, or the schedule set if there was none. `least` is what a payout needs for its
    output not to be dust once the fee is taken out of it; below, none is due, and a schedule that has come waits for the money.
    """
    if not plan.is_on or available < max(least, DUST):
        return False
    reached = 0 < plan.threshold <= available
    return reached or (plan.every is not None and now - since >= plan.every)


def next_at(plan: Plan, since: datetime) -> datetime | None:
    """Return when the schedule's next payout comes, None where there is no schedule: until then only a balance can make one due."""
    return since + plan.every if plan.is_on and plan.every is not None else None
