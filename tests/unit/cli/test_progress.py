"""Progress is shown as bars on a terminal, and as lines elsewhere."""

import io
from collections.abc import Callable, Iterator

from rich.console import Console

from app.cli import progress


def ticking(*seconds: float) -> Callable[[], float]:
    times: Iterator[float] = iter(seconds)
    return lambda: next(times)


def test_without_a_terminal_a_line_tells_the_beginning_then_every_ten_seconds_and_the_end() -> None:
    output = io.StringIO()
    with progress.shown(Console(file=output), ticking(0, 1, 11, 12, 20, 21)) as advance:
        for done in (0, 100, 1_100, 1_200, 2_000):
            advance("Reading", done, 2_000)
        advance("Writing", 1, 3)

    assert output.getvalue().splitlines() == [
        "Reading: 0 of 2,000",
        "Reading: 1,100 of 2,000, 100/s, 0:00:09 left",
        "Reading: 2,000 of 2,000, 100/s",
        "Writing: 1 of 3",
    ]


def test_on_a_terminal_there_is_a_bar_a_stage_with_its_rate() -> None:
    output = io.StringIO()
    with progress.shown(Console(file=output, force_terminal=True, width=120)) as advance:
        for done in range(0, 2_001, 500):
            advance("Reading", done, 2_000)
        advance("Writing", 1, 3)

    last = output.getvalue().split("Reading")[-1]
    assert "2,000 of 2,000" in last
    assert "/s" in last
    assert "Writing" in last
