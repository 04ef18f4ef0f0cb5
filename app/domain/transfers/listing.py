"""Lists of transfers: of all accounts, of one, or by reference; newest first, and nothing else is looked through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import entries, postings
from app.domain import accounts, ledger, pages
from app.domain.ledger import INSTANT, balances
from app.domain.pages import Page, PageRequest
from app.domain.transfers import transfer
from app.domain.transfers.transfer import KINDS, Transfer

LOOKED_AT: Final = 1_000
"""Entries or postings that one page looks through."""
LATE: Final = timedelta(seconds=60)
"""By so much an entry may be older than one before it, or its postings older than itself: longer than a transaction."""
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


class _Scan(NamedTuple):
    """A statement that looks through `limit` entries, newest first, and says of each whether it is `wanted`.

    `timed` says that the list goes by the time of an account's postings, else it goes by the entries' ids.
    """

    statement: sa.Executable
    parameters: Mapping[str, object]
    timed: bool

    def cursor(self, row: Row) -> TransferCursor:
        """Where the list goes on behind an entry."""
        return TransferCursor(row["entry_id"], row["created"] if self.timed else None)


async def page(
    db: Db, wanted: TransferFilter, request: PageRequest[TransferCursor]
) -> Page[Transfer, TransferCursor]:
    """Return some transfers, newest first; NoSuchAccount and NoSuchAsset where there is no such one.

    A page may be short, or empty, and still go on.
    """
    if wanted.asset:
        await ledger.fetch_asset(db, wanted.asset)
    account = (await accounts.fetch(db, wanted.foreign_id)).id if wanted.foreign_id else None
    if account is not None and not wanted.reference:
        scan = await _of_account(db, account, wanted, request.after)
    else:
        scan = await _of_entries(db, account, wanted, request.after)
    rows, more = await _look(db, scan, wanted.start, request.limit)
    page = request.page([row for row in rows if row["wanted"]], scan.cursor)
    ids = [str(row["entry_id"]) for row in page.items]
    transfers = await transfer.by_ids(db, ids) if ids else {}
    rest = page.rest or (scan.cursor(rows[-1]) if more else None)
    return Page([transfers[number] for number in ids], rest)


async def _look(db: Db, scan: _Scan, start: datetime | None, limit: int) -> tuple[Sequence[Row], bool]:
    """Look at few entries, and at more where few fill no page; returns them, and whether more may lie behind them."""
    earliest = start and max(start, _FIRST + LATE) - LATE
    rows: list[Row] = []
    more = False
    for look in (2 * limit, LOOKED_AT):
        seen = await bulk.fetch_all(db, scan.statement, {**scan.parameters, "limit": look})
        rows = [row for row in seen if earliest is None or row["created"] >= earliest]
        more = len(rows) == look
        if not more or sum(row["wanted"] for row in rows) > limit:
            break
    return rows, more


# Each asset's newest first, by the primary key; only those that are looked at look their entries up.
_OF_ACCOUNT: Final = sa.text("""
    SELECT newest.entry_id, newest.created, entries.kind = ANY(:kinds)
        AND entries.created >= coalesce(:start, entries.created) AND entries.created < coalesce(:end, 'infinity') AS wanted
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


async def _of_account(db: Db, account: int, wanted: TransferFilter, after: TransferCursor | None) -> _Scan:
    """By the account's postings: a transfer has one of them."""
    behind = after.created if after and after.created else FOREVER
    until = min(behind + INSTANT, wanted.end or FOREVER)
    last = await balances.last_seqs(db, account)
    highs = {code: seq for code, seq in last.items() if wanted.asset in ("", code)}
    if until < FOREVER:
        highs |= await ledger.seqs_before(db, account, dict.fromkeys(highs, until))
    parameters = {
        "account": account,
        "assets": list(highs),
        "highs": list(highs.values()),
        "created": behind,
        "id": after.id if after else pages.BEHIND_IDS,
        "start": wanted.start,
        "end": wanted.end,
    }
    return _Scan(_OF_ACCOUNT, parameters, timed=True)


async def _of_entries(
    db: Db, account: int | None, wanted: TransferFilter, after: TransferCursor | None
) -> _Scan:
    """By the entries' reference, or else all of them, newest first."""
    below = after.id if after else pages.BEHIND_IDS
    if wanted.end is not None and not wanted.reference:
        last = await db.scalar(_SEEK, {"until": min(wanted.end, _LAST - LATE) + LATE})
        below = min(below, int(last or 0) + 1)
    seen = sa.select(entries)
    columns: pages.Columns = [entries.c.id]
    same: list[str] = []
    if wanted.reference:  # the index is of those that have one
        seen = seen.where(entries.c.reference != pages.EMPTY)
        columns, same = [entries.c.reference, entries.c.id], [wanted.reference]
    newest = pages.newest(seen, columns, same, below, sa.bindparam("limit", type_=sa.BigInteger)).subquery()
    statement = sa.select(
        newest.c.id.label("entry_id"), newest.c.created, _wanted(newest, account, wanted).label("wanted")
    )
    return _Scan(statement.order_by(newest.c.id.desc()), {}, timed=False)


def _wanted(seen: sa.Subquery, account: int | None, wanted: TransferFilter) -> sa.ColumnElement[bool]:
    """Say of an entry that was looked at whether it is wanted."""
    posting = sa.exists().where(postings.c.entry_id == seen.c.id)
    conditions = [seen.c.kind == sa.any_(sa.literal(list(KINDS), bulk.TEXTS))]
    if wanted.start is not None:
        conditions.append(seen.c.created >= wanted.start)
    if wanted.end is not None:
        conditions.append(seen.c.created < wanted.end)
    if account is not None:
        conditions.append(posting.where(postings.c.account_id == account))
    if wanted.asset:
        conditions.append(posting.where(postings.c.asset == wanted.asset))
    return sa.and_(*conditions)
