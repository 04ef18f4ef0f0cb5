"""Notes where accounts are that are called otherwise than when they were opened: in the cell in which they were.

Only an installation of several cells asks: there, an account is otherwise in the cell that its name falls into.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import account_names
from app.domain.accounts import account


async def note_moved(db: Db, foreign_ids: Sequence[str], cell: int) -> None:
    """Note that the accounts with these names lie in this cell. A name that is noted already breaks the constraint."""
    await bulk.insert(db, account_names, [{"foreign_id": name, "cell": cell} for name in foreign_ids])


async def forget_moved(db: Db, foreign_id: str) -> None:
    """Forget where the account with this name lay: it has another name now."""
    await db.execute(sa.delete(account_names).where(account_names.c.foreign_id == foreign_id))


async def keep_free(db: Db, foreign_id: str) -> None:
    """Refuse with NameTaken where this cell has an account with that name; it opens none before the transaction ends."""
    await db.execute(sa.text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"))
    if await account.by_names(db, [foreign_id]):
        raise account.NameTaken(foreign_id=foreign_id)
