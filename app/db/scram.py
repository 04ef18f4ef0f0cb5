"""A password as PostgreSQL stores it (SCRAM-SHA-256, RFC 5803): so no statement, and no log, has the password itself."""

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from typing import Final

ITERATIONS: Final = 4_096
"""As many as PostgreSQL itself makes (scram_iterations)."""
_SALT_BYTES: Final = 16


def verifier(password: str, salt: bytes | None = None) -> str:
    """Return what `CREATE ROLE ... PASSWORD` takes in place of the password."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *parts)


def _prepared(password: str) -> str:
    """Spell the password as both sides do before they compute (SASLprep, RFC 4013)."""
    if password.isascii():
        return password
    mapped = (" " if stringprep.in_table_c12(character) else character for character in password)
    kept = (character for character in mapped if not stringprep.in_table_b1(character))
    return unicodedata.normalize("NFKC", "".join(kept))
