"""Lists of transfers, the newest first: of all accounts, of one account, or by reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, Row, bulk
from app.db.tables import Time, entries, postings
from app.db.tables import accounts as account_rows
from app.domain import accounts, ledger, pages
from app.domain.access import EVERYTHING, LimitedBy, Reach, within
from app.domain.ledger import INSTANT
from app.domain.pages import Page, PageRequest
from app.domain.transfers import transfer
from app.domain.transfers.transfer import TRANSFER_KINDS, Transfer

PAGE_READS: Final = 1_000
"""The most entries or postings that one page reads."""
LATE: Final = timedelta(seconds=60)
"""By this an entry can be older than the one before it, and its postings older than the entry.

It is longer than a transaction takes.
"""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The ends of the calendar."""
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class TransferCursor(NamedTuple):
    """The entry behind which a list goes on; in an account's list the time behind which it does."""

    id: int
    created: datetime | None = None


class ListedTransfer(NamedTuple):
    """A transfer in a list, and the cursor of the entry that is listed: of a transfer between cells one of its halves."""

    transfer: Transfer
    cursor: TransferCursor


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which transfers are wanted; empty or None is any. They were made from `start` on and before `end`."""

    foreign_id: str = ""
    asset: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None
    reach: Reach = EVERYTHING


class _Scan(NamedTuple):
    """A statement that reads `limit` entries, the newest first, and says of each whether it is `wanted`.

    `timed`: the list is in the order of the postings' times; otherwise it is in the order of the entries'
    ids.
    """

    statement: Prepared
    parameters: Mapping[str, object]
    timed: bool

    def cursor(self, row: Row) -> TransferCursor:
        """Return the cursor of an entry."""
        return TransferCursor(row["entry_id"], row["created"] if self.timed else None)


async def page(
    db: ReadDb, wanted: TransferFilter, request: PageRequest[TransferCursor]
) -> Page[ListedTransfer, TransferCursor]:
    """Return a page of the transfers wanted, the newest first; refuses with NoSuchAccount and NoSuchAsset.

    A page can be short or empty, and the list still goes on. Of a transfer between cells the list of all accounts has
    the half in the cell of whoever asked for it; an account's own list has the half in its cell.
    """
    if wanted.asset:
        await ledger.fetch_asset(db, wanted.asset)
    of_account = wanted.foreign_id and not wanted.reference
    scan = await (_of_account if of_account else _of_entries)(db, wanted, request.after)
    rows, more = await _read(db, scan, wanted.start, request.limit)
    page = request.page([row for row in rows if row["wanted"]], scan.cursor)
    ids = [str(row["entry_id"]) for row in page.items]
    transfers = await transfer.by_ids(db, ids) if ids else {}
    rest = page.rest or (scan.cursor(rows[-1]) if more else None)
    listed = [
        ListedTransfer(transfers[number], scan.cursor(row))
        for number, row in zip(ids, page.items, strict=True)
    ]
    return Page([each for each in listed if wanted.foreign_id or each.transfer.id == each.cursor.id], rest)


async def _read(db: ReadDb, scan: _Scan, start: datetime | None, limit: int) -> tuple[Sequence[Row], bool]:
    """Read a few entries, and more if those fill no page. Return them, and whether more can follow."""
    earliest = start and max(start, _FIRST + LATE) - LATE
    rows: list[Row] = []
    more = False
    for count in (2 * limit, PAGE_READS):
        newest = await bulk.fetch_all(db, scan.statement, {**scan.parameters, "limit": count})
        rows = [row for row in newest if earliest is None or row["created"] >= earliest]
        more = len(rows) == count
        if not more or sum(row["wanted"] for row in rows) > limit:
            break
    return rows, more


_KINDS: Final = sa.bindparam("kinds", list(TRANSFER_KINDS), bulk.TEXTS)
_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger)

# The newest postings of each asset, by the primary key; then only those on the page look up their entries.
_OF_ACCOUNT: Final = Prepared(
    sa.text("""
    SELECT newest.entry_id, newest.created,
        entries.kind = ANY(:kinds) AND entries.created >= coalesce(:start, entries.created)
            AND entries.created < coalesce(:end, 'infinity') AS wanted
    FROM (
        SELECT of_asset.* FROM unnest(:assets, :highs) AS span (asset, high)
        CROSS JOIN LATERAL (
            SELECT entry_id, created FROM postings
            WHERE account_id = :account AND postings.asset = span.asset AND seq <= high
                AND (created, entry_id) < (:created, :id)
            ORDER BY seq DESC LIMIT :limit
        ) AS of_asset
        ORDER BY of_asset.created DESC, of_asset.entry_id DESC LIMIT :limit
    ) AS newest
    JOIN entries ON entries.id = newest.entry_id
    ORDER BY newest.created DESC, newest.entry_id DESC
