"""The restore drill: a Kennel that is lost comes back from one file, and says what the file cannot know."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.program import Devnet, Program, command, devnet, running, until
from tests.end_to_end.shop import Shop, answered, order

PASSPHRASE = "such long words, very secret"
SETTINGS = {"KENNEL_BACKUP_PASSPHRASE": PASSPHRASE}
BEHIND = "restored from a backup"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Devnet]:
    with devnet(tmp_path / "node") as node:
        yield node


def earned(program: Program) -> Shop:
    """A shop with an invoice that is paid, and a payment that is sent."""
    program.keep_up()
    shop = Shop(program, "shop").open(name="Such Shop")
    program.pay(shop.invoice("50", required_confirmations=1)["id"], "50")
    program.mine()
    paid = {"to": program.node.miner(), "amount": "7"}
    answered(program.admin.post(f"{shop.path}/pay", json=paid))
    program.mine(6)
    until(lambda: answered(program.admin.get(f"{shop.path}/payments"))["items"][0]["state"] == "CONFIRMED")
    return shop


def test_what_is_lost_comes_back_from_one_file_and_nothing_is_sent_before_somebody_has_looked(
    chain: Devnet, tmp_path: Path
) -> None:
    file = tmp_path / "kennel.backup"
    lost = Program(tmp_path / "lost", chain.node, **chain.settings, **SETTINGS)
    with running(lost):
        shop = earned(lost)
        made = command(lost, "backup", str(file))
        balance, events = shop.balance(), lost.events()
        forgotten = shop.invoice("3")["id"]
    found = Program(tmp_path / "found", chain.node, **chain.settings, **SETTINGS)
    with closing(found):
        restored, again = (command(found, "restore", str(file)) for _ in range(2))
        found.start().keep_up()
        back = Shop(found, "shop")
        refused = found.admin.post(f"{back.path}/invoice", json=order("1"))
        same = back.balance(), found.events()[: len(events)]
        found.stop()
        marked = command(found, "restored")
        found.start().keep_up()
        resumed = command(found, "resume")
        new = back.invoice("1")["id"]
        paid = answered(found.admin.post(f"{back.path}/pay", json={"to": chain.node.miner(), "amount": "5"}))
        found.audit()

    assert made.stdout.endswith("tables and seed.json, sent.json, relay.key.\n"), made.stdout
    assert "run `kennel restored`" in restored.stdout, restored.stdout
    assert "is in use already" in again.stdout
    assert same == (balance, events)
    assert (refused.status_code, BEHIND in refused.text) == (503, True), refused.text
    assert marked.returncode == 0, marked.stdout
    assert resumed.stdout.startswith("Payments go on."), resumed.stdout
    assert paid["hex"]
    assert new != forgotten


@pytest.mark.parametrize(
    ("change", "passphrase", "sentence"),
    [
        (lambda whole: whole, "another passphrase", "The passphrase does not open the backup"),
        (lambda whole: whole[:-20], PASSPHRASE, "The backup is not whole"),
        (lambda whole: whole[:-20] + bytes(20), PASSPHRASE, "damaged"),
    ],
)
def test_what_is_no_whole_backup_is_refused_before_anything_is_written(
    whole: bytes, tmp_path: Path, change: object, passphrase: str, sentence: str
) -> None:
    file = tmp_path / "changed"
    file.write_bytes(change(whole))  # type: ignore[operator]
    program = Program(tmp_path / "new", KENNEL_BACKUP_PASSPHRASE=passphrase)

    refused = command(program, "restore", str(file))
    program.close()

    assert (refused.returncode, refused.stdout[:8]) == (1, "kennel: ")
    assert sentence in refused.stdout
    assert not (tmp_path / "new" / "kennel").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    home = tmp_path_factory.mktemp("backed")
    program = Program(home, KENNEL_BACKUP_PASSPHRASE=PASSPHRASE)
    made = command(program, "backup", str(home / "file"))
    program.close()
    assert made.returncode == 0, made.stdout
    return (home / "file").read_bytes()
