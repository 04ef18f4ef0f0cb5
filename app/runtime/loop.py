"""A loop repeats a step, waits for its wake-up when there is nothing to do, and survives only the errors it names."""

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
"""A step that takes longer waits for somebody who is silent, a database or a node, or there is more to do than can be done."""

assert STEP_SECONDS > COMMAND_SECONDS  # noqa: S101  limits that depend on each other say so

Errors = tuple[type[Exception], ...]


class WakeUp:
    """For one waiter. A call while nobody waits is kept, so nothing is slept through; many calls wake once."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._woken.set()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  a wake-up that nobody calls is ordinary, no error
        """Return when the waiter was woken, or after `timeout` seconds.

        Not by `wait_for`: before Python 3.12 it swallows a cancellation that comes with the wake-up, and the loop runs on.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        self._woken.clear()


def _nothing() -> str:
    """A step that does all that it is to do, or raises."""
    return ""


class Vital(NamedTuple):
    """How a loop is: running, in trouble that it tries to outlast, or stopped for good; and why."""

    state: Literal["running", "trouble", "stopped"]
    reason: str = ""


@dataclass(slots=True)
class Vitals:
    """How each loop of this process was after its last step, by name, and since when it is at the next one."""

    loops: dict[str, Vital] = field(default_factory=dict)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)
    begun: dict[str, float] = field(default_factory=dict, compare=False)

    def now(self) -> Mapping[str, Vital]:
        """How each loop is: one whose step takes too long is in trouble, whatever its last one came to."""
        at = self.clock()
        ages = {name: at - since for name, since in self.begun.items()}
        late = {name: Vital("trouble", _late(age)) for name, age in ages.items() if age > STEP_SECONDS}
        return self.loops | late

    @property
    def ok(self) -> bool:
        """Whether every loop runs."""
        return all(vital.state == "running" for vital in self.now().values())


def _late(seconds: float) -> str:
    return f"a step has taken {seconds:.0f} s so far: does the database or the node not answer?"


@dataclass(frozen=True, slots=True)
class Loop:
    """`step` does one unit and says whether it moved; woken by `wake_up`, looked after every `seconds` at the latest.

    After one of `survives` it goes on, after a while; one of `stops` ends it loudly and leaves the others running;
    anything else is a fault of ours and ends the program. `lacks` says what a step that went well still waits for.
    """

    name: str
    step: Callable[[], Awaitable[bool]]
    wake_up: WakeUp
    seconds: float
    survives: Errors
    stops: Errors = ()
    lacks: Callable[[], str] = _nothing

    async def run(self, vitals: Vitals) -> None:
        """Repeat until cancelled, or stopped."""
        failures = 0
        while True:
            try:
                moved = await self._step(vitals)
            except self.stops as error:
                vitals.loops[self.name] = Vital("stopped", str(error))
                _log.critical("%s has stopped: %s", self.name, error)
                return
            except self.survives as error:
                failures += 1
                self._trouble(vitals, failures, error)
                await self.wake_up.wait(
                    min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10))
                )
                continue
            if failures:
                _log.info("%s goes on", self.name)
            failures = 0
            lack = self.lacks()
            vitals.loops[self.name] = Vital("trouble", lack) if lack else Vital("running")
            if not moved:
                await self.wake_up.wait(self.seconds)

    async def _step(self, vitals: Vitals) -> bool:
        """Take one, and let it be known since when."""
        vitals.begun[self.name] = vitals.clock()
        try:
            return await self.step()
        finally:
            del vitals.begun[self.name]

    def _trouble(self, vitals: Vitals, failures: int, error: Exception) -> None:
        """Say a trouble once, not at each attempt."""
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
        before = vitals.loops.get(self.name)
        vitals.loops[self.name] = Vital("trouble", reason)
        if failures == 1 or before is None or before.reason != reason:
            _log.warning("%s waits: %s", self.name, reason)
