"""The journal: balances as they are under a lock, moved on entry by entry; no entry is half done, and nothing falls below zero."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from app.db.tables import CLAWBACK, TREASURY
from app.domain.owner import AccountClosed
from app.domain.refusals import Conflict, Refusal
from app.money import DOGE

MAX_BALANCE: Final = 2**63 - 1
"""What an account can have of an asset, its buckets together (BIGINT): what moves between them always fits."""


class Bucket(StrEnum):
    """Where in an account money lies."""

    AVAILABLE = "available"
    INCOMING = "incoming"
    HELD = "held"
    OUTGOING = "outgoing"


_PLACES: Final = {bucket: place for place, bucket in enumerate(Bucket)}
_SEQ: Final = len(_PLACES)


BalanceKey = tuple[int, str]
"""An account's number and an asset: what has one balance row. Their order is the order in which rows are locked."""


class Balance(NamedTuple):
    """The four buckets of a balance, and the number of its last posting."""

    available: int = 0
    incoming: int = 0
    held: int = 0
    outgoing: int = 0
    seq: int = 0

    def of(self, bucket: Bucket) -> int:
        """Return what lies in `bucket`."""
        return self[_PLACES[bucket]]

    def after(self, bucket: Bucket, amount: int) -> "Balance":
        """Return the balance that one more posting leaves."""
        moved = [*self]
        moved[_PLACES[bucket]] += amount
        moved[_SEQ] += 1
        return Balance._make(moved)


class Posting(NamedTuple):
    """What a bucket gains (+) or gives (-)."""

    account: int
    bucket: Bucket
    amount: int
    asset: str = DOGE

    @property
    def balance_key(self) -> BalanceKey:
        """The balance that it moves."""
        return self.account, self.asset


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced movement. `key` is the fact's own name: what was posted once is never posted again.

    `cause` is the type and id of what made it. With `clawback`, what a giving bucket lacks is charged to the clawback
    account instead of the entry being refused: blocks do not ask. With `promised`, accounts get it that were closed since.
    """

    kind: str
    cause: tuple[str, str]
    key: str
    postings: tuple[Posting, ...]
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"
    clawback: bool = False
    promised: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not balance in every asset, or moves nothing, and whoever would mint Dogecoin."""
        sums: dict[str, int] = {}
        for account, _, amount, asset in self.postings:
            sums[asset] = sums.get(asset, 0) + amount
            if account == TREASURY and asset == DOGE:
                raise ValueError(f"the treasury issues no {DOGE}: {self}")
            if not amount:
                raise ValueError(f"unbalanced entry: {self}")
        if not sums or any(sums.values()):
            raise ValueError(f"unbalanced entry: {self}")

    def credited_accounts(self) -> set[int]:
        """Who has more by it than before, and must be open for that; the chain asks nobody."""
        gained: dict[BalanceKey, int] = {}
        if self.promised:
            return set()
        for posting in self.postings:
            if posting.account < 0 and posting.account != TREASURY:
                return set()
            gained[posting.balance_key] = gained.get(posting.balance_key, 0) + posting.amount
        return {account for (account, _), amount in gained.items() if amount > 0}


class InsufficientFunds(Conflict):
    """The account has {available} of the {needed} that are needed."""  # `account` is its number

    code = "insufficient-funds"


class TooMuch(Conflict):
    """The account would hold more than can be counted."""


class AppliedPosting(NamedTuple):
    """A posting as it was written, with the balance after it (of the treasury: zeros)."""

    posting: Posting
    balance: Balance


class Decided(NamedTuple):
    """An entry that can be written; `charged` is what clawback is charged."""

    entry: Entry
    lines: tuple[AppliedPosting, ...]
    charged: int


class Posted(NamedTuple):
    """The entry was written, under the number `id` and at the time `created`; `charged` is what clawback was charged."""

    entry: Entry
    lines: tuple[AppliedPosting, ...]
    charged: int
    id: int
    created: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """The entry's key was written before; nothing moved."""

    entry: Entry


