"""The pause: while the chain, the ledger or the database is not as it should be, nothing is signed or sent.

A database that was restored from a backup begins another history here. It stays paused until the operator
resumes.
"""

from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import accounts, chain_state, payments
from app.domain import installation, outbox
from app.domain.accounts import key_pool
from app.domain.installation import NewHistory
from app.domain.payments import payouts, signing_queue
from app.domain.refusals import Conflict

RESTORED = (
    "the database was restored from a backup: compare it with what was paid since, then run `kennel resume`"
)


async def pause(db: Db, reason: str) -> None:
    """Stop payments. An earlier pause keeps its reason, unless the new one is a restore: that is graver."""
    current = None if reason == RESTORED else chain_state.c.payments_paused
    await db.execute(sa.update(chain_state).values(payments_paused=sa.func.coalesce(current, reason)))


async def reason(db: Db) -> str | None:
    """Return why payments are paused; None where they are not."""
    return await db.scalar(sa.select(chain_state.c.payments_paused))


async def resume(db: Db) -> str | None:
    """Let payments go on, and begin the sums of blocks anew; return why they were paused, if they were."""
    former = await db.scalar(sa.select(chain_state.c.payments_paused).with_for_update())
    await db.execute(sa.update(chain_state).values(payments_paused=None, liabilities=0, assets=0))
    return former


SKIPPED: Final = 10_000
"""How many addresses of each account are skipped: they may have been given out since the backup."""

SKIPPED_NUMBERS: Final = 1_000_000_000
"""How many numbers of all else that has numbers are skipped: more than were used since the backup.

With several cells each skips so many of its own, so that what it gives out names it as before.
"""
_NUMBERED: Final = ("transactions", "payments", "entries", "holds", "escrows", "webhook_endpoints")
_SKIP_NUMBERS: Final = sa.text("""
    SELECT setval(name, :number * cells + greatest(nextval(name), :sent))
    FROM installation, unnest(:tables) AS numbered, pg_get_serial_sequence(numbered, 'id') AS name
""").bindparams(
    sa.bindparam("tables", list(_NUMBERED), bulk.TEXTS),
    sa.bindparam("number", type_=sa.BigInteger),
    sa.bindparam("sent", type_=sa.BigInteger),
)


class MayHaveBeenSent(Conflict):
    """The database was restored from a backup, and this payment may have been sent since: look before you ask again."""


async def begin_history(db: Db, history: NewHistory) -> int:
    """Begin another history: pause payments, stop payouts, and skip what may have been given out already.

    That is addresses, account numbers, and the numbers of events and of all else that has one. Returns the
    highest number of a transaction that may have been sent.
    """
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    highest, skipped = await installation.begin_history(db, history)
    await pause(db, RESTORED)
    waiting = payments.c.state == "AWAITING_APPROVAL"  # may have been approved since: `end_pending` ends it
    await db.execute(sa.update(payments).where(waiting).values(state="PENDING"))
    locked = sa.select(accounts.c.id).order_by(accounts.c.id).with_for_update(key_share=True)
    await db.execute(sa.select(sa.func.count()).select_from(locked.subquery()))
    moved = {name: accounts.c[name] + skipped * SKIPPED for name in ("next_index", "next_change")}
    await db.execute(sa.update(accounts).values(moved))
    await payouts.stop_all(db)
    await key_pool.delete_ready_keys(db)
    await outbox.skip_numbers(db, skipped * SKIPPED_NUMBERS)
    await db.execute(_SKIP_NUMBERS, {"number": skipped * SKIPPED_NUMBERS, "sent": highest})
    return highest


async def end_pending(db: Db) -> int:
    """End payments that this database has as unsigned; return how many. 0 means that there are no more."""
    pending = await signing_queue.pending(db)
    await signing_queue.store(db, (), [(payment, MayHaveBeenSent()) for payment in pending])
    return len(pending)
