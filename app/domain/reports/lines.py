"""What a report reads of a posting: its entry, the network's fee in it, and the quote of what caused it."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NETWORK_FEES
from app.domain import rates
from app.domain.ledger import Balance, statement_quotes
from app.domain.rates import Quote
from app.domain.reports.spans import Position, Span

NO_BALANCE: Final = Balance()


class Line(NamedTuple):
    """A posting, in its asset's smallest unit.

    `fee` is what the network got by its entry; only what leaves or comes back to `outgoing` has it. `payment` is
    the kind of the payment that caused it.
    """

    seq: int
    entry: int
    kind: str
    bucket: str
    amount: int
    fee: int
    payment: str
    reference_type: str
    reference: str
    created: datetime
    quote: Quote | None


class Piece(NamedTuple):
    """A span with its postings in order, and what the balance was before them."""

    span: Span
    opening: Balance
    lines: Sequence[Line]

    def position(self, line: Line) -> Position:
        """Return where a line stands in the report."""
        return Position(line.seq, self.span.asset, self.span.foreign_id)


# A txid is shown with its bytes in reverse order: the digits are turned round, then the two of each byte.
_LINES: Final = sa.text("""
    SELECT span.number, span.asset, line.*, entry.*, coalesce(fees.amount, 0) AS fee, coalesce(payment.kind, '') AS payment,
        coalesce(payment.fiat_currency, deposit.fiat_currency) AS fiat_currency,
        coalesce(payment.rate, deposit.rate) AS rate, coalesce(payment.rate_at, deposit.rate_at) AS rate_at
    FROM unnest(:accounts, :assets, :lows, :highs)
        WITH ORDINALITY AS span (account, asset, low, high, number)
    CROSS JOIN LATERAL (
        SELECT seq, entry_id, bucket, amount, created FROM postings
        WHERE account_id = span.account AND postings.asset = span.asset AND seq > low AND seq <= high
        ORDER BY seq LIMIT :limit
    ) AS line
    CROSS JOIN LATERAL (
        SELECT kind AS entry_kind, cause_type, cause_id, reference_type, reference
        FROM entries WHERE entries.id = line.entry_id LIMIT 1
    ) AS entry
    LEFT JOIN LATERAL (
        SELECT sum(amount)::bigint AS amount FROM postings
        WHERE entry_kind IN ('PAYMENT_CONFIRMED', 'PAYMENT_UNCONFIRMED', 'PAYMENT_VOIDED', 'PAYMENT_UNVOIDED')
            AND line.bucket = 'outgoing' AND postings.entry_id = line.entry_id AND account_id = :network_fees
    ) AS fees ON true
    LEFT JOIN LATERAL (
        SELECT kind, fiat_currency, rate, rate_at FROM payments
        WHERE account_id = span.account AND id = CASE WHEN cause_type = 'payment' THEN cause_id::bigint END
        LIMIT 1
    ) AS payment ON true
    LEFT JOIN LATERAL (
        SELECT fiat_currency, rate, rate_at FROM deposits
        WHERE account_id = span.account AND txid = CASE WHEN cause_type = 'deposit' THEN
                decode(regexp_replace(reverse(split_part(cause_id, ':', 1)), '(.)(.)', '\\2\\1', 'g'), 'hex')
            END
            AND vout = CASE WHEN cause_type = 'deposit' THEN split_part(cause_id, ':', 2)::integer END
        LIMIT 1
    ) AS deposit ON true
    ORDER BY span.number, line.seq
""").bindparams(
    sa.bindparam("accounts", type_=bulk.BIGINTS),
    sa.bindparam("assets", type_=bulk.TEXTS),
    sa.bindparam("lows", type_=bulk.BIGINTS),
    sa.bindparam("highs", type_=bulk.BIGINTS),
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("network_fees", NETWORK_FEES, type_=sa.BigInteger),
)
_OPENINGS: Final = sa.text("""
    SELECT span.number, before.*
    FROM unnest(:accounts, :assets, :lows) WITH ORDINALITY AS span (account, asset, low, number)
    CROSS JOIN LATERAL (
        SELECT available, incoming, held, outgoing, seq FROM postings
        WHERE account_id = span.account AND postings.asset = span.asset AND seq = low LIMIT 1
    ) AS before
""").bindparams(
    sa.bindparam("accounts", type_=bulk.BIGINTS),
    sa.bindparam("assets", type_=bulk.TEXTS),
    sa.bindparam("lows", type_=bulk.BIGINTS),
)


async def fetch(db: Db, spans: Sequence[Span], *, openings: bool) -> list[Piece]:
    """Return the postings of the spans, in order; with `openings` also the balances before them."""
    if not spans:
        return []
    columns = zip(*((span.account, span.asset, span.low, span.high) for span in spans), strict=True)
    parameters = dict(zip(("accounts", "assets", "lows", "highs"), map(list, columns), strict=True))
    before: dict[int, Balance] = {}
    if openings:
        keys = {name: parameters[name] for name in ("accounts", "assets", "lows")}
        rows = await bulk.fetch_all(db, _OPENINGS, keys)
        before = {row["number"]: Balance(*(row[name] for name in Balance._fields)) for row in rows}
    limit = sum(span.high - span.low for span in spans)
    rows = await bulk.fetch_all(db, _LINES, parameters | {"limit": limit}) if limit else ()
    quotes = await statement_quotes.of_seconds(db, rows)
    quoted = groupby(zip(rows, quotes, strict=True), lambda pair: pair[0]["number"])
    lines = {number: [_line(row, quote) for row, quote in of_span] for number, of_span in quoted}
    return [
        Piece(span, before.get(number, NO_BALANCE), lines.get(number, ()))
        for number, span in enumerate(spans, 1)
    ]


def _line(row: Row, quote: Quote | None) -> Line:
    referenced = row["reference_type"] or row["reference"]
    return Line(
        row["seq"],
        row["entry_id"],
        row["entry_kind"],
        row["bucket"],
        row["amount"],
        row["fee"],
        row["payment"],
        row["reference_type"] if referenced else row["cause_type"],
        row["reference"] if referenced else row["cause_id"],
        row["created"],
        rates.quote_in(row) or quote,
    )
