"""Holds the books against each other, slice by slice, each slice one moment of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit_checks
from app.audit_checks import AtNode, Check, Keys, Part, Sources, Time
from app.db import sqlstate
from app.domain import audit, blocks
from app.domain.audit import Totals
from app.money import NOTHING, Koinu

__all__ = ["AtNode", "AuditReport", "Finding", "Keys", "Part", "run"]
"""What an audit is given is named here too."""

TOTALS: Final = "customers, coins and world agree"
WHOLE: Final = "`kennel audit` looks at all"
_CANCELED: Final = "57014"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to: `fault` names the first row that is wrong, `note` says what was not looked at, and why."""

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
    """All findings, with the totals at the tip's height; `owing` is by how much balances show more than there are coins."""

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None
    owing: Koinu = NOTHING

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the books."""
        return all(finding.ok for finding in self.findings)

    @property
    def solvent(self) -> bool:
        """Whether every balance has its coins."""
        return not self.owing


async def run(
    engine: AsyncEngine, ask: AtNode | None = None, part: Part | None = None, keys: Keys | None = None
) -> AuditReport:
    """Run every check; what commits meanwhile disturbs none, since each slice sees one moment.

    Without `ask` the coins are not looked for at the node, and without `keys` the accounts' keys are not held against the
    seed; with `part` no check reads all, and says so.
    """
    moments = engine.execution_options(isolation_level="REPEATABLE READ")
    sources = Sources(moments, Time(part), ask, keys)
    findings = [await _whole(check, sources, part) for check in audit_checks.of(sources)]
    async with moments.begin() as db:
        owing = await blocks.owing(db)
    totals, height = list[Totals](), None
    try:
        async with moments.begin() as db:
            await sources.left.limit(db)
            height = await audit.height(db)
            totals = await audit.totals(db)
    except exc.DBAPIError as error:
        findings.append(Finding(TOTALS, 0, "", _too_long(error)))
    else:
        findings.append(_compared(totals))
    return AuditReport(tuple(findings), tuple(totals), height, owing)


def _compared(totals: Sequence[Totals]) -> Finding:
    return Finding(TOTALS, len(totals), "; ".join(total.fault for total in totals if total.fault))


def _too_long(error: exc.DBAPIError) -> str:
    """Say that the time was over; any other trouble is the caller's."""
    if sqlstate(error) != _CANCELED:
        raise error
    return f"not looked at to the end, for the time was over: {WHOLE}"


async def _whole(check: Check, sources: Sources, part: Part | None) -> Finding:
    """Read slice after slice; of a part only two."""
    checked, after, notes, skipped = 0, tuple[Any, ...](), set[str](), False
    try:
        for number in count():
            found = await check.look(sources, after)
            checked += found.checked
            notes |= {found.note} - {""}
            if found.fault or found.next is None:
                break
            if part is not None and number == 1:
                break
            after = max(found.next, await check.start(sources.moments, part)) if part else found.next
            skipped = skipped or after != found.next
    except exc.DBAPIError as error:
        return Finding(check.name, checked, "", _too_long(error))
    if not found.fault and (skipped or found.next is not None):
        notes.add(f"only a part was looked at: {WHOLE}")
    return Finding(check.name, checked, found.fault, "; ".join(sorted(notes)))
