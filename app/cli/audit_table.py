"""An audit as a table on standard output."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from app import money
from app.audit import AuditReport
from app.cells import CellMap
from app.domain.audit import Totals

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 160
"""The width where the output is no terminal: a sentence that names a row stays on one line."""
_SUMS: Final = ("customers", "clawback", "coins", "in_transit", "cold", "treasury", "difference")


def show(report: AuditReport) -> None:
    """Print each check with its first wrong row, or what it did not look at; then the sums of each asset.

    Those of several cells follow those of all of them, with what each owes the others.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=True) if Console().is_terminal else Console(width=WIDTH)
    checks = Table("check", "rows", "", "what is wrong, or was not looked at")
    for finding in report.findings:
        verdict = Text("ok", "green") if finding.ok else Text("WRONG", "bold red")
        checks.add_row(finding.name, f"{finding.checked:,}", verdict, Text(finding.detail))
    console.print(checks, _sums_of_cells(report) if report.cells else _sums(report))
    if report.shortfall:
        owing = f"NOT SOLVENT: balances show {money.show(report.shortfall)} DOGE more than there are coins."
        console.print(Text(owing, "bold red"))


def _sums(report: AuditReport) -> "Table":
    from rich.table import Table
    from rich.text import Text

    sums = Table("asset", *(name.replace("_", " ") for name in _SUMS))
    for total in report.totals:
        sums.add_row(Text(total.asset), *map(total.shown, _SUMS))
    return sums


def _sums_of_cells(report: AuditReport) -> "Table":
    from rich.table import Table
    from rich.text import Text

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
