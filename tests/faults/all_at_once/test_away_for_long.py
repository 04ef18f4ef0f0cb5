"""Database, node and broker are away, each alone and all at once: the program waits, and goes on by itself.

`make soak-away SECONDS=180` lets each be away for so long.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.program import Devnet, Program, devnet, free_ports, running, until
from tests.end_to_end.receivers import Audience, Broker, Receiver, Subscriber, listening
from tests.end_to_end.shop import Shop, answered
from tests.faults.conftest import Said, divided
from tests.postgres_pair import Server

AWAY_SECONDS: Final = int(os.environ.get("KENNEL_AWAY_SECONDS", "0")) or 3
BACK_SECONDS: Final = 120
"""Who has waited for minutes tries again every 30 s; the machine may have other work too."""
Change = Callable[[], object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("away")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Server]:
    server = Server(folder, *free_ports(1))
    server.create()
    server.start()
    server.tell("CREATE DATABASE kennel")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[Devnet]:
    with devnet(folder / "node") as node:
        yield node


@pytest.fixture(scope="module")
def audience(folder: Path) -> Iterator[Audience]:
    with listening(folder / "audience") as audience:
        yield audience


@pytest.fixture(scope="module")
def patient(
    folder: Path, database: Server, node: Devnet, audience: Audience, cell_count: int
) -> Iterator[Program]:
    """A program of two workers that runs through all of it."""
    settings = {
        **divided(cell_count, 3),
        "KENNEL_DATABASE_URL": f"postgresql://kennel@127.0.0.1:{database.port}/kennel",
        "KENNEL_WORKERS": "2",
        **node.settings,
    }
    program = Program(folder / "program", node.node, **settings)
    audience.configure(program.home)
    with running(program):
        yield program


@pytest.fixture
def program(patient: Program, database: Server, node: Devnet, said: Said) -> Program:
    for process in (patient, node):
        said.by(process)
    said.in_files(database.log)
    return patient


@pytest.fixture
def changes(database: Server, node: Devnet, audience: Audience) -> dict[str, tuple[Change, Change]]:
    """How each of those around it goes away, and comes back."""
    broker, receiver = audience.broker, audience.receiver
    return {
        "database": (database.kill, database.start),
        "node": (node.kill, node.start),
        "broker": (broker.stop, broker.up),
        "receiver": (receiver.down, receiver.up),
    }


@pytest.mark.parametrize(
    ("absent", "meanwhile"),
    [
        ("database", 503),
        ("node", 200),
        ("broker", 200),
        ("database node broker receiver", 503),
    ],
)
def test_whatever_was_away_comes_back_to_a_program_that_nobody_has_started_again(
    program: Program,
    audience: Audience,
    changes: dict[str, tuple[Change, Change]],
    absent: str,
    meanwhile: int,
) -> None:
    shop = Shop(program, f"without {absent}").open()
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    before = program.pid

    for name in absent.split():
        changes[name][0]()
    time.sleep(AWAY_SECONDS)  # the time is the test's input
    statuses = {
        response.status_code
        for response in (program.admin.get(f"{shop.path}/balance"), program.public.get(f"/invoice/{invoice}"))
    }
    alive = program.admin.get("/health").status_code
    for name in absent.split():
        changes[name][1]()

    until(lambda: program.admin.get("/ready").is_success, BACK_SECONDS)
    program.node.mine()
    until(lambda: shop.shown(invoice)["total_payment_confirmed"], BACK_SECONDS)
    paid = {"to": program.node("getnewaddress"), "amount": "5"}
    sent = answered(program.admin.post(f"{shop.path}/pay", json=paid, headers={"Idempotency-Key": absent}))
    assert sent["hex"]
    # The demo's broker, which stands in where there is no mosquitto, forgets what its sessions have not got.
    hearers: list[Receiver | Subscriber] = [
        audience.receiver,
        *([audience.subscriber] if Broker.installed else []),
    ]
    for hearer in hearers:
        until(partial(_has_heard_all, hearer, program), BACK_SECONDS)
    assert (alive, statuses) == (200, {meanwhile})
    assert (program.pid, program.runs) == (before, True)
    assert "starts again" not in program.output.read_text()
    program.audit()


def _has_heard_all(hearer: Receiver | Subscriber, program: Program) -> bool:
    return {event["position"] for event in program.events()} <= set(hearer.positions)
