"""The statement: an account's postings in all its assets, newest first, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.domain.ledger import assets, balances
from app.domain.ledger.balances import INSTANT
from app.domain.ledger.journal import Bucket
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Invalid
from app.money import show

LOOKED_AT: Final = 1_000
"""Postings that one page of a filtered history looks through."""
EXPORTED: Final = 100_000
"""Postings that one export looks through."""

Spans = Mapping[str, tuple[int, int]]
"""By asset: the postings wanted are numbered above the first and up to the second."""


class StatementCursor(NamedTuple):
    """Where a posting stands in a history: newest first, those of one moment by asset, then the last first."""

    created: datetime
    asset: str
    seq: int


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Which postings are wanted: of one asset, of one type, made at `start` or later and before `end`; None for all."""

    asset: str | None = None
    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A posting; amounts in the asset's smallest unit, `balance` is what its bucket held after it."""

    place: StatementCursor
    entry: int
    type: str
    decimals: int
    bucket: str
    amount: int
    balance: int
    reference_type: str
    reference: str

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
        """What the bucket held after it."""
        return show(self.balance, self.decimals)


class TooLong(Invalid):
    """The history between these times has {found} postings, and one export at most {most}: ask for less time."""

    field = "from"


# Each asset's newest first, by the primary key; only those that are left of them look their entries up, one by one:
# a join would let the planner read all entries. What an escrow gives is told from its fee by the amount, as the platform
# may be its buyer or seller too.
_NEWEST: Final = sa.text("""
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
        SELECT found.* FROM unnest(:assets, :lows, :highs) AS given (asset, low, high)
        CROSS JOIN LATERAL (
            SELECT * FROM postings
            WHERE account_id = :account AND postings.asset = given.asset AND seq > low AND seq <= high
            ORDER BY seq DESC LIMIT :limit
        ) AS found
        ORDER BY found.created DESC, found.asset COLLATE "C", found.seq DESC LIMIT :limit
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


async def page(
    db: Db, account: int, wanted: StatementFilter, request: PageRequest[StatementCursor]
) -> Page[StatementLine, StatementCursor]:
    """Return some of the postings wanted, newest first; NoSuchAsset where there is no such asset.

    Of one type it looks through some thousand postings at most: a page may be short, or empty, and still go on.
    """
    spans = await _spans(db, account, wanted, request.after)
    look = LOOKED_AT if wanted.type else request.rows
    rows = await _newest(db, account, spans, look)
    lines = [line for line in map(_line, rows) if wanted.type in (None, line.type)]
    page = request.page(lines, lambda line: line.place)
    return page if page.rest or len(rows) < look else Page(lines, _line(rows[-1]).place)


async def check_export(db: Db, account: int, wanted: StatementFilter) -> None:
    """Refuse what is too long for one export with TooLong; counted by the postings' numbers, without reading them."""
    spans = await _spans(db, account, wanted, None)
    count = sum(max(0, high - low) for low, high in spans.values())
    if count > EXPORTED:
        raise TooLong(found=count, most=EXPORTED)


async def _spans(db: Db, account: int, wanted: StatementFilter, after: StatementCursor | None) -> Spans:
    """Turn the bounds in time into numbers of postings."""
    if wanted.asset is not None:
        await assets.fetch(db, wanted.asset)
    last = {
        code: seq for code, seq in (await balances.last(db, account)).items() if wanted.asset in (None, code)
    }
    low = await balances.before(db, account, dict.fromkeys(last, wanted.start)) if wanted.start else {}
    ends = {code: end for code in last if (end := _end(code, wanted, after)) is not None}
    high = last | (await balances.before(db, account, ends) if ends else {})
    if after is not None and after.asset in high:
        high[after.asset] = min(high[after.asset], after.seq - 1)
    return {code: (low.get(code, 0), high[code]) for code in last}


def _end(asset: str, wanted: StatementFilter, after: StatementCursor | None) -> datetime | None:
    """Return the time before which an asset's postings are wanted; of the place's own moment some were shown."""
    if after is None:
        return wanted.end
    behind = after.created + INSTANT if asset >= after.asset else after.created
    return min(behind, wanted.end or behind)


async def _newest(db: Db, account: int, spans: Spans, limit: int) -> Sequence[Row]:
    given = {
        "account": account,
        "assets": list(spans),
        "lows": [low for low, _ in spans.values()],
        "highs": [high for _, high in spans.values()],
        "limit": limit,
    }
    return await bulk.fetch_all(db, _NEWEST, given) if spans else ()


def _line(row: Row) -> StatementLine:
    named = row["reference_type"] or row["reference"]
    return StatementLine(
        StatementCursor(row["created"], row["asset"], row["seq"]),
        row["entry_id"],
        word(Leg(row["kind"], row["bucket"], row["amount"], row["side"])),
        row["decimals"],
        row["bucket"],
        row["amount"],
        row[row["bucket"]],
        row["reference_type"] if named else row["cause_type"],
        row["reference"] if named else row["cause_id"],
    )


WITHDRAWAL: Final = ("REQUESTED", "SIGNED", "REPRICED", "CONFIRMED", "UNCONFIRMED", "UNVOIDED", "REVIVED")
GIVEN_BACK: Final = ("FAILED", "VOIDED", "RELEASED")

_TYPES: Final[Mapping[str, str]] = {
    "DEPOSIT": "DEPOSIT",
    "DEPOSIT_CONFIRMED": "DEPOSIT",
    "DEPOSIT_UNDONE": "REVERSAL",
    **{f"PAYMENT_{step}": "WITHDRAWAL" for step in WITHDRAWAL},
    **{f"PAYMENT_{step}": "REVERSAL" for step in GIVEN_BACK},
    "SPENT_BEFORE_RECOVERY": "WITHDRAWAL",
    "UNKNOWN_SPENT": "WITHDRAWAL",
    "UNKNOWN_UNSPENT": "REVERSAL",
    "COVER": "COVER",
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
KINDS: Final = frozenset(_TYPES)
"""Every kind of entry that there is."""

_SETTLED: Final = ("ESCROW_RELEASE", "ESCROW_RESOLVE")
"""Entries in which an escrow's money leaves the buyer's `held`."""

_GETS: Final = {"buyer": "REFUND", "platform": "FEE_CREDIT"}

TYPES: Final = frozenset(_TYPES.values()) | frozenset(_GETS.values()) | {"SALE_CREDIT", "FEE_DEBIT"}
"""Every word that a history may hold."""


class Leg(NamedTuple):
    """A posting as its account sees it; what it gets of an escrow, it gets as `side`: buyer, seller or platform."""

    kind: str
    bucket: str
    amount: int
    side: str | None = None


def word(leg: Leg) -> str:
    """Return the posting's type; a kind that is not known yet stands for itself."""
    if leg.kind in _SETTLED and leg.bucket == Bucket.AVAILABLE:
        return _settled(leg)
    if leg.kind == "ESCROW_LOCK" and leg.bucket == Bucket.AVAILABLE and leg.amount > 0:
        return "RELEASE"  # what a hold had above its escrow
    return _TYPES.get(leg.kind, leg.kind)


def _settled(leg: Leg) -> str:
    """Say what whoever gets something of an escrow gets."""
    if leg.amount < 0:
        return "FEE_DEBIT"
    return _GETS.get(leg.side or "", "SALE_CREDIT")
