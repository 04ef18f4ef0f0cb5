"""Over four cells the ledger agrees with the same short reference, and the halves of each crossing cancel."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.ledger_walk.divided import DividedWalk, prepared
from tests.ledger_walk.machine import Prepared

STEPS: Final = 40
WALKS: Final = 6


@pytest.fixture(scope="module")
def start(server: str) -> Iterator[Prepared]:
    with prepared(server) as database:
        yield database


def test_the_ledger_of_four_cells_is_that_of_one(start: Prepared) -> None:
    class Walk(DividedWalk):
        """All rules."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.steps >= 100
