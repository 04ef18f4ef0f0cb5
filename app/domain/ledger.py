"""The double-entry ledger: money moves by balanced entries only, and `post` is their one writer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app import db as bulk
from app.db import Db
from app.domain.refusals import Conflict, Refusal
from app.money import DOGE
from app.tables import CLAWBACK, TREASURY, balances, entries, postings

MAX_BALANCE: Final = 2**63 - 1
"""What one bucket can hold (BIGINT)."""


class Bucket(StrEnum):
    """Where in an account money lies."""

    AVAILABLE = "available"
    INCOMING = "incoming"
    HELD = "held"
    OUTGOING = "outgoing"


class Slot(NamedTuple):
    """What has one balance row; its order is the order in which rows are locked."""

    account: int
    asset: str


class Balance(NamedTuple):
    """The four buckets of a slot, and the number of its last posting."""

    available: int = 0
    incoming: int = 0
    held: int = 0
    outgoing: int = 0
    seq: int = 0

    def of(self, bucket: Bucket) -> int:
        """Return what lies in `bucket`."""
        amount: int = getattr(self, bucket.value)
        return amount

    def after(self, bucket: Bucket, amount: int) -> "Balance":
        """Return the balance that one more posting leaves."""
        return self._replace(**{bucket.value: self.of(bucket) + amount}, seq=self.seq + 1)


@dataclass(frozen=True, slots=True)
class Posting:
    """What a bucket gains (+) or gives (-)."""

    account: int
    bucket: Bucket
    amount: int
    asset: str = DOGE

    @property
    def slot(self) -> Slot:
        """The balance that it moves."""
        return Slot(self.account, self.asset)


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced movement. `key` is the fact's own name: what was posted once is never posted again.

    `cause` is the type and id of what made it. With `clawback`, what a giving bucket lacks is charged to the clawback
    account instead of the entry being refused: blocks do not ask.
    """

    kind: str
    cause: tuple[str, str]
    key: str
    postings: tuple[Posting, ...]
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"
    clawback: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not balance in every asset, or moves nothing, and whoever would mint Dogecoin."""
        sums: dict[str, int] = {}
        for posting in self.postings:
            sums[posting.asset] = sums.get(posting.asset, 0) + posting.amount
        if not self.postings or any(sums.values()) or not all(posting.amount for posting in self.postings):
            raise ValueError(f"unbalanced entry: {self}")
        if any(posting.account == TREASURY and posting.asset == DOGE for posting in self.postings):
            raise ValueError(f"the treasury issues no {DOGE}: {self}")

    def slots(self) -> Iterable[Slot]:
        """Every balance that it may touch. The treasury has no row, so that nothing waits for another there."""
        yield from (posting.slot for posting in self.postings if posting.account != TREASURY)
        if self.clawback:
            yield from (Slot(CLAWBACK, posting.asset) for posting in self.postings)


class InsufficientFunds(Conflict):
    """The account has {available} of the {needed} that are needed."""

    code = "insufficient-funds"


class TooMuch(Conflict):
    """The account would hold more than can be counted."""


class Line(NamedTuple):
    """A posting as it was written, with the balance after it (of the treasury: zeros)."""

    posting: Posting
    balance: Balance


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry was written."""

    entry: Entry
    lines: tuple[Line, ...]
    charged: int = 0
    """What clawback was charged."""


@dataclass(frozen=True, slots=True)
class Known:
    """The entry's key was written before; nothing moved."""

    entry: Entry


Outcome = Posted | Known | Refusal


@dataclass(slots=True)
class _Books:
    """The balances as they are under the lock, moved on entry by entry."""

    balances: dict[Slot, Balance]
    keys: set[str] = field(default_factory=set)

    def decide(self, entry: Entry) -> Outcome:
        """Move the balances by `entry`, or say why not."""
        if entry.key in self.keys:
            return Known(entry)
        given = _with_clawback(self.balances, entry) if entry.clawback else entry.postings
        outcome = _lines(self.balances, given)
        if isinstance(outcome, Refusal):
            return outcome
        self.keys.add(entry.key)
        self.balances.update(_after(outcome))
        charged = sum(p.amount for p in entry.postings if p.account == CLAWBACK) - sum(
            p.amount for p in given if p.account == CLAWBACK
        )
        return Posted(entry, outcome, charged)


async def post(db: Db, given: Sequence[Entry]) -> list[Outcome]:
    """Write the entries in order, each whole or not at all; the outcomes stand in the same order.

    A handful of statements, whatever the number of entries. A transaction calls this once: balances are locked here,
    in key order, after everything else that the transaction locks.
    """
    if not given:
        return []
    books = _Books(await lock(db, sorted({slot for entry in given for slot in entry.slots()})))
    # Whoever posts the same fact locks the same balances, so after the lock its key is visible.
    books.keys = set(await db.scalars(_KNOWN, {"keys": [entry.key for entry in given]}))
    outcomes = [books.decide(entry) for entry in given]
    await _write(db, [outcome for outcome in outcomes if isinstance(outcome, Posted)])
    return outcomes


