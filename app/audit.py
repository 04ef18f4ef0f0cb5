"""Holds the books against each other, slice by slice, each slice one moment of the database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain import audit
from app.domain.audit import Slice, Totals

Check = Callable[[Db, tuple[Any, ...]], Awaitable[Slice]]

CHECKS: Final[dict[str, Check]] = {
    "entries balance": audit.entries_balance,
    "balances equal their postings": audit.balances_equal_postings,
    "invoices equal their deposits": audit.invoices_equal_deposits,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to; `detail` names the first row that is wrong."""

    name: str
    checked: int
    detail: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.detail


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, with the totals at the tip's height."""

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.ok for finding in self.findings)


async def run(engine: AsyncEngine) -> Report:
    """Run every check; what commits meanwhile disturbs none, since each slice sees one moment."""
    moments = engine.execution_options(isolation_level="REPEATABLE READ")
    findings = [await _whole(moments, name, check) for name, check in CHECKS.items()]
    async with moments.begin() as db:
        totals = await audit.totals(db)
        height = await audit.height(db)
    faults = [total.fault for total in totals if total.fault]
    findings.append(Finding("customers, coins and world agree", len(totals), "; ".join(faults)))
    return Report(tuple(findings), tuple(totals), height)


async def _whole(engine: AsyncEngine, name: str, check: Check) -> Finding:
    checked, after = 0, ()
    while True:
        async with engine.begin() as db:
            await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
            found = await check(db, after)
        checked += found.checked
        if found.fault or found.next is None:
            return Finding(name, checked, found.fault)
        after = found.next
