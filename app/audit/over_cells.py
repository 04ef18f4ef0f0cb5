"""Runs the audit of an installation: each of its cells, then at one moment what they have together."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import groupby
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import running
from app.audit.report import AuditReport, Finding
from app.audit.sources import Deadline, DeriveXpubs, FetchCoins, Rest, Sample
from app.cells import CellMap
from app.db.all_cells import AllCells
from app.domain import audit
from app.domain.audit import Totals
from app.money import Koinu

TOGETHER: Final = "all cells together agree"
LOOKS: Final = 3
"""How often sums that are wrong are looked at: only on one server do all cells have the same moment."""
PAUSE_SECONDS: Final = 1.0
_SUMS: Final = tuple(field.name for field in fields(Totals) if field.name not in ("asset", "decimals"))


async def run(
    cells: AllCells,
    fetch_coins: FetchCoins | None = None,
    sample: Sample | None = None,
    derive_xpubs: DeriveXpubs | None = None,
    rest: Rest | None = None,
) -> AuditReport:
    """Run every check in every cell, as `running.run` does in one; all of a sample's time together is `sample.seconds`.

    A sample is of all cells at once: one after the other, each would have a part of the time only. Whatever one cell
    owes another cancels: each half of a crossing is looked for in all others, and clearing sums to zero over all.
    """
    if len(cells) == 1:
        return await running.run(cells.engines[0], fetch_coins, sample, derive_xpubs, rest)
    half = sample and replace(sample, seconds=sample.seconds / 2)

    async def of_one(engine: AsyncEngine) -> AuditReport:
        others = [other for other in cells.engines if other is not engine]
        return await running.run(engine, fetch_coins, half, derive_xpubs, rest, others)

    if half:
        reports = await asyncio.gather(*map(of_one, cells.engines))
    else:
        reports = [await of_one(engine) for engine in cells.engines]
    totals, finding = await sums(cells, Deadline(half, keeps_limits=rest is not None))
    return together(reports, totals, finding)


async def of_cell(
    cells: AllCells, cell: int, fetch_coins: FetchCoins | None = None, rest: Rest | None = None
) -> AuditReport:
    """Run every check in one cell. With several, that of the first looks at the sums over all of them too."""
    others = [engine for number, engine in enumerate(cells.engines) if number != cell]
    report = await running.run(cells.engines[cell], fetch_coins, rest=rest, others=others)
    if cell or not others:
        return report
    _, finding = await sums(cells, Deadline(None, keeps_limits=rest is not None))
    return replace(report, findings=(*report.findings, finding))


def together(reports: Sequence[AuditReport], totals: Sequence[Totals], of_sums: Finding) -> AuditReport:
    """Make one report of those of all cells, and of their sums at one moment.

    Balances exceed the coins by what the cells lack, each for itself: what another has too much belongs to somebody.
    """
    merged = [_merged(findings) for findings in zip(*(report.findings for report in reports), strict=True)]
    heights = [report.height for report in reports if report.height is not None]
    return AuditReport(
        (*merged, of_sums),
        tuple(totals),
        min(heights) if len(heights) == len(reports) else None,
        Koinu(sum(report.shortfall for report in reports)),
        tuple(reports),
    )


def _merged(findings: Sequence[Finding]) -> Finding:
    """Make one finding of those of all cells; a fault names its cell."""
    every = zip(CellMap(len(findings)), findings, strict=True)
    faults = [f"{cell.schema}: {finding.fault}" for cell, finding in every if finding.fault]
    notes = sorted({finding.note for finding in findings} - {""})
    checked = sum(finding.checked for finding in findings)
    return Finding(findings[0].name, checked, "; ".join(faults), "; ".join(notes))


async def sums(cells: AllCells, deadline: Deadline) -> tuple[list[Totals], Finding]:
    """Return what all cells have together of each asset, and what is wrong with that."""
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(PAUSE_SECONDS)
        try:
            totals = await _totals(cells, deadline)
        except exc.DBAPIError as error:
            return [], Finding(TOGETHER, 0, "", running.too_long(error))
        owed = [
            f"{total.asset}: cells owe one another {total.clearing}" for total in totals if total.clearing
        ]
        if (finding := running.of_totals(TOGETHER, totals, owed)).ok:
            break
    return totals, finding


async def _totals(cells: AllCells, deadline: Deadline) -> list[Totals]:
    every: list[Totals] = []
    async with cells.moment() as db:
        await deadline.limit(db)
        for cell in range(len(cells)):
            await cells.enter(db, cell)
            every += await audit.totals(db)
    return [_sum(group) for _, group in groupby(sorted(every, key=_asset), key=_asset)]


def _asset(totals: Totals) -> str:
    return totals.asset


def _sum(group: Iterable[Totals]) -> Totals:
    every = list(group)
    return replace(every[0], **{name: sum(getattr(totals, name) for totals in every) for name in _SUMS})
