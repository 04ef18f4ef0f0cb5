"""Database, node and broker are away, for minutes in the soak: the program waits, and goes on by itself.

`make soak-faults SECONDS=180` lets them be away for so long.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.program import Devnet, Program, devnet, free_ports, running, until
from tests.end_to_end.receivers import Audience, listening
from tests.end_to_end.shop import Shop, answered
from tests.faults.conftest import Said
from tests.postgres_pair import Server

AWAY_SECONDS: Final = int(os.environ.get("SOAK_SECONDS", "0")) or 4
BACK_SECONDS: Final = 90
"""Who has waited for minutes tries again every 30 s."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, *free_ports(1))
    server.create()
    server.start()
    server.ask("CREATE DATABASE kennel")
    yield server
    server.kill()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Devnet]:
    with devnet(tmp_path / "node") as node:
        yield node


@pytest.fixture
def audience(tmp_path: Path) -> Iterator[Audience]:
    with listening(tmp_path / "audience") as audience:
        yield audience


@pytest.fixture
def program(
    tmp_path: Path, database: Server, node: Devnet, audience: Audience, said: Said
) -> Iterator[Program]:
    settings = {
        "KENNEL_DATABASE_URL": f"postgresql://kennel@127.0.0.1:{database.port}/kennel",
        "KENNEL_WORKERS": "2",
        **node.settings,
    }
    program = Program(tmp_path / "program", node.node, **settings)
    audience.configure(program.home)
    said.by(program)
    with running(program):
        yield program


def test_whatever_was_away_comes_back_to_a_program_that_nobody_has_started_again(
    program: Program, database: Server, node: Devnet, audience: Audience
) -> None:
    shop = Shop(program, "patient shop").open()
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    before = program.pid

    for leave in (database.kill, node.kill, audience.broker.stop, audience.receiver.down):
        leave()
    time.sleep(AWAY_SECONDS)  # the time is the test's input
    meanwhile = [program.admin.get(f"{shop.path}/balance"), program.public.get(f"/invoice/{invoice}")]
    alive = program.admin.get("/health").status_code
    for come_back in (database.start, node.start, audience.broker.up, audience.receiver.up):
        come_back()

    until(lambda: program.admin.get("/ready").is_success, BACK_SECONDS)
    program.node.mine()
    until(lambda: shop.shown(invoice)["total_payment_confirmed"], BACK_SECONDS)
    paid = {"to": program.node("getnewaddress"), "amount": "5"}
    assert answered(program.admin.post(f"{shop.path}/pay", json=paid, headers={"Idempotency-Key": "p"}))[
        "hex"
    ]
    audience.hears_all(program, audience.receiver)
    assert alive == 200
    assert {response.status_code for response in meanwhile} == {503}
    assert (program.pid, program.runs) == (before, True)
    assert "starts again" not in program.output.read_text()
    program.audit()
