"""Entries with their events: each balance that the entries move is told once."""

from collections.abc import Iterable, Sequence

from app.db import Db
from app.domain import ledger
from app.domain.ledger import AppliedPosting, Entry, Outcome, Posted
from app.domain.outbox.payload import balance_change
from app.domain.outbox.writing import OutboxEvent, emit
from app.domain.owner import Owner
from app.money import DOGE


async def post_and_emit(
    db: Db, entries: Sequence[Entry], events: Sequence[OutboxEvent], owners: Iterable[Owner]
) -> list[Outcome]:
    """Post the entries, emit the events, then the balances; `owners` are the accounts that the entries move.

    The outcomes stand in the order of the entries. For its locks see `ledger.post`.
    """
    outcomes = await ledger.post(db, entries)
    lines = [line for outcome in outcomes if isinstance(outcome, Posted) for line in outcome.lines]
    await emit(db, [*events, *balance_changes(owners, lines)])
    return outcomes


def balance_changes(owners: Iterable[Owner], lines: Iterable[AppliedPosting]) -> list[OutboxEvent]:
    """Return ACC_BALANCE_CHANGE of each account whose Dogecoin moved, once, in the order of the numbers."""
    owner_by_id = {owner.id: owner for owner in owners}
    last = {
        account: balance
        for (account, asset), balance in ledger.balances_after(lines).items()
        if account >= 0 and asset == DOGE
    }
    return [balance_change(owner_by_id[account], balance) for account, balance in sorted(last.items())]
