"""Debts: what reorgs took back from accounts that no longer had it. Clawback lent it, and is repaid first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Prepared, bulk
from app.db.tables import CLAWBACK, deposits, payments
from app.domain import outbox
from app.domain.ledger import Posted
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.money import show


class Debts:
    """What accounts owe at one moment; entries move it on."""

    def __init__(self, owed: Mapping[int, int]) -> None:
        self._owed = Counter(owed)

    def of(self, account: int) -> int:
        """Return what the account owes."""
        return self._owed[account]

    def apply(self, posted: Iterable[Posted]) -> Counter[int]:
        """Move on over entries; returns by how much each account's debt has changed."""
        changes = changes_of(posted)
        self._owed.update(changes)
        return changes


def changes_of(posted: Iterable[Posted]) -> Counter[int]:
    """Return by how much entries change the debts of accounts.

    Clawback lends to the other account of the entry, or is repaid by it. An unknown spend is nobody's debt.
    """
    changes: Counter[int] = Counter()
    for outcome in posted:
        lent = -sum(line.posting.amount for line in outcome.lines if line.posting.account == CLAWBACK)
        # Of the entry's postings, as an account that had nothing has no line.
        accounts = {posting.account for posting in outcome.entry.postings if posting.account >= 0}
        if lent and accounts:
            changes[min(accounts)] += lent
    return changes


def events(owner: Owner, change: int, owed: int) -> Iterator[OutboxEvent]:
    """Yield ACC_DEBT_INCURRED or ACC_DEBT_REPAID with what the account owes then; nothing for no change."""
    if change:
        event = "ACC_DEBT_INCURRED" if change > 0 else "ACC_DEBT_REPAID"
        yield outbox.of_account(owner, event, {"amount": show(abs(change)), "owed": show(owed)})


_ACCOUNTS: Final = sa.bindparam("accounts", type_=bulk.BIGINTS)
_OWED: Final = sa.union_all(
    *(
        sa.select(table.c.account_id, table.c.clawback_debt).where(
            table.c.account_id == sa.any_(_ACCOUNTS), table.c.clawback_debt > 0
        )
        for table in (deposits, payments)
    )
).subquery()
_SUMS: Final = Prepared(
    sa.select(_OWED.c.account_id, sa.func.sum(_OWED.c.clawback_debt)).group_by(_OWED.c.account_id)
)


async def of_accounts(db: Db, accounts: Sequence[int]) -> dict[int, int]:
    """Return what those of the accounts owe that owe anything."""
    if not accounts:
        return {}
    rows = await bulk.fetch_values(db, _SUMS, {"accounts": list(accounts)})
    return {account: int(owed) for account, owed in rows}
