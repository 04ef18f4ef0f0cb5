"""The program of a walk: follower, sender and clocks with a node that fails, killed anywhere."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

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
from app.db.all_cells import AllCells
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from app.workers.clocks import Payouts
from app.workers.hand_overs import HandOvers
from tests import scenario
from tests.chain_harness import RULES, ChainHarness
from tests.statements import hear_all

FAULTS: Final = ("away", "refuses", "unsure", "safe mode", "answer lost")
DEEPEST: Final = 12
"""No reorg of a walk undoes a block that is so deep."""


class Killed(Exception):
    """The program was killed here: it closes nothing, and only the database rolls back."""


class KillSwitch:
    """Counts the program's statements, commits and calls, and kills it at one of them."""

    def __init__(self, *engines: AsyncEngine) -> None:
        self.remaining: int | None = None
        for engine in engines:
            hear_all(engine, self._strike)
            sa.event.listen(engine.sync_engine, "commit", self._strike)

    def _strike(self, *_: Any) -> None:
        self.count()

    def count(self) -> None:
        """Raise Killed when none remains."""
        if self.remaining is None:
            return
        self.remaining -= 1
        if self.remaining < 0:
            self.remaining = None
            raise Killed


class FailingNode(Node):
    """The program's connection to the node: it fails with `fault`, and a call may be the program's last."""

    kill_switch: KillSwitch
    fault = ""

    async def call(self, method: str, *params: Any) -> Any:
        self.kill_switch.count()
        if self.fault == "away":
            raise NodeAway("The node is away.")
        answer = await super().call(method, *params)
        self.kill_switch.count()
        return answer

    async def batch(self, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        self.kill_switch.count()
        if self.fault == "away":
            raise NodeAway("The node is away.")
        answers = await super().batch(calls)
        self.kill_switch.count()
        return answers

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        match self.fault:
            case "refuses":
                return [NodeError(-26, "66: mempool min fee not met") for _ in raws]
            case "unsure":
                return [NodeError(-25, "Missing inputs") for _ in raws]
            case "safe mode":
                return [NodeError(-2, "Safe mode: warning") for _ in raws]
        answers = await super().send(raws)
        if self.fault == "answer lost":
            raise NodeAway("The node went away before it answered.")
        return answers


class Loop(Protocol):
    """What does one unit of work, and says whether it moved."""

    async def step(self) -> bool: ...


class InEach:
    """The same loop of each cell: a step is one of each of them."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops

    async def step(self) -> bool:
        """Return whether any has moved."""
        return any([await loop.step() for loop in self._loops])


class Program:
    """One process. The next one knows only what is in the database, in the homes and at the node."""

    def __init__(self, harnesses: Sequence[ChainHarness], cells: AllCells, wire: FailingNode) -> None:
        self.wire = wire
        self.follower = InEach(
            [Follower(each.engine, wire, RULES, _lease(each.engine, "follow"), _ignore) for each in harnesses]
        )
        self.sender = InEach([_sender(each, wire) for each in harnesses])
        self.abandoned = InEach([AbandonedPayments(each.engine, wire, _ignore) for each in harnesses])
        self.payouts = InEach([Payouts(each.engine, REGTEST, _ignore) for each in harnesses])
        lease = _lease(cells.engines[0], "coins")
        installations = [scenario.INSTALLATION] * len(cells)
        self.hand_overs = HandOvers(cells.crossing, installations, DEEPEST, lease, _ignore)

    async def run_with_fault(self, fault: str, steps: int, step: Callable[[], Awaitable[bool]]) -> bool:
        """Take up to so many steps with this fault, until there is nothing to do; False if it ended them."""
        self.wire.fault = fault
        try:
            for _ in range(steps):
                if not await step():
                    break
        except (NodeTrouble, NodeError):
            return False
        finally:
            self.wire.fault = ""
        return True

    async def killed(self, remaining: int, steps: Callable[[], Awaitable[object]]) -> bool:
        """Take the steps, and die after `remaining` operations; False if they took fewer.

        Only another Program may go on.
        """
        self.wire.kill_switch.remaining = remaining
        try:
            await steps()
        except Killed:
            return True
        finally:
            self.wire.kill_switch.remaining = None
        return False


def _sender(harness: ChainHarness, wire: FailingNode) -> Sender:
    signer = Signer(REGTEST, Keyring(REGTEST, scenario.WORDS), SentMarker(harness.home / "sent.json"))
    return Sender(harness.engine, wire, signer, _lease(harness.engine, "send"), _ignore)


def _ignore(*_: object) -> None:
    """Wake nobody: rules say what comes next."""


def _lease(engine: AsyncEngine, name: str) -> Lease:
    """Return a lease that is held from its first use on, however long the test runs."""
    return Lease(engine, name, "one", clock=lambda: 0)
