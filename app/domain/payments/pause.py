"""The pause: while the chain or the books are not what they should be, nothing is signed and nothing is sent."""

import sqlalchemy as sa

from app.db import Db
from app.db.tables import chain_state

RESTORED = (
    "the database was restored from a backup: compare it with what was paid since, then run `kennel resume`"
)


async def pause(db: Db, reason: str) -> None:
    """Stop payments; a pause that is there already keeps its reason, but a restore is the graver one."""
    there = None if reason == RESTORED else chain_state.c.payments_paused
    await db.execute(sa.update(chain_state).values(payments_paused=sa.func.coalesce(there, reason)))


async def reason(db: Db) -> str | None:
    """Return why payments are paused; None where they are not."""
    return await db.scalar(sa.select(chain_state.c.payments_paused))


async def resume(db: Db) -> str | None:
    """Let payments go on; returns why they were paused, None if they were not. The sums of blocks begin anew."""
    why = await db.scalar(sa.select(chain_state.c.payments_paused).with_for_update())
    await db.execute(sa.update(chain_state).values(payments_paused=None, owned=0, kept=0))
    return why
