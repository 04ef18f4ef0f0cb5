import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import dogecoin
from app.domain.dogecoin import MAIN, REGTEST, TEST

VECTORS = Path(__file__).parents[3] / "vectors"
ON_MAIN = "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC"
ON_TEST = "nZVmfmUtKPmskB9Ds4P9GUJy9eYFqPKHqH"
ON_REGTEST = "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV"
KEY_HASH = dogecoin.to_script(MAIN, ON_MAIN)[3:23]


def outputs_in(answer: object) -> Iterator[tuple[str, str]]:
    """Yield script and address of every output with one address in a JSON answer of Core."""
    if isinstance(answer, dict):
        if "hex" in answer and len(answer.get("addresses", [])) == 1 and answer["type"] != "pubkey":
            yield answer["hex"], answer["addresses"][0]
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from outputs_in(part)


def recorded_outputs() -> set[tuple[str, str]]:
    calls = json.loads((VECTORS / "core-regtest-recording.json").read_text())["calls"]
    answers = [json.loads(call["response_text"]) for call in calls if call["response_text"].startswith("{")]
    return set(outputs_in(answers))


def test_scripts_and_addresses_are_what_core_says_they_are() -> None:
    outputs = recorded_outputs()

    assert len(outputs) >= 3
    for script, address in outputs:
        assert dogecoin.to_address(REGTEST, bytes.fromhex(script)) == address
        assert dogecoin.to_script(REGTEST, address).hex() == script


@pytest.mark.parametrize(
    ("network", "address", "first"), [(MAIN, ON_MAIN, "D"), (TEST, ON_TEST, "n"), (REGTEST, ON_REGTEST, "m")]
)
def test_an_address_of_the_network_is_payable(network: dogecoin.Network, address: str, first: str) -> None:
    script = dogecoin.to_script(network, address)

    assert len(script) == 25
    assert dogecoin.to_address(network, script) == address
    assert address[0] == first


@given(digest=st.binary(min_size=20, max_size=20), network=st.sampled_from(dogecoin.NETWORKS))
def test_every_hash_survives_the_way_to_an_address_and_back(digest: bytes, network: dogecoin.Network) -> None:
    for script in (dogecoin.p2pkh(digest), dogecoin.p2sh(digest)):
        address = dogecoin.to_address(network, script)

        assert address is not None
        assert dogecoin.to_script(network, address) == script


@given(digest=st.binary(min_size=20, max_size=20))
def test_an_address_begins_with_the_letter_people_know(digest: bytes) -> None:
    assert (dogecoin.to_address(MAIN, dogecoin.p2pkh(digest)) or "").startswith("D")
    assert (dogecoin.to_address(MAIN, dogecoin.p2sh(digest)) or "").startswith(("9", "A"))
    assert (dogecoin.to_address(TEST, dogecoin.p2pkh(digest)) or "").startswith("n")
    assert (dogecoin.to_address(REGTEST, dogecoin.p2pkh(digest)) or "").startswith(("m", "n"))
    assert (dogecoin.to_address(REGTEST, dogecoin.p2sh(digest)) or "").startswith("2")


@given(payload=st.binary(min_size=1, max_size=80))
def test_every_payload_survives_base58(payload: bytes) -> None:
    assert dogecoin.base58_decode(dogecoin.base58_encode(payload)) == payload


@given(text=st.text(max_size=150))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(dogecoin.base58_decode(text), (bytes, str))


@pytest.mark.parametrize(
    ("network", "text", "sentence"),
    [
        (MAIN, "", "The address is empty."),
        (MAIN, "D0us3bamQjgJULBJtYXpEzDWQRwF5iwxgC", "The address is not Base58: it contains '0'."),
        (MAIN, f" {ON_MAIN}", "The address is not Base58: it contains ' '."),
        (MAIN, f"{ON_MAIN[:-1]}D", "The address has a wrong checksum: a character is mistyped or missing."),
        (MAIN, "1111", "The address is too short."),
        (MAIN, "D" * 200, "The address is too long (200 characters)."),
        (MAIN, ON_TEST, "The address is of Dogecoin's test network, not of Dogecoin's main network."),
        (MAIN, ON_REGTEST, "The address is of Dogecoin's regtest network, not of Dogecoin's main network."),
        (
            MAIN,
            dogecoin.base58_encode(bytes([196]) + KEY_HASH),
            "The address is of Dogecoin's test or regtest network, not of Dogecoin's main network.",
        ),
        (REGTEST, ON_TEST, "The address is of Dogecoin's test network, not of Dogecoin's regtest network."),
        (REGTEST, ON_MAIN, "The address is of Dogecoin's main network, not of Dogecoin's regtest network."),
        (
            MAIN,
            dogecoin.base58_encode(bytes([0]) + KEY_HASH),
            "The address is of Bitcoin, not of Dogecoin's main network.",
        ),
        (
            MAIN,
            dogecoin.base58_encode(bytes([77]) + KEY_HASH),
            "The address is of another coin, not of Dogecoin's main network.",
        ),
        (
            MAIN,
            dogecoin.base58_encode(bytes([30]) + KEY_HASH + b"!"),
            "The address stands for 21 bytes; an address has 20.",
        ),
        (
            MAIN,
            dogecoin.base58_encode(bytes([158]) + bytes(32) + b"\1"),
            "That is a private key, not an address: keep it to yourself.",
        ),
    ],
)
def test_a_bad_address_is_refused_with_the_reason(
    network: dogecoin.Network, text: str, sentence: str
) -> None:
    with pytest.raises(dogecoin.BadAddress) as refusal:
        dogecoin.to_script(network, text)

    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    "script",
    [
        "",
        "6a",
        "00" * 25,
        f"76a914{'00' * 20}88",
        f"76a914{'00' * 20}88ad",
        f"a914{'00' * 20}88",
        f"a915{'00' * 20}87",
    ],
)
def test_other_scripts_have_no_address(script: str) -> None:
    assert dogecoin.to_address(MAIN, bytes.fromhex(script)) is None


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_a_script_is_built_from_twenty_bytes_only(size: int) -> None:
    for build in (dogecoin.p2pkh, dogecoin.p2sh):
        with pytest.raises(ValueError, match="20 bytes"):
            build(bytes(size))


def test_hash160_is_ripemd160_of_sha256() -> None:
    assert dogecoin.hash160(b"").hex() == "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb"
