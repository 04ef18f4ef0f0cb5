"""What `audit` does: it checks the books, and shows what it has found as tables."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import configured_node, money
from app.audit import AuditReport, DeriveXpubs, over_cells
from app.cells import CellMap
from app.cli.command import on_cells, started
from app.cli.seed import seed_file
from app.config.settings import Settings
from app.db.database import Database
from app.domain.audit import Totals
from app.workers import questions

WIDTH = 160
"""The width where the output is no terminal: a sentence that names a row stays on one line."""
_SUMS: Final = ("customers", "clawback", "coins", "in_transit", "cold", "treasury", "difference")


def audit() -> None:
    """Check the books; end the program with 1 if they are wrong, with 2 if only coins lack."""
    with started(beside=True) as (settings, database):
        report = asyncio.run(_audit(settings, database))
    show(report)
    sys.exit(exit_code(report))


async def _audit(settings: Settings, database: Database) -> AuditReport:
    keys = _keys(settings)
    async with configured_node.beside(settings) as node:
        coins = questions.coins_of(node)
        return await on_cells(database, lambda cells: over_cells.run(cells, coins, derive_xpubs=keys))


def _keys(settings: Settings) -> DeriveXpubs | None:
    """Return what derives accounts' keys, where the seed is here and can be opened."""
    file = seed_file(settings)
    if not file.path.exists() or (settings.seed_passphrase is None and settings.network != "regtest"):
        return None
    return file.open(settings.seed_passphrase or "").xpubs


def show(report: AuditReport) -> None:
    """Print each check with its first wrong row, or what it did not look at; then the sums of each asset.

    Those of several cells follow those of all of them, with what each owes the others.
    """
    console = Console(soft_wrap=True) if Console().is_terminal else Console(width=WIDTH)
    checks = Table("check", "rows", "", "what is wrong, or was not looked at")
    for finding in report.findings:
        verdict = Text("ok", "green") if finding.ok else Text("WRONG", "bold red")
        checks.add_row(finding.name, f"{finding.checked:,}", verdict, Text(finding.detail))
    console.print(checks, _sums_of_cells(report) if report.cells else _sums(report))
    if report.shortfall:
        owing = f"NOT SOLVENT: balances show {money.show(report.shortfall)} DOGE more than there are coins."
        console.print(Text(owing, "bold red"))


def _sums(report: AuditReport) -> Table:
    sums = Table("asset", *(name.replace("_", " ") for name in _SUMS))
    for total in report.totals:
        sums.add_row(Text(total.asset), *map(total.shown, _SUMS))
    return sums


def _sums_of_cells(report: AuditReport) -> Table:
    names = (*_SUMS, "clearing")
    sums = Table("cell", "asset", *(name.replace("_", " ") for name in names))
    for cell, total in _by_cell(report):
        sums.add_row(cell, Text(total.asset), *map(total.shown, names))
    return sums


def _by_cell(report: AuditReport) -> Iterator[tuple[str, Totals]]:
    yield from (("all", total) for total in report.totals)
    for cell, of_cell in zip(CellMap(len(report.cells)), report.cells, strict=True):
        yield from ((cell.schema, total) for total in of_cell.totals)


def exit_code(report: AuditReport) -> int:
    """Return 1 where the books are wrong, else 2 where coins lack for the balances."""
    if not report.ok:
        return 1
    return 2 if report.shortfall else 0
