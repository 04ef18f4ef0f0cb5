"""Whether every koinu of every balance has its coin: clawback is, to the koinu, by how much that is not so.

Customers and clawback together are what there is, coins in blocks and what is in transit. Where clawback is below zero,
balances show so much more than there are coins, whether a deposit that may return would repay it or nobody ever will.
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
"""What ACC_PAYMENT calls it."""
_CLAWBACK: Final = (CLAWBACK, DOGE)


class PlatformTooPoor(Conflict):
    """{account} has {available} DOGE, and accounts are owed {owing} DOGE more than there are coins."""

    code = "insufficient-funds"


async def shortfall(db: Db) -> Koinu:
    """Return by how much all balances together exceed what there is; zero is solvent."""
    mine = sa.select(balances.c.available).where(balances.c.account_id == CLAWBACK, balances.c.asset == DOGE)
    return Koinu(max(0, -(await db.scalar(mine) or 0)))


def turned(lines: Sequence[AppliedPosting]) -> list[OutboxEvent]:
    """Tell that the installation became insolvent by what was posted, or solvent again; nothing if neither."""
    own = [line for line in lines if line.posting.balance_key == _CLAWBACK]
    if not own:
        return []
    before, after = own[0].balance.available - own[0].posting.amount, own[-1].balance.available
    if (before < 0) == (after < 0):
        return []
    event = "SYS_INSOLVENT" if after < 0 else "SYS_SOLVENT"
    return [outbox.of_nobody(event, {"owing": show(max(0, -after))})]


async def cover(db: Db, platform: str) -> Koinu | Refusal:
    """Let the account `platform` bear all that is owed; returns how much that was.

    What was covered and has been repaid since is the platform's again: that goes back, and is below zero. The debts of
    accounts stay theirs: what returns to them repays clawback, as before. Safe to repeat: what is borne once is not there.
    """
    found = await accounts.owners(db, [platform])
    if (payer := found.get(platform)) is None:
        lacking = await shortfall(db)
        return PlatformTooPoor(account=platform, available="0", owing=show(lacking)) if lacking else lacking
    locked = await ledger.lock(db, sorted([_CLAWBACK, (payer.id, DOGE)]))
    clawback, available = locked[_CLAWBACK], locked[payer.id, DOGE].available
    amount = -clawback.available
    if available < amount:
        return PlatformTooPoor(account=platform, available=show(available), owing=show(amount))
    if amount:
        await _post(db, payer, Koinu(amount), clawback.seq)
    return Koinu(amount)


async def _post(db: Db, payer: Owner, amount: Koinu, number: int) -> None:
    lines = (Posting(payer.id, Bucket.AVAILABLE, -amount), Posting(CLAWBACK, Bucket.AVAILABLE, amount))
    entry = Entry("COVER", (COVER, str(number)), f"cover:{number}", lines)
    flow = Flow("out" if amount > 0 else "in", COVER, "", Koinu(abs(amount)))
    [posted] = await outbox.post_and_emit(db, [entry], [outbox.account_payment(payer, flow)], [payer])
    if not isinstance(posted, Posted):
        raise AssertionError(posted)  # noqa: TRY004  both balances are locked: the books are wrong, not a type
    await outbox.emit(db, turned(posted.lines))
