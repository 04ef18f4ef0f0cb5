"""What the tour says to its reader."""

import json
from typing import Any

import pytest

from app.cli import command
from app.cli.demo import tour
from app.cli.demo.api import TourEnds
from app.cli.demo.tour import TourUrls
from app.domain import blocks, dogecoin, event_examples, invoices
from app.domain.blocks import Deposit, OwnAddress
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.invoices import Receipts
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.money import COIN, Koinu

URLS = TourUrls(admin="http://127.0.0.1:8081", public="http://127.0.0.1:8082", token="open-sesame")
CREATED = "2026-01-02T03:04:05+00:00"
OWNER = Owner(1, "shop", "nAccount")
THREE = Koinu(3 * COIN)
RECEIPTS = Receipts(
    "nInvoice", THREE, THREE, 6, THREE, THREE, detected=True, settled=True, confirmation_lost=False
)
ADDRESS = OwnAddress(1, 0, 5, "deposit", REGTEST, dogecoin.p2pkh(bytes(20)))
DEPOSIT = Deposit(Outpoint(bytes(32), 0), ADDRESS, Koinu(2_489_000_000), 6)
PAID = {
    "payment_id": 7,
    "foreign_id": "shop",
    "total": "12",
    "state": "BROADCAST",
    "pay_to": [{"to": "nOne"}, {"to": "nTwo"}],
}
PAYMENT = OutboxEvent(1, "shop", "PAYMENT_SENT", json.dumps(PAID))


def wire(event: OutboxEvent) -> dict[str, Any]:
    return {"event_type": event.type, "created": CREATED, "message": json.loads(event.message)}


def test_an_event_of_an_unknown_kind_is_shown_as_its_json_and_cannot_move_the_cursor() -> None:
    event = {
        "event_type": "SYS_NEWS",
        "created": CREATED,
        "message": {"word": "\x1b[2J wow", "long": "x" * 1_000},
    }

    shown = tour.line_of(event).plain

    assert '"\\u001b[2J wow"' in shown
    assert len(shown) < 250


def test_a_block_taken_back_is_told_as_such() -> None:
    message = {"foreign_id": "shop", "height": 7, "block_hash": "00", "connected": False}

    shown = tour.line_of({"event_type": "ACC_CHAIN_ACTIVITY", "created": CREATED, "message": message}).plain

    assert shown.endswith("shop: block 7 taken back")


def test_a_token_is_neither_printed_nor_shown_in_a_traceback() -> None:
    lines = tour.shell_lines(URLS, "nAddress", "1.5", "nFriend")

    assert URLS.token not in repr(URLS) + repr(lines)


def test_where_money_is_real_the_last_line_is_the_payment_uri() -> None:
    assert tour.shell_lines(URLS, "DAddress", "1.5", "DFriend")[-1] == (
        "Pay it with any wallet.",
        "dogecoin:DAddress?amount=1.5",
    )


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (PAYMENT, "shop: payment 7 of 12 DOGE to nOne and 1 more is BROADCAST"),
        (
            blocks.deposit_confirmed(OWNER, DEPOSIT, 6)[0],
            f"shop: 24.89 DOGE to {ADDRESS.text}, 6 of 6 confirmations",
        ),
        (
            invoices.invoice_refunded(OWNER, RECEIPTS, COIN, COIN, "nTo"),
            "nInvoice: 1 DOGE go back to nTo, 1 of 3 in all",
        ),
        (
            blocks.unknown_spend("nAddress", COIN, "00:1", "11"),
            "1 DOGE of nAddress were spent by a transaction that Kennel did not make",
        ),
        (
            blocks.unknown_spend("nAddress", COIN, "00:1", "11", back=True),
            "spent by a transaction that Kennel did not make, which was taken back",
        ),
        (
            blocks.deposit_unconfirmed(OWNER, DEPOSIT)[1],
            "shop: 24.89 DOGE in (deposit), which was taken back",
        ),
    ],
)
def test_money_that_comes_and_goes_is_told_in_words(message: OutboxEvent, words: str) -> None:
    assert tour.line_of(wire(message)).plain.endswith(words)


def test_of_a_transfer_to_several_the_first_is_named_and_how_many_more_there_are() -> None:
    shares = [{"account": name, "amount": "1"} for name in ("bob", "carol", "dave")]
    message = {"transfer": 7, "foreign_id": "alice", "amount": "3", "asset": "gold", "type": "TRANSFER"}

    sent = {
        "event_type": "TRANSFER_SENT",
        "created": CREATED,
        "message": message | {"from": "alice", "to": shares},
    }
    back = {
        "event_type": "TRANSFER_SENT",
        "created": CREATED,
        "message": message | {"from": shares[:2], "to": "alice"},
    }

    assert tour.line_of(sent).plain.endswith("alice: 3 gold from alice to bob and 2 more (TRANSFER)")
    assert tour.line_of(back).plain.endswith("alice: 3 gold from bob and 1 more to alice (TRANSFER)")


def test_every_type_of_event_is_told_in_words() -> None:
    shown = {name: tour.line_of(wire(event)).plain for name, event in event_examples.all_types().items()}

    assert [line for line in shown.values() if "{" in line] == []
    assert shown["HOLD_CAPTURED"].endswith("alice: 25 gold_coins of hold 9 from alice to shibe-shop")
    assert shown["ESCROW_LOCKED"].endswith("alice: escrow 4 of 100 gold_coins for order-7 is LOCKED")
    assert shown["INV_PAYMENT_SEEN"].endswith(": 10 DOGE of 10, in no block")


def test_a_payment_that_failed_says_why() -> None:
    failed = OutboxEvent(
        1, "shop", "PAYMENT_FAILED", json.dumps(PAID | {"state": "FAILED", "error": "No coins.\x1b[2J"})
    )

    assert tour.line_of(wire(failed)).plain.endswith("to nOne and 1 more is FAILED: No coins. [2J")


def test_why_the_tour_ends_is_said_in_a_sentence_however_deep_in_groups_it_lies() -> None:
    ends = TourEnds("The demo stops.")

    with pytest.raises(SystemExit, match=r"kennel: The demo stops\.$"), command.errors_in_one_sentence():
        raise ExceptionGroup("program", [ExceptionGroup("parts", [ends])])
