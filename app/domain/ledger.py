"""The double-entry ledger: money moves by balanced entries only, and `post` is their one writer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app import db as bulk
from app.db import Db
from app.domain import books
from app.domain.books import (
    MAX_BALANCE,
    Balance,
    Books,
    Bucket,
    Decided,
    Entry,
    Failed,
    InsufficientFunds,
    Known,
    Line,
    Posted,
    Posting,
    Slot,
    TooMuch,
)
from app.domain.refusals import Refusal
from app.tables import TREASURY, accounts, balances, entries, postings

__all__ = [
    "MAX_BALANCE",
    "Balance",
    "Bucket",
    "Entry",
    "InsufficientFunds",
    "Known",
    "Line",
    "Outcome",
    "Posted",
    "Posting",
    "Slot",
    "TooMuch",
    "lock",
    "post",
    "post_together",
]
"""What the books are made of is named here too: whoever posts needs both."""

Outcome = Posted | Known | Refusal


async def post(db: Db, given: Sequence[Entry]) -> list[Outcome]:
    """Write the entries in order, each whole or not at all; the outcomes stand in the same order.

    A handful of statements, whatever the number of entries. A transaction calls this once: balances are locked here,
    in key order, after everything else that the transaction locks.
    """
    if not given:
        return []
    now = await _open(db, given)
    outcomes = [now.decide(entry) for entry in given]
    written = iter(await _write(db, [outcome for outcome in outcomes if isinstance(outcome, Decided)]))
    return [next(written) if isinstance(outcome, Decided) else outcome for outcome in outcomes]


async def post_together(db: Db, given: Sequence[Sequence[Entry]]) -> list[list[Posted] | Failed]:
    """Write groups of entries in order, each group whole or not at all; otherwise as `post`."""
    if not any(given):
        return [[] for _ in given]
    now = await _open(db, [entry for group in given for entry in group])
    outcomes = [now.decide_together(group) for group in given]
    decided = [one for outcome in outcomes if not isinstance(outcome, Failed) for one in outcome]
    written = iter(await _write(db, decided))
    return [outcome if isinstance(outcome, Failed) else [next(written) for _ in outcome] for outcome in outcomes]


async def _open(db: Db, given: Sequence[Entry]) -> Books:
    """Whoever posts the same fact, or closes a taker, locks the same balances: what they did is visible after the lock."""
    locked = await lock(db, sorted({slot for entry in given for slot in entry.slots()}))
    takers = {account for entry in given for account in entry.takers()}
    found = await db.execute(_KNOWN, {"keys": [entry.key for entry in given], "takers": list(takers)})
    rows = [(text, account) for text, account in found]
    keys = {text for text, account in rows if account is None}
    return Books(locked, keys, {account: text for text, account in rows if account is not None})


# Two questions in one round trip: which keys were posted before, and which of the takers are closed.
_KNOWN: Final = sa.union_all(
    sa.select(entries.c.key, sa.null().cast(sa.BigInteger)).where(
        entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS))
    ),
    sa.select(accounts.c.foreign_id, accounts.c.id).where(
        accounts.c.id == sa.any_(sa.bindparam("takers", type_=bulk.BIGINTS)), accounts.c.state == "closed"
    ),
)
_KEY: Final = ("account_id", "asset")
_MOVED: Final = (*_KEY, *Balance._fields)
_GIVEN: Final = bulk.unnested(balances, _KEY)
_SORTED: Final = sa.select(_GIVEN).order_by(_GIVEN.c.account_id, _GIVEN.c.asset)
_MAKE: Final = insert(balances).from_select(_KEY, _SORTED).on_conflict_do_nothing()
_LOCK: Final = (
    sa.select(*(balances.c[name] for name in _MOVED))
    .join(_GIVEN, sa.and_(balances.c.account_id == _GIVEN.c.account_id, balances.c.asset == _GIVEN.c.asset))
    .order_by(balances.c.account_id, balances.c.asset)
    .with_for_update(key_share=True, of=balances)
)
_MOVE: Final = (
    bulk.change(balances, _KEY, _MOVED)
    .values(updated=sa.func.greatest(balances.c.updated, sa.func.clock_timestamp()))
    .returning(balances.c.account_id, balances.c.asset, balances.c.updated)
)
_ENTERED: Final = ("kind", "cause_type", "cause_id", "reference_type", "reference", "key", "metadata")
_ENTER: Final = bulk.insertion(entries, _ENTERED, ("key", "id", "created"))
_WRITTEN: Final = ("account_id", "asset", "entry_id", "bucket", "amount", *Balance._fields, "created")


async def lock(db: Db, slots: Sequence[Slot]) -> dict[Slot, Balance]:
    """Lock the balances and return them: for whoever must know them before it can say what to post.

    `slots` are sorted. Makes the missing rows first: an insert and a lock in one statement would see no row.
    """
    if not slots:
        return {}
    given = bulk.columns(_KEY, slots)
    await db.execute(_MAKE, given)
    locked = await db.execute(_LOCK, given)
    return {Slot(account, asset): Balance._make(rest) for account, asset, *rest in locked.all()}


async def _write(db: Db, decided: Sequence[Decided]) -> list[Posted]:
    """Three statements; the time is the database's under the lock, and never runs back on an account."""
    if not decided:
        return []
    last = books.after(line for one in decided for line in one.lines)
    moved = [(*slot, *balance) for slot, balance in last.items()]
    moving = await db.execute(_MOVE, bulk.columns(_MOVED, moved))
    times = {(account, asset): updated for account, asset, updated in moving.all()}
    latest = max(times.values())
    entered = await db.execute(_ENTER, bulk.columns(_ENTERED, [_entry_row(one.entry) for one in decided]))
    numbers = {key: (number, created) for key, number, created in entered.all()}
    posted = [Posted(*one, *numbers[one.entry.key]) for one in decided]
    rows = [_posting_row(line, one.id, times, latest) for one in posted for line in one.lines]
    await bulk.insert_many(db, postings, _WRITTEN, rows)
    return posted


def _entry_row(entry: Entry) -> tuple[str, ...]:
    return (entry.kind, *entry.cause, *entry.reference, entry.key, entry.metadata)


def _posting_row(
    line: Line, entry_id: int, times: Mapping[tuple[int, str], datetime], latest: datetime
) -> tuple[object, ...]:
    """The treasury's postings, which no lock counts, are numbered by their entries."""
    (account, bucket, amount, asset), balance = line
    after = balance._replace(seq=entry_id) if account == TREASURY else balance
    return (account, asset, entry_id, bucket.value, amount, *after, times.get((account, asset), latest))
