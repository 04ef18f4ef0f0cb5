"""Whatever accounts do with their money, the ledger says what a reference of a few lines does. `make soak` walks on."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.ledger_walk.keeping import Keeping
from tests.ledger_walk.machine import Prepared, prepared
from tests.ledger_walk.moving import Moving

STEPS: Final = 40
WALKS: Final = 10
"""The first of them is the simplest that there is: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str) -> Iterator[Prepared]:
    with prepared(server) as found:
        yield found


def test_six_truths_hold_whatever_is_asked_of_the_ledger(start: Prepared) -> None:
    class Walk(Moving, Keeping):
        """Everything that may be asked."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.steps >= 150
    assert all(made for _, made in Walk.done.values()), Walk.done
