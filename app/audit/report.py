"""What an audit has found."""

from dataclasses import dataclass

from app.domain.audit import Totals
from app.money import NOTHING, Koinu


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
    """All findings, and the totals at the tip's height; balances exceed the coins by `shortfall`.

    Of an installation of several cells `cells` has the report of each, and the rest is about all of them together; the
    height is that of the cell which is behind the others.
    """

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None
    shortfall: Koinu = NOTHING
    cells: tuple["AuditReport", ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the ledger."""
        return all(finding.ok for finding in self.findings)

    @property
    def solvent(self) -> bool:
        """Whether every balance has its coins."""
        return not self.shortfall
