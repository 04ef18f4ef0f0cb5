"""Entries over cells: decided as one on the balances of all cells, and written as a half in each.

A half has the postings of its cell, and one of clearing for what they lack; all halves have the key of the whole.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from app.db import Db, bulk, copy
from app.db.tables import CLEARING, crossings, entries
from app.domain import ledger, outbox
from app.domain.crossings import counterparties
from app.domain.crossings.crossing import Crossing, enter
from app.domain.ledger import (
    AppliedPosting,
    Balance,
    BalanceKey,
    Bucket,
    Decided,
    Entry,
    Failed,
    Journal,
    Outcome,
    Posted,
    Posting,
)
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner


class Whole(NamedTuple):
    """An entry over cells. It is known by its number in the cell `home`, where one of its postings is."""

    entry: Entry
    home: int


class Split(NamedTuple):
    """An entry, the cell of each of its postings, and its halves by cell."""

    whole: Whole
    cells: Sequence[int]
    halves: Mapping[int, Entry]


class Halved(NamedTuple):
    """An entry that is decided and numbered, and its halves, by cell."""

    whole: Posted
    halves: Mapping[int, Posted]


class Pending(NamedTuple):
    """Entries that are decided and numbered, but not written; `rows` are the row ids of their balances, by cell."""

    entries: Sequence[Halved]
    rows: Mapping[int, Mapping[BalanceKey, str]]


NOTHING_PENDING: Final = Pending([], {})


async def decide(crossing: Crossing, wholes: Sequence[Whole]) -> tuple[list[Outcome], Pending]:
    """Decide the entries in order, each whole or not at all; `write` writes them.

    It locks the balances of all cells. A transaction calls it once, after everything else that it locks.
    """
    if not wholes:
        return [], NOTHING_PENDING
    splits = [split(crossing, whole) for whole in wholes]
    opened = await _open(crossing, splits)
    outcomes: list[Outcome] = []
    halved: list[Halved] = []
    for each in splits:
        decided = opened.journal.decide(each.whole.entry)
        if isinstance(decided, Decided):
            halved.append(opened.number(decided, each))
            outcomes.append(halved[-1].whole)
        else:
            outcomes.append(decided)
    return outcomes, Pending(halved, opened.rows)


async def decide_together(
    crossing: Crossing, groups: Sequence[Sequence[Whole]]
) -> tuple[list[list[Posted] | Failed], Pending]:
    """Decide groups of entries as `decide` decides entries: in order, each group whole or not at all."""
    if not any(groups):
        return [[] for _ in groups], NOTHING_PENDING
    splits = [[split(crossing, whole) for whole in group] for group in groups]
    opened = await _open(crossing, [each for group in splits for each in group])
    outcomes: list[list[Posted] | Failed] = []
    halved: list[Halved] = []
    for group in splits:
        outcome = opened.journal.decide_together([each.whole.entry for each in group])
        if isinstance(outcome, Failed):
            outcomes.append(outcome)
            continue
        numbered = [opened.number(*pair) for pair in zip(outcome, group, strict=True)]
        halved += numbered
        outcomes.append([each.whole for each in numbered])
    return outcomes, Pending(halved, opened.rows)


async def write(
    crossing: Crossing,
    pending: Pending,
    events: Iterable[Sequence[OutboxEvent]],
    owners: Mapping[int, Owner],
) -> None:
    """Write the halves into their cells, and each event into that of its account; `owners` has all accounts, by number.

    What makes the `events` is asked for them while the database works.
    """
    halves_of: dict[int, list[Posted]] = {}
    for halved in pending.entries:
        for cell, posted in halved.halves.items():
            halves_of.setdefault(cell, []).append(posted)
    crossed = [halved for halved in pending.entries if len(halved.halves) > 1]
    events_of: dict[int, list[OutboxEvent]] = {}
    sorting = _sorted(crossing, events, events_of)
    for cell, rows in sorted(pending.rows.items(), reverse=True):  # the last one was entered last
        db = await enter(crossing, cell)
        await bulk.meanwhile(ledger.write(db, ledger.Pending(halves_of.get(cell, []), rows)), sorting)
        await _write_elsewhere(db, crossing, cell, crossed, owners)
        await outbox.emit(db, events_of.pop(cell, []))
    deque(sorting, maxlen=0)  # where nothing was posted
    for cell, others in sorted(events_of.items()):
        await outbox.emit(await enter(crossing, cell), others)


def _sorted(
    crossing: Crossing, events: Iterable[Sequence[OutboxEvent]], events_of: dict[int, list[OutboxEvent]]
) -> Iterator[None]:
    """Put the events into `events_of`, by the cell of their account; one step for each sequence of them."""
    cell_of = crossing.map.of_number
    for part in events:
        for event in part:
            events_of.setdefault(cell_of(event.account_id), []).append(event)
        yield


def split(crossing: Crossing, whole: Whole) -> Split:
    """Return the halves of an entry; one that stays in its cell has itself alone.

    System accounts are in each cell, and the treasury gives where it is asked.
    """
    entry, home = whole
    cell_of = crossing.map.of_number
    cells = [home if account < 0 else cell_of(account) for account, _, _, _ in entry.postings]
    if len(set(cells)) == 1:
        return Split(whole, cells, {cells[0]: entry})
    own: dict[int, list[Posting]] = {}
    for cell, line in zip(cells, entry.postings, strict=True):
        own.setdefault(cell, []).append(line)
    halves = {cell: entry.moving((*lines, *_clearing(lines))) for cell, lines in own.items()}
    return Split(whole, cells, halves)


def _clearing(lines: Sequence[Posting]) -> list[Posting]:
    """Return what clearing gives or takes, so that the lines of a cell balance."""
    sums: dict[str, int] = {}
    for _, _, amount, asset in lines:
        sums[asset] = sums.get(asset, 0) + amount
    return [Posting(CLEARING, Bucket.AVAILABLE, -total, asset) for asset, total in sums.items() if total]


@dataclass(slots=True)
class _Opened:
    """A journal over the balances of all cells, the row ids of these and new numbers of entries, by cell, and the time."""

    journal: Journal = field(default_factory=lambda: Journal({}))
    rows: dict[int, Mapping[BalanceKey, str]] = field(default_factory=dict)
    numbers: dict[int, Iterator[int]] = field(default_factory=dict)
    time: datetime | None = None

    def add(self, cell: int, opened: ledger.Opened, numbers: Sequence[int]) -> None:
        """Take in what was locked and read in a cell."""
        self.journal.balances.update(opened.journal.balances)
        self.journal.keys |= opened.journal.keys
        self.journal.closed = {**self.journal.closed, **opened.journal.closed}
        self.rows[cell], self.numbers[cell] = opened.rows, iter(numbers)
        self.time = max(self.time or opened.time, opened.time)

    def number(self, decided: Decided, each: Split) -> Halved:
        """Give each half its number and all the same time; the number at home is that of the whole."""
        assert self.time is not None  # noqa: S101  some cell was opened
        home = each.whole.home
        if len(each.halves) == 1:
            posted = Posted(*decided, next(self.numbers[home]), self.time)
            return Halved(posted, {home: posted})
        numbers = {cell: next(self.numbers[cell]) for cell in each.halves}
        posted = Posted(*decided, numbers[home], self.time)
        lines: dict[int, list[AppliedPosting]] = {cell: [] for cell in numbers}
        for cell, line in zip(each.cells, decided.lines, strict=True):
            lines[cell].append(line)
        return Halved(
            posted,
            {
                cell: Posted(entry, _with_clearing(lines[cell], entry), 0, numbers[cell], self.time)
                for cell, entry in each.halves.items()
            },
        )


def _with_clearing(lines: Sequence[AppliedPosting], half: Entry) -> tuple[AppliedPosting, ...]:
    """Return the lines of a half: after those of its accounts those of clearing."""
    return (*lines, *[AppliedPosting(line, _NO_BALANCE) for line in half.postings[len(lines) :]])


_NO_BALANCE: Final = Balance()


async def _open(crossing: Crossing, splits: Sequence[Split]) -> _Opened:
    """Lock the balances, cell by cell, and take a number for each half while there."""
    halves: dict[int, list[Entry]] = {}
    for each in splits:
        for cell, entry in each.halves.items():
            halves.setdefault(cell, []).append(entry)
    opened = _Opened()
    for cell in sorted(halves):
        db = await enter(crossing, cell)
        in_cell = await ledger.open_journal(db, halves[cell])
        opened.add(cell, in_cell, await bulk.new_ids(db, entries, len(halves[cell])))
    return opened


_ELSEWHERE: Final = ("entry_id", "account_id", "amount", "transfer_id")


async def _write_elsewhere(
    db: Db, crossing: Crossing, cell: int, halved: Sequence[Halved], owners: Mapping[int, Owner]
) -> None:
    """Write into a cell what accounts of others gave and got by its halves, and who they are."""
    amounts: dict[tuple[int, int, int], int] = {}
    for whole, halves in halved:
        if (own := halves.get(cell)) is not None:
            for account, _, amount, _ in whole.entry.postings:
                if account >= 0 and crossing.cell_of(account) != cell:
                    key = own.id, account, whole.id
                    amounts[key] = amounts.get(key, 0) + amount
    if not amounts:
        return
    rows = [(entry, account, amount, whole_id) for (entry, account, whole_id), amount in amounts.items()]
    await copy.insert(db, crossings, _ELSEWHERE, rows)
    await counterparties.meet(db, [owners[account] for _, account, _, _ in rows])
