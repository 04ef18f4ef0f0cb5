"""The journal: decides entries in memory, one after the other, on balances that are locked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from app.db.tables import CLAWBACK, TREASURY, WITHOUT_BALANCE
from app.domain.owner import AccountClosed
from app.domain.refusals import Conflict, Refusal
from app.money import DOGE

MAX_BALANCE: Final = 2**63 - 1
"""The most that the buckets of a balance hold together (BIGINT), so that each of them fits too."""


class Bucket(StrEnum):
    """The part of a balance that money lies in."""

    AVAILABLE = "available"
    INCOMING = "incoming"
    HELD = "held"
    OUTGOING = "outgoing"


_INDEX: Final = {bucket: index for index, bucket in enumerate(Bucket)}
_SEQ: Final = len(_INDEX)


BalanceKey = tuple[int, str]
"""An account's number and an asset: the key of a balance row. Rows are locked in the order of their keys."""


class Balance(NamedTuple):
    """The four buckets of a balance, and the number of its last posting."""

    available: int = 0
    incoming: int = 0
    held: int = 0
    outgoing: int = 0
    seq: int = 0

    def of(self, bucket: Bucket) -> int:
        """Return the amount in `bucket`."""
        return self[_INDEX[bucket]]

    def after(self, bucket: Bucket, amount: int) -> "Balance":
        """Return the balance after one more posting."""
        moved = [*self]
        moved[_INDEX[bucket]] += amount
        moved[_SEQ] += 1
        return Balance._make(moved)


