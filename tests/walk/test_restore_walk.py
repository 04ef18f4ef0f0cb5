"""Dumps are restored, one after the other and again: nobody is paid twice. `make soak SECONDS=600` walks on and on."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.walk.machine import Prepared, prepared
from tests.walk.restoring import Restoring

STEPS: Final = 40
WALKS: Final = 4
"""The first of them is the simplest that there is: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("restore_walk")) as found:
        yield found


def test_nobody_is_paid_twice_whatever_dump_is_restored(start: Prepared) -> None:
    class Walk(Restoring):
        """Everything that may happen."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.restored >= 5
    assert Walk.behind >= 1
