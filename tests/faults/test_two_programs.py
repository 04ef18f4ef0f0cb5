"""Two programs on one database: one does each thing, whichever it is, and either may go."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.end_to_end.program import Program, until
from tests.end_to_end.shop import PAID, Shop, answered, order
from tests.faults.traffic import assert_events_are_whole

CLIENTS = 16
CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"


@pytest.fixture
def shop(following: Program, request: pytest.FixtureRequest) -> Shop:
    return Shop(following, request.node.name[:200]).open()


def test_one_key_to_both_at_once_makes_one_invoice(programs: list[Program], shop: Shop) -> None:
    def post(number: int) -> httpx.Response:
        headers = {"Idempotency-Key": f"to both {number // CLIENTS}"}
        return programs[number % 2].admin.post(f"{shop.path}/invoice", json=order(), headers=headers)

    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(post, range(4 * CLIENTS)))

    assert len({answered(response)["id"] for response in responses}) == 4
    assert sum("idempotent-replayed" not in response.headers for response in responses) == 4
    assert len(shop.invoices()) == 4
    shop.hears(["INV_CREATED"] * 4)


def test_invoices_of_one_account_from_both_at_once_have_addresses_of_their_own(
    programs: list[Program], shop: Shop
) -> None:
    def post(number: int) -> str:
        response = programs[number % 2].admin.post(f"{shop.path}/invoice", json=order())
        return str(answered(response)["id"])

    with ThreadPoolExecutor(CLIENTS) as clients:
        made = list(clients.map(post, range(4 * CLIENTS)))

    assert len(set(made)) == len(made)
    assert {invoice["id"] for invoice in shop.invoices()} == set(made)


def test_with_two_followers_each_block_is_taken_once_and_each_event_told_once(
    programs: list[Program], shop: Shop
) -> None:
    invoices = [shop.invoice("10", required_confirmations=1)["id"] for _ in range(5)]

    for invoice in invoices:
        programs[0].pay(invoice, "10")
        programs[0].mine()

    for program in programs:
        assert Shop(program, shop.foreign_id).balance() == ("0", "50")
    shop.hears(["INV_CREATED"] * 5 + [*PAID, CONFIRMED] * 5)
    assert programs[0].audit()["totals"] == programs[1].audit()["totals"]
    assert_events_are_whole(programs[0])


def test_when_one_is_stopped_or_killed_the_other_goes_on_and_by_asking_alone(
    programs: list[Program], shop: Shop
) -> None:
    first, second = programs
    first.stop()
    other = Shop(second, shop.foreign_id)
    _pay(second, other)  # so it is the second that follows
    first.start()

    second.kill()
    _pay(first, shop)

    assert shop.balance() == ("0", "20")
    assert_events_are_whole(first)
    second.start()


def _pay(program: Program, shop: Shop) -> None:
    """Sell and be paid once, wholly by this program's side."""
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    program.node.mine()
    until(lambda: shop.shown(invoice)["total_payment_confirmed"])