class Posting(NamedTuple):
    """What a bucket gains (+) or gives (-), in the asset's smallest unit."""

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
    """A balanced movement. `key` names the fact: an entry with the same key is never posted again.

    `cause` is the type and id of what made it. With `clawback`, what a bucket lacks is charged to the clawback
    account: a block cannot be refused. With `promised`, it also credits accounts that were closed.
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
        """Raise ValueError for what does not balance in each asset, moves nothing, or makes Dogecoin."""
        sums: dict[str, int] = {}
        for account, _, amount, asset in self.postings:
            sums[asset] = sums.get(asset, 0) + amount
            if account == TREASURY and asset == DOGE:
                raise ValueError(f"the treasury issues no {DOGE}: {self}")
            if not amount:
                raise ValueError(f"unbalanced entry: {self}")
        if not sums or any(sums.values()):
            raise ValueError(f"unbalanced entry: {self}")

    def moving(self, lines: tuple[Posting, ...]) -> "Entry":
        """Return the same fact with other postings; `dataclasses.replace` takes longer, and a bulk makes thousands."""
        return Entry(
            self.kind,
            self.cause,
            self.key,
            lines,
            self.reference,
            self.metadata,
            self.clawback,
            self.promised,
        )

    def credited_accounts(self) -> set[int]:
        """Return the accounts that gain by it, which must be open; none if the chain moves the money."""
        gained: dict[BalanceKey, int] = {}
        if self.promised:
            return set()
        for posting in self.postings:
            if posting.account < 0 and posting.account != TREASURY:
                return set()
            gained[posting.balance_key] = gained.get(posting.balance_key, 0) + posting.amount
        return {account for (account, _), amount in gained.items() if amount > 0}


class InsufficientFunds(Conflict):
    """The account has {available} of the {needed} that are needed."""  # `account` is its number, or its name; `wanted` as in LacksFunds

    code = "insufficient-funds"


class BalanceTooLarge(Conflict):
    """The account would hold more than can be counted."""


class AppliedPosting(NamedTuple):
    """A posting with the balance after it; zeros for what has no balance row, the treasury and clearing."""

    posting: Posting
    balance: Balance


class Decided(NamedTuple):
    """An entry that can be written; `charged` is the amount that clawback bears."""

    entry: Entry
    lines: tuple[AppliedPosting, ...]
    charged: int


class Posted(NamedTuple):
    """An entry that was written, with its number and time; `charged` is the amount that clawback bears."""

    entry: Entry
    lines: tuple[AppliedPosting, ...]
    charged: int
    id: int
    created: datetime


@dataclass(frozen=True, slots=True)
class AlreadyPosted:
    """An entry with this key was written before; nothing moved."""

    entry: Entry


class Failed(NamedTuple):
    """None of a group was written: the place in it of the first entry that could not be, and why."""

    position: int
    outcome: AlreadyPosted | Refusal


@dataclass(slots=True)
class Journal:
    """Locked balances, the keys that were posted before, and the names of closed accounts by number."""

    balances: dict[BalanceKey, Balance]
    keys: set[str] = field(default_factory=set)
    closed: Mapping[int, str] = field(default_factory=dict)

    def decide(self, entry: Entry) -> Decided | AlreadyPosted | Refusal:
        """Move the balances by all of `entry`, or refuse and move nothing."""
        if entry.key in self.keys:
            return AlreadyPosted(entry)
        if self.closed and (barred := self.closed.keys() & entry.credited_accounts()):
            return AccountClosed(foreign_id=self.closed[min(barred)], field="to")
        moves = _with_clawback(self.balances, entry) if entry.clawback else entry.postings
        changed: dict[BalanceKey, Balance] = {}
        lines = _lines(self.balances, moves, changed)
        if isinstance(lines, Refusal):
            return lines
        self.keys.add(entry.key)
        self.balances.update(changed)
        charged = _charged(entry.postings) - _charged(moves) if entry.clawback else 0
        return Decided(entry, lines, charged)

    def decide_together(self, group: Sequence[Entry]) -> list[Decided] | Failed:
        """Move the balances by all entries of the group, in order, or by none."""
        trial = Journal(dict(self.balances), set(self.keys), self.closed)
        decided: list[Decided] = []
        for position, entry in enumerate(group):
            outcome = trial.decide(entry)
            if not isinstance(outcome, Decided):
                return Failed(position, outcome)
            decided.append(outcome)
        self.balances, self.keys = trial.balances, trial.keys
        return decided


def balance_keys(new_entries: Iterable[Entry]) -> set[BalanceKey]:
    """Return the keys of the balances that the entries may change; the treasury and clearing have no balance rows."""
    touched_keys = {
        (account, asset)
        for entry in new_entries
        for account, _, _, asset in entry.postings
        if account not in WITHOUT_BALANCE
    }
    return touched_keys | {
        (CLAWBACK, posting.asset) for entry in new_entries if entry.clawback for posting in entry.postings
    }


def balances_after(lines: Iterable[AppliedPosting]) -> dict[BalanceKey, Balance]:
    """Return each balance after its last posting, without those of the treasury and of clearing."""
    return {
        (account, asset): balance
        for (account, _, _, asset), balance in lines
        if account not in WITHOUT_BALANCE
    }


def _charged(moves: Sequence[Posting]) -> int:
    return sum(posting.amount for posting in moves if posting.account == CLAWBACK)


def _with_clawback(balances: Mapping[BalanceKey, Balance], entry: Entry) -> tuple[Posting, ...]:
    """Charge to clawback what a customer's bucket lacks."""
    charged: list[Posting] = []
    for posting in entry.postings:
        lacking = (
            max(0, -posting.amount - balances[posting.balance_key].of(posting.bucket))
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
    balances: Mapping[BalanceKey, Balance], moves: Sequence[Posting], changed: dict[BalanceKey, Balance]
) -> tuple[AppliedPosting, ...] | Refusal:
    """Apply the postings one after the other; the balances after them go into `changed`."""
    lines = []
    for posting in moves:
        account, bucket, amount, asset = posting
        if account in WITHOUT_BALANCE:
            lines.append(AppliedPosting(posting, Balance()))
            continue
        balance_key = account, asset
        before = changed.get(balance_key) or balances[balance_key]
        moved = before.after(bucket, amount)
        if account >= 0 and moved.of(bucket) < 0:
            return InsufficientFunds(available=before.of(bucket), needed=-amount, account=account)
        if abs(sum(moved[:_SEQ])) > MAX_BALANCE:
            return BalanceTooLarge()
        changed[balance_key] = moved
        lines.append(AppliedPosting(posting, moved))
    return tuple(lines)
