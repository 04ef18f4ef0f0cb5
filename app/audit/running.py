"""Runs the audit of one ledger: compares its tables slice by slice; each slice sees one moment of the database."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import checks
from app.audit.checks import Check
from app.audit.report import AuditReport, Finding
from app.audit.sources import Deadline, DeriveXpubs, FetchCoins, Rest, Sample, Sources
from app.db import QUERY_CANCELED, sqlstate
from app.domain import audit, blocks
from app.domain.audit import Position, Totals

TOTALS: Final = "customers, coins and world agree"
ALL: Final = "`kennel audit` looks at all"


async def run(
    engine: AsyncEngine,
    fetch_coins: FetchCoins | None = None,
    sample: Sample | None = None,
    derive_xpubs: DeriveXpubs | None = None,
    rest: Rest | None = None,
    others: Sequence[AsyncEngine] = (),
) -> AuditReport:
    """Run every check; commits meanwhile disturb none, since each slice sees one moment.

    Without `fetch_coins` no coin is compared with the node, and without `derive_xpubs` no account's key with
    the seed. With `sample` each check reads a part, and says so. With `rest` it has time: a statement that takes too
    long for the connection is given up, and that is said too. What a cell owes `others` is looked for there.
    """
    snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
    deadline = Deadline(sample, keeps_limits=rest is not None)
    sources = Sources(snapshots, deadline, fetch_coins, derive_xpubs, rest, others)
    findings = [await _find(check, sources, sample) for check in checks.of(sources)]
    async with snapshots.begin() as db:
        shortfall = await blocks.shortfall(db)
    totals, height = list[Totals](), None
    try:
        async with snapshots.begin() as db:
            await sources.deadline.limit(db)
            height = await audit.height(db)
            totals = await audit.totals(db)
    except exc.DBAPIError as error:
        findings.append(Finding(TOTALS, 0, "", too_long(error)))
    else:
        findings.append(of_totals(TOTALS, totals))
    return AuditReport(tuple(findings), tuple(totals), height, shortfall)


def of_totals(name: str, totals: Sequence[Totals], more: Iterable[str] = ()) -> Finding:
    """Say what is wrong with the totals; `more` of it."""
    faults = [*(total.fault for total in totals if total.fault), *more]
    return Finding(name, len(totals), "; ".join(faults))


def too_long(error: exc.DBAPIError) -> str:
    """Say that the time was over; any other error is the caller's."""
    if sqlstate(error) != QUERY_CANCELED:
        raise error
    return f"not looked at to the end, for the time was over: {ALL}"


async def _find(check: Check, sources: Sources, sample: Sample | None) -> Finding:
    """Read slice after slice; of a sample only two."""
    checked, after, notes, skipped = 0, Position(), set[str](), False
    try:
        for number in count():
            part = await check.read(sources, after)
            checked += part.checked
            notes |= {part.note} - {""}
            if part.fault or part.next is None or (sample is not None and number == 1):
                break
            start = await check.start(sources.snapshots, sample) if sample else part.next
            after = max(part.next, start)
            skipped = skipped or after != part.next
    except exc.DBAPIError as error:
        return Finding(check.name, checked, "", too_long(error))
    if not part.fault and (skipped or part.next is not None):
        notes.add(f"only a part was looked at: {ALL}")
    return Finding(check.name, checked, part.fault, "; ".join(sorted(notes)))
