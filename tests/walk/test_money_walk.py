"""Money goes any way it can, and the books agree after every step. `make soak SECONDS=600` walks on and on."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.walk.blocks import Blocks
from tests.walk.coming import Coming
from tests.walk.going import Going
from tests.walk.machine import Prepared, prepared
from tests.walk.running import Running

STEPS: Final = 100
WALKS: Final = 4
"""The first of them is the simplest that there is: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("walk")) as found:
        yield found


def test_the_books_agree_wherever_money_goes(start: Prepared) -> None:
    class Walk(Coming, Going, Blocks, Running):
        """Everything that may happen."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.steps >= 300
