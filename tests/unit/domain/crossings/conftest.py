from collections.abc import AsyncIterator

import pytest

from tests import crossing_town
from tests.cells import MakeCells
from tests.crossing_town import Town


@pytest.fixture
async def town(cells: MakeCells) -> AsyncIterator[Town]:
    """Three cells."""
    async with crossing_town.built(await cells(3)) as town:
        yield town
