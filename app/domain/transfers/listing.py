"""Lists of transfers, the newest first: of all accounts, of one account, or by reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import entries, postings
from app.domain import accounts, ledger, pages
from app.domain.access import EVERYTHING, Reach
from app.domain.ledger import INSTANT, balances
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

    statement: sa.Executable
    parameters: Mapping[str, object]
    timed: bool

    def cursor(self, row: Row) -> TransferCursor:
        """Return the cursor of an entry."""
        return TransferCursor(row["entry_id"], row["created"] if self.timed else None)


async def page(
    db: Db, wanted: TransferFilter, request: PageRequest[TransferCursor]
) -> Page[Transfer, TransferCursor]:
    """Return a page of the transfers wanted, the newest first; refuses with NoSuchAccount and NoSuchAsset.

    A page can be short or empty, and the list still goes on. Of a transfer between cells the list of all accounts has
    the half in the cell of whoever asked for it; an account's own list has the half in its cell.
    """
    if wanted.asset:
        await ledger.fetch_asset(db, wanted.asset)
    account = (await accounts.fetch(db, wanted.foreign_id)).id if wanted.foreign_id else None
    if account is not None and not wanted.reference:
        scan = await _of_account(db, account, wanted, request.after)
    else:
        scan = await _of_entries(db, account, wanted, request.after)
    rows, more = await _read(db, scan, wanted.start, request.limit)
    page = request.page([row for row in rows if row["wanted"]], scan.cursor)
    ids = [str(row["entry_id"]) for row in page.items]
    transfers = await transfer.by_ids(db, ids) if ids else {}
    rest = page.rest or (scan.cursor(rows[-1]) if more else None)
    page_items = [
        listed
        for number in ids
        if (listed := transfers[number]) and (account is not None or str(listed.id) == number)
    ]
    return Page(page_items, rest)


async def _read(db: Db, scan: _Scan, start: datetime | None, limit: int) -> tuple[Sequence[Row], bool]:
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


# The newest postings of each asset, by the primary key; then only those on the page look up their entries.
_OF_ACCOUNT: Final = sa.text("""
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
    *(sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in ("created", "start", "end")),
    sa.bindparam("id", type_=sa.BigInteger),
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("kinds", list(TRANSFER_KINDS), bulk.TEXTS),
)

# Ids grow with time, but for LATE. So a binary search finds a time; an index by time would cost each entry
# that is written.
_SEEK: Final = sa.text("""
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
""").bindparams(sa.bindparam("until", type_=sa.DateTime(timezone=True)))


async def _of_account(db: Db, account: int, wanted: TransferFilter, after: TransferCursor | None) -> _Scan:
    """Read an account's transfers by its postings: each transfer has one."""
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
    """Read transfers by the reference of their entries, or else all entries."""
    below = after.id if after else pages.BEHIND_IDS
    if wanted.end is not None and not wanted.reference:
        last = await db.scalar(_SEEK, {"until": min(wanted.end, _LAST - LATE) + LATE})
        below = min(below, int(last or 0) + 1)
    scanned = sa.select(entries)
    columns: pages.Columns = [entries.c.id]
    same: list[str] = []
    if wanted.reference:  # the index has only entries with a reference
        scanned = scanned.where(entries.c.reference != pages.EMPTY)
        columns, same = [entries.c.reference, entries.c.id], [wanted.reference]
    newest = pages.newest(
        scanned, columns, same, below, sa.bindparam("limit", type_=sa.BigInteger)
    ).subquery()
    statement = sa.select(
        newest.c.id.label("entry_id"), newest.c.created, _wanted(newest, account, wanted).label("wanted")
    )
    return _Scan(statement.order_by(newest.c.id.desc()), {}, timed=False)


def _wanted(entry: sa.Subquery, account: int | None, wanted: TransferFilter) -> sa.ColumnElement[bool]:
    posting = sa.exists().where(postings.c.entry_id == entry.c.id)
    conditions = [entry.c.kind == sa.any_(sa.literal(list(TRANSFER_KINDS), bulk.TEXTS))]
    if wanted.start is not None:
        conditions.append(entry.c.created >= wanted.start)
    if wanted.end is not None:
        conditions.append(entry.c.created < wanted.end)
    if account is not None:
        conditions.append(posting.where(postings.c.account_id == account))
    elif wanted.reach.limited:
        within = sa.and_(
            account_rows.c.id == postings.c.account_id, wanted.reach.includes(account_rows.c.foreign_id)
        )
        conditions.append(posting.where(sa.exists().where(within).correlate(postings)))
    if wanted.asset:
        conditions.append(posting.where(postings.c.asset == wanted.asset))
    return sa.and_(*conditions)
