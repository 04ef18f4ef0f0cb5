"""Processes die at any moment: the program, its PostgreSQL, the client's connection; nothing is lost, nothing twice."""

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.program import Program, lives, running, until
from tests.end_to_end.receivers import Audience, listening
from tests.end_to_end.shop import Shop, answered, order
from tests.faults.conftest import ALSO_DIVIDED, Said, divided
from tests.faults.traffic import (
    GOLD,
    Asked,
    Traffic,
    among_givers,
    assert_nothing_lost_and_nothing_twice,
    gift_of,
    gold_of,
)

pytestmark = ALSO_DIVIDED
KILLS = 2
SEED = 20131206


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory, cell_count: int) -> Iterator[Audience]:
    with listening(tmp_path_factory.mktemp(f"audience-{cell_count}")) as found:
        yield found


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, audience: Audience, cell_count: int
) -> Iterator[Program]:
    """A program with PostgreSQL and node of its own, that tells what happens."""
    home = tmp_path_factory.mktemp("killed")
    audience.configure(home)
    with running(Program(home, None, **divided(cell_count))) as program:
        program.node.fill_faucet()
        program.keep_up()
        yield program


@pytest.fixture
def program(killed: Program, said: Said) -> Program:
    said.by(killed)
    return killed


@pytest.fixture(scope="module")
def traffic(killed: Program) -> Traffic:
    """Shops that sell and give all the time."""
    return among_givers(killed)


def test_what_was_committed_but_never_answered_is_found_by_its_key(
    program: Program, traffic: Traffic
) -> None:
    shop, (giver, taker, *_) = Shop(program, "unlucky").open(), traffic.shops
    sale, gift = Asked(f"{shop.path}/invoice", order("10")), gift_of(giver, taker)
    with ExitStack() as clients:
        for asked in (sale, gift):
            _send(program, clients, asked, f"lost answer of {asked.path}")
        [made] = until(shop.invoices)
        until(lambda: gold_of(taker) == GOLD + 1)
        program.kill()
    program.start()

    again = [
        program.admin.post(path, json=body, headers={"Idempotency-Key": f"lost answer of {path}"})
        for path, body in (sale, gift)
    ]
    traffic.gifts.append(gift.body)

    assert answered(again[0])["id"] == made["id"]
    assert [answer.headers["idempotent-replayed"] for answer in again] == ["true", "true"]
    assert len(shop.invoices()) == 1
    assert (gold_of(giver), gold_of(taker)) == (GOLD - 1, GOLD + 1)
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


def _send(program: Program, clients: ExitStack, asked: Asked, key: str) -> None:
    """Ask, and read no answer."""
    client = clients.enter_context(socket.create_connection(("127.0.0.1", program.admin.base_url.port or 0)))
    body = json.dumps(asked.body)
    head = f"POST {asked.path} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())


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
