import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bip_utils import Bip39Languages, Bip39MnemonicValidator

from app.cells import Cell, CellMap
from app.chain import seed_file, seed_record
from app.chain.seed_file import SeedFile
from app.domain.dogecoin import MAIN, REGTEST, TEST, Network

ROOT = Path(__file__).parents[3]
WORDS = "abandon " * 11 + "about"
QUICK = seed_record.Cost(n=1 << 14, p=1)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def file(tmp_path: Path) -> SeedFile:
    return SeedFile(tmp_path / "home" / "seed.json", MAIN, QUICK)


PREPARED = """
import os, sys
from pathlib import Path
from app.chain import seed_file
from app.domain.dogecoin.networks import MAIN
file = seed_file.SeedFile(Path(sys.argv[1]), MAIN)
"""


def run(code: str, file: SeedFile) -> subprocess.Popen[bytes]:
    """Start another Python process with `file` defined."""
    program = PREPARED + code
    return subprocess.Popen([sys.executable, "-c", program, str(file.path)], cwd=ROOT, stderr=subprocess.PIPE)


def test_a_new_seed_has_24_words_and_opens_to_the_same_keys(file: SeedFile) -> None:
    created = file.create(PASSPHRASE, birth_height=6_000_000)

    opened = file.open(PASSPHRASE)

    assert len(created.mnemonic().split()) == 24
    assert Bip39MnemonicValidator(Bip39Languages.ENGLISH).IsValid(created.mnemonic())
    assert opened.mnemonic() == created.mnemonic()
    assert opened.account_xpubs(0, 3) == created.account_xpubs(0, 3)
    assert file.read().birth_height == 6_000_000
    assert file.read().highest_account == seed_record.NO_ACCOUNT
    assert not file.read().shown


def test_two_seeds_differ_in_every_secret_part(tmp_path: Path) -> None:
    first, second = (SeedFile(tmp_path / name, MAIN, QUICK) for name in ("one", "other"))

    assert first.create(PASSPHRASE).mnemonic() != second.create(PASSPHRASE).mnemonic()
    assert first.read().salt != second.read().salt
    assert first.read().nonce != second.read().nonce


def test_lost_words_can_be_put_back(file: SeedFile) -> None:
    file.create(PASSPHRASE, words=f" {WORDS.upper()} ")

    assert file.open(PASSPHRASE).mnemonic() == WORDS


@pytest.mark.parametrize("words", ["", "abandon " * 12, "much wow", WORDS.replace("about", "abuot")])
def test_words_that_are_no_mnemonic_are_refused(file: SeedFile, words: str) -> None:
    with pytest.raises(seed_file.SeedRefused, match=r"^Those words .*\.$"):
        file.create(PASSPHRASE, words=words)

    assert not file.path.exists()


def test_the_file_is_for_its_owner_only_and_holds_no_word(file: SeedFile) -> None:
    file.create(PASSPHRASE, words=WORDS)
    file.raise_highest(1)

    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    text = file.path.read_text()
    assert PASSPHRASE not in text
    assert "abandon" not in text
    assert b"abandon".hex() not in text


def test_a_seed_is_never_overwritten(file: SeedFile) -> None:
    words = file.create(PASSPHRASE).mnemonic()

    with pytest.raises(seed_file.SeedRefused, match="never overwritten"):
        file.create("another")

    assert file.open(PASSPHRASE).mnemonic() == words


def test_a_wrong_passphrase_opens_nothing_and_is_not_repeated(file: SeedFile) -> None:
    file.create(PASSPHRASE)

    with pytest.raises(seed_file.SeedRefused, match=r"^The passphrase does not open") as refusal:
        file.open("incorrect horse")
    assert "incorrect" not in str(refusal.value)
    with pytest.raises(seed_file.SeedRefused, match="does not open"):
        file.show_once("incorrect horse")
    assert not file.read().shown


@pytest.mark.parametrize("network", [MAIN, TEST])
def test_off_regtest_a_passphrase_is_needed(tmp_path: Path, network: Network) -> None:
    file = SeedFile(tmp_path / "seed.json", network, QUICK)

    with pytest.raises(seed_file.PassphraseMissing):
        file.create("")
    with pytest.raises(seed_file.SeedRefused, match="at most"):
        file.create("x" * 1_025)

    assert not file.path.exists()


def test_on_regtest_the_passphrase_may_be_empty(tmp_path: Path) -> None:
    file = SeedFile(tmp_path / "seed.json", REGTEST, QUICK)

    words = file.create("").mnemonic()

    assert file.open("").mnemonic() == words
    assert words.encode().hex() not in file.path.read_text()
    with pytest.raises(seed_file.SeedRefused, match="does not open"):
        file.open("x")


