from hashlib import sha256

import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1, Bip39SeedGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import dogecoin
from app.domain.dogecoin import MAIN, REGTEST, TEST, Network, hd_keys

WORDS = "abandon " * 11 + "about"
XPUB = (
    "dgub8rUhDtD3YFGZTUphBfpBbzvFxSMKQXYLzg87Me2ta78r2SdVLmypBUkkxrrn9RTnchsyiJSkHZyLWxD13ibBiXtuFWktBoDaG"
    "aZjQUBLNLs"
)
RECEIVE_MAIN = [
    "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
    "DAcDAtJRztxBHyA6D6h8du1HguyTR43Mas",
    "D8K3KyDQ9FXeC3ADCuWW7cnWC7RvjHjV8H",
    "D6RRdXkUbb3pazkYGXAXwbJY5iC8Tyqwzh",
    "DTdrvUHbk5oMyi62tM7LqrjAcXfqB7eaad",
]
CHANGE_MAIN = [
    "D7ReBLrRv12mi9pYh5HtfFLTt1PSoeAa7e",
    "D92vUBQJjMhmczzGf7ReUswoDEZuqaNout",
    "D8NfTfXgmKnvrPejr4utmwxRgapNvcbyA6",
    "DH5hDAaUmwFaD6jsN4U7qt2KGR2dEGqUcT",
    "DH5gYm8k2UmVmwkZpq7kcqeVepvE8rPMkW",
]
RECEIVE_TEST = [
    "nZVmfmUtKPmskB9Ds4P9GUJy9eYFqPKHqH",
    "noVoUoC3q7wgmb25McqSdLCHhUAhSREkT9",
    "nb8xvuyL7K3DWS8QgGH2rxcfKyvMQ1wiYe",
    "ndBFgiJbsywgU5bJRWPGzQBCpYB3M1DZCU",
    "nprZmJBRhatuwtUXBSjjd3nCG9R8DDm3y3",
]
RECEIVE_REGTEST = [
    "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV",
    "mzpbWabUQm1w8ijuJnAof5eiSTep27deVH",
    "mnTkxhNkgx7TsZrEdRcPti564yQTzynGJp",
    "mpW3iVi2Td1vqDK8Nfie29ddZXf9spmZkX",
    "n2BMo5arHDyAK2CM8c56eoEd18uEkKnRLC",
]


def oracle(network: Network, seed: bytes) -> Bip32Slip10Secp256k1:
    versions = Bip32KeyNetVersions(
        network.bip32_public.to_bytes(4, "big"), network.bip32_private.to_bytes(4, "big")
    )
    return Bip32Slip10Secp256k1.FromSeed(seed, versions)


def account_xpub(network: Network, words: str) -> str:
    master = oracle(network, Bip39SeedGenerator(words).Generate())
    return str(master.DerivePath(f"44'/{network.coin_type}'/0'").PublicKey().ToExtended())


@pytest.mark.parametrize(
    ("network", "branch", "addresses"),
    [
        (MAIN, dogecoin.RECEIVE, RECEIVE_MAIN),
        (MAIN, dogecoin.CHANGE, CHANGE_MAIN),
        (TEST, dogecoin.RECEIVE, RECEIVE_TEST),
        (REGTEST, dogecoin.RECEIVE, RECEIVE_REGTEST),
    ],
)
def test_an_account_has_the_addresses_every_bip44_wallet_gives_it(
    network: Network, branch: int, addresses: list[str]
) -> None:
    xpub = account_xpub(network, WORDS)

    assert [
        dogecoin.to_address(network, dogecoin.script_at(xpub, branch, index)) for index in range(5)
    ] == addresses


def test_the_xpub_of_the_main_network_is_a_dgub() -> None:
    assert account_xpub(MAIN, WORDS) == XPUB
    assert dogecoin.write_xpub(MAIN, dogecoin.parse_xpub(XPUB)) == XPUB


def test_off_the_main_network_an_xpub_is_a_tpub() -> None:
    assert dogecoin.write_xpub(REGTEST, dogecoin.parse_xpub(XPUB)).startswith("tpub")
    assert dogecoin.write_xpub(TEST, dogecoin.parse_xpub(XPUB)).startswith("tpub")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.binary(min_size=16, max_size=64),
    network=st.sampled_from(dogecoin.NETWORKS),
    branch=st.integers(0, dogecoin.HARDENED - 1),
    index=st.integers(0, dogecoin.HARDENED - 1),
)
def test_children_are_the_oracles_children(seed: bytes, network: Network, branch: int, index: int) -> None:
    account = oracle(network, seed).DerivePath("44'/3'/7'")
    expected = account.ChildKey(branch).ChildKey(index).PublicKey()
    xpub = account.PublicKey().ToExtended()

    derived = dogecoin.child_key(dogecoin.child_key(dogecoin.parse_xpub(xpub), branch), index)

    assert dogecoin.write_xpub(network, derived) == expected.ToExtended()
    assert (
        dogecoin.address_key(xpub, branch, index) == derived.public_key == expected.RawCompressed().ToBytes()
    )


def altered(first: int, replacement: bytes) -> str:
    payload = bytearray(dogecoin.base58_decode(XPUB))  # type: ignore[arg-type]  # it is well formed
    payload[first : first + len(replacement)] = replacement
    return dogecoin.base58_encode(bytes(payload))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The extended key is too short."),
        (XPUB[:-1], "The extended key has a wrong checksum: a character is mistyped or missing."),
        (XPUB + "l", "The extended key is not Base58: it contains 'l'."),
        (XPUB * 2, "The extended key is too long (222 characters)."),
        (RECEIVE_MAIN[0], "The extended key is of no Dogecoin network."),
        (altered(0, bytes.fromhex("0488b21e")), "The extended key is of no Dogecoin network."),
        (altered(0, bytes.fromhex("02fac398")), "That is an extended private key: keep it to yourself."),
        (altered(45, bytes(33)), "The extended key holds no point of the curve."),
        (altered(46, b"\xff" * 32), "The extended key holds no point of the curve."),
    ],
)
def test_a_bad_extended_key_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(dogecoin.BadExtendedKey) as refusal:
        dogecoin.parse_xpub(text)

    assert str(refusal.value) == sentence


@pytest.mark.parametrize("index", [-1, dogecoin.HARDENED, 1 << 32])
def test_an_index_beyond_public_derivation_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="cannot be derived"):
        dogecoin.address_key(XPUB, dogecoin.RECEIVE, index)
    with pytest.raises(ValueError, match="cannot be derived"):
        dogecoin.child_key(dogecoin.parse_xpub(XPUB), index)


def test_an_index_without_a_key_is_named_so_that_it_can_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hd_keys, "CURVE_ORDER", 0)  # in nature one index in 2^127 is such a one

    with pytest.raises(dogecoin.InvalidChild, match="index 5 has no key"):
        dogecoin.child_key(dogecoin.parse_xpub(XPUB), 5)


@pytest.mark.parametrize(
    "part",
    [
        {"public_key": bytes(32)},
        {"chain_code": bytes(33)},
        {"depth": 256},
        {"number": 1 << 32},
        {"parent_fingerprint": b""},
    ],
)
def test_an_extended_key_of_wrong_size_cannot_be_built(part: dict[str, int | bytes]) -> None:
    fields = {"public_key": bytes(33), "chain_code": sha256(b"").digest(), **part}

    with pytest.raises(ValueError, match=r"extended key|out of range"):
        dogecoin.ExtendedKey(**fields)  # type: ignore[arg-type]  # wrong values are the point
