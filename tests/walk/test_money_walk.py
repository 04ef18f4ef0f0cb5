"""Money goes any way it can, and the books agree after every step. `make soak SECONDS=600` walks on and on."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from app import db
from tests import till as tills
from tests.conftest import cloned
from tests.walk.walk import Walk

SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
STEPS = 100


async def take(server: str, home: Path, seed: int, steps: int) -> None:
    """Walk; where it fails, say how it came there."""
    async with cloned(server) as url:
        engine = db.engine(url, connections=20)
        try:
            async with tills.opened(engine, home) as till:
                walk = Walk(till, seed)
                try:
                    await walk.begin()
                    for _ in range(steps):
                        await walk.step()
                    await walk.end()
                except BaseException as error:
                    story = "\n".join(f"{number}: {what}" for number, what in enumerate(walk.done))
                    error.add_note(f"seed {seed}\n{story}")
                    raise
        finally:
            await engine.dispose()


def seeds() -> Iterator[int]:
    """The same three each time; or any, for as long as was asked."""
    yield from (1, 2, 3)
    end = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < end:
        yield random.SystemRandom().randrange(2**32)


async def test_the_books_agree_wherever_money_goes(server: str, tmp_path: Path) -> None:
    for seed in seeds():
        print(f"seed {seed}", flush=True)  # noqa: T201  whoever soaks wants to know
        home = tmp_path / str(seed)
        home.mkdir()
        await take(server, home, seed, STEPS)
