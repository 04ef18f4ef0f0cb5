"""PostgreSQL's primary dies under load and its standby is promoted: the program goes on with another server."""

from collections.abc import Iterator

import pytest

from tests import postgres_pair
from tests.end_to_end.program import Devnet, Program, running, until
from tests.end_to_end.shop import Shop, answered, order
from tests.faults.conftest import ALSO_DIVIDED, Said, divided
from tests.faults.traffic import among_givers, assert_nothing_lost_and_nothing_twice
from tests.postgres_pair import Pair

pytestmark = ALSO_DIVIDED
RECOVERY_SECONDS = 60
MERCHANT_KEY = {"Idempotency-Key": "the payment that is lost"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, cell_count: int) -> Iterator[Pair]:
    """Two servers, in sync before each test but the last."""
    with postgres_pair.running(tmp_path_factory.mktemp(f"servers-{cell_count}")) as pair:
        yield pair


@pytest.fixture(scope="module")
def failed_over(
    tmp_path_factory: pytest.TempPathFactory, node_alone: Devnet, pair: Pair, cell_count: int
) -> Iterator[Program]:
    """A program that knows both."""
    settings = {
        **divided(cell_count, 3),
        "KENNEL_DATABASE_URL": pair.url(),
        "KENNEL_WORKERS": "2",
        "KENNEL_PAY_WAIT_SECONDS": "1",
        **node_alone.settings,
    }
    with running(Program(tmp_path_factory.mktemp("program"), node_alone.node, **settings)) as program:
        yield program


@pytest.fixture
def program(failed_over: Program, said: Said) -> Program:
    said.by(failed_over)
    return failed_over


def serves(program: Program) -> bool:
    return program.admin.get("/accounts").status_code == program.admin.get("/ready").status_code == 200


def sells(program: Program, shop: Shop) -> bool:
    """Whether it gives out addresses: not before the sender has compared the new primary with what was sent."""
    return program.admin.post(f"{shop.path}/invoice", json=order()).status_code == 200


def test_under_load_nothing_that_was_answered_is_lost_and_nobody_starts_the_program_again(
    program: Program, pair: Pair
) -> None:
    traffic = among_givers(program)

    with traffic.flowing():
        traffic.wait_for_sales()
        pair.fail_over()
        until(lambda: serves(program), RECOVERY_SECONDS)
    traffic.ask_again()
    pair.follow()

    assert program.runs
    assert "starts again" not in program.output.read_text()
    assert set(traffic.statuses) <= {200, 503}
    traffic.settle()
    assert_nothing_lost_and_nothing_twice(traffic)


def test_while_no_server_can_be_written_to_requests_are_503_and_the_program_waits(
    program: Program, pair: Pair
) -> None:
    shop = Shop(program, "patient shop").open()

    pair.primary.kill()
    refused = [program.admin.get(path) for path in (f"{shop.path}/balance", "/accounts")]
    refused.append(program.admin.post(f"{shop.path}/invoice", json=order()))
    pair.fail_over()

    assert {response.status_code for response in refused} == {503}
    until(lambda: sells(program, shop), RECOVERY_SECONDS)
    pair.follow()
    assert "starts again" not in program.output.read_text()


def test_a_standby_that_has_missed_a_payment_sends_nothing_until_somebody_has_looked(
    program: Program, pair: Pair
) -> None:
    """Without synchronous replication the database may go back in time; what was sent is remembered beside it."""
    shop = Shop(program, "asynchronous shop").open()
    invoice = shop.invoice("50", required_confirmations=1)["id"]
    program.pay(invoice, "50")
    program.mine()
    pair.primary.tell("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
    pair.standby.kill()

    paid = {"amount": "10", "to": program.node("getnewaddress"), "explicit_fee": "1"}
    answered(program.admin.post(f"{shop.path}/pay", json=paid, headers=MERCHANT_KEY))
    [txid] = until(lambda: program.node("getrawmempool"))
    pair.primary.kill()
    pair.standby.start()
    pair.fail_over()

    until(lambda: "run `kennel restored`" in program.said(), RECOVERY_SECONDS)
    assert program.admin.post(f"{shop.path}/invoice", json=order()).status_code == 503
    program.admin.post(f"{shop.path}/pay", json=paid, headers=MERCHANT_KEY)
    assert program.node("getrawmempool") == [txid]