def test_a_passphrase_means_the_same_however_it_was_typed(file: SeedFile) -> None:
    file.create("caf\u00e9")

    assert file.open("cafe\u0301").mnemonic()


def test_an_undecodable_passphrase_is_a_passphrase_too(file: SeedFile) -> None:
    file.create("\udc80")

    assert file.open("\udc80").mnemonic()


def test_a_missing_file_is_named(file: SeedFile) -> None:
    for act in (file.read, lambda: file.open(PASSPHRASE), lambda: file.raise_highest(1)):
        with pytest.raises(seed_file.SeedFileMissing, match=r"seed\.json\.$"):
            act()


def test_a_seed_of_another_network_is_not_opened(file: SeedFile) -> None:
    file.create(PASSPHRASE)

    with pytest.raises(seed_file.SeedRefused, match="is for main, not for test"):
        replace(file, network=TEST).open(PASSPHRASE)


def test_a_file_cut_off_anywhere_is_damaged(file: SeedFile) -> None:
    file.create(PASSPHRASE)
    content = file.path.read_bytes()

    for length in range(len(content) - 1):
        file.path.write_bytes(content[:length])
        with pytest.raises(seed_file.SeedRefused, match="is damaged"):
            file.read()


def test_a_flipped_bit_anywhere_never_gives_other_facts(file: SeedFile) -> None:
    file.create(PASSPHRASE, birth_height=7)
    content, record = file.path.read_bytes(), file.read()
    refusals: list[str] = []

    for position in range(len(content)):
        file.path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        try:
            assert file.read() == record
        except seed_file.SeedRefused as refusal:
            refusals.append(str(refusal))
    assert all("is damaged" in refusal for refusal in refusals)


def alter(file: SeedFile, change: dict[str, Any]) -> None:
    """Alter the file as somebody who can compute its checksum."""
    body = json.loads(file.path.read_text())
    del body["checksum"]
    for name, value in change.items():
        body[name] = body[name] | value if isinstance(value, dict) else value
    file.path.write_text(json.dumps(body | {"checksum": seed_record._checksum(body)}))


