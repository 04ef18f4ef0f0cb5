"""Debts: what reorgs took back of an account that no longer had it, which clawback lent and what returns repays first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import CLAWBACK, deposits, payments
from app.domain import outbox
from app.domain.ledger import Posted
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.money import show


class Debts:
    """What accounts owe at one moment, moved on or back by what was posted."""

    def __init__(self, owed: Mapping[int, int]) -> None:
        self._owed = Counter(owed)

    def of(self, account: int) -> int:
        """Return what the account owes."""
        return self._owed[account]

    def take(self, posted: Iterable[Posted]) -> Counter[int]:
        """Move on; returns what each account owes more (below zero: less)."""
        changed = _changed(posted)
        self._owed.update(changed)
        return changed

    def take_back(self, posted: Iterable[Posted]) -> None:
        """Move back to before it was posted."""
        self._owed.subtract(_changed(posted))


def borrowers(posted: Iterable[Posted]) -> set[int]:
    """Return the accounts that were lent something, or repaid it."""
    return set(_changed(posted))


def _changed(posted: Iterable[Posted]) -> Counter[int]:
    """Clawback lends to whoever else stands in the entry, or is repaid; unknown spends are nobody's debt."""
    changed: Counter[int] = Counter()
    for one in posted:
        amount = sum(line.posting.amount for line in one.lines if line.posting.account == CLAWBACK)
        whose = {
            posting.account for posting in one.entry.postings if posting.account >= 0
        }  # who has nothing has no line
        if amount and whose:
            changed[min(whose)] -= amount
    return changed


def told(owner: Owner, more: int, owed: int) -> Iterator[OutboxEvent]:
    """ACC_DEBT_INCURRED or ACC_DEBT_REPAID, with what the account owes by then; nothing if it owes no more than before."""
    if more:
        event = "ACC_DEBT_INCURRED" if more > 0 else "ACC_DEBT_REPAID"
        yield outbox.of_account(owner, event, {"amount": show(abs(more)), "owed": show(owed)})


_ACCOUNTS: Final = sa.bindparam("accounts", type_=bulk.BIGINTS)
_OWED: Final = sa.union_all(
    *(
        sa.select(table.c.account_id, table.c.owed).where(
            table.c.account_id == sa.any_(_ACCOUNTS), table.c.owed > 0
        )
        for table in (deposits, payments)
    )
).subquery()
_SUMS: Final = sa.select(_OWED.c.account_id, sa.func.sum(_OWED.c.owed).label("owed")).group_by(
    _OWED.c.account_id
)


async def of_accounts(db: Db, accounts: Sequence[int]) -> dict[int, int]:
    """Return what those of the accounts owe that owe anything."""
    if not accounts:
        return {}
    return {row.account_id: int(row.owed) for row in await db.execute(_SUMS, {"accounts": list(accounts)})}
