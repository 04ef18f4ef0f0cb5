"""The key that signs the payment requests for wallets (DogeConnect): made once, in a file; no coin is its."""

import hmac
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import coincurve

from app.errors import OperatorError
from app.runtime import new_file

RELAY_KEY_FILE: Final = "relay.key"
"""The file in KENNEL_HOME, where the settings name no other."""
_SECRET_BYTES: Final = 32
_TOKEN_BYTES: Final = 15
_LONGEST: Final = 1_000


class RelayKeyRefused(OperatorError):
    """The key cannot be read or made; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class RelayKey:
    """A key of secp256k1. Wallets know the relay by its `public_key` (BIP-340: 32 bytes)."""

    public_key: bytes
    _secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "RelayKey":
        """Return the key of 32 secret bytes; ValueError if they are none."""
        if len(secret) != _SECRET_BYTES:
            raise ValueError(f"a secret has {_SECRET_BYTES} bytes")
        return cls(coincurve.PublicKeyXOnly.from_secret(secret).format(), secret)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of 64 bytes (BIP-340) over a message of 32 bytes."""
        return coincurve.PrivateKey(self._secret).sign_schnorr(message)

    def token(self, text: str) -> str:
        """Return a word of 20 characters that nobody without the key can make for this text."""
        return urlsafe_b64encode(hmac.digest(self._secret, text.encode(), "sha256")[:_TOKEN_BYTES]).decode()


def open_or_create(path: Path) -> RelayKey:
    """Read the key, or make it where there is no file; raises RelayKeyRefused. Blocks on the disk.

    Processes that start at once have the same key.
    """
    try:
        if not path.exists():
            _create(path)
        with path.open() as file:
            return RelayKey.of(bytes.fromhex(file.read(_LONGEST)))
    except OSError as error:
        reason = error.strerror or error
        raise RelayKeyRefused(f"The relay key {path} cannot be read or written: {reason}.") from error
    except ValueError:
        raise RelayKeyRefused(
            f"The relay key {path} is damaged: put back a copy of it, or remove it and start again; then "
            "wallets refuse the QR codes that were made before."
        ) from None


def _create(path: Path) -> None:
    """Make the file, unless another process was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError), new_file.writing(path) as file:
        file.write(f"{coincurve.PrivateKey().secret.hex()}\n".encode())
