"""A figure: a measured value beside its limit, and whether it is good enough."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Column, Table

RESULTS = Path(__file__).parent / "results.json"
WIDEST = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its limit in `unit`; `goal` is the least ratio of the two, or the greatest with `at_most`.

    In rounds that measured value and limit side by side, `paired` is the median of their ratios, which
    suffers less from a machine that is slow now and then; `noise` is the range of the ratios as a part of it.
    """

    name: str
    unit: str
    value: float
    limit: float | None = None
    goal: float | None = None
    at_most: bool = False
    paired: float | None = None
    noise: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a part of the limit."""
        if self.paired is not None:
            return self.paired
        return self.value / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.ratio is None or self.goal is None:
            return None
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal


@dataclass(frozen=True, slots=True)
class Terms:
    """The name, unit and goal of a figure of rounds."""

    name: str
    unit: str
    goal: float | None = None
    at_most: bool = False


def of_rounds(terms: Terms, values: Sequence[float], limits: Sequence[float]) -> Figure:
    """Make a figure of the medians of rounds in which value and limit were measured in turn."""
    ratios = sorted(value / limit for value, limit in zip(values, limits, strict=True))
    paired = median(ratios)
    noise = (ratios[-1] - ratios[0]) / paired
    return Figure(
        terms.name, terms.unit, median(values), median(limits), terms.goal, terms.at_most, paired, noise
    )


def keep(figures: Sequence[Figure]) -> None:
    """Write the figures into bench/results.json, beside those of other names that are there."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(
        json.dumps({**results, **{figure.name: _result(figure) for figure in figures}}, indent=2) + "\n"
    )


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the figures as a table, whole even where the terminal's width is not known."""
    names = ("name", "value", "limit", "unit", "ratio", "goal", "met", "noise")
    table = Table(*(Column(name, no_wrap=True) for name in names))
    for figure in figures:
        goal = "" if figure.goal is None else f"{'<=' if figure.at_most else '>='} {figure.goal}"
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        noise = "" if figure.noise is None else f"{figure.noise:.0%}"
        table.add_row(
            figure.name,
            _short(figure.value),
            _short(figure.limit),
            figure.unit,
            _short(figure.ratio),
            goal,
            met,
            noise,
        )
    width = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    console.width = max(console.width, width)
    console.print(table)


def _short(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _result(figure: Figure) -> Mapping[str, float | None]:
    return {
        "value": _rounded(figure.value),
        "limit": _rounded(figure.limit),
        "ratio": _rounded(figure.ratio),
        "goal": figure.goal,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
