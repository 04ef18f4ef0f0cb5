"""How machines walk at random: the same way in every run of the tests, and for as long as asked where somebody soaks."""

import os
import random
import time
from collections.abc import Iterator
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
SEED = os.environ.get("SOAK_SEED")

SETTINGS: Final = settings(
    database=None,
    deadline=None,  # a step is as slow as the machine
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),  # walks are long and draw much: that is what they are for
    print_blob=True,
)


def walk(machine: type[RuleBasedStateMachine], terms: settings) -> None:
    """Walk as always, and then as often as asked; Hypothesis looks for the shortest way to a failure, and prints it."""
    run_state_machine_as_test(machine, settings=settings(terms, derandomize=True))
    for number in _seeds():
        print(f"make soak SEED={number}", flush=True)  # noqa: T201  whoever soaks wants to know
        run_state_machine_as_test(seed(number)(machine), settings=terms)


def _seeds() -> Iterator[int]:
    """The one that was asked for; or any, for as long as was asked."""
    if SEED:
        yield int(SEED)
        return
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield random.SystemRandom().randrange(2**32)