_KNOWN: Final = sa.select(entries.c.key).where(entries.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)))
_KEY: Final = ("account_id", "asset")
_GIVEN: Final = bulk.unnested(balances, _KEY)
_SORTED: Final = sa.select(_GIVEN).order_by(_GIVEN.c.account_id, _GIVEN.c.asset)
_OPEN: Final = insert(balances).from_select(_KEY, _SORTED).on_conflict_do_nothing()
_LOCK: Final = (
    sa.select(balances)
    .join(_GIVEN, sa.and_(balances.c.account_id == _GIVEN.c.account_id, balances.c.asset == _GIVEN.c.asset))
    .order_by(balances.c.account_id, balances.c.asset)
    .with_for_update(key_share=True, of=balances)
)
_MOVE: Final = (
    bulk.change(balances, _KEY, (*_KEY, *Balance._fields))
    .values(updated=sa.func.greatest(balances.c.updated, sa.func.clock_timestamp()))
    .returning(balances.c.account_id, balances.c.asset, balances.c.updated)
)


async def lock(db: Db, slots: Sequence[Slot]) -> dict[Slot, Balance]:
    """Lock the balances and return them: for whoever must know them before it can say what to post.

    `slots` are sorted. Makes the missing rows first: an insert and a lock in one statement would see no row.
    """
    if not slots:
        return {}
    given = bulk.arrays([{"account_id": slot.account, "asset": slot.asset} for slot in slots])
    await db.execute(_OPEN, given)
    locked = await db.execute(_LOCK, given)
    return {
        Slot(row.account_id, row.asset): Balance(row.available, row.incoming, row.held, row.outgoing, row.seq)
        for row in locked
    }


def _with_clawback(held: Mapping[Slot, Balance], entry: Entry) -> tuple[Posting, ...]:
    """Charge to clawback what a giving customer bucket lacks."""
    given: list[Posting] = []
    for posting in entry.postings:
        lacking = max(0, -posting.amount - held[posting.slot].of(posting.bucket)) if posting.account >= 0 else 0
        parts = (
            Posting(posting.account, posting.bucket, posting.amount + lacking, posting.asset),
            Posting(CLAWBACK, Bucket.AVAILABLE, -lacking, posting.asset),
        )
        given.extend(part for part in parts if part.amount)
    return tuple(given)


def _lines(held: Mapping[Slot, Balance], given: Sequence[Posting]) -> tuple[Line, ...] | Refusal:
    """Judge the postings one after the other on a copy of the balances that they touch."""
    now: dict[Slot, Balance] = {}
    lines = []
    for posting in given:
        slot = posting.slot
        if posting.account == TREASURY:
            lines.append(Line(posting, Balance()))
            continue
        before = now.get(slot) or held[slot]
        after = before.after(posting.bucket, posting.amount)
        if posting.account >= 0 and after.of(posting.bucket) < 0:
            return InsufficientFunds(available=before.of(posting.bucket), needed=-posting.amount)
        if abs(after.of(posting.bucket)) > MAX_BALANCE:
            return TooMuch()
        now[slot] = after
        lines.append(Line(posting, after))
    return tuple(lines)


async def _write(db: Db, posted: Sequence[Posted]) -> None:
    """Three statements; the time is the database's under the lock, and never runs back on an account."""
    if not posted:
        return
    last = _after(line for outcome in posted for line in outcome.lines)
    moved = [{"account_id": slot.account, "asset": slot.asset, **balance._asdict()} for slot, balance in last.items()]
    times = {Slot(row.account_id, row.asset): row.updated for row in await db.execute(_MOVE, bulk.arrays(moved))}
    latest = max(times.values())
    written = await bulk.insert(db, entries, [_entry_row(outcome.entry) for outcome in posted], ("id", "key"))
    ids = {row["key"]: row["id"] for row in written}
    lines = [
        _posting_row(line, ids[outcome.entry.key]) | {"created": times.get(line.posting.slot, latest)}
        for outcome in posted
        for line in outcome.lines
    ]
    await bulk.insert(db, postings, lines)


def _after(lines: Iterable[Line]) -> dict[Slot, Balance]:
    """Return the balance of each slot after its last line."""
    return {line.posting.slot: line.balance for line in lines if line.posting.account != TREASURY}


def _entry_row(entry: Entry) -> dict[str, str]:
    cause_type, cause_id = entry.cause
    reference_type, reference = entry.reference
    return {
        "kind": entry.kind,
        "cause_type": cause_type,
        "cause_id": cause_id,
        "reference_type": reference_type,
        "reference": reference,
        "key": entry.key,
        "metadata": entry.metadata,
    }


def _posting_row(line: Line, entry_id: int) -> dict[str, object]:
    """The treasury's postings, which no lock counts, are numbered by their entries."""
    posting, balance = line
    after = balance._replace(seq=entry_id) if posting.account == TREASURY else balance
    return {
        "account_id": posting.account,
        "asset": posting.asset,
        "entry_id": entry_id,
        "bucket": posting.bucket.value,
        "amount": posting.amount,
        **after._asdict(),
    }