@pytest.mark.parametrize(
    "change",
    [
        {"scrypt": {"n": 1 << 30}},
        {"scrypt": {"n": 3 << 14}},
        {"scrypt": {"n": 2}},
        {"scrypt": {"p": 1 << 20}},
        {"scrypt": {"p": True}},
        {"scrypt": {"r": 1 << 20}},
        {"scrypt": {"salt": ""}},
        {"scrypt": None},
        {"aes_256_gcm": {"nonce": "00"}},
        {"aes_256_gcm": {"ciphertext": "zz"}},
        {"aes_256_gcm": {"ciphertext": 7}},
        {"version": 2},
        {"network": None},
        {"birth_height": -1},
        {"birth_height": 1 << 31},
        {"highest_account": -2},
        {"highest_account": "5"},
        {"highest_of_cells": 5},
        {"highest_of_cells": [0, -2]},
    ],
)
def test_a_hostile_file_is_refused_before_anything_is_computed(
    file: SeedFile, change: dict[str, Any]
) -> None:
    file.create(PASSPHRASE)
    alter(file, change)

    with pytest.raises(seed_file.SeedRefused, match="is damaged"):
        file.open(PASSPHRASE)


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b"[" * 16_000, b"{" * 17_000, b"\xff\xfe", b'{"checksum":1}']
)
def test_what_is_no_seed_file_is_refused(file: SeedFile, text: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(text)

    with pytest.raises(seed_file.SeedRefused, match="is damaged"):
        file.read()


@pytest.mark.parametrize(
    "change", [{"birth_height": 9}, {"aes_256_gcm": {"ciphertext": "00" * 40}}, {"scrypt": {"p": 2}}]
)
def test_the_cipher_vouches_for_what_never_changes(file: SeedFile, change: dict[str, Any]) -> None:
    file.create(PASSPHRASE, birth_height=8)
    alter(file, change)

    with pytest.raises(seed_file.SeedRefused, match="does not open"):
        file.open(PASSPHRASE)


def test_a_birth_height_that_could_not_be_read_back_is_not_written(file: SeedFile) -> None:
    with pytest.raises(ValueError, match="out of range"):
        file.create(PASSPHRASE, birth_height=-5)

    assert not file.path.exists()


def test_the_highest_account_only_rises_and_needs_no_passphrase(file: SeedFile) -> None:
    words = file.create(PASSPHRASE, birth_height=5).mnemonic()

    for number, highest in ((0, 0), (10, 10), (4, 10), (10, 10), (11, 11)):
        file.raise_highest(number)
        assert file.read().highest_account == highest

    assert file.open(PASSPHRASE).mnemonic() == words
    assert file.read().birth_height == 5


def test_the_highest_account_of_each_cell_is_known_and_none_where_there_is_one_cell(file: SeedFile) -> None:
    file.create(PASSPHRASE)
    file.raise_highest(7)
    assert b"highest_of_cells" not in file.path.read_bytes()

    file.raise_highest(11, Cell(1, 2))
    file.raise_highest(9, Cell(1, 2))

    record = file.read()
    assert [record.highest_of(cell) for cell in CellMap(2)] == [7, 11]
    assert record.highest_account == 11
    file.raise_highest(20)
    assert [file.read().highest_of(cell) for cell in CellMap(2)] == [20, 20]


@pytest.mark.parametrize("number", [-1, 1 << 31])
def test_an_account_number_beyond_the_tree_is_not_recorded(file: SeedFile, number: int) -> None:
    file.create(PASSPHRASE)

    with pytest.raises(ValueError, match="no account number"):
        file.raise_highest(number)


def test_a_kill_between_write_and_rename_leaves_the_old_file_and_blocks_nothing(file: SeedFile) -> None:
    file.create(PASSPHRASE)
    file.raise_highest(3)

    killed = run("Path.replace = lambda *_: os._exit(9)\nfile.raise_highest(8)", file)
    killed.communicate(timeout=20)

    assert killed.returncode == 9
    assert file.path.with_name("seed.json.new").exists()
    assert file.read().highest_account == 3
    file.raise_highest(5)
    assert file.read().highest_account == 5
    assert sorted(entry.name for entry in file.path.parent.iterdir()) == ["seed.json", "seed.json.lock"]


def test_a_kill_while_the_seed_is_made_leaves_no_seed_and_blocks_nothing(file: SeedFile) -> None:
    killed = run("Path.replace = lambda *_: os._exit(9)\nfile.create('x')", file)
    killed.communicate(timeout=20)

    assert killed.returncode == 9
    assert not file.path.exists()
    assert file.create(PASSPHRASE).mnemonic() == file.open(PASSPHRASE).mnemonic()


def test_processes_that_raise_at_once_lose_nothing(file: SeedFile) -> None:
    file.create(PASSPHRASE)
    code = """
for number in range({first}, 120, 3):
    file.raise_highest(number)
    assert file.read().highest_account >= number, number
"""
    racers = [run(code.format(first=first), file) for first in range(3)]

    for racer in racers:
        _, errors = racer.communicate(timeout=60)
        assert racer.returncode == 0, errors.decode()

    assert file.read().highest_account == 119


def test_only_one_of_two_makers_makes_the_seed(file: SeedFile) -> None:
    mnemonics: list[str] = []
    refusals: list[str] = []
    barrier = threading.Barrier(4, timeout=60)

    def make() -> None:
        barrier.wait()
        try:
            mnemonics.append(file.create(PASSPHRASE, words=None).mnemonic())
        except seed_file.SeedRefused as refusal:
            refusals.append(str(refusal))

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert len(mnemonics) == 1
    assert len(refusals) == 3
    assert all("never overwritten" in refusal for refusal in refusals)
    assert file.open(PASSPHRASE).mnemonic() == mnemonics[0]


def test_the_words_are_shown_once(file: SeedFile) -> None:
    words = file.create(PASSPHRASE).mnemonic()

    assert file.show_once(PASSPHRASE) == words
    with pytest.raises(seed_file.SeedRefused, match="were shown before"):
        file.show_once(PASSPHRASE)
    assert file.show_once(PASSPHRASE, again=True) == words
    assert file.open(PASSPHRASE).mnemonic() == words


def test_reprs_show_no_word_and_no_passphrase(file: SeedFile) -> None:
    keyring = file.create(PASSPHRASE, words=WORDS)

    reprs = f"{file!r} {keyring!r} {file.read()!r}"

    assert "abandon" not in reprs
    assert PASSPHRASE not in reprs


def test_opening_a_seed_does_not_load_the_heavy_library(file: SeedFile) -> None:
    file.create("x")

    opened = run("file.open('x').account_xpubs(0, 1)\nassert 'bip_utils' not in sys.modules", file)
    _, errors = opened.communicate(timeout=20)

    assert opened.returncode == 0, errors.decode()
