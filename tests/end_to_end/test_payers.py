"""Payers of accounts in every cell: pages, links, wallets' requests and whoever waits; the same as with one cell."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from app.cells import CellMap
from tests.end_to_end.program import Program
from tests.end_to_end.shop import Shop, answered
from tests.wallet import Request

NAMES = [f"payers-{number}" for number in (0, 1, 3, 11)]
"""One in each of four cells."""
Told = Iterator[tuple[str, dict[str, Any]]]


@pytest.fixture
def shops(program: Program) -> list[Shop]:
    assert {CellMap(4).of_account(name) for name in NAMES} == set(range(4))
    return [Shop(program, name).open() for name in NAMES]


@contextmanager
def stream(client: httpx.Client, path: str, last: str = "") -> Iterator[Told]:
    """What a stream tells from where it was, each with the cursor behind it."""
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", path, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        yield _told(answer.iter_lines())


def _told(lines: Iterator[str]) -> Told:
    cursor = ""
    for line in lines:
        if line.startswith("id: "):
            cursor = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield cursor, json.loads(line.removeprefix("data: "))


def confirmed(told: Told) -> dict[str, Any]:
    """The status of an invoice once it is confirmed."""
    return next(status for _, status in told if status["state"] == "confirmed")


def test_who_waits_for_an_invoice_of_any_cell_hears_of_its_payment(
    program: Program, shops: list[Shop]
) -> None:
    bills = [shop.invoice("10", required_confirmations=1)["id"] for shop in shops]

    with ExitStack() as stack:
        streams = [stack.enter_context(stream(program.public, f"/invoice/{bill}/events")) for bill in bills]
        first = [next(told)[1]["state"] for told in streams]
        for bill in bills:
            program.pay(bill, "10")
        program.node.mine()
        ends = [confirmed(told) for told in streams]

    assert first == ["unpaid"] * 4
    assert [end["id"] for end in ends] == bills
    for bill in bills:
        polled = answered(program.public.get(f"/invoice/{bill}/poll?state=unpaid&timeout=20", timeout=60))
        status = answered(program.public.get(f"/invoice/{bill}/status"))
        known = {"id": bill}
        wallet = answered(program.public.post(f"/dc/{bill}/status", json=known))
        assert (polled["state"], status["state"], wallet["status"]) == ("confirmed",) * 3


def test_pages_links_and_requests_for_wallets_are_those_of_the_account(
    program: Program, shops: list[Shop]
) -> None:
    for shop in shops:
        made = shop.invoice("7")
        link = answered(program.admin.post(f"{shop.path}/link", json={"amount": "7.5"}))["id"]

        page = program.public.get(f"/pay/{made['id']}", params={"token": made["token"]})
        offer = program.public.get(f"/l/{link}")
        opened = program.public.post(f"/l/{link}")
        request = Request.of(
            answered(program.public.get(f"/dc/{made['id']}", params={"token": made["token"]}))
        )

        assert (page.status_code, offer.status_code, opened.status_code) == (200, 200, 303)
        assert made["id"] in page.text
        bill = opened.headers["location"].split("/")[-1].split("?")[0]
        assert shop.shown(bill)["total"] == "7.5"
        assert request.content["id"] == made["id"]
        assert program.public.get(f"/invoice/{made['id']}/qr.svg").status_code == 200


def test_a_stream_of_events_goes_on_behind_the_last_one_of_every_cell(
    program: Program, shops: list[Shop]
) -> None:
    path = "/events/stream?types=INV_CREATED"
    with stream(program.admin, path) as told:
        before = [shop.invoice("1")["id"] for shop in shops]
        heard = [next(told) for _ in shops]
    after = [shop.invoice("2")["id"] for shop in reversed(shops)]

    with stream(program.admin, path, heard[1][0]) as told:
        rest = [next(told)[1] for _ in range(2 + len(after))]

    bills = [event["message"]["id"] for _, event in heard]
    assert sorted(bills) == sorted(before)
    assert sorted(event["message"]["id"] for event in rest) == sorted([*bills[2:], *after])
