"""The chain read again: what is known is recognised, and nobody sees it happen."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.end_to_end.program import Program, until
from tests.end_to_end.shop import Shop, answered


def test_a_rescan_changes_no_balance_at_any_moment_and_tells_nothing(program: Program, shop: Shop) -> None:
    program.mine(7)  # what others have sent settles before, not while this looks at all there is
    confirmed, waiting = shop.invoice("10", required_confirmations=1)["id"], shop.invoice("5")["id"]
    program.pay(confirmed, "12")
    program.pay(waiting, "2")
    program.mine(2)
    shop.hears(["ACC_CREATED", "ACC_CHAIN_ACTIVITY", "ACC_PAYMENT", "ACC_BALANCE_CHANGE"], "ACC")
    before = _state(program, shop, [confirmed, waiting])
    over = Event()

    with ThreadPoolExecutor(1) as watchers:
        seen = watchers.submit(_watch, shop, over)
        try:
            assert answered(program.admin.post("/admin/setsyncheight/0")) == "Set sync height"
            program.mine()  # a new block is taken while the old ones are read
            program.mine(2)
        finally:
            over.set()

    assert seen.result() == {("2", "12")}
    assert _state(program, shop, [confirmed, waiting]) == before
    program.mine()
    assert shop.balance() == ("0", "14")


def test_rescans_that_are_asked_for_again_and_again_end(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    for height in (0, program.node.height, 3, 0):
        answered(program.admin.post(f"/admin/setsyncheight/{height}"))

    program.pay(invoice, "10")
    program.mine()

    until(lambda: shop.shown(invoice)["total_payment_confirmed"])
    assert shop.balance() == ("0", "10")
    program.audit()


def test_a_height_that_there_is_not_is_refused(program: Program) -> None:
    for height in (str(program.node.height + 1), "-1", "x", "99999999999"):
        response = program.admin.post(f"/admin/setsyncheight/{height}")
        assert (response.status_code, response.json()["error"]["code"]) == (400, "bad-request")


def _watch(shop: Shop, over: Event) -> set[tuple[str, str]]:
    """Every balance that could be seen meanwhile."""
    seen = set()
    while not over.is_set():
        seen.add(shop.balance())
    return seen


def _state(program: Program, shop: Shop, invoices: list[str]) -> list[object]:
    return [
        program.audit()["totals"],
        shop.balance(),
        *map(shop.flags, invoices),
        shop.told(),
        shop.told("ACC"),
    ]
