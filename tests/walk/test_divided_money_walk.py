"""The money walk over four cells, with money that goes from cell to cell: their ledgers together are that of one."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from hypothesis import settings
from hypothesis.stateful import initialize

from tests import soak
from tests.walk.block_rules import BlockRules
from tests.walk.deposit_rules import DepositRules
from tests.walk.ledgers import Prepared, prepared
from tests.walk.payment_rules import PaymentRules
from tests.walk.program_rules import ProgramRules

STEPS: Final = 60
WALKS: Final = 2
"""Few: the model and all rules are those of the walk with one cell."""
CELLS: Final = 4


@pytest.fixture(scope="module")
def start(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepared(server, tmp_path_factory.mktemp("walk"), CELLS) as state:
        yield state


def test_the_books_of_all_cells_agree_wherever_money_goes(
    start: Prepared, record_property: Callable[[str, object], None]
) -> None:
    class Walk(DepositRules, PaymentRules, BlockRules, ProgramRules):
        """Everything that may happen, after money has crossed and somebody pays more than the coins of its cell."""

        prepared = start

        @initialize()
        def begin(self) -> None:
            super().begin()
            self.run(self._transfer("shop", "other", 1))
            self.run(self._pay([("other", "48"), ("other", "48")]), "send and mine")

    soak.walk(Walk, settings(soak.SETTINGS, max_examples=WALKS, stateful_step_count=STEPS))

    record_property(
        "worth", f"{Walk.steps} steps over four cells, coins handed over {Walk.handed_over} times"
    )
    assert Walk.steps >= 50
    assert Walk.handed_over >= 1
