"""Dumps are restored again and again, and no payee is paid twice. `make soak SECONDS=600` walks longer."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.walk.ledgers import Prepared, prepared
from tests.walk.restore_machine import RestoreMachine

STEPS: Final = 40
WALKS: Final = 4
"""The first of them is the simplest that there is: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("restore_walk")) as state:
        yield state


def test_nobody_is_paid_twice_whatever_dump_is_restored(start: Prepared) -> None:
    class Walk(RestoreMachine):
        """Everything that may happen."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.restored >= 5
    assert Walk.behind >= 1