""").bindparams(
        sa.bindparam("account", type_=sa.BigInteger),
        sa.bindparam("assets", type_=bulk.TEXTS),
        sa.bindparam("highs", type_=bulk.BIGINTS),
        *(sa.bindparam(name, type_=Time) for name in ("created", "start", "end")),
        sa.bindparam("id", type_=sa.BigInteger),
        _LIMIT,
        _KINDS,
    )
)

# Ids grow with time, but for LATE. So a binary search finds a time; an index by time would cost each entry
# that is written.
_SEEK: Final = Prepared(
    sa.text("""
    WITH RECURSIVE halves (low, high) AS (
        SELECT 0::bigint, coalesce(max(id), 0) FROM entries
    UNION ALL
        SELECT CASE WHEN earlier THEN middle ELSE low END, CASE WHEN earlier THEN high ELSE middle - 1 END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low + 1) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (SELECT created FROM entries WHERE id >= middle ORDER BY id LIMIT 1) < :until AS earlier
        ) AS compared
        WHERE low < high
    )
    SELECT low FROM halves WHERE low = high
""").bindparams(sa.bindparam("until", type_=Time))
)


async def _of_account(db: ReadDb, wanted: TransferFilter, after: TransferCursor | None) -> _Scan:
    """Read an account's transfers by its postings: each transfer has one."""
    behind = after.created if after and after.created else FOREVER
    until = min(behind + INSTANT, wanted.end or FOREVER)
    account, last = await ledger.last_postings(db, wanted.foreign_id)
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


async def _of_entries(db: ReadDb, wanted: TransferFilter, after: TransferCursor | None) -> _Scan:
    """Read transfers by the reference of their entries, or else all entries."""
    account = (await accounts.fetch(db, wanted.foreign_id)).id if wanted.foreign_id else None
    below = after.id if after else pages.BEHIND_IDS
    if wanted.end is not None and not wanted.reference:
        below = min(below, await _behind(db, wanted.end))
    parameters = {
        "account": account,
        "asset": wanted.asset,
        "reference": wanted.reference,
        "start": wanted.start,
        "end": wanted.end,
        "below": below,
        **wanted.reach.parameters,
    }
    return _Scan(_entries(_Shape.of(wanted)), parameters, timed=False)


async def _behind(db: ReadDb, end: datetime) -> int:
    """Return an id above those of all entries that are older than the end."""
    [sought] = await bulk.fetch_all(db, _SEEK, {"until": min(end, _LAST - LATE) + LATE})
    return int(sought["low"]) + 1


class _Shape(NamedTuple):
    """What a list is restricted by; each has a statement of its own, which is made once."""

    of_account: bool
    by_asset: bool
    by_reference: bool
    from_start: bool
    to_end: bool
    limited_by: LimitedBy

    @classmethod
    def of(cls, wanted: TransferFilter) -> "_Shape":
        """Return the shape of these filters; an account was found to be within reach."""
        return cls(
            bool(wanted.foreign_id),
            bool(wanted.asset),
            bool(wanted.reference),
            wanted.start is not None,
            wanted.end is not None,
            "" if wanted.foreign_id else wanted.reach.limited_by,
        )


@cache
def _entries(shape: _Shape) -> Prepared:
    scanned = sa.select(entries)
    columns: pages.Columns = [entries.c.id]
    same: list[sa.ColumnElement[str]] = []
    if shape.by_reference:  # the index has only entries with a reference
        scanned = scanned.where(entries.c.reference != pages.EMPTY)
        columns, same = [entries.c.reference, entries.c.id], [sa.bindparam("reference", type_=sa.Text)]
    below = sa.bindparam("below", type_=sa.BigInteger)
    newest = pages.newest(scanned, columns, same, below, _LIMIT).subquery()
    listed = sa.select(
        newest.c.id.label("entry_id"), newest.c.created, _wanted(newest, shape).label("wanted")
    )
    return Prepared(listed.order_by(newest.c.id.desc()))


def _wanted(entry: sa.Subquery, shape: _Shape) -> sa.ColumnElement[bool]:
    posting = sa.exists().where(postings.c.entry_id == entry.c.id)
    conditions = [entry.c.kind == sa.any_(_KINDS)]
    if shape.from_start:
        conditions.append(entry.c.created >= sa.bindparam("start", type_=Time))
    if shape.to_end:
        conditions.append(entry.c.created < sa.bindparam("end", type_=Time))
    if shape.of_account:
        account = sa.bindparam("account", type_=sa.BigInteger)
        conditions.append(posting.where(postings.c.account_id == account))
    elif shape.limited_by:
        reached = within(account_rows.c.foreign_id, shape.limited_by)
        named = sa.exists().where(account_rows.c.id == postings.c.account_id, reached)
        conditions.append(posting.where(named.correlate(postings)))
    if shape.by_asset:
        conditions.append(posting.where(postings.c.asset == sa.bindparam("asset", type_=sa.Text)))
    return sa.and_(*conditions)
