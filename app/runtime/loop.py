"""A loop repeats a step, waits for its wake-up when there is no work, and survives the errors it names."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from app.db.connections import COMMAND_SECONDS

_log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
STEP_SECONDS: Final = 30.0
"""A step that takes longer waits for a silent database or node, or it has more work than it can do."""

assert STEP_SECONDS > COMMAND_SECONDS  # noqa: S101  limits that depend on each other say so

Errors = tuple[type[Exception], ...]


class WakeUp:
    """Wakes one waiter. A call while nobody waits ends the next wait: none is lost. Many calls wake once."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._woken.set()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  no wake-up within the time is no error
        """Return when the waiter was woken, or after `timeout` seconds.

        Not by `wait_for`: before Python 3.12 it swallows a cancellation that comes with the wake-up, and the
        loop runs on.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        self._woken.clear()


class LoopHealth(NamedTuple):
    """A loop runs, is in trouble that it tries to outlast, or has stopped for good; and why."""

    state: Literal["running", "trouble", "stopped"]
    reason: str = ""


@dataclass(slots=True)
class ProcessHealth:
    """The health of each loop of this process after its last step, and when the step began that it is at."""

    loops: dict[str, LoopHealth] = field(default_factory=dict)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)
    step_began: dict[str, float] = field(default_factory=dict, compare=False)

    def now(self) -> Mapping[str, LoopHealth]:
        """Return the health of each loop; one whose step takes too long is in trouble."""
        now = self.clock()
        ages = {name: now - began for name, began in self.step_began.items()}
        late = {name: LoopHealth("trouble", _late(age)) for name, age in ages.items() if age > STEP_SECONDS}
        return self.loops | late

    @property
    def ok(self) -> bool:
        """Whether every loop runs."""
        return all(loop.state == "running" for loop in self.now().values())


def _late(seconds: float) -> str:
    return f"a step has taken {seconds:.0f} s so far: does the database or the node not answer?"


@dataclass(frozen=True, slots=True)
class Loop:
    """A `step` does one unit of work and returns whether there may be more.

    If not, the loop waits for `wake_up`, for `seconds` at the most.
    After an error of `survives` the loop goes on after a pause. One of `stops` ends it loudly and leaves the
    other loops running. Any other error is a bug and ends the program. `waits_for` says what a step that went
    well still waits for, "" for nothing.
    """

    name: str
    step: Callable[[], Awaitable[bool]]
    wake_up: WakeUp
    seconds: float
    survives: Errors
    stops: Errors = ()
    waits_for: Callable[[], str] = str

    async def run(self, health: ProcessHealth) -> None:
        """Repeat until cancelled, or stopped."""
        failures = 0
        while True:
            try:
                more = await self._step(health)
            except self.stops as error:
                health.loops[self.name] = LoopHealth("stopped", str(error))
                _log.critical("%s has stopped: %s", self.name, error)
                return
            except self.survives as error:
                self._trouble(health, error, first=not failures)
                await self.wake_up.wait(
                    min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
                )
                failures += 1
                continue
            if failures:
                _log.info("%s goes on", self.name)
            failures = 0
            reason = self.waits_for()
            health.loops[self.name] = LoopHealth("trouble" if reason else "running", reason)
            if not more:
                await self.wake_up.wait(self.seconds)

    async def _step(self, health: ProcessHealth) -> bool:
        """Take one step, and note when it began."""
        health.step_began[self.name] = health.clock()
        try:
            return await self.step()
        finally:
            del health.step_began[self.name]

    def _trouble(self, health: ProcessHealth, error: Exception, *, first: bool) -> None:
        """Log a trouble once, not at each attempt."""
        reason = f"{type(error).__name__}: {''.join(str(error).splitlines()[:1])}"[:300]
        before = health.loops.get(self.name)
        health.loops[self.name] = LoopHealth("trouble", reason)
        if first or before is None or before.reason != reason:
            _log.warning("%s waits: %s", self.name, reason)
