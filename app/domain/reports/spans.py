"""Which postings of which balances a report reads: found by the balances' times, and cut into pieces."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import assets, balances
from app.domain import ledger
from app.domain.ledger import BalanceTime
from app.domain.reports.selection import Selection

ACCOUNTS: Final = 200
"""Accounts that are looked at together: with fewer, a report of many accounts waits mostly for statements."""
BEHIND_ASSETS: Final = "~"
"""Is behind the code of every asset."""


class Position(NamedTuple):
    """A place in a report: behind this posting of the account; accounts go by name, then assets by code."""

    seq: int
    asset: str
    foreign_id: str


class Span(NamedTuple):
    """Postings of a balance: those with numbers above `low` and up to `high`. `opens`: none was read before."""

    account: int
    foreign_id: str
    asset: str
    decimals: int
    low: int
    high: int
    opens: bool = True

    @property
    def end(self) -> Position:
        """Where it ends."""
        return Position(self.high, self.asset, self.foreign_id)


class SpanPage(NamedTuple):
    """The spans of some accounts in order, and where the next ones are; None: there are no more."""

    spans: Sequence[Span]
    rest: Position | None


_BALANCES: Final = (
    sa.select(balances.c.account_id, balances.c.asset, balances.c.seq, balances.c.updated, assets.c.decimals)
    .join(assets, assets.c.code == balances.c.asset)
    .where(balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)), balances.c.seq > 0)
)


async def page(db: Db, selection: Selection, after: Position | None) -> SpanPage:
    """Return the spans of the next accounts behind a position; a span without postings is there too."""
    named = selection.accounts_from(after.foreign_id if after else "").limit(ACCOUNTS)
    names = {row["id"]: row["foreign_id"] for row in await bulk.fetch_all(db, named)}
    statement = _BALANCES if selection.asset is None else _BALANCES.where(balances.c.asset == selection.asset)
    rows = await bulk.fetch_all(db, statement, {"accounts": list(names)}) if names else ()
    spans = [
        Span(row["account_id"], names[row["account_id"]], row["asset"], row["decimals"], low, high)
        for row, (low, high) in zip(rows, await _bounds(db, selection, rows), strict=True)
    ]
    order = {number: position for position, number in enumerate(names)}
    spans.sort(key=lambda span: (order[span.account], span.asset))
    last = [*names.values()][-1] if len(names) == ACCOUNTS else None
    rest = None if last is None else Position(0, BEHIND_ASSETS, last)
    return SpanPage([behind for span in spans if (behind := _behind(span, after))], rest)


def _behind(span: Span, after: Position | None) -> Span | None:
    """Return the part of a span that is behind a position, if any is."""
    if after is None or span.foreign_id != after.foreign_id or span.asset > after.asset:
        return span
    if span.asset < after.asset or span.high <= after.seq:
        return None
    return span._replace(low=max(span.low, after.seq), opens=False) if after.seq > span.low else span


async def _bounds(db: Db, selection: Selection, rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return the numbers of the last posting before `start` and before `end`, for each balance."""
    lows = await _before(db, rows, selection.start) if selection.start else [0] * len(rows)
    highs = await _before(db, rows, selection.end)
    return [(low, max(low, high)) for low, high in zip(lows, highs, strict=True)]


async def _before(db: Db, rows: Sequence[Row], moment: datetime) -> list[int]:
    """Return the number of each balance's last posting before a moment: its last one, where that is earlier."""
    later = [row for row in rows if row["updated"] >= moment]
    wanted = [BalanceTime(row["account_id"], row["asset"], moment) for row in later]
    last = {(row["account_id"], row["asset"]): int(row["seq"]) for row in rows}
    return [*(last | await ledger.seqs_before_times(db, wanted)).values()]


def cut(spans: Sequence[Span], postings: int) -> Iterator[list[Span]]:
    """Cut spans into lists with at most so many postings, and so many spans."""
    batch: list[Span] = []
    room = postings
    for span in spans:
        rest = span
        while rest.high - rest.low > room:
            yield [*batch, rest._replace(high=rest.low + room)]
            rest = rest._replace(low=rest.low + room, opens=False)
            batch, room = [], postings
        batch.append(rest)
        room -= max(1, rest.high - rest.low)
        if room <= 0:
            yield batch
            batch, room = [], postings
    if batch:
        yield batch
