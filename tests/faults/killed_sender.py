"""Runs a follower and a sender until there is nothing to do, and kills itself where it was told to.

Arguments: the database's URL, the node's, the folder of the marker, and the point (see `POINTS`).
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.rpc import NodeError
from app.chain.sender import Sender
from app.chain.sent_marker import SentMarker
from app.chain.signer import Signer
from app.db.engine import open_engine
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from tests import scenario
from tests.statements import hear_all

POINTS: Final = (
    "before the signed transaction is stored",
    "before the commit that stores it",
    "after the commit that stores it",
    "before the marker is written",
    "after the marker is written",
    "before it is broadcast",
    "after it is broadcast",
    "before the commit that marks it",
    "after the commit that marks it",
)


def die() -> None:
    """End at once, as by a power cut: nothing is closed and nothing rolled back but by the database."""
    os.kill(os.getpid(), signal.SIGKILL)


class Point:
    """Where to die."""

    def __init__(self, name: str) -> None:
        if name not in POINTS:
            raise ValueError(name)
        self._name = name

    def __call__(self, name: str) -> None:
        if name == self._name:
            die()


class DeadlyNode(Node):
    """A node that is asked for the last time."""

    point: Point

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        self.point("before it is broadcast")
        said = await super().send(raws)
        self.point("after it is broadcast")
        return said


class DeadlyMarker(SentMarker):
    """A marker that is written for the last time."""

    point: Point

    def raise_to(self, number: int) -> None:
        self.point("before the marker is written")
        super().raise_to(number)
        self.point("after the marker is written")


def watch(engine: AsyncEngine, point: Point) -> None:
    """Die at the statements and commits that store and mark a transaction."""
    seen: dict[str, str] = {}

    def before(statement: str) -> None:
        if statement.startswith("INSERT INTO transactions"):
            point("before the signed transaction is stored")
            seen["now"] = "stores"
        if statement.startswith("UPDATE transactions") and "state" in statement.split("WHERE", maxsplit=1)[0]:
            seen["now"] = "marks"

    def commit(_: Any) -> None:
        if "now" in seen:
            point(f"before the commit that {seen['now']} it")

    hear_all(engine, before)
    sa.event.listen(engine.sync_engine, "commit", commit)


@asynccontextmanager
async def deadly(url: str, node_url: str, home: Path, point: Point) -> AsyncIterator[Sender]:
    engine = open_engine(url)
    watch(engine, point)
    marker = DeadlyMarker(home / "sent.json")
    marker.point = point

    def committed() -> None:
        point("after the commit that marks it")

    async with DeadlyNode(node_url) as node:
        node.point = point
        signer = Signer(REGTEST, Keyring(REGTEST, scenario.WORDS), marker)
        yield Sender(engine, node, signer, Lease(engine, "send", "one"), committed)
    await engine.dispose()


async def main(url: str, node_url: str, home: str, name: str) -> None:
    point = Point(name)
    async with deadly(url, node_url, Path(home), point) as sender:
        while await sender.step():
            point("after the commit that stores it")
    raise SystemExit("it lived")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
