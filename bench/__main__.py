"""`python -m bench [PART ...]`: measure, print each value beside its limit, and write bench/results.json."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from app import run
from app.db.embedded import server as postgres
from bench import (
    block_to_event,
    catch_up,
    catch_up_sending,
    cells,
    checkout,
    coins,
    deliveries,
    dogeconnect,
    figures,
    idle,
    invoices,
    lists,
    lone,
    metrics,
    notify,
    page,
    payments,
    programs,
    reads,
    reports,
    scale,
    sequencer,
    signing,
    start,
    strangers,
    takeover,
    transfers,
    workers,
)
from bench.figures import Figure
from bench.programs import Testbed

PARTS: Mapping[str, Callable[[Testbed], Awaitable[list[Figure]]]] = {
    "reads": reads.measure,
    "invoices": invoices.measure,
    "lone": lone.measure,
    "transfers": transfers.measure,
    "payments": payments.measure,
    "block_to_event": block_to_event.measure,
    "page": page.measure,
    "checkout": checkout.measure,
    "dogeconnect": dogeconnect.measure,
    "strangers": strangers.measure,
    "catch_up": catch_up.measure,
    "catch_up_sending": catch_up_sending.measure,
    "start": start.measure,
    "idle": idle.measure,
    "deliveries": deliveries.measure,
    "scale": scale.measure,
    "lists": lists.measure,
    "reports": reports.measure,
    "coins": coins.measure,
    "signing": signing.measure,
    "sequencer": sequencer.measure,
    "metrics": metrics.measure,
    "workers": workers.measure,
    "cells": cells.measure,
    "notify": notify.measure,
    "takeover": takeover.measure,
}

LARGE: Final = ("transfers", "scale", "lists", "cells")
"""The parts that fill tables with a million rows, or databases with several cells: much of their time goes by for that."""
GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "small": [name for name in PARTS if name not in LARGE],
    "large": LARGE,
}
"""Parts that are measured together, each group in about ten minutes at most."""


async def measure(testbed: Testbed, names: list[str], console: Console) -> list[Figure]:
    await testbed.prepare()
    run.collect_less()  # much of the program is measured in this process
    measured, all_began = [], time.monotonic()
    for name in names:
        began, load = time.monotonic(), os.getloadavg()[0]
        with console.status(f"{name} ..."):
            measured += await PARTS[name](testbed)
        console.print(
            f"{name}: {time.monotonic() - began:.0f} s, after a load of {load:.1f} on {os.cpu_count()} cores"
        )
    console.print(f"all: {(time.monotonic() - all_began) / 60:.1f} min")
    return measured


def main(arguments: list[str]) -> int:
    console = Console()
    named = [part for name in arguments or GROUPS for part in GROUPS.get(name, [name])]
    names = list(dict.fromkeys(named))
    if unknown := [name for name in names if name not in PARTS]:
        console.print(f"There is no part {unknown[0]}. The parts are {', '.join((*GROUPS, *PARTS))}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        Path(home).chmod(0o755)
        with (
            postgres.running(Path(home) / programs.SERVER) as server,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            measured = runner.run(measure(Testbed(Path(home), server), names, console))
    figures.keep(measured)
    figures.show(measured, console)
    return 0 if all(figure.met is not False for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
