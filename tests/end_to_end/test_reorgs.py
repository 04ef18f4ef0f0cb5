"""Reorganisations: payments that are taken back, that come again, and chains that win by work."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.program import Program, until_equal
from tests.end_to_end.shop import PAID, Shop

HARD = "1f7fffff"
CREATED = "INV_CREATED"
CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"
UNCONFIRMED = ["INV_BALANCE_CHANGED", "INV_PAYMENT_UNCONFIRMED"]
PAID_FLAGS = ["part_payment_detected", "total_payment_detected", "total_payment_confirmed"]
NOTHING = {"incoming": "0", "confirmed": "0"}
ALL = {"incoming": "10", "confirmed": "10"}


@pytest.fixture
def invoice(shop: Shop) -> Iterator[str]:
    """An invoice that was paid and confirmed three blocks ago; and after the test the mempool is mined away."""
    made: str = shop.invoice("10", required_confirmations=1)["id"]
    shop.program.pay(made, "10")
    shop.program.mine(3)
    assert shop.flags(made) == {"up": PAID_FLAGS, **ALL}
    assert shop.balance() == ("0", "10")
    yield made
    shop.program.mine()
    shop.program.audit()


def test_a_longer_branch_without_the_payment_takes_it_back(
    program: Program, shop: Shop, invoice: str
) -> None:
    _fork(program)
    program.node.mine_empty(4)
    program.keep_up()

    assert shop.flags(invoice) == {"up": ["payment_unconfirmed"], **NOTHING}
    assert shop.balance() == ("0", "0")
    shop.hears([CREATED, *PAID, CONFIRMED, *UNCONFIRMED])
    assert shop.message("ACC_CHAIN_ACTIVITY")["connected"] is False


def test_a_node_that_went_back_changes_nothing_until_its_chain_has_more_work(
    program: Program, shop: Shop, invoice: str
) -> None:
    height = program.node.height

    _fork(program)
    for _ in range(3):
        program.node.mine_empty()
        assert program.audit()["height"] == height
        assert shop.balance() == ("0", "10")
    program.node.mine_empty()
    program.keep_up()

    assert shop.balance() == ("0", "0")


def test_a_payment_that_is_mined_elsewhere_is_confirmed_again(
    program: Program, shop: Shop, invoice: str
) -> None:
    _fork(program)
    program.node.mine_empty(4)
    program.keep_up()
    assert shop.flags(invoice) == {"up": ["payment_unconfirmed"], **NOTHING}

    program.mine()

    assert shop.flags(invoice) == {"up": PAID_FLAGS, **ALL}
    assert shop.balance() == ("0", "10")
    shop.hears([CREATED, *PAID, CONFIRMED, *UNCONFIRMED, *PAID, CONFIRMED])


def test_the_old_branch_comes_back_with_its_payment(program: Program, shop: Shop, invoice: str) -> None:
    old = _fork(program)
    new = program.node.mine_empty(4)
    program.keep_up()
    assert shop.balance() == ("0", "0")

    program.node("invalidateblock", new[0])
    program.node("reconsiderblock", old)
    program.node.mine(2)
    program.keep_up()

    assert shop.flags(invoice) == {"up": PAID_FLAGS, **ALL}
    assert shop.balance() == ("0", "10")
    shop.hears([CREATED, *PAID, CONFIRMED, *UNCONFIRMED, *PAID, CONFIRMED])


def test_a_branch_that_only_loses_a_confirmation_makes_it_wait_for_that_one(
    program: Program, shop: Shop
) -> None:
    waiting = shop.invoice("10", required_confirmations=3)["id"]
    program.pay(waiting, "10")
    program.mine(3)
    assert shop.balance() == ("0", "10")

    _fork(program)
    program.node.mine_empty(3)
    program.node.mine()
    program.keep_up()
    assert shop.flags(waiting) == {
        "up": ["part_payment_detected", "total_payment_detected", "payment_unconfirmed"],
        "incoming": "10",
        "confirmed": "0",
    }
    assert shop.balance() == ("10", "0")
    assert shop.shown(waiting)["estimate_seconds_to_confirm"] == 2

    program.mine(2)
    assert shop.flags(waiting) == {"up": PAID_FLAGS, **ALL}
    assert shop.balance() == ("0", "10")


def test_money_that_was_spent_elsewhere_in_the_new_branch_is_gone_for_good(
    program: Program, shop: Shop
) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    txid = program.pay(invoice, "10")
    elsewhere = _spend_again(program, txid)
    program.mine(3)
    assert shop.balance() == ("0", "10")

    _fork(program)
    program.node("generateblock", program.node.miner(), [elsewhere])
    program.node.mine(3)
    program.keep_up()
    program.mine(2)

    assert shop.flags(invoice) == {"up": ["payment_unconfirmed"], **NOTHING}
    assert shop.balance() == ("0", "0")
    shop.hears([CREATED, *PAID, CONFIRMED, *UNCONFIRMED])


def test_a_second_payment_makes_good_for_one_that_was_taken_back(
    program: Program, shop: Shop, invoice: str
) -> None:
    _fork(program)
    program.node.mine_empty(4)
    program.keep_up()

    program.pay(invoice, "10")
    program.mine()

    over = ["INV_OVER_PAYMENT_DETECTED", CONFIRMED, "INV_OVER_PAYMENT_CONFIRMED"]
    assert shop.flags(invoice) == {"up": PAID_FLAGS, "incoming": "20", "confirmed": "20"}
    assert shop.balance() == ("0", "20")
    shop.hears([CREATED, *PAID, CONFIRMED, *UNCONFIRMED, *PAID, *over])


def test_a_shorter_chain_with_more_work_is_followed(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=3)["id"]
    program.pay(invoice, "10")
    program.mine(3)
    height = program.node.height
    assert shop.balance() == ("0", "10")

    _fork(program)
    program.node("generateharder", 2, program.node.miner(), HARD)
    assert program.node.height == height - 1
    waiting = {
        "up": ["part_payment_detected", "total_payment_detected", "payment_unconfirmed"],
        "incoming": "10",
        "confirmed": "0",
    }
    until_equal(lambda: shop.flags(invoice), waiting)  # not its height: it comes by that on the way down
    assert shop.balance() == ("10", "0")

    program.mine()
    assert shop.balance() == ("0", "10")
    shop.hears([CREATED, *PAID, *_confirmed(), *UNCONFIRMED, *PAID, *_confirmed()])


def test_a_longer_chain_with_less_work_is_not(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    program.node("generateharder", 1, program.node.miner(), HARD)
    program.keep_up()
    height = program.node.height

    _fork(program, depth=1)
    program.node.mine_empty(6)
    assert program.node.height == height + 5
    assert program.audit()["height"] == height
    assert shop.balance() == ("0", "10")

    program.node("generateharder", 1, program.node.miner(), HARD)
    program.keep_up()
    assert shop.balance() == ("0", "10")


def _fork(program: Program, depth: int = 3) -> str:
    """Send the node back behind its last blocks; returns the lowest of them."""
    lowest: str = program.node("getblockhash", program.node.height - depth + 1)
    program.node("invalidateblock", lowest)
    return lowest


def _confirmed() -> list[str]:
    return ["INV_BALANCE_CHANGED", CONFIRMED]


def _spend_again(program: Program, txid: str) -> str:
    """Make a transaction that spends what `txid` spends, back to the faucet."""
    waiting = program.node("getrawtransaction", txid, 1)
    inputs = [{"txid": spent["txid"], "vout": spent["vout"]} for spent in waiting["vin"]]
    raw = program.node("createrawtransaction", inputs, {program.node("getnewaddress"): "100"})
    signed = program.node("signrawtransaction", raw)
    assert signed["complete"]
    return str(signed["hex"])
