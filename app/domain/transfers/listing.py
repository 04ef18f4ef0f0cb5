"""Lists of transfers: of all accounts, of one, or by reference; newest first, and nothing else is looked through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import entries, postings
from app.domain import accounts, index_pages, ledger
from app.domain.ledger import INSTANT, balances
from app.domain.transfers import transfer
from app.domain.transfers.transfer import KINDS, Transfer

LOOKED_AT: Final = 1_000
"""Entries or postings that one page looks through."""
LATE: Final = timedelta(seconds=60)
"""By so much an entry may be older than one before it, or its postings older than itself: longer than a transaction."""
NEWEST: Final = 2**63 - 1
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The ends of the calendar."""
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class TransferCursor(NamedTuple):
    """Where a list goes on: behind this entry, of an account's list behind its time."""

    id: int
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which transfers are wanted; empty or None for all. Made at `start` or later, and before `end`."""

    foreign_id: str = ""
    asset: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None


class Page(NamedTuple):
    """Some transfers, and where the list goes on; None at its end. It may be short, or empty, and still go on."""

    transfers: list[Transfer]
    rest: TransferCursor | None


@dataclass(frozen=True, slots=True)
class _Looked:
    """Rows that were looked at, newest first, and whether there may be more behind them."""

    rows: Sequence[Row]
    more: bool

    @classmethod
    def of(cls, rows: Sequence[Row], look: int, start: datetime | None) -> "_Looked":
        """Leave out what is older than `start`: behind it there is nothing that is wanted."""
        new = [row for row in rows if start is None or row["created"] >= start]
        return cls(new, more=len(new) == look)

    def enough(self, limit: int) -> bool:
        """Whether they fill a page, or there is no more."""
        return not self.more or sum(row["kept"] for row in self.rows) > limit

    def cut(self, limit: int, *, timed: bool) -> tuple[list[int], TransferCursor | None]:
        """Return the entries of a page, and where the list goes on; `timed` says that it goes by time."""
        matching = [row for row in self.rows if row["kept"]]
        ids = [row["entry_id"] for row in matching[:limit]]
        if len(matching) <= limit and not self.more:
            return ids, None
        last = matching[limit - 1] if len(matching) > limit else self.rows[-1]
        return ids, TransferCursor(last["entry_id"], last["created"] if timed else None)


_NOTHING: Final = _Looked((), more=False)


async def page(db: Db, wanted: TransferFilter, after: TransferCursor | None, limit: int) -> Page:
    """Return up to `limit` transfers behind a place, newest first; NoSuchAccount and NoSuchAsset where there is no such one."""
    if wanted.asset:
        await ledger.fetch(db, wanted.asset)
    account = (await accounts.fetch(db, wanted.foreign_id)).id if wanted.foreign_id else None
    if account is not None and not wanted.reference:
        return await _of_account(db, account, wanted, after, limit)
    return await _of_entries(db, account, wanted, after, limit)


# Each asset's newest first, by the primary key; only those that are looked at look their entries up.
_OF_ACCOUNT: Final = sa.text("""
    SELECT newest.entry_id, newest.created, entries.kind = ANY(:kinds)
        AND entries.created >= coalesce(:start, entries.created) AND entries.created < coalesce(:end, 'infinity') AS kept
    FROM (
        SELECT found.entry_id, found.created FROM unnest(:assets, :highs) AS given (asset, high)
        CROSS JOIN LATERAL (
            SELECT entry_id, created FROM postings
            WHERE account_id = :account AND postings.asset = given.asset AND seq <= high
                AND (created, entry_id) < (:created, :id)
            ORDER BY seq DESC LIMIT :limit
        ) AS found
        ORDER BY found.created DESC, found.entry_id DESC LIMIT :limit
    ) AS newest
    JOIN entries ON entries.id = newest.entry_id
    ORDER BY newest.created DESC, newest.entry_id DESC
