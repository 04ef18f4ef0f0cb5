import json
import pickle
from pathlib import Path

import coincurve
import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1, Bip39MnemonicGenerator, Bip39SeedGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chain import keys
from app.domain import dogecoin
from app.domain.dogecoin import MAIN, REGTEST, TEST, Network

VECTORS = Path(__file__).parents[2] / "vectors"
WORDS = "abandon " * 11 + "about"
XPUB = (
    "dgub8rUhDtD3YFGZTUphBfpBbzvFxSMKQXYLzg87Me2ta78r2SdVLmypBUkkxrrn9RTnchsyiJSkHZyLWxD13ibBiXtuFWktBoDaG"
    "aZjQUBLNLs"
)
GIGAWALLET_MASTER = (
    "dgpv51eADS3spNJh8h13wso3DdDAw3EJRqWvftZyjTNCFEG7gqV6zsZmucmJR6xZfvgfmzUthVC6LNicBeNNDQdLiqjQJjPeZnxG8"
    "uW3Q3gCA3e"
)
SECOND_GIGAWALLET_MASTER = (
    "dgpv51eADS3spNJh7z2oc8LgNLeJiwiPNgdEFcdtAhtCqDQ76SwphcQq74jZCRTZ2nF5RpmKx9P4Mm55RTopNQePWiSBfzyJ3jgRo"
    "xVbVLF6BCY"
)


def base58_payload(text: str) -> bytes:
    payload = dogecoin.base58_decode(text)
    assert isinstance(payload, bytes), payload
    return payload


def master_of(extended_private_key: str) -> keys.SecretKey:
    payload = base58_payload(extended_private_key)
    return keys.SecretKey(coincurve.PrivateKey(payload[46:]), payload[13:45])


def address_of(network: Network, public_key: bytes) -> str | None:
    return dogecoin.to_address(network, dogecoin.p2pkh(dogecoin.hash160(public_key)))


def oracle_account(network: Network, words: str, number: int) -> Bip32Slip10Secp256k1:
    versions = Bip32KeyNetVersions(
        network.bip32_public.to_bytes(4, "big"), network.bip32_private.to_bytes(4, "big")
    )
    master = Bip32Slip10Secp256k1.FromSeed(Bip39SeedGenerator(words).Generate(), versions)
    return master.DerivePath(f"44'/{network.coin_type}'/{number}'")


def test_the_first_account_of_the_known_mnemonic_has_the_known_xpub() -> None:
    [ready] = keys.Keyring(MAIN, WORDS).account_xpubs(0, 1)

    assert ready.number == 0
    assert ready.xpub == XPUB


@pytest.mark.parametrize(
    ("network", "first", "last"),
    [
        (MAIN, "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC", "DTdrvUHbk5oMyi62tM7LqrjAcXfqB7eaad"),
        (TEST, "nZVmfmUtKPmskB9Ds4P9GUJy9eYFqPKHqH", "nprZmJBRhatuwtUXBSjjd3nCG9R8DDm3y3"),
        (REGTEST, "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV", "n2BMo5arHDyAK2CM8c56eoEd18uEkKnRLC"),
    ],
)
def test_its_addresses_are_the_known_ones(network: Network, first: str, last: str) -> None:
    [ready] = keys.Keyring(network, WORDS).account_xpubs(0, 1)

    assert dogecoin.to_address(network, dogecoin.script_at(ready.xpub, dogecoin.RECEIVE, 0)) == first
    assert dogecoin.to_address(network, dogecoin.script_at(ready.xpub, dogecoin.RECEIVE, 4)) == last


def test_a_gigawallet_master_key_gives_gigawallets_id_and_addresses() -> None:
    master = master_of(GIGAWALLET_MASTER)
    account = dogecoin.write_xpub(MAIN, master.hardened(44).hardened(3).hardened(0).public())

    assert address_of(MAIN, master.public().public_key) == "DJWUvdpZ5k4Q8nwVrMCpWVdxy8D8kshdLy"
    assert (
        address_of(MAIN, dogecoin.address_key(account, dogecoin.RECEIVE, 0))
        == "DCm7oSg95sxwn3sWxYUDHgKKbB2mDmuR3B"
    )
    assert (
        address_of(MAIN, dogecoin.address_key(account, dogecoin.RECEIVE, 1))
        == "D6Tvxs1CcWiFW2n1jyChsueSS6riruDLhy"
    )
    assert (
        address_of(MAIN, dogecoin.address_key(account, dogecoin.CHANGE, 0))
        == "D91jVi3CVGhRmyt83fhMdL4UJWtDuiTZET"
    )
    assert (
        address_of(MAIN, dogecoin.address_key(account, dogecoin.CHANGE, 1))
        == "DQTAj5PZpKT8YfGWg2cscLjT1aeLHLESKx"
    )
    second = master_of(SECOND_GIGAWALLET_MASTER).public()
    assert address_of(MAIN, second.public_key) == "DJt45oTXDxBiJBRZeMtXm4wu4kc5yPePYn"


