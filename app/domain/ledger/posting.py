"""The double-entry ledger: money moves by balanced entries only, and `post` is their one writer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk, copy
from app.db.tables import NOW, TREASURY, accounts, entries, postings
from app.domain.ledger import balance_locks, journal
from app.domain.ledger.journal import (
    MAX_BALANCE,
    AppliedPosting,
    Balance,
    BalanceKey,
    Bucket,
    Decided,
    Entry,
    Failed,
    InsufficientFunds,
    Journal,
    Known,
    Posted,
    Posting,
    TooMuch,
)
from app.domain.refusals import Refusal
from app.money import DOGE

__all__ = [
    "MAX_BALANCE",
    "AppliedPosting",
    "Balance",
    "BalanceKey",
    "Bucket",
    "Entry",
    "InsufficientFunds",
    "Known",
    "Outcome",
    "Pending",
    "Posted",
    "Posting",
    "TooMuch",
    "decide",
    "decide_together",
    "lock",
    "lock_available",
    "post",
    "post_together",
    "write",
]
"""What the journal is made of is named here too: whoever posts needs both."""

Outcome = Posted | Known | Refusal


class Pending(NamedTuple):
    """Entries that were decided on under the balances' locks, and have their numbers: the same transaction writes them.

    `rows` says where the locked balances lie.
    """

    posted: Sequence[Posted]
    rows: Mapping[BalanceKey, str]


async def post(db: Db, new_entries: Sequence[Entry]) -> list[Outcome]:
    """Write the entries in order, each whole or not at all; the outcomes stand in the same order.

    A handful of statements, whatever the number of entries. A transaction calls this once: balances are locked here,
    in key order, after everything else that the transaction locks.
    """
    outcomes, pending = await decide(db, new_entries)
    await write(db, pending)
    return outcomes


async def post_together(db: Db, groups: Sequence[Sequence[Entry]]) -> list[list[Posted] | Failed]:
    """Write groups of entries in order, each group whole or not at all; otherwise as `post`."""
    outcomes, pending = await decide_together(db, groups)
    await write(db, pending)
    return outcomes


async def decide(db: Db, new_entries: Sequence[Entry]) -> tuple[list[Outcome], Pending]:
    """Do all of `post` but the writing, for whoever has something to prepare while `write` does that."""
    if not new_entries:
        return [], Pending([], {})
    opened = await _open(db, new_entries)
    outcomes = [opened.journal.decide(entry) for entry in new_entries]
    posted = await _number(db, opened, [outcome for outcome in outcomes if isinstance(outcome, Decided)])
    numbered = iter(posted)
    numbered_outcomes = [next(numbered) if isinstance(outcome, Decided) else outcome for outcome in outcomes]
    return numbered_outcomes, Pending(posted, opened.rows)


async def decide_together(
    db: Db, groups: Sequence[Sequence[Entry]]
) -> tuple[list[list[Posted] | Failed], Pending]:
    """Do all of `post_together` but the writing."""
    if not any(groups):
        return [[] for _ in groups], Pending([], {})
    opened = await _open(db, [entry for group in groups for entry in group])
    outcomes = [opened.journal.decide_together(group) for group in groups]
    decided = [one for outcome in outcomes if not isinstance(outcome, Failed) for one in outcome]
    posted = await _number(db, opened, decided)
    numbered = iter(posted)
    numbered_outcomes = [
        one if isinstance(one, Failed) else [next(numbered) for _ in one] for one in outcomes
    ]
    return numbered_outcomes, Pending(posted, opened.rows)


async def write(db: Db, pending: Pending) -> None:
    """Move the balances, and write the entries and their postings: three statements for all."""
    posted = pending.posted
    if not posted:
        return
    entered, written = await bulk.meanwhile(_move(db, pending), _texts(posted))
    await copy.send(db, entries, _ENTERED, entered)
    await copy.send(db, postings, _WRITTEN, written)


async def _open(db: Db, new_entries: Sequence[Entry]) -> "_Opened":
    """Lock the balances first. Who posts the same key, or closes a credited account, locks them too: what they did shows here."""
    locked = await balance_locks.lock(db, sorted(journal.balance_keys(new_entries)))
    credited_accounts = {
        account
        for entry in new_entries
        for account, _, amount, _ in entry.postings
        if account >= 0 and amount > 0
    }
    parameters = {"keys": [entry.key for entry in new_entries], "credited_accounts": list(credited_accounts)}
    clock, keys, closed = (await db.execute(_UNDER_LOCK, parameters)).one()
    names = await _names(db, closed) if closed else {}
    return _Opened(Journal(locked.balances, set(keys), names), locked.rows, max(clock, locked.latest))


async def _names(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    rows = await db.execute(sa.select(accounts.c.id, accounts.c.foreign_id).where(accounts.c.id.in_(numbers)))
    return {row.id: row.foreign_id for row in rows}


class _Opened(NamedTuple):
    """The journal, where its balances lie, and the time of all that is written in it now."""

    journal: Journal
    rows: Mapping[BalanceKey, str]
    time: datetime


# Said, not given as a parameter: otherwise the index of the few closed accounts could not be asked.
_CLOSED: Final = sa.literal_column("'closed'", sa.Text)
# In one round trip: the time, which keys were posted before, and which of the credited accounts are closed.
_UNDER_LOCK: Final = sa.select(
    NOW,
    sa.func.array(
        sa.select(entries.c.key)
        .where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
        .scalar_subquery()
    ),
    sa.func.array(
        sa.select(accounts.c.id)
        .where(
            accounts.c.id == sa.any_(sa.bindparam("credited_accounts", type_=bulk.BIGINTS)),
            accounts.c.state == _CLOSED,
        )
        .scalar_subquery()
    ),
)
_ENTERED: Final = (
    "id", "kind", "cause_type", "cause_id", "reference_type", "reference", "key", "metadata", "created",
)  # fmt: skip
_WRITTEN: Final = ("account_id", "asset", "entry_id", "bucket", "amount", *Balance._fields, "created")


async def lock(db: Db, balance_keys: Sequence[BalanceKey]) -> dict[BalanceKey, Balance]:
    """Lock the balances and return them: for whoever must know them before it can say what to post.

    `balance_keys` are sorted. Those that have no row yet, as few have, get one.
    """
    return (await balance_locks.lock(db, balance_keys)).balances


async def lock_available(db: Db, accounts: Iterable[int]) -> dict[int, int]:
    """Lock the Dogecoin balances of the accounts, and return what each can spend, in koinu."""
    balances = await lock(db, sorted({(account, DOGE) for account in accounts}))
    return {account: balance.available for (account, _), balance in balances.items()}


async def _number(db: Db, opened: _Opened, decided: Sequence[Decided]) -> list[Posted]:
    """Give the entries their numbers, of which those that are refused would leave gaps, and one time.

    It is the database's under the lock, and never runs back on an account.
    """
    numbers = await bulk.new_ids(db, entries, len(decided))
    return [Posted(*one, number, opened.time) for one, number in zip(decided, numbers, strict=True)]


async def _move(db: Db, pending: Pending) -> None:
    lines = [line for entry in pending.posted for line in entry.lines]
    touched = {line.posting.bucket for line in lines}
    await balance_locks.move(db, pending.rows, journal.after(lines), touched, pending.posted[0].created)


def _texts(posted: Sequence[Posted]) -> Iterator[bytes]:
    """Write the entries, then their postings."""
    time = posted[0].created.isoformat()
    yield copy.text(entries, _ENTERED, [(*_entry_row(entry), time) for entry in posted])
    rows = [(*_posting_row(line, entry.id), time) for entry in posted for line in entry.lines]
    yield copy.text(postings, _WRITTEN, rows)


def _entry_row(posted: Posted) -> tuple[object, ...]:
    entry = posted.entry
    return (posted.id, entry.kind, *entry.cause, *entry.reference, entry.key, entry.metadata)


def _posting_row(line: AppliedPosting, entry_id: int) -> tuple[object, ...]:
    """The treasury's postings, which no lock counts, are numbered by their entries."""
    posting, balance = line
    account, bucket, amount, asset = posting
    after = balance._replace(seq=entry_id) if account == TREASURY else balance
    return (account, asset, entry_id, bucket, amount, *after)