""").bindparams(
    sa.bindparam("account", type_=sa.BigInteger),
    sa.bindparam("assets", type_=bulk.TEXTS),
    sa.bindparam("highs", type_=bulk.BIGINTS),
    *(sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in ("created", "start", "end")),
    sa.bindparam("id", type_=sa.BigInteger),
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("kinds", list(KINDS), bulk.TEXTS),
)

# Ids grow with time but for LATE, so halving finds the place; an index by time would cost each entry that is written.
_SEEK: Final = sa.text("""
    WITH RECURSIVE halves (low, high) AS (
        SELECT 0::bigint, coalesce(max(id), 0) FROM entries
    UNION ALL
        SELECT CASE WHEN earlier THEN middle ELSE low END, CASE WHEN earlier THEN high ELSE middle - 1 END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low + 1) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (SELECT created FROM entries WHERE id >= middle ORDER BY id LIMIT 1) < :until AS earlier
        ) AS looked
        WHERE low < high
    )
    SELECT low FROM halves WHERE low = high
""").bindparams(sa.bindparam("until", type_=sa.DateTime(timezone=True)))


async def _of_account(
    db: Db, account: int, wanted: TransferFilter, after: TransferCursor | None, limit: int
) -> Page:
    """By the account's postings: a transfer has one of them."""
    behind = after.created if after and after.created else FOREVER
    until = min(behind + INSTANT, wanted.end or FOREVER)
    last = {
        code: seq for code, seq in (await balances.last(db, account)).items() if wanted.asset in ("", code)
    }
    highs = last | await ledger.before(db, account, dict.fromkeys(last, until)) if until < FOREVER else last
    parameters = {"account": account, "assets": list(highs), "highs": list(highs.values())}
    parameters |= {
        "created": behind,
        "id": after.id if after else NEWEST,
        "start": wanted.start,
        "end": wanted.end,
    }
    looked = _NOTHING
    for look in (2 * limit, LOOKED_AT):
        rows = await bulk.fetch_all(db, _OF_ACCOUNT, {**parameters, "limit": look}) if highs else ()
        looked = _Looked.of(rows, look, wanted.start and max(wanted.start, _FIRST + LATE) - LATE)
        if looked.enough(limit):
            break
    return await _page(db, *looked.cut(limit, timed=True))


async def _of_entries(
    db: Db, account: int | None, wanted: TransferFilter, after: TransferCursor | None, limit: int
) -> Page:
    """By the entries' reference, or else all of them, newest first."""
    below = after.id if after else NEWEST
    if wanted.end is not None and not wanted.reference:
        below = min(
            below, int(await db.scalar(_SEEK, {"until": min(wanted.end, _LAST - LATE) + LATE}) or 0) + 1
        )
    looked = sa.select(entries)
    columns: index_pages.Columns = [entries.c.id]
    same: list[str] = []
    if wanted.reference:  # the index is of those that have one
        looked = looked.where(entries.c.reference != index_pages.EMPTY)
        columns, same = [entries.c.reference, entries.c.id], [wanted.reference]
    scan = _NOTHING
    for look in (2 * limit, LOOKED_AT):
        seen = index_pages.newest(looked, columns, same, below, look).subquery()
        statement = sa.select(
            seen.c.id.label("entry_id"), seen.c.created, _kept(seen, account, wanted).label("kept")
        )
        rows = await bulk.fetch_all(db, statement.order_by(seen.c.id.desc()))
        scan = _Looked.of(rows, look, wanted.start and max(wanted.start, _FIRST + LATE) - LATE)
        if scan.enough(limit):
            break
    return await _page(db, *scan.cut(limit, timed=False))


async def _page(db: Db, ids: Sequence[int], rest: TransferCursor | None) -> Page:
    """Read the transfers, in the order of their entries."""
    transfers = await transfer.by_ids(db, [str(number) for number in ids]) if ids else {}
    return Page([transfers[str(number)] for number in ids], rest)


def _kept(seen: sa.Subquery, account: int | None, wanted: TransferFilter) -> sa.ColumnElement[bool]:
    """Say of an entry that was looked at whether it is wanted."""
    conditions = [seen.c.kind == sa.any_(sa.literal(list(KINDS), bulk.TEXTS))]
    if wanted.start is not None:
        conditions.append(seen.c.created >= wanted.start)
    if wanted.end is not None:
        conditions.append(seen.c.created < wanted.end)
    if account is not None:
        conditions.append(
            sa.exists().where(postings.c.entry_id == seen.c.id, postings.c.account_id == account)
        )
    if wanted.asset:
        conditions.append(
            sa.exists().where(postings.c.entry_id == seen.c.id, postings.c.asset == wanted.asset)
        )
    return sa.and_(*conditions)
