"""The progress of a long work: a bar with rate and time left on a terminal, else a line from time to time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS: Final = 10.0

Advance = Callable[[str, int, int], None]
"""Called with the name of the stage, how much of it is done, and how much there is."""


@contextmanager
def shown(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[Advance]:
    """Yield the function to call with the progress."""
    if not console.is_terminal:
        yield _Lines(console, clock).advance
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        yield _Bars(bars).advance


class _Rate(ProgressColumn):
    """The rate a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


class _Bars:
    """One bar a stage, in the order in which they begin."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def advance(self, stage: str, done: int, total: int) -> None:
        """Move the stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)


class _Lines:
    """A line where a stage begins, every ten seconds, and where it ends."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._stage = ""
        self._start = (0.0, 0)
        self._printed_at = 0.0

    def advance(self, stage: str, done: int, total: int) -> None:
        """Print the line if it is time."""
        now = self._clock()
        begins = stage != self._stage
        if begins:
            self._stage, self._start = stage, (now, done)
        if begins or done >= total or now - self._printed_at >= LINE_SECONDS:
            self._printed_at = now
            self._console.print(f"{stage}: {done:,} of {total:,}{self._pace(now, done, total)}")

    def _pace(self, now: float, done: int, total: int) -> str:
        started_at, first = self._start
        if now <= started_at or done <= first:
            return ""
        rate = (done - first) / (now - started_at)
        remaining = f", {timedelta(seconds=round((total - done) / rate))} left" if done < total else ""
        return f", {rate:,.0f}/s{remaining}"
