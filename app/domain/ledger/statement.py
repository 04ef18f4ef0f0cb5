"""The statement: an account's postings in all its assets, newest first, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, Row, bulk
from app.domain.ledger import assets, balances, statement_quotes
from app.domain.ledger.balances import INSTANT, LastPostings
from app.domain.ledger.journal import Bucket
from app.domain.pages import Page, PageRequest
from app.domain.rates import Quote
from app.domain.refusals import Invalid
from app.money import show

PAGE_READS: Final = 1_000
"""The most postings that one page of a filtered statement reads."""
EXPORT_READS: Final = 100_000
"""The most postings that one export reads."""

Spans = Mapping[str, tuple[int, int]]
"""By asset: the postings wanted have numbers above the first and up to the second."""


class StatementCursor(NamedTuple):
    """The place of a posting in a statement: the newest first, in one moment by asset, the last first."""

    created: datetime
    asset: str
    seq: int


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Which postings are wanted: of an asset, of a type, from `start` on, before `end`; None is any."""

    asset: str | None = None
    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A posting, in the asset's smallest unit; `balance` is what its bucket had after it.

    `quote` is what a DOGE was worth then.
    """

    cursor: StatementCursor
    entry: int
    type: str
    decimals: int
    bucket: str
    amount: int
    balance: int
    reference_type: str
    reference: str
    quote: Quote | None = None

    @property
    def debit(self) -> str:
        """What the bucket gave."""
        return show(max(0, -self.amount), self.decimals)

    @property
    def credit(self) -> str:
        """What the bucket gained."""
        return show(max(0, self.amount), self.decimals)

    @property
    def balance_after(self) -> str:
        """What the bucket had after it."""
        return show(self.balance, self.decimals)


class TooLong(Invalid):
    """The history between these times has {found} postings, and one export at most {most}: ask for less time."""

    field = "from"


# The newest postings of each asset, by the primary key; then only those on the page look up their entries,
# one by one: a join would let the planner read all entries. An escrow's share is told from its fee by the
# amount, because the platform can be its buyer or seller too.
_NEWEST: Final = Prepared(
    sa.text("""
    SELECT newest.*, entry.*, assets.decimals,
        (
            SELECT CASE
                WHEN :account = escrows.account_id AND newest.amount = to_buyer THEN 'buyer'
                WHEN :account = seller_id AND newest.amount = escrows.amount - to_buyer THEN 'seller'
                ELSE 'platform'
            END
            FROM escrows WHERE escrows.id = entry.escrow
        ) AS side
    FROM (
        SELECT of_asset.* FROM unnest(:assets, :lows, :highs) AS span (asset, low, high)
        CROSS JOIN LATERAL (
            SELECT * FROM postings
            WHERE account_id = :account AND postings.asset = span.asset AND seq > low AND seq <= high
            ORDER BY seq DESC LIMIT :limit
        ) AS of_asset
        ORDER BY of_asset.created DESC, of_asset.asset COLLATE "C", of_asset.seq DESC LIMIT :limit
    ) AS newest
    CROSS JOIN LATERAL (
        SELECT kind, reference_type, reference, cause_type, cause_id,
            CASE WHEN cause_type = 'escrow' THEN cause_id::bigint END AS escrow
        FROM entries WHERE entries.id = newest.entry_id LIMIT 1
    ) AS entry
    JOIN assets ON assets.code = newest.asset
    ORDER BY newest.created DESC, newest.asset COLLATE "C", newest.seq DESC
