"""Money goes any way it can, and the books agree after every step. `make soak SECONDS=600` walks on and on."""

import os
import random
import time
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.walk.blocks import Blocks
from tests.walk.coming import Coming
from tests.walk.going import Going
from tests.walk.ground import Prepared, prepared
from tests.walk.running import Running

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
SOAK_SEED = os.environ.get("SOAK_SEED")
STEPS: Final = 100
WALKS: Final = 4
"""The first of them is the simplest that there is: one rule again and again."""

SETTINGS: Final = settings(
    max_examples=WALKS,
    stateful_step_count=STEPS,
    database=None,
    deadline=None,  # a step is as slow as the machine
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),  # walks are long and draw much: that is what they are for
    print_blob=True,
)


class Walk(Coming, Going, Blocks, Running):
    """Everything that may happen."""


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("walk")) as found:
        yield found


def walk(start: Prepared, terms: settings, number: int | None = None) -> int:
    """Walk, and count the steps; Hypothesis looks for the shortest way to a failure, and prints it."""

    class Here(Walk):
        prepared = start

    run_state_machine_as_test(Here if number is None else seed(number)(Here), settings=terms)
    return Here.steps


def seeds() -> Iterator[int]:
    """The one that was asked for; or any, for as long as was asked."""
    if SOAK_SEED:
        yield int(SOAK_SEED)
        return
    end = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < end:
        yield random.SystemRandom().randrange(2**32)


def test_the_books_agree_wherever_money_goes(start: Prepared) -> None:
    steps = walk(start, settings(SETTINGS, derandomize=True))

    assert steps >= 300
    for number in seeds():
        print(f"make soak SEED={number}", flush=True)  # noqa: T201  whoever soaks wants to know
        walk(start, SETTINGS, number)
