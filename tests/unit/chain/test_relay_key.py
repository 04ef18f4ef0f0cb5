"""The relay's key: one file, one key, however many processes start; and its signatures."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.chain import relay_key
from app.chain.relay_key import RelayKey, RelayKeyRefused
from tests import bip340

SECRET = bytes(31) + b"\x03"
PUBLIC = bytes.fromhex("F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9")
"""Index 0 of BIP-340's test vectors."""
VECTORS = [
    (  # 0
        PUBLIC.hex(),
        "00" * 32,
        (
            "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA821525F66A4A85EA8B71E482A74F382D2CE5"
            "EBEEE8FDB2172F477DF4900D310536C0"
        ),
        True,
    ),
    (  # 1
        "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
        "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
        (
            "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE33418906D11AC976ABCCB20B091292BFF4EA"
            "897EFCB639EA871CFA95F6DE339E4B0A"
        ),
        True,
    ),
    (  # 6: has_even_y(R) is false
        "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
        "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
        (
            "FFF97BD5755EEEA420453A14355235D382F6472F8568A18B2F057A14602975563CC27944640AC607CD107AE10923D9EF"
            "7A73C643E166BE5EBEAFA34B1AC553E2"
        ),
        False,
    ),
]


@pytest.mark.parametrize(("public_key", "message", "signature", "good"), VECTORS)
def test_the_check_of_the_tests_knows_bip340s_own_vectors(
    public_key: str, message: str, signature: str, *, good: bool
) -> None:
    parts = (bytes.fromhex(text) for text in (public_key, message, signature))

    assert bip340.verifies(*parts) is good


def test_what_it_signs_verifies_and_nothing_else_does() -> None:
    key, message = RelayKey.of(SECRET), bytes(range(32))

    signature = key.sign(message)

    assert key.public_key == PUBLIC
    assert bip340.verifies(PUBLIC, message, signature)
    assert not bip340.verifies(PUBLIC, bytes(32), signature)
    assert not bip340.verifies(RelayKey.of(b"\1" * 32).public_key, message, signature)


def test_a_token_is_of_its_text_and_of_the_key() -> None:
    key, other = RelayKey.of(SECRET), RelayKey.of(b"\1" * 32)

    tokens = {key.token("a"), key.token("b"), other.token("a")}

    assert len(tokens) == 3
    assert key.token("a") in tokens
    assert {len(token) for token in tokens} == {20}


def test_the_first_start_makes_a_file_for_its_owner_only_and_the_next_has_the_same_key(
    tmp_path: Path,
) -> None:
    path = tmp_path / "home" / "relay.key"

    made = relay_key.open_or_create(path)

    assert relay_key.open_or_create(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1
    assert list(path.parent.iterdir()) == [path]
    assert relay_key.open_or_create(tmp_path / "other.key") != made


def test_those_who_start_at_once_have_one_key(tmp_path: Path) -> None:
    """Threads do what processes do: the file system alone decides which file has the name."""
    path, barrier = tmp_path / "relay.key", threading.Barrier(8, timeout=60)

    def start(_: int) -> RelayKey:
        barrier.wait()
        return relay_key.open_or_create(path)

    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(start, range(8)))

    assert {key.public_key for key in opened} == {relay_key.open_or_create(path).public_key}
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_that_is_shown_has_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "relay.key"
    key = relay_key.open_or_create(path)
    secret = path.read_text().strip()

    assert secret not in f"{key!r} {key}"
    assert str(list(bytes.fromhex(secret))) not in repr(key)


@pytest.mark.parametrize("text", ["", "junk", "00" * 32, "11" * 31, "11" * 600, "ff" * 32])
def test_a_file_without_a_key_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "relay.key"
    path.write_text(text)

    with pytest.raises(RelayKeyRefused, match=r"^The relay key .*relay\.key is damaged: .*\.$") as refused:
        relay_key.open_or_create(path)

    assert path.read_text() == text
    assert not text or text not in str(refused.value)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RelayKeyRefused, match=r"cannot be read or written: Not a directory\.$"):
        relay_key.open_or_create(tmp_path / "file" / "home" / "relay.key")
