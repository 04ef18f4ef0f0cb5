"""The node goes away, dies and comes back: the program goes on serving, and catches up."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from app.chain.mempool import STEADY_SECONDS
from devnet.devnet import FILE
from tests.end_to_end.program import Devnet, Program, until
from tests.end_to_end.shop import PAID, Shop
from tests.faults.conftest import Said

CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"


@pytest.fixture
def program(following: Program, node_alone: Devnet, said: Said) -> Iterator[Program]:
    """A program with its node; both run again after the test."""
    said.by(following)
    said.by(node_alone)
    yield following
    if not node_alone.runs:
        node_alone.start()
    if not following.runs:
        following.start()


def status(program: Program, invoice: str) -> dict[str, Any]:
    """What the payer's page asks."""
    return dict(program.public.get(f"/invoice/{invoice}/status").raise_for_status().json())


def told_of(program: Program, invoice: str) -> list[str]:
    """The types of all events of an invoice."""
    events = program.events(types="INV")
    names = ("id", "invoice_id")
    return [e["event_type"] for e in events if invoice in (e["message"].get(name) for name in names)]


@pytest.fixture
def shop(program: Program, request: pytest.FixtureRequest) -> Shop:
    return Shop(program, request.node.name[:200]).open()


def test_while_the_node_is_away_shops_are_served_and_afterwards_all_is_caught_up(
    program: Program, node_alone: Devnet, shop: Shop
) -> None:
    before = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(before, "10")

    node_alone.kill()
    during = shop.invoice("5", required_confirmations=1)["id"]
    assert shop.flags(before) == {"up": [], "incoming": "0", "confirmed": "0"}
    assert shop.balance() == ("0", "0")
    program.audit()
    shop.hears(["INV_CREATED", "INV_CREATED"])

    node_alone.start()
    program.pay(during, "5")
    program.mine(3)
    assert [shop.shown(one)["total_payment_confirmed"] for one in (before, during)] == [True, True]
    assert shop.balance() == ("0", "15")
    shop.hears(["INV_CREATED", "INV_CREATED", *PAID, CONFIRMED, *PAID, CONFIRMED])


def test_what_was_seen_stays_seen_when_program_and_node_die_and_is_told_once(
    program: Program, node_alone: Devnet, shop: Shop
) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    until(lambda: status(program, invoice)["seen"] == "10")

    program.kill()
    node_alone.kill()
    node_alone.start()
    program.start()

    assert status(program, invoice)["state"] == "seen"
    program.mine()
    assert (
        until(lambda: status(program, invoice)["state"] == "confirmed" and status(program, invoice))["seen"]
        == "0"
    )
    told = told_of(program, invoice)
    assert (told.count("INV_PAYMENT_SEEN"), told.count("INV_PAYMENT_DROPPED")) == (1, 0)
    program.audit()


def empty_mempool(node: Devnet) -> None:
    """Let a node that is down have nothing in its mempool when it starts: Core, too, loses what it has not written."""
    with closing(sqlite3.connect(node.home / "devnet" / FILE)) as stored:
        stored.execute("DELETE FROM waiting")
        stored.commit()


def test_of_what_a_killed_node_has_lost_what_is_sent_again_stays_seen_and_the_rest_is_told_as_dropped(
    program: Program, node_alone: Devnet, shop: Shop
) -> None:
    again, lost = (shop.invoice("10", required_confirmations=1)["id"] for _ in range(2))
    raws = [program.node("getrawtransaction", program.pay(invoice, "10")) for invoice in (again, lost)]
    until(lambda: [status(program, invoice)["seen"] for invoice in (again, lost)] == ["10", "10"])

    node_alone.kill()
    empty_mempool(node_alone)
    node_alone.start()
    assert program.node("getrawmempool") == []
    program.node("sendrawtransaction", raws[0])

    until(lambda: status(program, lost)["state"] == "unpaid", STEADY_SECONDS + 60)
    assert status(program, again)["state"] == "seen"
    program.node("sendrawtransaction", raws[1])
    until(lambda: status(program, lost)["state"] == "seen")
    program.mine()
    until(lambda: {status(program, invoice)["state"] for invoice in (again, lost)} == {"confirmed"})
    told = {invoice: told_of(program, invoice) for invoice in (again, lost)}
    assert told[again][:2] == ["INV_CREATED", "INV_PAYMENT_SEEN"]
    assert told[lost][:4] == ["INV_CREATED", "INV_PAYMENT_SEEN", "INV_PAYMENT_DROPPED", "INV_PAYMENT_SEEN"]
    assert [events.count("INV_TOTAL_PAYMENT_CONFIRMED") for events in told.values()] == [1, 1]
    assert shop.balance() == ("0", "20")
    program.audit()


def test_a_program_that_starts_without_its_node_serves_and_follows_it_later(
    program: Program, node_alone: Devnet, shop: Shop
) -> None:
    program.stop()
    node_alone.kill()

    program.start()
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    node_alone.start()
    program.pay(invoice, "10")
    program.mine()

    assert shop.balance() == ("0", "10")


def test_a_killed_node_has_kept_its_chain_and_what_waited(
    program: Program, node_alone: Devnet, shop: Shop
) -> None:
    invoice = shop.invoice("20", required_confirmations=1)["id"]
    program.pay(invoice, "5")
    program.node.mine(2)
    txid = program.pay(invoice, "15")
    height = program.node.height

    node_alone.kill()
    node_alone.start()

    assert program.node.height == height
    assert program.node("getrawmempool") == [txid]
    program.mine()
    assert shop.shown(invoice)["total_confirmed"] == "20"


def test_what_was_paid_while_the_program_was_away_is_credited_when_it_is_back(
    program: Program, shop: Shop
) -> None:
    invoices = [shop.invoice("10")["id"] for _ in range(5)]

    program.stop()
    for invoice in invoices:
        program.pay(invoice, "4")
        program.pay(invoice, "6")
        program.node.mine(60)
    program.start()
    program.keep_up()

    assert shop.balance() == ("0", "50")
    told = ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_BALANCE_CHANGED", CONFIRMED]
    shop.hears(["INV_CREATED"] * 5 + told * 5)


def test_a_reorg_while_the_program_was_away_is_followed_when_it_is_back(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    [lowest, *_] = program.mine(3)
    assert shop.balance() == ("0", "10")

    program.stop()
    program.node("invalidateblock", lowest)
    program.node.mine_empty(5)
    program.start()
    program.keep_up()

    assert shop.shown(invoice)["payment_unconfirmed"]
    assert shop.balance() == ("0", "0")
    program.mine()
    assert shop.balance() == ("0", "10")
