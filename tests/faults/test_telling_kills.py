"""Receivers fail, hang and die, and the program is killed meanwhile: every event comes to all of them.

`make soak-events SECONDS=600` goes on for so long.
"""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.end_to_end.program import NeverTrueError, Program, free_ports, running, until
from tests.end_to_end.receivers import Broker, Event, Subscriber
from tests.end_to_end.shop import Shop, answered
from tests.faults.conftest import ALSO_DIVIDED, Said, divided, spread
from tests.faults.fickle import Fickle
from tests.faults.traffic import assert_positions, by_cell

pytestmark = ALSO_DIVIDED
EVENTS: Final = 8_000
KILLS: Final = 2
"""At least: a fast machine emits more events meanwhile."""
PART: Final = 250
"""Transfers of a request; each has an event for both of its accounts."""
AHEAD: Final = 2_000
"""Events that the receiver may be behind: writing and kills go on until nearly all have come."""
NAMES: Final = spread("player", 5)
SETTLE_SECONDS: Final = 90
"""Claims of a killed program last 20 s, posts that hang 15 s."""
SOAK_SECONDS: Final = int(os.environ.get("SOAK_SECONDS", "0"))
SOAK_SEED: Final = os.environ.get("SOAK_SEED")


@pytest.fixture
def seed() -> int:
    """The seed of all that is random here. It is printed, so that a failure can be repeated."""
    number = int(SOAK_SEED) if SOAK_SEED else random.SystemRandom().randrange(2**32)
    print(f"make soak-events SEED={number}", flush=True)  # noqa: T201  to repeat a failure
    return number


