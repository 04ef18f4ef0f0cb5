"""A verifier is that of the password, as RFC 5803 has it."""

import base64
import hashlib
import hmac

import pytest

from app.db import scram

AUTH_MESSAGE = (
    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
"""The example of RFC 7677, section 3: the password is pencil."""


def test_the_example_of_the_rfc_is_verified_by_it() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")

    kind, counted, keys = scram.verifier("pencil", salt).split("$")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))

    assert (kind, counted) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    signature = hmac.digest(server, AUTH_MESSAGE.encode(), "sha256")
    assert base64.b64encode(signature).decode() == SERVER_SIGNATURE
    client = hmac.digest(stored, AUTH_MESSAGE.encode(), "sha256")
    key = bytes(a ^ b for a, b in zip(client, base64.b64decode(PROOF), strict=True))
    assert hashlib.sha256(key).digest() == stored


@pytest.mark.parametrize(("typed", "other"), [("Ⅸ", "IX"), ("a\u00a0b", "a b"), ("I\u00adX", "IX")])
def test_a_password_is_prepared_as_both_sides_do(typed: str, other: str) -> None:
    assert scram.verifier(typed, b"salt") == scram.verifier(other, b"salt")


def test_each_verifier_has_a_salt_of_its_own() -> None:
    assert scram.verifier("pencil") != scram.verifier("pencil")
