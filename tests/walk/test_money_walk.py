"""Money goes any way it can, and the ledger stays right. `make soak SECONDS=600` walks longer."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import settings

from tests import soak
from tests.walk.block_rules import BlockRules
from tests.walk.deposit_rules import DepositRules
from tests.walk.ledgers import Prepared, prepared
from tests.walk.payment_rules import PaymentRules
from tests.walk.program_rules import ProgramRules

STEPS: Final = 100
WALKS: Final = 4
"""The first of them is the simplest that there is: one rule again and again."""


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("walk")) as state:
        yield state


def test_the_books_agree_wherever_money_goes(start: Prepared) -> None:
    class Walk(DepositRules, PaymentRules, BlockRules, ProgramRules):
        """Everything that may happen."""

        prepared = start

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    assert Walk.steps >= 300
