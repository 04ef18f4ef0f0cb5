"""Payouts: when an account's whole available balance goes to its payout address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NEVER, NOW, STATEMENT_NOW, accounts, balances
from app.domain import dogecoin, ledger, payment_limits
from app.domain.dogecoin import Network
from app.domain.payments import fees, requesting
from app.domain.payments.requesting import PAYOUT, Payee, PayOrder
from app.domain.refusals import Refusal
from app.money import DOGE, DUST, MAX_MONEY, Koinu

WINDOW: Final = 1_000
"""Accounts with a payout address that are looked at in one step."""
_SUSPENDED: Final = timedelta(hours=1)
"""How long an account has no payout after one that failed or was voided."""


@dataclass(frozen=True, slots=True)
class PayoutPlan:
    """When to pay out: at `threshold` koinu or more (0: off), and every `every` (None: off).

    Without an address there is never a payout.
    """

    address: str
    threshold: Koinu
    every: timedelta | None

    @classmethod
    def of(cls, address: str, threshold: Koinu, frequency: str) -> "PayoutPlan":
        """Read an account's `payout_address`, `payout_threshold` and `payout_frequency`.

        The frequency is in seconds; `""` and `"0"` are off.
        """
        seconds = int(frequency or "0")
        return cls(address, threshold, timedelta(seconds=seconds) if seconds else None)

    @property
    def is_on(self) -> bool:
        """Whether there will ever be a payout."""
        return bool(self.address) and (self.threshold > 0 or self.every is not None)


def is_due(plan: PayoutPlan, available: Koinu, since: datetime, now: datetime, least: Koinu = DUST) -> bool:
    """Say whether all of `available` goes out: it is at the threshold, or the last payout is long enough ago.

    `since` is when the last payout was requested, or when the schedule was set if there was none. `least` is
    the smallest payout whose output is not dust after the fee. Below that none is due, and the schedule
    waits.
    """
    if not plan.is_on or available < max(least, DUST):
        return False
    reached = 0 < plan.threshold <= available
    return reached or (plan.every is not None and now - since >= plan.every)


async def look(db: Db, network: Network, after: int) -> tuple[list[int], int | None]:
    """Look at the next accounts with a payout address, from the one after the id `after` on.

    Returns the ids of those whose payout seems to be due, and where to go on; None: there are no more.
    """
    same = sa.and_(balances.c.account_id == accounts.c.id, balances.c.asset == DOGE)
    plans = sa.select(*_PLANS, sa.func.coalesce(balances.c.available, 0).label("available"))
    plans = plans.select_from(accounts.outerjoin(balances, same)).where(_OPEN, accounts.c.id > after)
    rows = await bulk.fetch_all(db, plans.order_by(accounts.c.id).limit(WINDOW))
    due = [row["id"] for row in rows if _order(network, row, row["available"]) is not None]
    return due, rows[-1]["id"] if len(rows) == WINDOW else None


async def pay_out(db: Db, network: Network, numbers: Sequence[int]) -> int:
    """Request the payouts that are still due once the accounts are locked; return how many.

    The money leaves `available` in the same transaction, so that no other process requests it again. A payout counts
    as asked for by who has set its address, and keeps to the limits of that key.
    """
    still_due = sa.select(*_PLANS).where(
        _OPEN, accounts.c.id == sa.any_(sa.literal(list(numbers), bulk.BIGINTS))
    )
    callers = {row["payout_by"] for row in await bulk.fetch_all(db, still_due)}
    await payment_limits.lock_keys(db, callers)  # keys come before accounts in the order of locks
    locked = await bulk.fetch_all(db, still_due.order_by(accounts.c.id).with_for_update(key_share=True))
    rows = [row for row in locked if row["payout_by"] in callers]  # the others are due again in a moment
    if not rows:
        return 0
    available = await ledger.lock_available(db, [row["id"] for row in rows])
    orders = {row["id"]: _order(network, row, available[row["id"]]) for row in rows}
    due = {number: order for number, order in orders.items() if order is not None}
    outcomes = await requesting.request(db, list(due.values())) if due else []
    refused = [number for number, made in zip(due, outcomes, strict=True) if isinstance(made, Refusal)]
    await suspend_payouts(db, refused)
    requested = sa.literal([number for number in due if number not in refused], bulk.BIGINTS)
    paid_out = sa.update(accounts).where(accounts.c.id == sa.any_(requested))
    await db.execute(paid_out.values(payout_since=STATEMENT_NOW))
    return len(due) - len(refused)


async def suspend_payouts(db: Db, numbers: Sequence[int]) -> None:
    """Let no payout of these accounts begin for a while: the last one failed, and the next one would as well.

    Payouts that `stop_all` stopped stay stopped.
    """
    if numbers:
        suspended = accounts.c.id == sa.any_(sa.literal(sorted(numbers), bulk.BIGINTS))
        locked = sa.select(accounts.c.id).where(suspended).order_by(accounts.c.id)
        locked = locked.with_for_update(key_share=True)
        until = sa.func.greatest(accounts.c.payout_after, STATEMENT_NOW + _SUSPENDED)
        await db.execute(sa.update(accounts).where(accounts.c.id.in_(locked)).values(payout_after=until))


async def stop_all(db: Db) -> None:
    """Let no payout begin until `start_all`, whatever is configured until then: the balances may be old."""
    await db.execute(sa.update(accounts).values(payout_after=NEVER))


async def start_all(db: Db) -> None:
    """Let the payouts go on that `stop_all` has stopped."""
    await db.execute(sa.update(accounts).where(accounts.c.payout_after == NEVER).values(payout_after=None))


_OPEN: Final = sa.and_(
    accounts.c.payout_address != "",
    accounts.c.state == "open",
    sa.or_(accounts.c.payout_after.is_(None), accounts.c.payout_after <= NOW),
)
_NAMES: Final = (
    "id", "foreign_id", "payout_address", "payout_threshold", "payout_frequency", "payout_since", "payout_by",
)  # fmt: skip
_PLANS: Final = (*(accounts.c[name] for name in _NAMES), NOW.label("now"))


def _order(network: Network, row: Row, available: int) -> PayOrder | None:
    """Return the order for all of the balance, the fee taken out of it; None where no payout is due."""
    plan = PayoutPlan.of(row["payout_address"], Koinu(row["payout_threshold"]), row["payout_frequency"])
    script = dogecoin.to_script_or_none(network, plan.address)
    if script is None:
        return None
    least = Koinu(DUST + fees.fee(fees.size(1, [script]), fees.MINED_RATE))
    if not is_due(plan, Koinu(available), row["payout_since"], row["now"], least):
        return None
    amount = Koinu(min(available, MAX_MONEY))
    payee = Payee(plan.address, script, amount, 100 * fees.PERCENT)
    return PayOrder(row["foreign_id"], (payee,), kind=PAYOUT, asked_by=row["payout_by"])
