"""An audit as a table on standard output."""

from app import money
from app.audit import AuditReport

WIDTH = 160
"""The width where the output is no terminal: a sentence that names a row stays on one line."""


def show(report: AuditReport) -> None:
    """Print each check with its first wrong row, or what it did not look at; then the sums of each asset."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=True) if Console().is_terminal else Console(width=WIDTH)
    checks = Table("check", "rows", "", "what is wrong, or was not looked at")
    for finding in report.findings:
        verdict = Text("ok", "green") if finding.ok else Text("WRONG", "bold red")
        checks.add_row(finding.name, f"{finding.checked:,}", verdict, Text(finding.detail))
    sums = Table("asset", "customers", "clawback", "coins", "in transit", "cold", "treasury", "difference")
    for total in report.totals:
        names = ("customers", "clawback", "coins", "in_transit", "cold", "treasury", "difference")
        sums.add_row(Text(total.asset), *map(total.shown, names))
    console.print(checks, sums)
    if report.shortfall:
        owing = f"NOT SOLVENT: balances show {money.show(report.shortfall)} DOGE more than there are coins."
        console.print(Text(owing, "bold red"))


def exit_code(report: AuditReport) -> int:
    """Return 1 where the books are wrong, else 2 where coins lack for the balances."""
    if not report.ok:
        return 1
    return 2 if report.shortfall else 0
