"""The program as it walks, killed anywhere: follower, sender and clocks on a wire that fails them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.abandoned_payments import AbandonedPayments
from app.chain.follower import Follower
from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.rpc import NodeAway, NodeError, NodeTrouble
from app.chain.sender import Sender
from app.chain.sent_marker import SentMarker
from app.chain.signer import Signer
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from app.workers.clocks import Payouts
from tests import scenario
from tests.chain_harness import RULES, ChainHarness

MOODS: Final = ("away", "refuses", "unsure", "safe mode", "answer lost")


class Killed(Exception):
    """The program was killed here: nothing is closed, and nothing rolled back but by the database."""


class Fate:
    """Counts what the program does, statements, commits and calls, and kills it at one of them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.left: int | None = None
        sa.event.listen(engine.sync_engine, "before_cursor_execute", self._strike)
        sa.event.listen(engine.sync_engine, "commit", self._strike)

    def _strike(self, *_: Any) -> None:
        self.strike()

    def strike(self) -> None:
        """Die, if it is time."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Killed


class Wire(Node):
    """The program's way to the node. In a bad mood it fails; what it carries may be the last."""

    fate: Fate
    mood = ""

    async def call(self, method: str, *params: Any) -> Any:
        self.fate.strike()
        if self.mood == "away":
            raise NodeAway("The node is away.")
        answer = await super().call(method, *params)
        self.fate.strike()
        return answer

    async def batch(self, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        self.fate.strike()
        if self.mood == "away":
            raise NodeAway("The node is away.")
        answers = await super().batch(calls)
        self.fate.strike()
        return answers

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        match self.mood:
            case "refuses":
                return [NodeError(-26, "66: mempool min fee not met") for _ in raws]
            case "unsure":
                return [NodeError(-25, "Missing inputs") for _ in raws]
            case "safe mode":
                return [NodeError(-2, "Safe mode: warning") for _ in raws]
        said = await super().send(raws)
        if self.mood == "answer lost":
            raise NodeAway("The node went away before it answered.")
        return said


class Program:
    """One process. What it leaves in the database, in its home and at the node is all that the next one knows."""

    def __init__(self, harness: ChainHarness, wire: Wire) -> None:
        self.wire = wire
        signer = Signer(REGTEST, Keyring(REGTEST, scenario.WORDS), SentMarker(harness.home / "sent.json"))
        engine, told = harness.engine, harness.committed
        self.follower = Follower(engine, wire, RULES, _lease(engine, "follow"), told)
        self.sender = Sender(engine, wire, signer, _lease(engine, "send"), told)
        self.abandoned = AbandonedPayments(engine, wire, told)
        self.payouts = Payouts(engine, REGTEST, told)

    async def over(self, mood: str, steps: int, step: Callable[[], Awaitable[bool]]) -> bool:
        """Take up to so many steps on a wire of that mood, until there is nothing to do; False if it failed them."""
        self.wire.mood = mood
        try:
            for _ in range(steps):
                if not await step():
                    break
        except (NodeTrouble, NodeError):
            return False
        finally:
            self.wire.mood = ""
        return True

    async def killed(self, left: int, steps: Callable[[], Awaitable[object]]) -> bool:
        """Take the steps, and die when so much was done; False if they took less. Only another Program may go on."""
        self.wire.fate.left = left
        try:
            await steps()
        except Killed:
            return True
        finally:
            self.wire.fate.left = None
        return False


def _lease(engine: AsyncEngine, name: str) -> Lease:
    """Held from its first use on: what is done must not depend on how long the test has run."""
    return Lease(engine, name, "one", clock=lambda: 0)
