"""The commands that read the chain again: beside a running program, without one, and on an empty database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.program import (
    COMMAND_SECONDS,
    Devnet,
    Process,
    Program,
    command,
    devnet,
    running,
    until,
)
from tests.end_to_end.shop import Shop, answered


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Devnet]:
    with devnet(tmp_path / "node") as node:
        yield node


def test_what_is_lost_with_the_database_comes_back_from_the_seed_alone(chain: Devnet, tmp_path: Path) -> None:
    lost = Program(tmp_path / "lost", chain.node, **chain.settings)
    with running(lost):
        lost.keep_up()
        shops = [Shop(lost, name).open() for name in ("cafe", "shop")]
        invoices = [shop.invoice("10", required_confirmations=1)["id"] for shop in shops for _ in range(3)]
        for nth, invoice in enumerate(invoices):
            if nth != 4:
                lost.pay(invoice, str(10 + nth))
        lost.mine(6)
        balances = [shop.balance() for shop in shops]
        totals = lost.audit()["totals"]
    found = Program(tmp_path / "found", chain.node, **chain.settings)
    (tmp_path / "found" / "kennel").mkdir()
    shutil.copy(tmp_path / "lost" / "kennel" / "seed.json", tmp_path / "found" / "kennel")

    killed = Process(found.home, ["app", "recover", "--accounts", "300", "--gap", "500"], found.settings)
    killed.spawn()
    until(lambda: "Deriving addresses" in killed.output.read_text(), COMMAND_SECONDS)
    killed.kill()
    recovered = command(found, "recover", "--accounts", "20", "--gap", "30")

    assert recovered.returncode == 0, recovered.stdout
    assert "Looked for 1,226 addresses of 20 accounts" in recovered.stdout
    assert "Found 5 payments to 2 accounts, of which 0 are spent again." in recovered.stdout
    for nth, shop in enumerate(shops):
        assert command(found, "rename", f"recovered-{nth}", shop.foreign_id).returncode == 0
    again = command(found, "recover", "--accounts", "20")
    assert (again.returncode, again.stdout) == (
        1,
        "kennel: This database has accounts; a recovery needs an empty one.\n",
    )
    with running(found):
        found.keep_up()
        assert [Shop(found, shop.foreign_id).balance() for shop in shops] == balances
        assert found.audit()["totals"] == totals
        fresh = Shop(found, "shop").invoice("7", required_confirmations=1)["id"]
        assert fresh not in invoices
        found.pay(fresh, "7")
        found.pay(invoices[4], "1")  # an invoice from before the loss
        found.mine(6)
        assert Shop(found, "shop").balance() == ("0", str(13 + 15 + 7 + 1))
        found.audit()


def test_a_rescan_runs_beside_the_program_and_without_it(chain: Devnet, tmp_path: Path) -> None:
    program = Program(tmp_path / "program", chain.node, **chain.settings)
    with running(program):
        program.keep_up()
        shop = Shop(program, "shop").open()
        program.pay(shop.invoice("10", required_confirmations=1)["id"], "10")
        program.mine()
        height = program.node.height
        beside = command(program, "rescan", "--from", "0")
        above = command(program, "rescan", "--from", str(height + 1))
        assert shop.balance() == ("0", "10")
    alone = command(program, "rescan", "--from", "50")

    assert (beside.returncode, alone.returncode) == (0, 0), beside.stdout + alone.stdout
    assert f"The blocks from 0 to {height} have been read again." in beside.stdout
    assert f"Reading blocks again: {height - 49} of {height - 49}" in alone.stdout
    assert (above.returncode, above.stdout) == (
        1,
        f"kennel: The height is from 0 to the tip, which is block {height}.\n",
    )


def test_a_name_that_is_taken_or_none_is_refused_and_a_new_one_is_told(program: Program, shop: Shop) -> None:
    other = Shop(program, f"{shop.foreign_id}-other").open()
    new = f"{shop.foreign_id}-new"

    taken = command(program, "rename", shop.foreign_id, other.foreign_id)
    wrong = command(program, "rename", shop.foreign_id, "a/b")
    system = command(program, "rename", shop.foreign_id, "treasury")
    own = command(program, "rename", "platform", new)
    done = command(program, "rename", shop.foreign_id, new)

    assert (taken.returncode, taken.stdout) == (
        1,
        f"kennel: There is an account {other.foreign_id[:100]} already.\n",
    )
    assert wrong.stdout == "kennel: The new name is not 1 to 255 characters of one line without a slash.\n"
    assert (
        system.stdout == "kennel: No account can be opened as treasury: it is the name of a system account.\n"
    )
    assert own.stdout.startswith("kennel: platform is where fees go: set KENNEL_PLATFORM_ACCOUNT")
    assert (done.returncode, done.stdout) == (0, f"{shop.foreign_id} is now called {new}.\n")
    # Where there are several cells, a process believes for three seconds where a name lies.
    until(lambda: program.admin.get(f"/account/{new}").status_code == 200, 10)
    assert answered(program.admin.get(f"/account/{new}"))["foreign_id"] == new
    assert program.admin.get(shop.path).status_code == 404
    until(lambda: any(event["event_type"] == "ACC_UPDATED" for event in program.events(foreign_id=new)))


def test_words_alone_make_the_seed_file_again(tmp_path: Path) -> None:
    program = Program(tmp_path / "program")

    made = command(
        program, "recover", "--words", "--accounts", "2", "--gap", "20", typed="abandon " * 11 + "about\n"
    )
    shown = command(program, "seed", "show")
    again = command(program, "recover", "--words", typed="abandon " * 11 + "about\n")

    assert made.returncode == 0, made.stdout
    assert "none was ever paid, and nothing was written" in made.stdout
    assert shown.stdout == "abandon " * 11 + "about\n"
    assert (again.returncode, again.stdout.count("\n")) == (1, 1)
    assert "abandon" not in made.stdout + again.stdout


def test_no_node_is_one_sentence(tmp_path: Path) -> None:
    program = Program(tmp_path / "program", KENNEL_NODE_URL="http://kennel:kennel@127.0.0.1:1")

    said = command(program, "rescan", "--from", "0")

    assert said.returncode == 1
    assert said.stdout.startswith("kennel: The node does not answer as it should: ")
    assert said.stdout.count("\n") == 1
