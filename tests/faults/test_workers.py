"""Two workers and the loops as processes of one program: any of them may be killed, and all end together."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.end_to_end.program import Devnet, Program, free_ports, running, until
from tests.end_to_end.shop import Shop, order
from tests.exposition import figures
from tests.faults.conftest import Said, divided

CLIENTS = 8
FROZEN_SECONDS = 1.5
"""Longer than the program waits for anything."""
GRACE_SECONDS = 10
"""How long a stop may take, beside what the machine takes."""


@pytest.fixture
def program(
    tmp_path: Path, node_alone: Devnet, module_database: str, said: Said, cell_count: int
) -> Iterator[Program]:
    settings = {
        **divided(cell_count, 3),
        "KENNEL_DATABASE_URL": module_database,
        "KENNEL_WORKERS": "2",
        "KENNEL_METRICS_BIND": f"127.0.0.1:{free_ports(1)[0]}",
        **node_alone.settings,
    }
    with running(Program(tmp_path, node_alone.node, **settings)) as program:
        said.by(program)
        yield program


def processes(program: Program) -> list[int]:
    """The processes below the program's own: the loops first, then the workers."""
    assert program.pid
    return [int(pid) for pid in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()]


def is_ready(program: Program) -> bool:
    return program.admin.get("/ready").status_code == 200


def test_whichever_process_is_killed_starts_again_and_what_was_answered_is_there(program: Program) -> None:
    until(lambda: is_ready(program))
    loops, *workers = processes(program)
    shop = Shop(program, "killed workers").open()

    os.kill(loops, signal.SIGKILL)
    until(lambda: loops not in processes(program))  # it may start again before anyone misses it
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: len(set(processes(program)) - {loops, workers[0]}) == 3 and is_ready(program))
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    program.node.mine()

    until(lambda: shop.shown(invoice)["total_payment_confirmed"])
    assert len(set(processes(program)) - {loops, *workers}) == 2
    assert program.said().count("starts again") == 2


def test_a_program_that_was_frozen_for_a_while_goes_on(program: Program) -> None:
    until(lambda: is_ready(program))
    _, *workers = processes(program)

    os.kill(program.pid, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    os.kill(program.pid, signal.SIGCONT)
    os.kill(workers[0], signal.SIGKILL)

    until(lambda: workers[0] not in processes(program) and len(processes(program)) == 3)
    until(lambda: is_ready(program))
    assert program.runs


def test_one_scrape_sees_all_processes_and_the_one_that_starts_again(program: Program) -> None:
    until(lambda: is_ready(program))
    address = f"http://{program.settings['KENNEL_METRICS_BIND']}"

    def scraped() -> dict[str, float]:
        """When each process began."""
        text = httpx.get(f"{address}/metrics").text
        began = "process_start_time_seconds{process="
        return {
            name.removeprefix(began): value for name, value in figures(text).items() if name.startswith(began)
        }

    before = until(lambda: seen if len(seen := scraped()) == 3 else {})
    os.kill(processes(program)[-1], signal.SIGKILL)
    after = until(lambda: seen if len(seen := scraped()) == 3 and seen != before else {})

    assert set(before) == set(after) == {'"loops"}', '"worker-1"}', '"worker-2"}'}
    assert after['"worker-2"}'] > before['"worker-2"}']
    until(lambda: httpx.get(f"{address}/ready").is_success)


def test_a_stop_under_load_cuts_off_nothing_that_was_answered(program: Program) -> None:
    shop, over, answered = Shop(program, "stopped workers").open(), Event(), []

    def sell(_: int) -> None:
        with httpx.Client(base_url=program.admin.base_url, timeout=30) as client:
            while not over.is_set():
                with suppress(httpx.HTTPError):
                    response = client.post(f"{shop.path}/invoice", json=order())
                    if response.is_success:
                        answered.append(response.json()["id"])

    with ThreadPoolExecutor(CLIENTS) as clients:
        selling = [clients.submit(sell, number) for number in range(CLIENTS)]
        until(lambda: len(answered) > 20 * CLIENTS)
        began = time.monotonic()
        code = program.stop()
        took = time.monotonic() - began
        over.set()
    assert [client.result() for client in selling] == [None] * CLIENTS

    assert code in (0, -signal.SIGTERM)
    assert took < GRACE_SECONDS
    program.start()
    assert set(answered) <= {invoice["id"] for invoice in shop.invoices()}
