"""Secrets as in Standard Webhooks: `whsec_...` or plain text for HMAC (v1), `whsk_...` for ed25519 (v1a)."""

import base64
import re
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain import characters
from app.domain.refusals import Invalid

SYMMETRIC: Final = "v1"
ASYMMETRIC: Final = "v1a"
SYMMETRIC_PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
SEED_BYTES: Final = 32
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64
"""The specification's bounds of a symmetric secret: 192 to 512 bits."""
MOST_CHARACTERS: Final = 255
"""Of a secret in plain text."""

_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class BadSecret(Invalid):
    """{reason}"""  # noqa: D400, D415  the reason is the sentence

    field = "secret"


def generate(scheme: str, seed: bytes) -> str:
    """Return a secret of `scheme` from 32 random bytes."""
    if scheme == ASYMMETRIC:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return PRIVATE_PREFIX + base64.b64encode(seed + public).decode()
    return SYMMETRIC_PREFIX + base64.b64encode(seed).decode()


def check(secret: str) -> None:
    """Refuse a secret that is too short, or is not what its prefix says; the refusal does not repeat it."""
    if secret.startswith(PUBLIC_PREFIX):
        raise BadSecret(reason="The secret is a public key; the private one begins with whsk_.")
    if secret.startswith(PRIVATE_PREFIX):
        if scheme_of(secret) != ASYMMETRIC:
            raise BadSecret(reason="A secret that begins with whsk_ goes on with an ed25519 key in base64.")
    elif secret.startswith(SYMMETRIC_PREFIX):
        key = _decoded(secret.removeprefix(SYMMETRIC_PREFIX))
        if key is None or not LEAST_BYTES <= len(key) <= MOST_BYTES:
            raise BadSecret(reason="A secret that begins with whsec_ goes on with 24 to 64 bytes in base64.")
    elif not LEAST_BYTES <= len(secret) <= MOST_CHARACTERS or characters.forbidden(secret):
        raise BadSecret(reason="A secret has 24 to 255 characters, and no control characters.")


def scheme_of(secret: str) -> str:
    """Return `v1a` for an ed25519 key, else `v1`."""
    return SYMMETRIC if _seed(secret) is None else ASYMMETRIC


def public_key(secret: str) -> str:
    """Return the public key of an ed25519 key, `whpk_...`; "" for other secrets."""
    if _seed(secret) is None:
        return ""
    return PUBLIC_PREFIX + base64.b64encode(signing_key(secret).public_key().public_bytes_raw()).decode()


def symmetric_key(secret: str) -> bytes:
    """Return the bytes that follow `whsec_` in base64, or the bytes of a secret in plain text."""
    key = _decoded(secret.removeprefix(SYMMETRIC_PREFIX)) if secret.startswith(SYMMETRIC_PREFIX) else None
    return secret.encode() if key is None else key


@lru_cache(1_024)
def signing_key(secret: str) -> Ed25519PrivateKey:
    """Return the key of a secret whose scheme is `v1a`."""
    return Ed25519PrivateKey.from_private_bytes(_seed(secret) or b"")


@lru_cache(1_024)
def _seed(secret: str) -> bytes | None:
    """Return the seed of an ed25519 key. The public key follows it, as in the reference implementation."""
    key = _decoded(secret.removeprefix(PRIVATE_PREFIX)) if secret.startswith(PRIVATE_PREFIX) else None
    if key is None or len(key) != 2 * SEED_BYTES:
        return None
    seed, public = key[:SEED_BYTES], key[SEED_BYTES:]
    return (
        seed if Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() == public else None
    )


def _decoded(text: str) -> bytes | None:
    return base64.b64decode(text) if _BASE64.fullmatch(text) else None
