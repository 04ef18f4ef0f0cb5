"""The pause: while the chain, the books or the database are not what they should be, nothing is signed or sent.

A database that was restored from a backup begins another history here, and stays paused until somebody has looked.
"""

from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import accounts, chain_state
from app.domain import installation, outbox
from app.domain.accounts import key_pool
from app.domain.installation import Beginning
from app.domain.payments import payouts, signing_queue
from app.domain.refusals import Conflict

RESTORED = (
    "the database was restored from a backup: compare it with what was paid since, then run `kennel resume`"
)


async def pause(db: Db, reason: str) -> None:
    """Stop payments; a pause that is there already keeps its reason, but a restore is the graver one."""
    current = None if reason == RESTORED else chain_state.c.payments_paused
    await db.execute(sa.update(chain_state).values(payments_paused=sa.func.coalesce(current, reason)))


async def reason(db: Db) -> str | None:
    """Return why payments are paused; None where they are not."""
    return await db.scalar(sa.select(chain_state.c.payments_paused))


async def resume(db: Db) -> str | None:
    """Let payments go on; returns why they were paused, None if they were not. The sums of blocks begin anew."""
    why = await db.scalar(sa.select(chain_state.c.payments_paused).with_for_update())
    await db.execute(sa.update(chain_state).values(payments_paused=None, owned=0, kept=0))
    return why


SKIPPED: Final = 10_000
"""Addresses of each account that may have been given out since; none of them is given out again."""

SKIPPED_NUMBERS: Final = 1_000_000_000
"""Numbers of everything else that is told by its number: more than any installation can have used since its last backup."""
_NUMBERED: Final = ("transactions", "payments", "entries", "holds", "escrows", "webhook_endpoints")
_LEAVE_OUT: Final = sa.text("""
    SELECT setval(name, :number + greatest(nextval(name), :sent))
    FROM unnest(:tables) AS numbered, pg_get_serial_sequence(numbered, 'id') AS name
""").bindparams(
    sa.bindparam("tables", list(_NUMBERED), bulk.TEXTS),
    sa.bindparam("number", type_=sa.BigInteger),
    sa.bindparam("sent", type_=sa.BigInteger),
)


class MayHaveBeenSent(Conflict):
    """The database was restored from a backup, and this payment may have been sent since: look before you ask again."""


async def begin(db: Db, begun: Beginning) -> int:
    """Begin another history: pause payments, stop payouts, and leave out what may have been given out already.

    Those are addresses, account numbers, and the numbers of events and of all else that has one. Returns the highest
    number of a transaction that may have been sent.
    """
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    _, highest, times = await installation.begin_again(db, begun)
    await pause(db, RESTORED)
    locked = sa.select(accounts.c.id).order_by(accounts.c.id).with_for_update(key_share=True)
    await db.execute(sa.select(sa.func.count()).select_from(locked.subquery()))
    moved = {name: accounts.c[name] + times * SKIPPED for name in ("next_index", "next_change")}
    await db.execute(sa.update(accounts).values(moved))
    await payouts.stop_all(db)
    await key_pool.delete_ready_keys(db)
    await outbox.skip_numbers(db, times * SKIPPED_NUMBERS)
    await db.execute(_LEAVE_OUT, {"number": times * SKIPPED_NUMBERS, "sent": highest})
    return highest


async def end_waiting(db: Db) -> int:
    """End payments that the database thinks are still to be signed; returns how many were ended, 0 at the end."""
    waiting = await signing_queue.pending(db)
    await signing_queue.store(db, (), [(payment, MayHaveBeenSent()) for payment in waiting])
    return len(waiting)
