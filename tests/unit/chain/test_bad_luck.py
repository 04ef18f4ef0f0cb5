"""Bad luck around money: a disk that is full, a node that talks nonsense or not at all, and one that has forgotten blocks."""

import errno
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.high_water import HighWater, NotRemembered
from app.chain.seed_file import SeedFile, SeedFileNotWritten
from app.chain.seed_record import Cost
from app.domain.networks import REGTEST
from app.roles import CHAIN_TROUBLE, DATABASE_TROUBLE
from tests import till as tills
from tests.till import Till

FULL = os.strerror(errno.EFBIG)
"""What a file says that may not grow; a full disk says the same in other words."""


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Till]:
    async with tills.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond its first byte."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, before)


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_what_cannot_be_remembered_is_not_sent_and_goes_out_when_there_is_room(till: Till) -> None:
    await till.fund("shop", 100)
    await till.send()
    before = files(till.home)
    first = await till.pay(tills.NOWHERE, 10)
    assert await till.sender.step()
    second = await till.pay(tills.NOWHERE, 20)

    with full_disk():
        for _ in range(3):
            with pytest.raises(
                NotRemembered, match=r"nothing is sent, because .*sent.json cannot be written"
            ) as raised:
                await till.sender.step()

    assert FULL in str(raised.value)
    assert isinstance(raised.value, CHAIN_TROUBLE)
    assert await till.states(first, second) == ["PROCESSING", "PENDING"]
    assert await till.mempool() == []
    assert files(till.home) == before
    await till.send()
    assert await till.states(first, second) == ["BROADCAST", "BROADCAST"]
    assert HighWater(till.home / "sent.json").highest == 2


def test_a_seed_file_that_cannot_be_written_says_so_and_stays_as_it_was(tmp_path: Path) -> None:
    file = SeedFile(tmp_path / "seed.json", REGTEST, Cost(1 << 14, 1))
    with full_disk(), pytest.raises(SeedFileNotWritten, match=FULL) as raised:
        file.create("")
    assert isinstance(raised.value, DATABASE_TROUBLE)
    assert not file.path.exists()
    file.create("")
    before = file.path.read_bytes()

    with full_disk(), pytest.raises(SeedFileNotWritten, match=r"The seed file .* cannot be written"):
        file.raise_highest(7)

    assert file.path.read_bytes() == before
    file.raise_highest(7)
    assert file.read().highest_account == 7
