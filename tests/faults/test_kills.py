"""Processes die at any moment: the program, its PostgreSQL, the client's connection; nothing is lost, nothing twice."""

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.program import Program, lives, running, until
from tests.end_to_end.receivers import Audience, listening
from tests.end_to_end.shop import Shop, answered, order
from tests.faults.conftest import Said
from tests.faults.traffic import Traffic, assert_nothing_lost_and_nothing_twice

KILLS = 3
SEED = 20131206


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with listening(tmp_path_factory.mktemp("audience")) as found:
        yield found


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, audience: Audience) -> Iterator[Program]:
    """A program with PostgreSQL and node of its own, that tells what happens."""
    home = tmp_path_factory.mktemp("killed")
    audience.configure(home)
    with running(Program(home)) as program:
        program.node.fill_faucet()
        program.keep_up()
        yield program


@pytest.fixture
def program(killed: Program, said: Said) -> Program:
    said.by(killed)
    return killed


@pytest.fixture(scope="module")
def traffic(killed: Program) -> Traffic:
    """Shops that sell all the time."""
    return Traffic(killed, [Shop(killed, f"shop-{number}").open() for number in range(3)])


def test_what_was_committed_but_never_answered_is_found_by_its_key(program: Program) -> None:
    shop = Shop(program, "unlucky shop").open()
    body = json.dumps(order("10")).encode()
    with socket.create_connection(("127.0.0.1", program.admin.base_url.port or 0)) as client:
        client.sendall(_request("/account/unlucky%20shop/invoice", "lost answer", body))
        [made] = until(shop.invoices)
        program.kill()
    program.start()

    headers = {"Idempotency-Key": "lost answer"}
    again = program.admin.post("/account/unlucky shop/invoice", content=body, headers=headers)

    assert answered(again)["id"] == made["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(shop.invoices()) == 1
    shop.hears(["INV_CREATED"])


def test_kill_9_of_the_program_again_and_again_loses_nothing_and_does_nothing_twice(
    program: Program, traffic: Traffic
) -> None:
    chance = random.Random(SEED)

    for _ in range(KILLS):
        postgres = _postmaster(program)
        with traffic.flowing():
            time.sleep(chance.uniform(0.1, 1.0))  # the moment is the test's input
            program.kill()
        program.start()
        assert _postmaster(program) != postgres
        assert not lives(postgres)
        traffic.ask_again()

    assert len(traffic.invoices) > KILLS
    traffic.settle()
    assert_nothing_lost_and_nothing_twice(traffic)


def test_kill_9_of_postgresql_is_outlived_and_every_answer_stands(program: Program, traffic: Traffic) -> None:
    postgres = _postmaster(program)
    with traffic.flowing():
        traffic.wait_for_sales()
        _kill(postgres)
        _wait_for_the_database(program)
    traffic.ask_again()

    assert program.runs
    assert _postmaster(program) != postgres
    assert set(traffic.statuses) <= {200, 503}
    traffic.settle()
    assert_nothing_lost_and_nothing_twice(traffic)


def test_kill_9_of_one_of_postgresqls_processes_is_outlived(program: Program, traffic: Traffic) -> None:
    with traffic.flowing():
        traffic.wait_for_sales()
        _kill(_backend(_postmaster(program)))
        _wait_for_the_database(program)
    traffic.ask_again()

    assert program.runs
    assert set(traffic.statuses) <= {200, 503}
    traffic.settle()
    assert_nothing_lost_and_nothing_twice(traffic)


def test_a_stopped_program_ends_well_and_leaves_no_postgresql(program: Program) -> None:
    postgres = _postmaster(program)

    assert program.stop() == 0

    assert not lives(postgres)
    program.start()
    program.audit()


def test_whatever_died_every_event_came_to_the_webhook_and_to_mqtt(
    program: Program, audience: Audience
) -> None:
    audience.hears_all(program)

    assert len(program.events()) > 0


def _request(path: str, key: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _wait_for_the_database(program: Program) -> None:
    until(lambda: program.admin.get("/accounts").status_code == 200, 60)


def _postmaster(program: Program) -> int:
    return int((program.home / "kennel" / "postgres" / "postmaster.pid").read_text().split("\n")[0])


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(pid))


def _backend(postmaster: int) -> int:
    """One of its processes that serve a connection."""
    children = map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())
    return next(child for child in children if b"idle" in Path(f"/proc/{child}/cmdline").read_bytes())
