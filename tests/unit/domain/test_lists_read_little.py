"""Any list with any filter reads about as many rows as it shows, however many rows its tables have."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain import (
    accounts,
    audit_log,
    blocks,
    escrows,
    holds,
    invoices,
    ledger,
    outbox,
    payments,
    reports,
    transfers,
    webhooks,
)
from app.domain.access import Reach
from app.domain.accounts import AddressCursor, addresses
from app.domain.dogecoin import REGTEST
from app.domain.ledger import StatementFilter, assets, statement
from app.domain.pages import PageRequest
from app.domain.reports import ReportFilter, Selection
from app.domain.webhooks import delivery_listing
from bench import many_rows

ROWS = 20_000
READ = 9_500
"""Rows that a page may read. Some lists look through two thousand entries, and each entry has postings."""
LIMIT = 10
FIRST: PageRequest[Any] = PageRequest(None, LIMIT)
AS_OF_MILLIONS = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off")
"""As if the tables had millions of rows: no plan for these values, and none that reads a whole table."""
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
MIDDLE = BEGINNING + timedelta(seconds=ROWS // 2)
LATER = BEGINNING + timedelta(days=3000)
TIMES = (
    (None, None),
    (MIDDLE, None),
    (None, BEGINNING),
    (LATER, None),
    (MIDDLE, MIDDLE + timedelta(milliseconds=1)),
)

Call = tuple[Callable[..., Awaitable[object]], tuple[object, ...]]


def report_of(name: str, **terms: Any) -> tuple[object, ...]:
    """What the list of a report's postings takes."""
    return reports.REPORTS[name], Selection(end=LATER, **terms), ReportFilter(), FIRST


async def statement_page(
    db: Db, foreign_id: str, wanted: StatementFilter, request: PageRequest[Any]
) -> object:
    """Return the page as it is asked for over HTTP."""
    return await statement.page(db, await ledger.last_postings(db, foreign_id), wanted, request)


def plain() -> dict[str, Call]:
    """Lists without filters."""
    last_address = PageRequest(AddressCursor(0, ROWS - 1), LIMIT)
    return {
        "accounts": (accounts.page, (PageRequest(ROWS // 2, LIMIT),)),
        "addresses": (addresses.page, (REGTEST, "shop-0", FIRST)),
        "addresses, the last": (addresses.page, (REGTEST, "shop-0", last_address)),
        "assets": (assets.page, (PageRequest("C", LIMIT),)),
        "deposits": (blocks.deposit_page, (REGTEST, "shop-0", FIRST)),
        "events": (outbox.page, (0, LIMIT)),
        "events of an account": (outbox.page, (ROWS // 2, LIMIT, ("ALL",), "shop-0")),
        "payments": (payments.page, ("shop-0", FIRST)),
        **{f"report {name}": (reports.page, report_of(name)) for name in reports.REPORTS},
        "report of a time": (reports.page, report_of("ledger", start=MIDDLE)),
        "report of a prefix": (reports.page, report_of("ledger", wanted=Reach(prefix="shop-19"))),
        "report of a key's accounts": (reports.page, report_of("ledger", reach=Reach(frozenset(["shop-1"])))),
        "webhooks": (webhooks.page, (FIRST,)),
    }


def filtered() -> dict[str, Call]:
    """Lists with every combination of their filters, each of which finds many, few or none."""
    calls: dict[str, Call] = {}
    for state in ("delivered", "failed", "due", None):
        calls[f"deliveries {state}"] = (delivery_listing.page, (1, FIRST, state))
    for state in ("RELEASED", "HELD", "CAPTURED", ""):
        calls[f"holds {state}"] = (holds.page, ("shop-0", FIRST, state))
    orders, buyers, sellers = ("", "order-7", "none"), ("", "shop-0", "shop-5"), ("", "shop-3", "shop-1")
    for terms in product(orders, buyers, sellers, ("", "LOCKED", "DISPUTED")):
        of_escrows = escrows.EscrowFilter(*terms)
        calls[str(of_escrows)] = (escrows.page, (of_escrows, FIRST))
    for state, reference, times in product(
        ("", "unpaid", "cancelled", "expired"), ("", "same", "rare", "none"), TIMES
    ):
        of_invoices = invoices.InvoiceFilter(state, reference, *times)
        calls[str(of_invoices)] = (invoices.page, (REGTEST, "shop-0", 0, LIMIT, of_invoices))
    actors, actions = ("", "token", "key:1", "key:2"), ("", "account.change", "key.create", "key.revoke")
    for actor, action, times in product(actors, actions, TIMES):
        of_log = audit_log.LogFilter(actor, action, "", *times)
        calls[str(of_log)] = (audit_log.page, (of_log, FIRST))
    for name, times in product(("shop-0", "shop-1"), TIMES):
        of_account = audit_log.LogFilter("", "", name, *times)
        calls[str(of_account)] = (audit_log.page, (of_account, FIRST))
    for asset, kind, times in product((None, "DOGE", "COIN_1"), (None, "TRANSFER", "BONUS"), TIMES):
        of_statement = StatementFilter(asset, kind, *times)
        calls[str(of_statement)] = (statement_page, ("shop-0", of_statement, FIRST))
    for name, code, reference, times in product(
        ("", "shop-0", "shop-5"), ("", "COIN_1"), ("", "same", "rare"), TIMES
    ):
        of_transfers = transfers.TransferFilter(name, code, reference, *times)
        calls[str(of_transfers)] = (transfers.page, (of_transfers, FIRST))
    return calls


async def test_a_page_of_any_list_with_any_filter_reads_few_rows(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await many_rows.fill(db, ROWS)
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as db:
        await db.execute(sa.text("VACUUM ANALYZE"))
    counted = sa.text("SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables")

    read = {}
    for name, (page, arguments) in (plain() | filtered()).items():
        async with engine.begin() as db:
            for setting in AS_OF_MILLIONS:
                await db.execute(sa.text(f"SET LOCAL {setting}"))
            # Former transactions of the connection may not be reported yet.
            before = await db.scalar(counted)
            await page(db, *arguments)
            read[name] = int(await db.scalar(counted) - before)

    assert [f"{name}: {number}" for name, number in read.items() if number > READ] == []
