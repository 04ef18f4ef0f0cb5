"""What the tour says to its reader."""

from app import tour
from app.tour import Places

PLACES = Places(admin="http://127.0.0.1:8081", public="http://127.0.0.1:8082", token="open-sesame")
CREATED = "2026-01-02T03:04:05+00:00"


def test_an_event_of_an_unknown_kind_is_shown_as_its_json_and_cannot_move_the_cursor() -> None:
    event = {"event_type": "SYS_NEWS", "created": CREATED, "message": {"word": "\x1b[2J wow", "long": "x" * 1_000}}

    shown = tour.told(event).plain

    assert '"\\u001b[2J wow"' in shown
    assert len(shown) < 250


def test_a_block_taken_back_is_told_as_such() -> None:
    message = {"foreign_id": "shop", "height": 7, "block_hash": "00", "connected": False}

    shown = tour.told({"event_type": "ACC_CHAIN_ACTIVITY", "created": CREATED, "message": message}).plain

    assert shown.endswith("shop: block 7 taken back")


def test_a_token_is_neither_printed_nor_shown_in_a_traceback() -> None:
    lines = tour.tries(PLACES, "nAddress", "1.5")

    assert PLACES.token not in repr(PLACES) + repr(lines)


def test_where_money_is_real_the_last_line_is_the_payment_uri() -> None:
    assert tour.tries(PLACES, "DAddress", "1.5")[-1] == ("Pay it with any wallet.", "dogecoin:DAddress?amount=1.5")
