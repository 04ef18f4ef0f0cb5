"""What happens to an installation at random: its processes are killed, frozen, cut off, restarted and failed over."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from tests.end_to_end.receivers import Broker
from tests.faults.all_at_once.installation import Installation, Instance

PAUSE_SECONDS: Final = (0.2, 1.5)
AWAY_SECONDS: Final = (0.1, 2.0)
FROZEN_SECONDS: Final = (0.3, 6.0)
"""Some longer than a lease."""
SILENT_SECONDS: Final = (0.5, 5.0)


class Fault(NamedTuple):
    """One thing that goes wrong, and is mended when `act` returns; a subject suffers one at a time."""

    name: str
    subject: str
    act: Callable[[], object]


class Faults:
    """Lets faults happen one after the other, those of several subjects at the same time.

    Those of the database happen in this thread, which must be the main one: PostgreSQL ends with the thread that
    has started it.
    """

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._installation = installation
        self._chance = chance
        self._pair = installation.pair
        self._busy: dict[str, Future[object]] = {}

    def happen(self, seconds: float) -> None:
        """Go on for so long; then everything is whole again."""
        end = time.monotonic() + seconds
        faults = self._all()
        with ThreadPoolExecutor(len(faults)) as pool:
            while time.monotonic() < end:
                self._wait(PAUSE_SECONDS)
                subject = self._chance.choice(sorted({fault.subject for fault in faults}))
                fault = self._chance.choice([fault for fault in faults if fault.subject == subject])
                if subject not in self._busy or self._busy[subject].done():
                    self._begin(pool, fault)
        for ended in self._busy.values():
            ended.result()

    def _begin(self, pool: ThreadPoolExecutor, fault: Fault) -> None:
        self.counts[fault.name] += 1
        if fault.subject == "database":
            fault.act()
        else:
            if fault.subject in self._busy:
                self._busy[fault.subject].result()  # what could not be mended is a finding
            self._busy[fault.subject] = pool.submit(fault.act)

    def _all(self) -> list[Fault]:
        numbered = enumerate(self._installation.instances)
        of_instances = [fault for number, one in numbered for fault in self._of_instance(number, one)]
        return [*of_instances, *self._of_database(), *self._of_others()]

    def _of_instance(self, number: int, instance: Instance) -> list[Fault]:
        *databases, node = self._installation.wires.of(number)
        acts: dict[str, Callable[[], object]] = {
            "an instance killed": partial(self._restart, instance, instance.kill),
            "an instance stopped": partial(self._restart, instance, instance.stop),
            "a process killed": partial(self._kill_one, instance),
            "a process frozen": partial(self._freeze_one, instance),
            "an instance frozen": partial(self._freeze, instance),
            "an instance cut off from the database": partial(self._cut, "cut", *databases),
            "the database silent to an instance": partial(self._cut, "silence", *databases),
            "an instance cut off from the node": partial(self._cut, "cut", node),
            "the node silent to an instance": partial(self._cut, "silence", node),
        }
        return [Fault(name, f"instance {number}", act) for name, act in acts.items()]

    def _of_database(self) -> list[Fault]:
        acts: dict[str, Callable[[], object]] = {
            "the primary killed": self._restart_primary,
            "the primary frozen": self._freeze_primary,
            "the standby killed": self._restart_standby,
            "the standby frozen": self._freeze_standby,
            "the standby promoted": self._fail_over,
            "the standby promoted for a frozen primary": self._fail_over_frozen,
        }
        return [Fault(name, "database", act) for name, act in acts.items()]

    def _of_others(self) -> list[Fault]:
        acts: dict[tuple[str, str], Callable[[], object]] = {
            ("the node killed", "node"): self._restart_node,
            ("the node frozen", "node"): self._freeze_node,
            ("the receiver away", "receiver"): self._receiver_away,
            ("the receiver failing", "receiver"): self._receiver_fails,
        }
        if Broker.installed:  # the demo's forgets its sessions
            acts["the broker away", "broker"] = self._broker_away
            acts["the broker frozen", "broker"] = self._freeze_broker
        return [Fault(name, subject, act) for (name, subject), act in acts.items()]

    def _wait(self, between: tuple[float, float]) -> None:
        time.sleep(self._chance.uniform(*between))  # the moment is the test's input

    # ------------------------------------------------------------ instances

    def _restart(self, instance: Instance, end: Callable[[], object]) -> None:
        end()
        self._wait(AWAY_SECONDS)
        instance.start()

    def _kill_one(self, instance: Instance) -> None:
        instance.signal(signal.SIGKILL, self._chance.choice(instance.processes[1:] or [0]))
        instance.start()

    def _freeze_one(self, instance: Instance) -> None:
        self._freeze_these(instance, self._chance.choice(instance.processes[1:] or [0]))

    def _freeze(self, instance: Instance) -> None:
        self._freeze_these(instance, *instance.processes)

    def _freeze_these(self, instance: Instance, *pids: int) -> None:
        instance.signal(signal.SIGSTOP, *pids)
        self._wait(FROZEN_SECONDS)
        instance.signal(signal.SIGCONT, *pids)

    def _cut(self, act: str, *ports: int) -> None:
        self._installation.wires.tell(act, *ports)
        self._wait(SILENT_SECONDS)
        self._installation.wires.tell("heal", *ports)

    # ------------------------------------------------------------ the database

    def _restart_primary(self) -> None:
        self._pair.primary.kill()
        self._wait(AWAY_SECONDS)
        self._pair.primary.start()
        self._pair.in_sync()

    def _freeze_primary(self) -> None:
        self._pair.primary.freeze()
        self._wait(FROZEN_SECONDS)
        self._pair.primary.thaw()

    def _restart_standby(self) -> None:
        self._pair.standby.kill()
        self._wait(AWAY_SECONDS)
        self._pair.standby.start()
        self._pair.in_sync()

    def _freeze_standby(self) -> None:
        self._pair.standby.freeze()
        self._wait(FROZEN_SECONDS)
        self._pair.standby.thaw()
        self._pair.in_sync()

    def _fail_over(self) -> None:
        self._pair.fail_over()
        self._wait(AWAY_SECONDS)
        self._pair.follow()

    def _fail_over_frozen(self) -> None:
        self._pair.primary.freeze()
        self._wait(AWAY_SECONDS)
        self._fail_over()

    # ------------------------------------------------------------ those around

    def _restart_node(self) -> None:
        self._installation.node.kill()
        self._wait(AWAY_SECONDS)
        self._installation.node.start()

    def _freeze_node(self) -> None:
        self._freeze_pid(self._installation.node.pid)

    def _broker_away(self) -> None:
        """Stopped and not killed: what a killed broker has taken it alone can lose."""
        self._installation.audience.broker.stop()
        self._wait(AWAY_SECONDS)
        self._installation.audience.broker.up()

    def _freeze_broker(self) -> None:
        self._freeze_pid(self._installation.audience.broker.pid)

    def _receiver_away(self) -> None:
        self._installation.audience.receiver.down()
        self._wait(AWAY_SECONDS)
        self._installation.audience.receiver.up()

    def _receiver_fails(self) -> None:
        self._installation.audience.receiver.up(500)
        self._wait(AWAY_SECONDS)
        self._installation.audience.receiver.up()

    def _freeze_pid(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        self._wait(FROZEN_SECONDS)
        os.kill(pid, signal.SIGCONT)
