"""Compares every report with the ledger, by sums that are made in another way, and each row with its postings."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.reports import order, reading
from app.api.reports.order import Filters
from app.api.reports.reading import ReportOrder
from app.domain.reports import REPORTS, Grouping, ReportFilter, ReportRow

_BALANCES = """
    SELECT foreign_id, asset, available, incoming, held, outgoing FROM balances
    JOIN accounts ON id = account_id WHERE seq > 0
"""
_NETWORK = "SELECT available FROM balances WHERE account_id = -2"
_SENT = """
    SELECT coalesce(sum(postings.amount), 0) FROM postings JOIN entries ON entries.id = entry_id
    JOIN payments ON payments.id = cause_id::bigint AND payments.kind <> 'cold'
    WHERE postings.account_id = -1 AND entries.kind IN ('PAYMENT_CONFIRMED', 'PAYMENT_UNCONFIRMED')
"""
_PLATFORM = """
    SELECT foreign_id, asset, sum(amount - to_seller - to_buyer) FROM escrows JOIN accounts ON accounts.id = seller_id
    WHERE escrows.state IN ('RELEASED', 'RESOLVED') GROUP BY 1, 2 HAVING sum(amount - to_seller - to_buyer) <> 0
"""
_INSIDE = "SELECT coalesce(sum(confirmed_in_ledger), 0), coalesce(sum(refunded_in_ledger), 0) FROM invoices"
_MOVED = """
    SELECT foreign_id, asset, kind, bucket, -sum(least(amount, 0)), sum(greatest(amount, 0)), count(*)
    FROM postings JOIN entries ON entries.id = entry_id JOIN accounts ON accounts.id = account_id GROUP BY 1, 2, 3, 4
"""

Key = tuple[Any, ...]
Table = Mapping[Key, tuple[int, ...]]


async def check(engine: AsyncEngine) -> None:
    """Assert that all reports agree with the ledger, with each other, and with their own postings."""
    by_account = {name: await rows(engine, name, Grouping(by_account=True)) for name in REPORTS}
    await _balances_and_ledger(engine, by_account)
    await _money_of_chain_and_escrows(engine, by_account)
    for name, listed in by_account.items():
        whole, days = await rows(engine, name, Grouping()), await rows(engine, name, Grouping("day"))
        assert _sums(whole) == _sums(listed) == _sums(days), name
        for row in listed:
            await _is_the_sum_of_its_postings(engine, name, row)


async def rows(engine: AsyncEngine, name: str, grouping: Grouping) -> list[ReportRow]:
    asked = await _order(engine, name, Filters(), grouping)
    return [row async for portion in reading.rows(engine.connect, asked) for row in portion]


async def _order(engine: AsyncEngine, name: str, filters: Filters, grouping: Grouping) -> ReportOrder:
    async with engine.connect() as db:
        first = await db.scalar(sa.text("SELECT min(created) FROM postings")) if grouping.unit else None
        return ReportOrder(REPORTS[name], await order.selection(db, filters._replace(start=first)), grouping)


async def _balances_and_ledger(engine: AsyncEngine, reports: Mapping[str, list[ReportRow]]) -> None:
    async with engine.connect() as db:
        balances = {(row[0], row[1]): tuple(row[2:]) for row in await db.execute(sa.text(_BALANCES))}
        moved = {tuple(row[:4]): tuple(row[4:]) for row in await db.execute(sa.text(_MOVED))}
    assert {(row.foreign_id, row.asset): row.closing for row in reports["balances"]} == balances
    assert all(not any(row.opening) for row in reports["balances"])
    assert {
        (row.foreign_id, row.asset, *row.keys): (*row.measures[:2], row.times) for row in reports["ledger"]
    } == moved


async def _money_of_chain_and_escrows(engine: AsyncEngine, reports: Mapping[str, list[ReportRow]]) -> None:
    async with engine.connect() as db:
        network, sent = await db.scalar(sa.text(_NETWORK)) or 0, await db.scalar(sa.text(_SENT))
        platform = {(row[0], row[1]): row[2] for row in await db.execute(sa.text(_PLATFORM))}
        paid_inside, refunded_inside = (await db.execute(sa.text(_INSIDE))).one()
    fees, payments, invoices = reports["fees"], reports["payments"], reports["invoices"]
    assert sum(row.measures[0] for row in fees) == network
    assert sum(row.measures[0] for row in payments) == sent
    assert {(row.foreign_id, row.asset): row.measures[1] for row in fees if row.measures[1]} == platform
    assert sum(row.measures[1] for row in invoices) == paid_inside
    assert sum(row.measures[2] for row in invoices) >= refunded_inside


def _sums(rows: list[ReportRow]) -> Table:
    """The measures by asset and keys, whatever the rows are divided by; with how many, and what they were worth."""
    sums: dict[Key, Counter[int]] = {}
    for row in rows:
        counter = sums.setdefault((row.asset, *row.keys), Counter())
        worth = 0 if row.closing != (0, 0, 0, 0) or row.worth is None else row.worth
        counter.update(dict(enumerate((*row.measures, row.times, worth))))
    return {key: tuple(counter.values()) for key, counter in sums.items() if any(counter.values())}


async def _is_the_sum_of_its_postings(engine: AsyncEngine, name: str, row: ReportRow) -> None:
    kind, bucket = row.keys or ("", "")
    filters = Filters(account=row.foreign_id or "", asset=row.asset, end=row.period.end)
    asked = await _order(engine, name, filters, Grouping())
    portions = reading.lines(engine.connect, asked, ReportFilter(kind, bucket))
    lines = [line async for portion in portions for line in portion]
    sums = tuple(sum(line.contribution.measures[n] for line in lines) for n in range(len(row.measures)))
    assert sums == row.measures, (name, row)
    assert sum(line.contribution.times for line in lines) == row.times, (name, row)
