"""A payer's page follows its invoice while a test network pays it, and crowds of pages delay nobody else."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from tests.end_to_end.program import Program, running, until
from tests.end_to_end.shop import Shop, answered


@contextmanager
def following(program: Program, invoice: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The statuses that the stream of an invoice tells."""
    with program.public.stream("GET", f"/invoice/{invoice}/events", timeout=60) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        yield (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_a_stream_follows_an_invoice_until_it_is_paid(program: Program, shop: Shop) -> None:
    invoice = shop.invoice(required_confirmations=3)["id"]
    states: list[tuple[str, str, int]] = []

    with following(program, invoice) as statuses:
        first = next(statuses)
        program.node("sendtoaddress", invoice, 10)
        program.node.mine()
        for status in statuses:
            if status["state"] in ("unpaid", "seen"):
                continue
            states.append((status["state"], status["received"], status["confirmations"]))
            if status["state"] == "confirmed":
                break
            program.node.mine()

    assert (first["state"], first["remaining"], first["confirmations"]) == ("unpaid", "10", 0)
    assert states == [("detected", "10", 1), ("detected", "10", 2), ("confirmed", "10", 3)]
    assert answered(program.public.get(f"/invoice/{invoice}/status"))["confirmed"] == "10"


def test_a_long_poll_ends_when_the_payment_comes(program: Program, shop: Shop) -> None:
    invoice = shop.invoice(required_confirmations=1)["id"]
    answers: list[dict[str, Any]] = []

    def poll() -> None:
        state = "unpaid"
        while state != "confirmed":
            path = f"/invoice/{invoice}/poll?state={state}&timeout=20"
            answers.append(answered(program.public.get(path, timeout=60)))
            state = answers[-1]["state"]

    page = threading.Thread(target=poll)
    page.start()
    program.node("sendtoaddress", invoice, 10)
    program.node.mine()
    page.join(60)

    assert [answer["state"] for answer in answers if answer["state"] not in ("unpaid", "seen")] == [
        "confirmed"
    ]


@pytest.fixture
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program at which one address opens all the streams that it may, and asks as often as it can."""
    with running(Program(tmp_path_factory.mktemp("crowded"), KENNEL_POLL_SECONDS="600")) as program:
        program.node.fill_faucet()
        until(lambda: program.node.mine() and program.audit()["height"] == program.node.height)
        yield program


def test_a_crowd_of_pages_delays_neither_blocks_nor_the_merchant_and_ends_with_the_program(
    crowded: Program,
) -> None:
    shop = Shop(crowded, "shop").open()
    invoice = shop.invoice(required_confirmations=1)["id"]
    refused = threading.Event()
    over = threading.Event()

    def flood() -> None:
        with httpx.Client(base_url=crowded.public.base_url) as client:
            while not over.is_set():
                if client.get(f"/invoice/{invoice}/status").status_code == 429:
                    refused.set()

    with ExitStack() as stack:
        limits = httpx.Limits(max_connections=None)
        client = stack.enter_context(
            httpx.Client(base_url=crowded.public.base_url, timeout=30, limits=limits)
        )
        path = f"/invoice/{invoice}/events"
        streams = [stack.enter_context(client.stream("GET", path)) for _ in range(110)]
        page = threading.Thread(target=flood)
        page.start()
        stack.callback(over.set)
        assert refused.wait(60)

        began = time.monotonic()
        crowded.node("sendtoaddress", invoice, 10)
        crowded.node.mine()
        until(lambda: shop.shown(invoice)["state"] == "confirmed")
        seconds = time.monotonic() - began
        over.set()
        page.join(30)
        stopped = time.monotonic()
        assert crowded.stop() == 0

    assert [answer.status_code for answer in streams] == [200] * 100 + [429] * 10
    assert seconds < 10
    assert time.monotonic() - stopped < 20
