"""What a process can do without what it lacks."""

from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import domain
from app.chain.node import Node
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.chain.sent_marker import SENT_FILE
from app.config import sources
from app.domain import dogecoin, installation
from app.domain.commands import Command
from app.runtime.lease import Leases
from app.runtime.loop import LoopHealth, ProcessHealth, WakeUp
from app.workers import roles
from app.workers.roles import Shared
from tests import scenario

OTHER_WORDS = "zoo " * 11 + "wrong"
MAIN = {
    "KENNEL_NETWORK": "main",
    "KENNEL_DATABASE_URL": "embedded",
    "KENNEL_NODE_URL": "http://user:password@127.0.0.1:1",
    "KENNEL_ADMIN_TOKEN": "such-token-of-many-characters",
}


def is_rung(wake_up: WakeUp) -> bool:
    """Look without waiting: whoever waits for a wake-up that was called is through at once."""
    waiter = wake_up.wait(60)
    try:
        waiter.send(None)
    except StopIteration:
        return True
    waiter.close()
    return False


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_without_the_passphrase_nothing_is_signed_and_that_is_said_and_the_clocks_go_on(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    read = sources.read({**MAIN, "KENNEL_HOME": str(tmp_path)})
    health = ProcessHealth()
    async with AsyncExitStack() as stack, Node(read.node_url or "") as node:
        shared = Shared.of(read, engine, node, Leases(engine, "one", ProcessHealth()), None)
        loops = {loop.name: loop for loop in await roles.send(stack, shared)}

        await loops["send"].run(health)

    assert list(loops) == ["send", "dogeconnect", "abandoned", "cold", "payouts", "expiry", "holds"]
    assert not health.ok
    assert health.loops["send"] == LoopHealth("stopped", health.loops["send"].reason)
    assert health.loops["send"].reason.startswith("KENNEL_SEED_PASSPHRASE is not set")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "reason"), [(None, "There is no seed file at "), (OTHER_WORDS, "another installation")]
)
async def test_without_its_own_seed_the_sender_stops_and_nothing_is_made_and_the_rest_goes_on(
    engine: AsyncEngine, tmp_path: Path, words: str | None, reason: str
) -> None:
    await scenario.make_ready(engine)
    if words is not None:
        SeedFile(tmp_path / "seed.json", dogecoin.REGTEST, Cost(1 << 14, 1)).create("", words=words)
    before = files(tmp_path)
    read = sources.read({"KENNEL_HOME": str(tmp_path), "KENNEL_NODE_URL": "http://user:password@127.0.0.1:1"})
    health = ProcessHealth()

    async with AsyncExitStack() as stack, Node(read.node_url or "") as node:
        loops = {
            loop.name: loop
            for loop in await roles.send(
                stack, Shared.of(read, engine, node, Leases(engine, "one", ProcessHealth()), None)
            )
        }
        await loops["send"].run(health)

    assert list(loops) == ["send", "dogeconnect", "abandoned", "cold", "payouts", "expiry", "holds"]
    assert health.loops["send"].state == "stopped"
    assert reason in health.loops["send"].reason
    assert files(tmp_path) == before


async def test_before_the_first_request_is_heard_a_database_that_is_behind_gives_out_nothing(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """With the seed or without it: the file that remembers what was sent needs none."""
    (tmp_path / SENT_FILE).write_text('{"highest_transaction": 7, "epoch": "another"}')
    read = sources.read({**MAIN, "KENNEL_HOME": str(tmp_path)})

    async with AsyncExitStack() as stack, Node(read.node_url or "") as node:
        await roles.send(stack, Shared.of(read, engine, node, Leases(engine, "one", ProcessHealth()), None))

    async with engine.connect() as db:
        assert "another history" in (await installation.why_not_current(db) or "")


def commands() -> dict[str, Command[Any, Any]]:
    """Every command of the domain, by its package and name."""
    packages = [import_module(package.name) for package in iter_modules(domain.__path__, "app.domain.")]
    return {
        f"{package.__name__.removeprefix('app.domain.')}.{name}": value
        for package in packages
        for name, value in vars(package).items()
        if isinstance(value, Command)
    }


async def test_each_command_wakes_whoever_has_work_after_it_and_nobody_else(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    read = sources.read({**MAIN, "KENNEL_HOME": str(tmp_path)})
    async with Node(read.node_url or "") as node:
        shared = Shared.of(read, engine, node, Leases(engine, "one", ProcessHealth()), None)
        loops = {name: shared.wake_up(name) for name in ("sequencer", "send", "dogeconnect")}
        woken = {}
        for name, command in commands().items():
            shared.performed(command)
            woken[name] = {loop for loop, wake_up in loops.items() if is_rung(wake_up)}

    assert woken["links.OPEN"] == {"sequencer"}
    assert {name for name, rung in woken.items() if "sequencer" not in rung} == {"dogeconnect.SUBMIT"}
    assert woken["dogeconnect.SUBMIT"] == {"dogeconnect"}
    assert {name for name, rung in woken.items() if "send" in rung} == {
        "approvals.APPROVE",
        "approvals.REJECT",
        "invoices.PAY_ELSEWHERE",
        "payments.REQUEST",
        "payments.VOID",
        "invoices.PAY_FROM_ON_CHAIN",
        "invoices.REFUND_TO_ADDRESS",
    }
