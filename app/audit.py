"""Holds the books against each other, slice by slice, each slice one moment of the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain import audit, blocks, payment_audit, seals
from app.domain.audit import Slice, Totals
from app.domain.deposits import Outpoint

Check = Callable[[Db, tuple[Any, ...]], Awaitable[Slice]]
AtNode = Callable[[Sequence[Outpoint]], Awaitable[tuple[bytes, Sequence[int | None]] | None]]
"""Asks the node for coins: its best block, and what each holds (None: no such coin); None while it cannot say."""

CHECKS: Final[dict[str, Check]] = {
    "entries balance": audit.entries_balance,
    "balances equal their postings": audit.balances_equal_postings,
    "invoices equal their deposits": audit.invoices_equal_deposits,
    "invoices equal their entries": audit.invoices_equal_entries,
    "payments equal their entries": payment_audit.payments_equal_entries,
    "outgoing is what payments reserve": payment_audit.outgoing_is_payments,
    "clawback is what is owed": payment_audit.clawback_is_owed,
    "blocks move what they post": audit.blocks_agree,
    "entries are as they were sealed": seals.hold,
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


async def run(engine: AsyncEngine, ask: AtNode | None = None) -> Report:
    """Run every check; what commits meanwhile disturbs none, since each slice sees one moment.

    Without `ask` the coins are not looked for at the node.
    """
    moments = engine.execution_options(isolation_level="REPEATABLE READ")
    findings = [await _whole(moments, name, check) for name, check in CHECKS.items()]
    findings.append(await _addresses(moments))
    if ask is not None:
        findings.append(await _coins(moments, ask))
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


async def _addresses(engine: AsyncEngine) -> Finding:
    """Derive every address again, in a thread and outside of any transaction."""
    checked, after = 0, ()
    while True:
        async with engine.begin() as db:
            rows = await payment_audit.some_addresses(db, after)
        found = await asyncio.to_thread(payment_audit.derived, rows)
        checked += found.checked
        if found.fault or found.next is None:
            return Finding("addresses are of their accounts' keys", checked, found.fault)
        after = found.next


async def _coins(engine: AsyncEngine, ask: AtNode) -> Finding:
    """Look for every coin at the node; what it says counts only while its best block is our tip."""
    checked, after = 0, tuple[Any, ...]()
    while True:
        async with engine.begin() as db:
            tip = await blocks.tip(db)
            given = await payment_audit.some_coins(db, after)
        said = await ask([outpoint for outpoint, _ in given]) if given else None
        if said is not None and tip is not None and said[0] == tip.hash:
            found = payment_audit.at_node(given, said[1])
            checked += found.checked
            if found.fault:
                return Finding("coins are at the node", checked, found.fault)
        if len(given) < payment_audit.COINS:
            return Finding("coins are at the node", checked, "")
        after = tuple(given[-1][0])
