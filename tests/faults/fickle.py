"""A receiver of webhooks that fails, hangs and dies at random, and remembers what it was sent and what it answered."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.unit.events import receiver
from tests.unit.events.receiver import Behaviour, Receiver, Request


def well(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(receiver.OK)


WHIMS: Final[dict[Behaviour, int]] = {
    well: 9_600,
    receiver.status(500): 100,
    receiver.status(503, "Retry-After: 1"): 50,
    receiver.status(302): 50,
    receiver.reset: 100,
    receiver.cut_off: 98,
    receiver.silent: 2,
}
"""How it behaves, and how often."""


class Post(NamedTuple):
    """What it was sent, in which of its lives, and whether it took it."""

    life: int
    name: str
    body: bytes
    taken: bool


@dataclass(slots=True)
class Fickle:
    """It keeps its port. A life ends with its connections: whether the last answers were heard nobody knows."""

    port: int
    chance: random.Random
    calm: bool = False
    life: int = 0
    posts: list[Post] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def die(self) -> None:
        """Go, and come back after a while."""
        await self.down()
        await asyncio.sleep(self.chance.uniform(0.1, 1.0))  # the moment is the test's input
        await self.up()

    async def down(self) -> None:
        """Take no connection, and cut those that there are."""
        if self._server is not None:
            self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Begin another life: nothing that was sent in this one is answered any more."""
        ending, self._serving = self._serving, set()
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self.life += 1

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = Receiver(always={"/hook": self._behave})
        task = asyncio.create_task(one.serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # A task that is cancelled before its first step closes nothing itself.
        task.add_done_callback(lambda _: writer.close())

    def _behave(self, request: Request, writer: asyncio.StreamWriter) -> Any:
        [behave] = [well] if self.calm else self.chance.choices(list(WHIMS), list(WHIMS.values()))
        name = request.headers["webhook-id"]
        self.posts.append(Post(self.life, name, request.body, behave is well))
        if behave is well:
            self.taken.add(name)
        return behave(request, writer)