@pytest.fixture
async def fickle(seed: int) -> AsyncIterator[Fickle]:
    [port] = free_ports(1)
    receiver = Fickle(port, random.Random(f"{seed} receiver"))
    await receiver.up()
    yield receiver
    await receiver.down()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.up()
    yield broker
    broker.stop()


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with closing(Subscriber(broker.port)) as subscriber:
        subscriber.start()
        yield subscriber


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file in which the program writes every event, and begins another again and again; each cell has its own."""
    return tmp_path / "log" / "events.jsonl"


@pytest.fixture
def program(
    tmp_path: Path, fickle: Fickle, broker: Broker, log: Path, said: Said, cell_count: int
) -> Iterator[Program]:
    home = tmp_path / "program"
    home.mkdir()
    (home / "kennel.toml").write_text(
        f'mqtt_url = "mqtt://127.0.0.1:{broker.port}"\nwebhook_allow_private = true\n'
        f"webhook_retries = [{'1, ' * 49}1]\n\n"
        f'[callbacks.fickle]\npath = "http://127.0.0.1:{fickle.port}/hook"\n\n'
        f'[loggers.all]\npath = "{log}"\nmegabytes = 1\nfiles = 1000\n'
    )
    killed = Program(home, None, **divided(cell_count))
    said.by(killed)
    with running(killed):
        yield killed


async def test_every_event_comes_to_webhook_mqtt_and_log_whichever_of_them_fails_hangs_or_dies(
    program: Program, fickle: Fickle, broker: Broker, subscriber: Subscriber, log: Path, seed: int
) -> None:
    opened = await asyncio.to_thread(_open, program)
    moments, over = random.Random(f"{seed} moments"), asyncio.Event()
    kills = 0

    async def kill() -> None:
        nonlocal kills
        await asyncio.to_thread(program.kill)
        kills += 1
        await fickle.hang_up()
        await asyncio.to_thread(program.start)

    async def leave() -> None:
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.up)

    async with asyncio.TaskGroup() as group:
        group.create_task(_again(kill, partial(moments.uniform, 3, 6), over))
        group.create_task(_again(fickle.die, partial(moments.uniform, 1, 4), over))
        if broker.installed:  # the demo's forgets its sessions
            group.create_task(_again(leave, partial(moments.uniform, 2, 6), over))
        paid = await _pay(program, fickle, random.Random(f"{seed} payments"), lambda: kills >= KILLS)
        over.set()
    fickle.calm = True
    total = opened + 2 * paid

    for heard in (
        lambda: len(fickle.taken),
        lambda: len(set(subscriber.positions)),
        lambda: len(_logged(log)),
    ):
        with suppress(NeverTrueError):  # what has not come is named below
            await asyncio.to_thread(until, partial(_reaches, heard, total), SETTLE_SECONDS)
    events = await asyncio.to_thread(program.events)
    assert_whole(events, paid, program.cells)
    assert_posted(fickle, events)
    for received in ([event for _, event in subscriber.messages], _logged(log)):
        for pair in zip(by_cell(received, program.cells), by_cell(events, program.cells), strict=True):
            assert_in_order(*pair)
    # The last answers may not be recorded yet.
    await asyncio.to_thread(until, lambda: not _deliveries(program, "due"), SETTLE_SECONDS)
    assert not _deliveries(program, "failed")
    program.audit()


def assert_whole(events: list[Event], paid: int, cells: int) -> None:
    """Each transfer has one event for each side, all with numbers without gaps."""
    assert_positions(events, cells)
    for kind in ("TRANSFER_SENT", "TRANSFER_RECEIVED"):
        counts = Counter(event["message"]["reference"] for event in events if event["event_type"] == kind)
        assert not [number for number in range(paid) if counts[str(number)] != 1]
    for name in NAMES:
        of_account = [event for event in events if event["message"]["foreign_id"] == name]
        _assert_counted([event["sequence"] for event in of_account])
        assert of_account


def assert_posted(fickle: Fickle, events: list[Event]) -> None:
    """What was posted again had not been taken, or nobody can have known that it was; and it was the same."""
    bodies: dict[str, bytes] = {}
    taken: dict[str, int] = {}
    for post in fickle.posts:
        assert bodies.setdefault(post.name, post.body) == post.body
        assert taken.get(post.name, -1) < post.life, post
        if post.taken:
            taken[post.name] = post.life
    posted = {name: json.loads(bodies[name]) for name in taken}
    assert not [event for name, event in posted.items() if event["event_id"] != name]
    _assert_same(sorted(posted.values(), key=_position), sorted(events, key=_position))


def assert_in_order(received: Iterable[Event], events: list[Event]) -> None:
    """Some came twice, but none came for the first time before an earlier one."""
    first: dict[int, Event] = {}
    for event in received:
        assert first.setdefault(event["position"], event) == event
    _assert_same(list(first.values()), events)


def _assert_counted(numbers: list[int]) -> None:
    assert not [(number, nth) for nth, number in enumerate(numbers, 1) if number != nth][:3]


def _assert_same(received: list[Event], events: list[Event]) -> None:
    """Show a few differences: all of them would take minutes."""
    assert sorted(set(map(_position, events)) - set(map(_position, received))) == []
    assert len(received) == len(events)
    assert not [pair for pair in zip(received, events, strict=True) if pair[0] != pair[1]][:3]


def _reaches(heard: Callable[[], int], total: int) -> bool:
    return heard() >= total


async def _again(act: Callable[[], Awaitable[None]], wait: Callable[[], float], over: asyncio.Event) -> None:
    """Act at random moments until it is over."""
    while not over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(wait()):
                await over.wait()
                break
        await act()


async def _pay(program: Program, fickle: Fickle, chance: random.Random, killed: Callable[[], bool]) -> int:
    """Let all pay each other until there were enough events and kills, and return how often."""
    end = time.monotonic() + SOAK_SECONDS
    paid = 0
    while 2 * paid < EVENTS or not killed() or time.monotonic() < end:
        pairs = [chance.sample(NAMES, 2) for _ in range(PART)]
        orders = [
            {"from": payer, "to": payee, "asset": "gold", "amount": "1", "reference": str(number)}
            for number, (payer, payee) in enumerate(pairs, paid)
        ]
        await asyncio.to_thread(until, partial(_paid, program, orders), SETTLE_SECONDS)
        paid += PART
        keeps_up = partial(_reaches, lambda: len(fickle.taken), 2 * paid - AHEAD)
        await asyncio.to_thread(until, keeps_up, SETTLE_SECONDS)
    return paid


def _paid(program: Program, orders: list[dict[str, str]]) -> bool:
    """Ask, with the same key each time, until it is answered."""
    headers = {"Idempotency-Key": f"pay {orders[0]['reference']}"}
    response = program.admin.post("/transfers", json={"transfers": orders}, headers=headers)
    if response.status_code == 503:
        return False
    assert all("error" not in item for item in answered(response)["items"]), response.text
    return True


def _open(program: Program) -> int:
    """Open accounts that have gold, and return how many events that was."""
    answered(program.admin.post("/assets", json={"code": "gold", "decimals": 0}))
    for name in NAMES:
        Shop(program, name).open()
        gold = {"asset": "gold", "amount": "1000000", "type": "TOPUP"}
        answered(
            program.admin.post(f"/account/{name}/transact", json=gold, headers={"Idempotency-Key": name})
        )
    return len(until(lambda: events if len(events := program.events()) == 2 * len(NAMES) else []))


def _logged(log: Path) -> list[Event]:
    """What all files hold, of each cell the oldest first; none of them ends within a line."""
    newest = log.parent.glob(f"{log.stem}*{log.suffix}")
    older = {path: log.parent.glob(f"{path.name}.*") for path in newest}
    files = [file for path in older for file in [*sorted(older[path], key=_age, reverse=True), path]]
    lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    assert all(line.endswith(b"\n") for line in lines)
    return [json.loads(line) for line in lines]


def _age(older: Path) -> int:
    """How many files are newer."""
    return int(older.suffix[1:])


def _deliveries(program: Program, state: str) -> list[Any]:
    [endpoint] = answered(program.admin.get("/webhooks"))["items"]
    path = f"/webhooks/{endpoint['id']}/deliveries?state={state}"
    items: list[Any] = answered(program.admin.get(path))["items"]
    return items


def _position(event: Event) -> int:
    position: int = event["position"]
    return position
