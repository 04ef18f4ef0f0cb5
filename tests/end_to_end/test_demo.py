"""The demo, as somebody sees it who types `make run` and then the lines that it prints."""

import json
import shlex
import signal
import socket
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.demo import demo


def run(line: str) -> Any:
    """Do what a printed line of curl does, where there may be no curl."""
    words = iter(shlex.split(line)[1:])
    request: dict[str, Any] = {
        "method": "GET",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            request["headers"][name] = value
        elif word == "-d":
            request |= {"method": "POST", "content": next(words)}
        elif word == "--user":
            request["auth"] = tuple(next(words).split(":"))
        elif word != "-s":
            request["url"] = word
    answer = httpx.request(**request, trust_env=False, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def test_the_printed_lines_work_and_the_events_are_shown_and_starting_again_goes_on(tmp_path: Path) -> None:
    with demo(tmp_path) as terminal:
        invoice = terminal.until(r"invoice +(\w{34}), 29.89 DOGE")[1]
        issue, look, pay = (terminal.until("^(curl .*)")[1] for _ in range(3))

        assert run(issue)["total"] == "8.4"
        assert run(look)["id"] == invoice
        terminal.until(r"TRANSFER_RECEIVED +bob: 100 gold_coins from treasury to bob \(TOPUP\)")
        terminal.until(rf"INV_CREATED +(?!{invoice})\w{{34}}: 8.4 DOGE asked for")

        terminal.process.send_signal(signal.SIGINT)
        assert "Traceback" not in terminal.rest()
        assert terminal.process.returncode == 0

    with demo(tmp_path) as terminal:
        assert terminal.until(r"invoice +(\w{34}), 29.89 DOGE")[1] == invoice
        issue, look, pay, send, refund = (terminal.until("^(curl .*)")[1] for _ in range(5))
        assert len(run(pay)["result"]) == 64

        terminal.until(f"INV_TOTAL_PAYMENT_DETECTED +{invoice}: 29.89 of 29.89 received, 0 confirmed")
        terminal.until(f"INV_TOTAL_PAYMENT_CONFIRMED +{invoice}: 29.89 of 29.89 received, 29.89 confirmed")
        terminal.until("ACC_BALANCE_CHANGE +demo-shop: 29.89 to spend, 0 coming in, 0 going out")

        assert run(send)["state"] == "BROADCAST"
        assert run(refund)["state"] == "BROADCAST"
        terminal.until(r"PAYMENT_REQUESTED +demo-shop: payment 1 of 6 DOGE to \w{34} is PENDING")
        terminal.until(f"INV_PAYMENT_REFUNDED +{invoice}: 1 DOGE go back to \\w{{34}}, 1 of 29.89 in all")
        terminal.until(r"PAYMENT_CONFIRMED +demo-shop: payment 1 of 5.00\d+ DOGE to \w{34} is CONFIRMED")
        terminal.until(r"DEPOSIT_CONFIRMED +demo-friend: [15] DOGE to \w{34}, 6 of 6 confirmations")

        terminal.process.send_signal(signal.SIGINT)
        assert "Traceback" not in terminal.rest()
        assert terminal.process.returncode == 0


def test_with_several_cells_it_is_the_same_demo(tmp_path: Path) -> None:
    cells = {"KENNEL_CELLS": "2", "KENNEL_DATABASE_CONNECTIONS": "40"}
    with demo(tmp_path, **cells) as terminal:
        invoice = terminal.until(r"invoice +(\w{34}), 29.89 DOGE")[1]
        _, _, pay = (terminal.until("^(curl .*)")[1] for _ in range(3))
        assert len(run(pay)["result"]) == 64

        terminal.until(f"INV_TOTAL_PAYMENT_CONFIRMED +{invoice}: 29.89 of 29.89 received, 29.89 confirmed")

        terminal.process.send_signal(signal.SIGINT)
        assert "Traceback" not in terminal.rest()
        assert terminal.process.returncode == 0


def test_with_a_token_the_lines_take_it_from_the_readers_environment(tmp_path: Path) -> None:
    with demo(tmp_path, KENNEL_ADMIN_TOKEN="open-sesame") as terminal:
        line = terminal.until("^(curl .*)")[1]

        assert '"Authorization: Bearer $KENNEL_ADMIN_TOKEN"' in line
        assert "open-sesame" not in line + json.dumps(terminal.until("^(curl .*)")[1])


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"

        with demo(tmp_path, KENNEL_BROKER_BIND=bind) as terminal:
            output = terminal.rest()

    remedy = "stop what listens there, or set KENNEL_BROKER_BIND to another host:port."
    assert output == f"kennel: {bind} is taken: {remedy}"
    assert terminal.process.returncode == 1
