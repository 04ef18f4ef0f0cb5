"""Two programs on one database: one does each thing, whichever it is, and either may go."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.end_to_end.program import Program, until
from tests.end_to_end.shop import PAID, Shop, answered, order
from tests.faults.conftest import ALSO_DIVIDED, spread
from tests.faults.traffic import assert_events_are_whole

pytestmark = ALSO_DIVIDED
CLIENTS = 16
CONFIRMED = "INV_TOTAL_PAYMENT_CONFIRMED"


@pytest.fixture
def shops(following: Program, request: pytest.FixtureRequest) -> list[Shop]:
    """Four, each in another cell where there are several."""
    return [Shop(following, name).open() for name in spread(request.node.originalname[:200])]


def test_one_key_to_both_at_once_makes_one_invoice(programs: list[Program], shops: list[Shop]) -> None:
    def post(number: int) -> httpx.Response:
        shop, headers = shops[number // CLIENTS], {"Idempotency-Key": f"to both {number // CLIENTS}"}
        return programs[number % 2].admin.post(f"{shop.path}/invoice", json=order(), headers=headers)

    with ThreadPoolExecutor(CLIENTS) as clients:
        responses = list(clients.map(post, range(len(shops) * CLIENTS)))

    assert len({answered(response)["id"] for response in responses}) == len(shops)
    assert sum("idempotent-replayed" not in response.headers for response in responses) == len(shops)
    for shop in shops:
        assert len(shop.invoices()) == 1
        shop.hears(["INV_CREATED"])


def test_invoices_of_one_account_from_both_at_once_have_addresses_of_their_own(
    programs: list[Program], shops: list[Shop]
) -> None:
    def post(number: int) -> str:
        """Of two shops, each asks both programs."""
        shop = shops[number // 2 % 2]
        response = programs[number % 2].admin.post(f"{shop.path}/invoice", json=order())
        return str(answered(response)["id"])

    with ThreadPoolExecutor(CLIENTS) as clients:
        made = list(clients.map(post, range(4 * CLIENTS)))

    assert len(set(made)) == len(made)
    assert {invoice["id"] for shop in shops for invoice in shop.invoices()} == set(made)


def test_with_two_followers_each_block_is_taken_once_and_each_event_told_once(
    programs: list[Program], shops: list[Shop]
) -> None:
    invoices = [shop.invoice("10", required_confirmations=1)["id"] for shop in shops]

    for invoice in invoices:
        programs[0].pay(invoice, "10")
        programs[0].mine()

    for shop in shops:
        for program in programs:
            assert Shop(program, shop.foreign_id).balance() == ("0", "10")
        shop.hears(["INV_CREATED", *PAID, CONFIRMED])
    assert programs[0].audit()["totals"] == programs[1].audit()["totals"]
    assert_events_are_whole(programs[0])


def test_when_one_is_stopped_or_killed_the_other_goes_on_and_by_asking_alone(
    programs: list[Program], shops: list[Shop]
) -> None:
    first, second = programs
    first.stop()
    for shop in shops:
        _pay(second, Shop(second, shop.foreign_id))  # so it is the second that follows
    first.start()

    second.kill()
    for shop in shops:
        _pay(first, shop)

    assert [shop.balance() for shop in shops] == [("0", "20")] * len(shops)
    assert_events_are_whole(first)
    second.start()


def _pay(program: Program, shop: Shop) -> None:
    """Sell and be paid once, wholly by this program's side."""
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    program.node.mine()
    until(lambda: shop.shown(invoice)["total_payment_confirmed"])
