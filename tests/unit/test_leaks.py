"""The search for secrets finds each kind of them, and nothing else."""

import pytest

from app.chain.keys import Keyring
from app.domain import dogecoin
from tests import leaks, scenario

KEY = dogecoin.base58_encode(bytes([0xEF]) + bytes(range(32)) + b"\x01")
PUBLIC = dogecoin.to_address(dogecoin.MAIN, dogecoin.p2pkh(bytes(20)))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"the words are {scenario.WORDS}", "words of a seed"),
        (f"cannot sign with {KEY}", "a private key"),
        ("tprv" + "8" * 107, "an extended private key"),
        ("Authorization: Bearer such-token", "a bearer token"),
        ("asked with kennel_7_" + "k3-_" * 11, "an API key"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a secret of a webhook"),
        ("cannot reach postgresql://kennel:hunter2@db/kennel", "a URL with a password"),
        ("-----BEGIN EC PRIVATE KEY-----", "a private key in PEM"),
    ],
)
def test_each_kind_of_secret_is_found(line: str, what: str) -> None:
    assert leaks.of(line) == [what]


def test_what_is_public_is_no_secret() -> None:
    [account] = Keyring(dogecoin.REGTEST, scenario.WORDS).account_xpubs(0, 1)
    line = f"{PUBLIC} {account.xpub} {'ab' * 32} http://127.0.0.1:8081/ postgresql://kennel:***@db/kennel"

    assert leaks.of(line) == []


def test_the_secrets_of_a_program_are_found_in_what_it_says() -> None:
    settings = {
        "KENNEL_ADMIN_TOKEN": "such-token-of-many-characters",
        "KENNEL_DATABASE_URL": "postgresql://kennel:hunter2@db/kennel",
    }

    said = leaks.of("such-token-of-many-characters hunter2", leaks.known(settings))

    assert said == ["ADMIN_TOKEN", "the password of KENNEL_DATABASE_URL"]
