"""Solvency: whether every koinu of every balance has its coin. Clawback is, to the koinu, the shortfall.

Customers and clawback together have what there is: coins in blocks and money in transit. Where clawback is
below zero, balances exceed the coins by that much, whether or not a deposit that returns will ever repay it.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import CLAWBACK, balances
from app.domain import accounts, ledger, outbox
from app.domain.ledger import AppliedPosting, Bucket, Entry, Posted, Posting
from app.domain.outbox import Flow, OutboxEvent
from app.domain.owner import Owner
from app.domain.refusals import Conflict, Refusal
from app.money import DOGE, Koinu, show

COVER: Final = "cover"
"""The kind in ACC_PAYMENT."""
_CLAWBACK: Final = (CLAWBACK, DOGE)


class PlatformTooPoor(Conflict):
    """{account} has {available} DOGE, and accounts are owed {owing} DOGE more than there are coins."""

    code = "insufficient-funds"


async def shortfall(db: Db) -> Koinu:
    """Return by how much all balances together exceed what there is; zero is solvent."""
    query = sa.select(balances.c.available).where(balances.c.account_id == CLAWBACK, balances.c.asset == DOGE)
    return Koinu(max(0, -(await db.scalar(query) or 0)))


def events(lines: Sequence[AppliedPosting]) -> list[OutboxEvent]:
    """Return SYS_INSOLVENT or SYS_SOLVENT where the postings changed that; else nothing."""
    clawback = [line for line in lines if line.posting.balance_key == _CLAWBACK]
    if not clawback:
        return []
    before = clawback[0].balance.available - clawback[0].posting.amount
    after = clawback[-1].balance.available
    if (before < 0) == (after < 0):
        return []
    event = "SYS_INSOLVENT" if after < 0 else "SYS_SOLVENT"
    return [outbox.of_nobody(event, {"owing": show(max(0, -after))})]


async def cover(db: Db, platform: str) -> Koinu | Refusal:
    """Let the account `platform` pay the shortfall; returns its amount.

    Below zero, that much was covered and has been repaid since, and goes back to the platform. Accounts keep
    their debts: what returns to them repays clawback as before. Safe to repeat: what is covered is no
    shortfall.
    """
    payer = (await accounts.owners(db, [platform])).get(platform)
    if payer is None:
        amount = await shortfall(db)
        return PlatformTooPoor(account=platform, available="0", owing=show(amount)) if amount else amount
    locked = await ledger.lock(db, sorted([_CLAWBACK, (payer.id, DOGE)]))
    clawback, available = locked[_CLAWBACK], locked[payer.id, DOGE].available
    amount = Koinu(-clawback.available)
    if available < amount:
        return PlatformTooPoor(account=platform, available=show(available), owing=show(amount))
    if amount:
        await _post(db, payer, amount, clawback.seq)
    return amount


async def _post(db: Db, payer: Owner, amount: Koinu, number: int) -> None:
    lines = (Posting(payer.id, Bucket.AVAILABLE, -amount), Posting(CLAWBACK, Bucket.AVAILABLE, amount))
    entry = Entry("COVER", (COVER, str(number)), f"cover:{number}", lines)
    flow = Flow("out" if amount > 0 else "in", COVER, "", Koinu(abs(amount)))
    [posted] = await outbox.post_and_emit(db, [entry], [outbox.account_payment(payer, flow)], [payer])
    if not isinstance(posted, Posted):
        raise AssertionError(posted)  # noqa: TRY004  both balances are locked: the ledger is wrong
    await outbox.emit(db, events(posted.lines))
