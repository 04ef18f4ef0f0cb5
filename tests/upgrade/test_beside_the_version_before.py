"""The program of before goes on beside today's on today's schema: an upgrade need not stop all processes at once.

The program of before is the oldest one of the history that can use today's schema: what came before the first migration
after `FIRST`, or after the last one that takes something away.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conftest import cloned
from tests.end_to_end.program import ROOT, Devnet, Program, devnet, running, until
from tests.end_to_end.shop import Shop, answered
from tests.faults.traffic import Traffic, assert_events_are_whole, assert_nothing_lost_and_nothing_twice
from tests.test_migrations_expand import chain

CONTRACTS = "\nCONTRACTS = "


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True).stdout


def only_adding(migrations: list[Path]) -> list[Path]:
    """Those after the last one that takes something away."""
    taking = [number for number, path in enumerate(migrations, 1) if CONTRACTS in path.read_text()]
    return migrations[taking[-1] if taking else 0 :]


@pytest.fixture(scope="module")
def tree_of_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the program of before."""
    folder = tmp_path_factory.mktemp("before")
    newer = [str(path.relative_to(ROOT)) for path in only_adding(chain())]
    try:
        adding = git("log", "--diff-filter=A", "--format=%H", "--", *newer).split() if newer else []
        base = f"{adding[-1].decode()}^" if adding else "HEAD"
        archive = git("archive", base)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the history is not here, which has the program of before")
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with devnet(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def bare(server: str) -> Iterator[str]:
    """The URL of a database without any tables."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        yield runner.run(stack.enter_async_context(cloned(server, "template1")))
        runner.run(stack.aclose())


@pytest.fixture
def before(tmp_path: Path, tree_of_before: Path, node: Devnet, bare: str) -> Iterator[Program]:
    """The program of before, with all roles and the seed, on the schema that it has made."""
    settings = {"KENNEL_DATABASE_URL": bare, "PYTHONPATH": str(tree_of_before), **node.settings}
    with running(Program(tmp_path / "before", node.node, **settings)) as program:
        yield program


@pytest.fixture
def today(tmp_path: Path, node: Devnet, bare: str) -> Iterator[Program]:
    """Today's program, not yet started, with all roles but that of the seed."""
    roles = {"KENNEL_ROLES": "http,follow,relay", "KENNEL_PAY_WAIT_SECONDS": "5"}
    program = Program(
        tmp_path / "today", node.node, **{"KENNEL_DATABASE_URL": bare, **roles, **node.settings}
    )
    yield program
    program.close()


def test_the_program_of_before_goes_on_while_today_s_upgrades_the_schema_and_runs_beside_it(
    before: Program, today: Program
) -> None:
    traffic = Traffic(before, [Shop(before, f"shop-{number}").open() for number in range(2)])

    with traffic.flowing():
        traffic.wait_for_sales()
        today.start()
        traffic.wait_for_sales()
    traffic.ask_again()
    traffic.settle()
    today.keep_up()

    assert before.runs
    assert set(traffic.statuses) <= {200, 503}
    assert_nothing_lost_and_nothing_twice(traffic)
    _sell_and_pay(today, "shop of today")
    _sell_and_pay(before, "shop of before")
    for old, new in zip(before.audit()["totals"], today.audit()["totals"], strict=True):
        assert old.items() <= new.items()  # today's has more columns
    before.stop()
    _sell(today, "shop of tomorrow")
    assert_events_are_whole(today)


def _sell(program: Program, name: str) -> Shop:
    shop = Shop(program, name).open()
    invoice = shop.invoice("20", required_confirmations=1)["id"]
    program.pay(invoice, "20")
    program.mine()
    until(lambda: shop.shown(invoice)["total_payment_confirmed"])
    return shop


def _sell_and_pay(program: Program, name: str) -> None:
    """Sell, and pay on: asked of this program, signed by the one that has the seed."""
    shop = _sell(program, name)
    body = {"to": program.node("getnewaddress"), "amount": "5"}
    paid = answered(program.admin.post(f"{shop.path}/pay", json=body, headers={"Idempotency-Key": name}))
    assert paid["hex"]
    program.mine()