def test_an_accounts_id_pays_the_accounts_own_key() -> None:
    [ready] = keys.Keyring(MAIN, WORDS).account_xpubs(5, 1)

    assert dogecoin.to_address(MAIN, ready.address_script) == address_of(
        MAIN, dogecoin.parse_xpub(ready.xpub).public_key
    )


def test_core_gives_its_private_keys_the_addresses_we_do() -> None:
    calls = json.loads((VECTORS / "core-regtest-recording.json").read_text())["calls"]
    dumped = [call for call in calls if call.get("method") == "dumpprivkey"]

    assert dumped
    for call in dumped:
        payload = base58_payload(json.loads(call["response_text"])["result"])
        public_key = coincurve.PrivateKey(payload[1:33]).public_key.format()
        assert (payload[0], payload[33:]) == (REGTEST.wif, b"\1")
        assert address_of(REGTEST, public_key) == call["params"][0]


@settings(max_examples=10, deadline=None)
@given(
    entropy=st.binary(min_size=32, max_size=32),
    network=st.sampled_from(dogecoin.NETWORKS),
    number=st.integers(0, dogecoin.HARDENED - 1),
    branch=st.integers(0, 1),
    index=st.integers(0, dogecoin.HARDENED - 1),
)
def test_every_key_is_the_oracles_key(
    entropy: bytes, network: Network, number: int, branch: int, index: int
) -> None:
    words = str(Bip39MnemonicGenerator().FromEntropy(entropy).ToStr())
    account = oracle_account(network, words, number)

    keyring = keys.Keyring(network, words)

    assert keyring.account_xpubs(number, 1)[0].xpub == account.PublicKey().ToExtended()
    assert keyring.account_key(number).secret == account.PrivateKey().Raw().ToBytes()
    expected = account.ChildKey(branch).ChildKey(index).PrivateKey().Raw().ToBytes()
    assert keyring.private_key(number, branch, index).secret == expected


def test_a_private_key_signs_for_the_address_derived_without_it() -> None:
    keyring = keys.Keyring(REGTEST, WORDS)
    [ready] = keyring.account_xpubs(9, 1)

    signer = keyring.private_key(9, dogecoin.CHANGE, 3)

    assert signer.public_key.format() == dogecoin.address_key(ready.xpub, dogecoin.CHANGE, 3)


def test_spaces_between_the_words_do_not_matter() -> None:
    assert keys.Keyring(MAIN, f"  {WORDS.replace(' ', '   ')}\n").account_xpubs(0, 1)[0].xpub == XPUB


def test_a_thousand_ready_keys_are_made_at_once_in_order_and_no_two_are_equal() -> None:
    ready = keys.Keyring(MAIN, WORDS).account_xpubs(1, 1_000)

    assert [key.number for key in ready] == list(range(1, 1_001))
    assert len({key.xpub for key in ready}) == 1_000


@pytest.mark.parametrize(
    ("first", "count"), [(-1, 1), (dogecoin.HARDENED, 1), (0, keys.MAX_BATCH + 1), (0, -1)]
)
def test_there_are_no_accounts_beyond_the_tree(first: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"hardened|more than"):
        keys.Keyring(MAIN, WORDS).account_xpubs(first, count)


def test_a_number_without_a_key_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = keys.Keyring(MAIN, WORDS)
    derive = keys.SecretKey.hardened

    def without_one(parent: keys.SecretKey, number: int) -> keys.SecretKey:
        if number == 1:
            raise dogecoin.InvalidChild
        return derive(parent, number)

    monkeypatch.setattr(
        keys.SecretKey, "hardened", without_one
    )  # in nature one number in 2^127 is such a one

    assert [key.number for key in keyring.account_xpubs(0, 3)] == [0, 2]


@pytest.mark.parametrize("tweak", [b"\xff" * 32, dogecoin.CURVE_ORDER.to_bytes(32, "big")])
def test_a_tweak_beyond_the_order_has_no_key(tweak: bytes) -> None:
    with pytest.raises(dogecoin.InvalidChild):
        keys._add(coincurve.PrivateKey(b"\1" * 32), tweak)


def test_reprs_show_no_secret_and_no_xpub() -> None:
    keyring = keys.Keyring(MAIN, WORDS)
    secret = keyring.private_key(0, 0, 0).secret

    reprs = (
        f"{keyring!r} {keyring!s} {keyring.account_xpubs(0, 1)!r} {keys.master(WORDS)!r} {keyring._coin!r}"
    )

    assert "abandon" not in reprs
    assert XPUB not in reprs
    assert secret.hex() not in reprs
    assert repr(secret) not in reprs
    assert "PrivateKey" not in reprs


def test_a_keyring_does_not_leave_its_process() -> None:
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(keys.Keyring(MAIN, WORDS))
