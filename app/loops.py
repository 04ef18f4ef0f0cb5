"""A loop repeats a step, waits for its bell when there is nothing to do, and survives only the errors it names."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from app.bell import Bell

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


def _nothing() -> str:
    """A step that does all that it is to do, or raises."""
    return ""


Errors = tuple[type[Exception], ...]


class Vital(NamedTuple):
    """How a loop is: running, in trouble that it tries to outlast, or stopped for good; and why."""

    state: Literal["running", "trouble", "stopped"]
    reason: str = ""


@dataclass(slots=True)
class Vitals:
    """How each loop of this process is, by name."""

    loops: dict[str, Vital] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every loop runs."""
        return all(vital.state == "running" for vital in self.loops.values())


@dataclass(frozen=True, slots=True)
class Loop:
    """`step` does one unit and says whether it moved; rung by `bell`, looked after every `seconds` at the latest.

    After one of `survives` it goes on, after a while; one of `stops` ends it loudly and leaves the others running;
    anything else is a fault of ours and ends the program. `lacks` says what a step that went well still waits for.
    """

    name: str
    step: Callable[[], Awaitable[bool]]
    bell: Bell
    seconds: float
    survives: Errors
    stops: Errors = ()
    lacks: Callable[[], str] = _nothing

    async def run(self, vitals: Vitals) -> None:
        """Repeat until cancelled, or stopped."""
        failures = 0
        while True:
            try:
                moved = await self.step()
            except self.stops as error:
                vitals.loops[self.name] = Vital("stopped", str(error))
                _log.critical("%s has stopped: %s", self.name, error)
                return
            except self.survives as error:
                failures += 1
                self._trouble(vitals, failures, error)
                await self.bell.wait(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10)))
                continue
            if failures:
                _log.info("%s goes on", self.name)
            failures = 0
            lack = self.lacks()
            vitals.loops[self.name] = Vital("trouble", lack) if lack else Vital("running")
            if not moved:
                await self.bell.wait(self.seconds)

    def _trouble(self, vitals: Vitals, failures: int, error: Exception) -> None:
        """Say a trouble once, not at each attempt."""
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
        before = vitals.loops.get(self.name)
        vitals.loops[self.name] = Vital("trouble", reason)
        if failures == 1 or before is None or before.reason != reason:
            _log.warning("%s waits: %s", self.name, reason)
