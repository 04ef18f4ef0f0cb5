"""The ledger agrees with a short reference, whatever accounts do. `make soak` walks longer."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.ledger_walk.hold_rules import HoldRules
from tests.ledger_walk.machine import Prepared, prepared
from tests.ledger_walk.transfer_rules import TransferRules

STEPS: Final = 40
WALKS: Final = 10
"""The first walk is the simplest one: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str) -> Iterator[Prepared]:
    with prepared(server) as database:
        yield database


def test_six_invariants_hold_whatever_the_ledger_is_asked_to_do(start: Prepared) -> None:
    class Walk(TransferRules, HoldRules):
        """All rules."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.steps >= 150
    assert all(made for _, made in Walk.counts.values()), Walk.counts
