"""Random walks of state machines: the same in every run of the tests, and new ones for SOAK_SECONDS."""

import asyncio
import os
import random
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
SEED = os.environ.get("SOAK_SEED")

SETTINGS: Final = settings(
    database=None,
    deadline=None,  # a step is as slow as the machine
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),  # walks are long and draw much on purpose
    print_blob=True,
)

Result = TypeVar("Result")


class AsyncMachine(RuleBasedStateMachine):
    """A machine whose rules run coroutines. Once one has failed, the end of the walk checks nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.failed = False

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine; an error marks the walk as failed."""
        self.failed, before = True, self.failed
        result = self.runner.run(coroutine)
        self.failed = before
        return result

    def teardown(self) -> None:
        """Check the end, unless the walk failed; close everything in any case."""
        try:
            if not self.failed:
                self.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    async def _end(self) -> None:
        raise NotImplementedError


def walk(machine: type[RuleBasedStateMachine], terms: settings) -> None:
    """Walk the fixed way, then the random ones; Hypothesis prints the shortest way to a failure."""
    run_state_machine_as_test(machine, settings=settings(terms, derandomize=True))
    for number in _seeds():
        print(f"make soak SEED={number}", flush=True)  # noqa: T201  the seed repeats the walk
        run_state_machine_as_test(seed(number)(machine), settings=terms)


def _seeds() -> Iterator[int]:
    """Yield SOAK_SEED; or random seeds for SOAK_SECONDS."""
    if SEED:
        yield int(SEED)
        return
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield random.SystemRandom().randrange(2**32)
