"""The audit: compares the ledger's tables slice by slice; each slice sees one moment of the database."""

from dataclasses import dataclass
from itertools import count
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit_checks
from app.audit_checks import Check, Deadline, DeriveXpubs, FetchCoins, Sample, Sources
from app.db import QUERY_CANCELED, sqlstate
from app.domain import audit, blocks
from app.domain.audit import Position, Totals
from app.money import NOTHING, Koinu

TOTALS: Final = "customers, coins and world agree"
ALL: Final = "`kennel audit` looks at all"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's result: `fault` names the first row that is wrong, `note` says what was left out, and why."""

    name: str
    checked: int
    fault: str
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault

    @property
    def detail(self) -> str:
        """The fault, else the note."""
        return self.fault or self.note


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings, and the totals at the tip's height; balances exceed the coins by `shortfall`."""

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None
    shortfall: Koinu = NOTHING

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the ledger."""
        return all(finding.ok for finding in self.findings)

    @property
    def solvent(self) -> bool:
        """Whether every balance has its coins."""
        return not self.shortfall


async def run(
    engine: AsyncEngine,
    fetch_coins: FetchCoins | None = None,
    sample: Sample | None = None,
    derive_xpubs: DeriveXpubs | None = None,
) -> AuditReport:
    """Run every check; commits meanwhile disturb none, since each slice sees one moment.

    Without `fetch_coins` no coin is compared with the node, and without `derive_xpubs` no account's key with
    the seed. With `sample` each check reads a part, and says so.
    """
    snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
    sources = Sources(snapshots, Deadline(sample), fetch_coins, derive_xpubs)
    findings = [await _find(check, sources, sample) for check in audit_checks.of(sources)]
    async with snapshots.begin() as db:
        shortfall = await blocks.shortfall(db)
    totals, height = list[Totals](), None
    try:
        async with snapshots.begin() as db:
            await sources.deadline.limit(db)
            height = await audit.height(db)
            totals = await audit.totals(db)
    except exc.DBAPIError as error:
        findings.append(Finding(TOTALS, 0, "", _too_long(error)))
    else:
        faults = "; ".join(total.fault for total in totals if total.fault)
        findings.append(Finding(TOTALS, len(totals), faults))
    return AuditReport(tuple(findings), tuple(totals), height, shortfall)


def _too_long(error: exc.DBAPIError) -> str:
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
        return Finding(check.name, checked, "", _too_long(error))
    if not part.fault and (skipped or part.next is not None):
        notes.add(f"only a part was looked at: {ALL}")
    return Finding(check.name, checked, part.fault, "; ".join(sorted(notes)))
