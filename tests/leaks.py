"""What no line of a log and no output of a program may hold: seeds, keys, tokens, passwords."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from urllib.parse import urlsplit

from app.domain import dogecoin

SECRET_SETTINGS = ("ADMIN_TOKEN", "SEED_PASSPHRASE", "BACKUP_PASSPHRASE")
PHRASE_WORDS = 6
"""So many words of the list in a row are a part of a seed; sentences have no six."""
BASE58 = "1-9A-HJ-NP-Za-km-z"
PATTERNS = {
    "an extended private key": re.compile(rf"\b(?:xprv|tprv|dgpv)[{BASE58}]{{50,}}"),
    "a bearer token": re.compile(r"(?i)\bbearer [a-z0-9._~+/-]{8,}"),
    "an API key": re.compile(r"\bkennel_[0-9]+_[A-Za-z0-9_-]{30,}"),
    "a secret of a webhook": re.compile(r"\bwhs(?:ec|k)_[A-Za-z0-9+/=]{16,}"),
    "a URL with a password": re.compile(r"://[^/\s:@]*:(?!\*+@|password@host)[^@\s/]+@"),  # not the example
    "a private key in PEM": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
}
WIF = re.compile(rf"\b[{BASE58}]{{51,52}}\b")
LIST = frozenset((files("bip_utils") / "bip/bip39/wordlist/english.txt").read_text().split())
KEY_BYTES = (33, 34)
"""A version and a key of 32 bytes; one more where it is of a compressed public key."""


def of(text: str, known: Mapping[str, str] | None = None) -> list[str]:
    """Return what leaks in a text; `known` are secrets of the test itself, by what they are."""
    return [
        *(what for what, pattern in PATTERNS.items() if pattern.search(text)),
        *(what for what, secret in (known or {}).items() if secret in text),
        *_phrases(text),
        *("a private key" for word in WIF.findall(text) if _is_key(word)),
    ]


def known(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets among a program's settings, with the passwords of its URLs."""
    secrets = {name: settings[f"KENNEL_{name}"] for name in SECRET_SETTINGS if f"KENNEL_{name}" in settings}
    for name, value in settings.items():
        if name.endswith("_URL") and (password := urlsplit(value).password) and len(password) > len("kennel"):
            secrets[f"the password of {name}"] = password
    return secrets


def _phrases(text: str) -> Iterator[str]:
    in_a_row = 0
    for word in re.findall(r"[a-z]+", text):
        in_a_row = in_a_row + 1 if word in LIST else 0
        if in_a_row == PHRASE_WORDS:
            yield "words of a seed"


def _is_key(word: str) -> bool:
    payload = dogecoin.base58_decode(word)
    return isinstance(payload, bytes) and len(payload) in KEY_BYTES