""").bindparams(
        sa.bindparam("account", type_=sa.BigInteger),
        sa.bindparam("assets", type_=bulk.TEXTS),
        sa.bindparam("lows", type_=bulk.BIGINTS),
        sa.bindparam("highs", type_=bulk.BIGINTS),
        sa.bindparam("limit", type_=sa.BigInteger),
    )
)


async def page(
    db: ReadDb, last: LastPostings, wanted: StatementFilter, request: PageRequest[StatementCursor]
) -> Page[StatementLine, StatementCursor]:
    """Return a page of an account's postings, newest first; refuses with NoSuchAsset.

    A filter by type reads PAGE_READS postings at most, so a page may be short or empty and the list still
    goes on.
    """
    spans = await _spans(db, last, wanted, request.after)
    limit = PAGE_READS if wanted.type else request.rows
    rows = await _newest(db, last.account, spans, limit)
    chosen = [row for row in rows if wanted.type in (None, _line(row).type)]
    page = request.page(chosen, _cursor)
    rest = page.rest or (None if len(rows) < limit else _cursor(rows[-1]))
    quotes = await statement_quotes.of_lines(db, last.account, page.items)
    return Page([_line(row, quote) for row, quote in zip(page.items, quotes, strict=True)], rest)


async def count_export(db: ReadDb, last: LastPostings, wanted: StatementFilter) -> int:
    """Return how many postings an export reads, which their numbers tell; refuses with NoSuchAsset."""
    spans = await _spans(db, last, wanted, None)
    return sum(max(0, high - low) for low, high in spans.values())


def check_export(count: int) -> None:
    """Refuse with TooLong what is too long for one export."""
    if count > EXPORT_READS:
        raise TooLong(found=count, most=EXPORT_READS)


async def _spans(
    db: ReadDb, last: LastPostings, wanted: StatementFilter, after: StatementCursor | None
) -> Spans:
    """Return the numbers of the postings wanted, from the bounds in time."""
    if wanted.asset is not None:
        await assets.fetch_asset(db, wanted.asset)
    account, seqs = last
    listed = {code: seq for code, seq in seqs.items() if wanted.asset in (None, code)}
    starts = dict.fromkeys(listed, wanted.start) if wanted.start else {}
    ends = {code: end for code in listed if (end := _end(code, wanted, after)) is not None}
    low, high = await balances.seqs_before(db, account, starts), dict(listed)
    high |= await balances.seqs_before(db, account, ends)
    if after is not None and after.asset in high:
        high[after.asset] = min(high[after.asset], after.seq - 1)
    return {code: (low.get(code, 0), high[code]) for code in listed}


def _end(asset: str, wanted: StatementFilter, after: StatementCursor | None) -> datetime | None:
    """Return the time before which an asset's postings are wanted; of the cursor's moment some were shown.

    None is any: in the cursor's own asset its number says where to go on.
    """
    if after is None or asset == after.asset:
        return wanted.end
    end = after.created + INSTANT if asset > after.asset else after.created
    return min(end, wanted.end or end)


async def _newest(db: ReadDb, account: int, spans: Spans, limit: int) -> Sequence[Row]:
    parameters = {
        "account": account,
        "assets": list(spans),
        "lows": [low for low, _ in spans.values()],
        "highs": [high for _, high in spans.values()],
        "limit": limit,
    }
    return await bulk.fetch_all(db, _NEWEST, parameters) if spans else ()


def _cursor(row: Row) -> StatementCursor:
    return StatementCursor(row["created"], row["asset"], row["seq"])


def _line(row: Row, quote: Quote | None = None) -> StatementLine:
    referenced = row["reference_type"] or row["reference"]
    return StatementLine(
        _cursor(row),
        row["entry_id"],
        type_of(Leg(row["kind"], row["bucket"], row["amount"], row["side"])),
        row["decimals"],
        row["bucket"],
        row["amount"],
        row[row["bucket"]],
        row["reference_type"] if referenced else row["cause_type"],
        row["reference"] if referenced else row["cause_id"],
        quote,
    )


_WITHDRAWN: Final = ("REQUESTED", "SIGNED", "REPRICED", "CONFIRMED", "UNCONFIRMED", "UNVOIDED", "REVIVED")
_RETURNED: Final = ("FAILED", "VOIDED", "RELEASED")

_TYPES: Final[Mapping[str, str]] = {
    "DEPOSIT": "DEPOSIT",
    "DEPOSIT_CONFIRMED": "DEPOSIT",
    "DEPOSIT_UNDONE": "REVERSAL",
    **{f"PAYMENT_{step}": "WITHDRAWAL" for step in _WITHDRAWN},
    **{f"PAYMENT_{step}": "REVERSAL" for step in _RETURNED},
    "SPENT_BEFORE_RECOVERY": "WITHDRAWAL",
    "UNKNOWN_SPENT": "WITHDRAWAL",
    "UNKNOWN_UNSPENT": "REVERSAL",
    "COVER": "COVER",
    "HAND_OVER": "WITHDRAWAL",
    "GATHER": "TRANSFER",
    "PAYFROM": "TRANSFER",
    "TRANSFER": "TRANSFER",
    "REVERSAL": "REVERSAL",
    "REFUND": "REFUND",
    "TOPUP": "TOPUP",
    "SPEND": "SPEND",
    "BONUS": "BONUS",
    "HOLD": "HOLD",
    "HOLD_RELEASE": "RELEASE",
    "HOLD_EXPIRED": "RELEASE",
    "HOLD_CAPTURE": "CAPTURE",
    "ESCROW_LOCK": "ESCROW_LOCK",
    "ESCROW_RELEASE": "ESCROW_RELEASE",
    "ESCROW_REFUND": "REFUND",
    "ESCROW_RESOLVE": "ESCROW_RELEASE",
}
ENTRY_KINDS: Final = frozenset(_TYPES)
"""All kinds of entries."""

_ESCROW_ENDS: Final = ("ESCROW_RELEASE", "ESCROW_RESOLVE")
_ESCROW_CREDITS: Final = {"buyer": "REFUND", "seller": "SALE_CREDIT", "platform": "FEE_CREDIT"}
"""What each side of an escrow gets at its end."""

STATEMENT_TYPES: Final = frozenset(_TYPES.values()) | frozenset(_ESCROW_CREDITS.values()) | {"FEE_DEBIT"}
"""All types of lines."""


class Leg(NamedTuple):
    """A posting with its entry's kind; of an escrow also the side that gets it: buyer, seller or platform."""

    kind: str
    bucket: str
    amount: int
    side: str | None = None


def type_of(leg: Leg) -> str:
    """Return the type of the posting's line: the kind itself where it is not known."""
    if leg.kind in _ESCROW_ENDS and leg.bucket == Bucket.AVAILABLE:
        return "FEE_DEBIT" if leg.amount < 0 else _ESCROW_CREDITS[leg.side or "seller"]
    if leg.kind == "ESCROW_LOCK" and leg.bucket == Bucket.AVAILABLE and leg.amount > 0:
        return "RELEASE"  # what a hold had above its escrow
    return _TYPES.get(leg.kind, leg.kind)