class Failed(NamedTuple):
    """Of entries that stand together, the first that could not be written, and why: none was."""

    place: int
    outcome: Known | Refusal


@dataclass(slots=True)
class Journal:
    """Balances that are locked, the keys of entries that were written, and of the credited accounts the names of those closed."""

    balances: dict[BalanceKey, Balance]
    keys: set[str] = field(default_factory=set)
    closed: Mapping[int, str] = field(default_factory=dict)

    def decide(self, entry: Entry) -> Decided | Known | Refusal:
        """Move the balances by `entry`, or say why not."""
        if entry.key in self.keys:
            return Known(entry)
        if self.closed and (barred := self.closed.keys() & entry.credited_accounts()):
            return AccountClosed(foreign_id=self.closed[min(barred)], field="to")
        moves = _with_clawback(self.balances, entry) if entry.clawback else entry.postings
        now: dict[BalanceKey, Balance] = {}
        lines = _lines(self.balances, moves, now)
        if isinstance(lines, Refusal):
            return lines
        self.keys.add(entry.key)
        self.balances.update(now)
        charged = _charged(entry.postings) - _charged(moves) if entry.clawback else 0
        return Decided(entry, lines, charged)

    def decide_together(self, given: Sequence[Entry]) -> list[Decided] | Failed:
        """Move the balances by all of the entries, in order, or by none."""
        trial = Journal(dict(self.balances), set(self.keys), self.closed)
        decided: list[Decided] = []
        for place, entry in enumerate(given):
            outcome = trial.decide(entry)
            if not isinstance(outcome, Decided):
                return Failed(place, outcome)
            decided.append(outcome)
        self.balances, self.keys = trial.balances, trial.keys
        return decided


def balance_keys(new_entries: Iterable[Entry]) -> set[BalanceKey]:
    """Return every balance that the entries may touch. The treasury has no row, so that nothing waits for another there."""
    touched_keys = {
        (account, asset)
        for entry in new_entries
        for account, _, _, asset in entry.postings
        if account != TREASURY
    }
    return touched_keys | {
        (CLAWBACK, posting.asset) for entry in new_entries if entry.clawback for posting in entry.postings
    }


def after(lines: Iterable[AppliedPosting]) -> dict[BalanceKey, Balance]:
    """Return the balance of each key after its last line."""
    return {(account, asset): balance for (account, _, _, asset), balance in lines if account != TREASURY}


def _charged(charges: Sequence[Posting]) -> int:
    return sum(posting.amount for posting in charges if posting.account == CLAWBACK)


def _with_clawback(held: Mapping[BalanceKey, Balance], entry: Entry) -> tuple[Posting, ...]:
    """Charge to clawback what a giving customer bucket lacks."""
    charged: list[Posting] = []
    for posting in entry.postings:
        lacking = (
            max(0, -posting.amount - held[posting.balance_key].of(posting.bucket))
            if posting.account >= 0
            else 0
        )
        parts = (
            Posting(posting.account, posting.bucket, posting.amount + lacking, posting.asset),
            Posting(CLAWBACK, Bucket.AVAILABLE, -lacking, posting.asset),
        )
        charged.extend(part for part in parts if part.amount)
    return tuple(charged)


def _lines(
    held: Mapping[BalanceKey, Balance], moves: Sequence[Posting], now: dict[BalanceKey, Balance]
) -> tuple[AppliedPosting, ...] | Refusal:
    """Judge the postings one after the other; `now` takes the balances that they touch as they are then."""
    lines = []
    for posting in moves:
        account, bucket, amount, asset = posting
        if account == TREASURY:
            lines.append(AppliedPosting(posting, Balance()))
            continue
        balance_key = account, asset
        before = now.get(balance_key) or held[balance_key]
        moved = before.after(bucket, amount)
        if account >= 0 and moved.of(bucket) < 0:
            return InsufficientFunds(available=before.of(bucket), needed=-amount, account=account)
        if abs(sum(moved[:_SEQ])) > MAX_BALANCE:
            return TooMuch()
        now[balance_key] = moved
        lines.append(AppliedPosting(posting, moved))
    return tuple(lines)
