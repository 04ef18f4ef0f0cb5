"""Posting: entries are written here and nowhere else, and the balances that they move."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, bulk, copy, serialization_failure
from app.db.tables import NOW, WITHOUT_BALANCE, accounts, entries, postings
from app.domain.ledger import balance_locks, journal, seal_gates
from app.domain.ledger.journal import (
    AlreadyPosted,
    AppliedPosting,
    Balance,
    BalanceKey,
    Decided,
    Entry,
    Failed,
    Journal,
    Posted,
)
from app.domain.refusals import Refusal
from app.money import DOGE

Outcome = Posted | AlreadyPosted | Refusal


class Pending(NamedTuple):
    """Entries that are decided and numbered, but not written; `rows` are the row ids of their balances."""

    posted: Sequence[Posted]
    rows: Mapping[BalanceKey, str]


async def post(db: Db, new_entries: Sequence[Entry]) -> list[Outcome]:
    """Write the entries in order, each whole or not at all; return their outcomes in the same order.

    It takes a few statements, however many entries there are. A transaction calls this once: it locks the
    balances here, in the order of their keys, after everything else that it locks.
    """
    outcomes, pending = await decide(db, new_entries)
    await write(db, pending)
    return outcomes


async def post_together(db: Db, groups: Sequence[Sequence[Entry]]) -> list[list[Posted] | Failed]:
    """Write groups of entries as `post` writes entries: in order, each group whole or not at all."""
    outcomes, pending = await decide_together(db, groups)
    await write(db, pending)
    return outcomes


async def decide(db: Db, new_entries: Sequence[Entry]) -> tuple[list[Outcome], Pending]:
    """Do the first half of `post`; `write` is the second, during which the caller can prepare something."""
    if not new_entries:
        return [], Pending([], {})
    opened = await open_journal(db, new_entries)
    outcomes = [opened.journal.decide(entry) for entry in new_entries]
    posted = await _number(db, opened, [outcome for outcome in outcomes if isinstance(outcome, Decided)])
    numbered = iter(posted)
    numbered_outcomes = [next(numbered) if isinstance(outcome, Decided) else outcome for outcome in outcomes]
    return numbered_outcomes, Pending(posted, opened.rows)


async def decide_together(
    db: Db, groups: Sequence[Sequence[Entry]]
) -> tuple[list[list[Posted] | Failed], Pending]:
    """Do the first half of `post_together`; `write` is the second."""
    if not any(groups):
        return [[] for _ in groups], Pending([], {})
    opened = await open_journal(db, [entry for group in groups for entry in group])
    outcomes = [opened.journal.decide_together(group) for group in groups]
    decided = [item for group in outcomes if not isinstance(group, Failed) for item in group]
    posted = await _number(db, opened, decided)
    numbered = iter(posted)
    numbered_outcomes = [
        group if isinstance(group, Failed) else [next(numbered) for _ in group] for group in outcomes
    ]
    return numbered_outcomes, Pending(posted, opened.rows)


async def write(db: Db, pending: Pending) -> None:
    """Write balances, entries and postings, with one statement each."""
    posted = pending.posted
    if not posted:
        return
    _, (entered, written) = await bulk.meanwhile(_move(db, pending), _texts(posted))
    await copy.send(db, entries, _ENTERED, entered)
    await copy.send(db, postings, _WRITTEN, written)


def _credited(new_entries: Sequence[Entry]) -> list[int]:
    """Return the accounts of customers that get something: none of them may be closed."""
    lines = (line for entry in new_entries for line in entry.postings)
    return list({account for account, _, amount, _ in lines if account >= 0 and amount > 0})


async def open_journal(db: Db, new_entries: Sequence[Entry]) -> "Opened":
    """Lock the balances, then read what depends on their locks, and share the gate of the next seal.

    A transaction that posted the same key, or closed a credited account, held the same locks. So this reads
    what it did.
    """
    locked = await balance_locks.lock(db, sorted(journal.balance_keys(new_entries)))
    parameters = {
        "input_key": [entry.key for entry in new_entries],
        "credited_accounts": _credited(new_entries),
    }
    [found] = await bulk.fetch_values(db, _UNDER_LOCK, parameters)
    clock, keys, closed, gate = found
    if gate is None:
        raise serialization_failure("the gate was closed meanwhile")
    names = await _names(db, closed) if closed else {}
    return Opened(Journal(locked.balances, set(keys), names), locked.rows, max(clock, locked.latest))


async def _names(db: Db, ids: Sequence[int]) -> dict[int, str]:
    rows = await db.execute(sa.select(accounts.c.id, accounts.c.foreign_id).where(accounts.c.id.in_(ids)))
    return {row.id: row.foreign_id for row in rows}


class Opened(NamedTuple):
    """A journal, the row ids of its balances, and the time of all entries that it decides."""

    journal: Journal
    rows: Mapping[BalanceKey, str]
    time: datetime


# A literal and no parameter: otherwise PostgreSQL could not use the index of the few closed accounts.
_CLOSED: Final = sa.literal_column("'closed'", sa.Text)
# The time, the keys that were posted before, the credited accounts that are closed, and the gate, in one round
# trip.
# A block may post thousands: joined, while `= ANY` looked at each key for each entry of a small table.
_NEW_KEYS: Final = bulk.unnested(entries, ("key",))
_UNDER_LOCK: Final = Prepared(
    sa.select(
        NOW,
        sa.func.array(
            sa.select(entries.c.key).join(_NEW_KEYS, _NEW_KEYS.c.key == entries.c.key).scalar_subquery()
        ),
        sa.func.array(
            sa.select(accounts.c.id)
            .where(
                accounts.c.id == sa.any_(sa.bindparam("credited_accounts", type_=bulk.BIGINTS)),
                accounts.c.state == _CLOSED,
            )
            .scalar_subquery()
        ),
        seal_gates.SHARED,
    )
)
_ENTERED: Final = (
    "id", "kind", "cause_type", "cause_id", "reference_type", "reference", "key", "metadata", "created",
)  # fmt: skip
_WRITTEN: Final = ("account_id", "asset", "entry_id", "bucket", "amount", *Balance._fields, "created")


async def lock(db: Db, balance_keys: Sequence[BalanceKey]) -> dict[BalanceKey, Balance]:
    """Lock the balances and return them, for a caller that must know them first; the keys are sorted."""
    return (await balance_locks.lock(db, balance_keys)).balances


async def lock_available(db: Db, accounts: Iterable[int]) -> dict[int, int]:
    """Lock the Dogecoin balances of the accounts; return what each can spend, in koinu."""
    balances = await lock(db, sorted({(account, DOGE) for account in accounts}))
    return {account: balance.available for (account, _), balance in balances.items()}


async def _number(db: Db, opened: Opened, decided: Sequence[Decided]) -> list[Posted]:
    """Give the entries numbers and one time, read under the locks: it never runs back on an account."""
    numbers = await bulk.new_ids(db, entries, len(decided))
    return [Posted(*entry, number, opened.time) for entry, number in zip(decided, numbers, strict=True)]


async def _move(db: Db, pending: Pending) -> None:
    lines = [line for entry in pending.posted for line in entry.lines]
    touched = {line.posting.bucket for line in lines}
    await balance_locks.move(
        db, pending.rows, journal.balances_after(lines), touched, pending.posted[0].created
    )


def _texts(posted: Sequence[Posted]) -> Iterator[bytes]:
    """Yield the rows of the entries, then those of their postings."""
    time = posted[0].created.isoformat()
    yield copy.text(entries, _ENTERED, [(*_entry_row(entry), time) for entry in posted])
    rows = [(*_posting_row(line, entry.id), time) for entry in posted for line in entry.lines]
    yield copy.text(postings, _WRITTEN, rows)


def _entry_row(posted: Posted) -> tuple[object, ...]:
    entry = posted.entry
    return (posted.id, entry.kind, *entry.cause, *entry.reference, entry.key, entry.metadata)


def _posting_row(line: AppliedPosting, entry_id: int) -> tuple[object, ...]:
    """Where no lock counts the postings, as of the treasury and of clearing, they have the number of their entry."""
    posting, balance = line
    account, bucket, amount, asset = posting
    after = balance._replace(seq=entry_id) if account in WITHOUT_BALANCE else balance
    return (account, asset, entry_id, bucket, amount, *after)
