"""The content of the seed file: a mnemonic encrypted with a passphrase, and plain facts about it."""

import hashlib
import json
import secrets
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.cells import Cell, CellMap

MAX_BYTES = 16_384
MAX_PASSPHRASE_CHARS = 1_024
MAX_NUMBER = (1 << 31) - 1  # heights and account numbers
NO_ACCOUNT = -1

_VERSION = 1
_BLOCK_SIZE = 8  # scrypt's r
_MAX_MEMORY_BYTES = 256 * 1024 * 1024  # a hostile file must not take all memory
_MAX_RUNS = 16
_SALT_BYTES = 16
_NONCE_BYTES = 12


class Malformed(ValueError):
    """The text is no seed record; the message says in half a sentence why."""


class Unopened(ValueError):
    """The passphrase does not decrypt the mnemonic."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one guess at the passphrase: scrypt with `n` KiB of memory, `p` times.

    The default is one of the settings that OWASP's password storage cheat sheet calls equal: the one with 32
    MiB.
    """

    n: int = 1 << 15
    p: int = 3

    def __post_init__(self) -> None:
        memory_bytes = 128 * _BLOCK_SIZE * self.n
        if self.n < 1 << 14 or self.n & (self.n - 1) or memory_bytes > _MAX_MEMORY_BYTES:
            raise ValueError(f"scrypt's n cannot be {self.n}")
        if not 1 <= self.p <= _MAX_RUNS:
            raise ValueError(f"scrypt's p cannot be {self.p}")

    def cipher(self, passphrase: str, salt: bytes) -> AESGCM:
        """Derive the cipher from a passphrase. It takes a quarter of a second on purpose."""
        secret = unicodedata.normalize("NFKD", passphrase).encode(errors="surrogatepass")
        return AESGCM(Scrypt(salt=salt, length=32, n=self.n, r=_BLOCK_SIZE, p=self.p).derive(secret))


STRONG = Cost()
LEAST = Cost(n=1 << 14, p=1)
"""Where there is no passphrase: nobody guesses, and each start would wait for it."""


@dataclass(frozen=True, slots=True)
class SeedRecord:
    """What the seed file holds.

    The cipher also authenticates the network, the birth height (None: unknown) and the cost. Without the
    passphrase these may change: the highest account number that was handed out (-1: none), with several cells that
    of each, whether the words were shown, and how many addresses of every account were left out after restores.
    """

    network: str
    birth_height: int | None
    cost: Cost
    salt: bytes
    nonce: bytes
    ciphertext: bytes
    highest_account: int = NO_ACCOUNT
    shown: bool = False
    skipped: int = 0
    highest_of_cells: tuple[int, ...] = ()

    def highest_of(self, cell: Cell) -> int:
        """Return up to which number accounts of the cell may have been handed out; -1: none."""
        known = len(self.highest_of_cells) == cell.cells
        return self.highest_of_cells[cell.number] if known else self.highest_account

    def raised(self, number: int, cell: Cell) -> "SeedRecord":
        """Return the record that knows of accounts of the cell up to `number`; without cells, of any of them."""
        highest = max(self.highest_account, number)
        if cell.cells == 1:
            of_cells = [max(known, number) for known in self.highest_of_cells]
        else:
            of_cells = [self.highest_of(other) for other in CellMap(cell.cells)]
            of_cells[cell.number] = max(of_cells[cell.number], number)
        return replace(self, highest_account=highest, highest_of_cells=tuple(of_cells))

    def words(self, passphrase: str) -> str:
        """Decrypt the mnemonic, or raise `Unopened`."""
        cipher = self.cost.cipher(passphrase, self.salt)
        try:
            authenticated = _authenticated(self.network, self.birth_height, self.cost)
            return cipher.decrypt(self.nonce, self.ciphertext, authenticated).decode()
        except InvalidTag:
            raise Unopened from None

    def to_json(self) -> bytes:
        """Write the record as JSON. A checksum tells damage from a wrong passphrase."""
        body: dict[str, Any] = {
            "version": _VERSION,
            "network": self.network,
            "birth_height": self.birth_height,
            "scrypt": {"n": self.cost.n, "r": _BLOCK_SIZE, "p": self.cost.p, "salt": self.salt.hex()},
            "aes_256_gcm": {"nonce": self.nonce.hex(), "ciphertext": self.ciphertext.hex()},
            "highest_account": self.highest_account,
            "shown": self.shown,
            "skipped": self.skipped,
        }
        if self.highest_of_cells:
            body["highest_of_cells"] = list(self.highest_of_cells)
        return json.dumps(body | {"checksum": _checksum(body)}, indent=2).encode() + b"\n"


def lock(words: str, passphrase: str, network: str, birth_height: int | None, cost: Cost) -> SeedRecord:
    """Encrypt a mnemonic with a new salt and nonce."""
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    authenticated = _authenticated(network, birth_height, cost)
    ciphertext = cost.cipher(passphrase, salt).encrypt(nonce, words.encode(), authenticated)
    return SeedRecord(network, birth_height, cost, salt, nonce, ciphertext)


def of_json(text: bytes) -> SeedRecord:
    """Read what `to_json` wrote and check all of it, or raise `Malformed`."""
    if len(text) > MAX_BYTES:
        raise Malformed("it is too long")
    try:
        body = json.loads(text)
        checksum = body.pop("checksum")
        if not isinstance(checksum, str) or checksum != _checksum(body):
            raise Malformed("its checksum is wrong")
        return _record(body)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Malformed(
            str(error) if isinstance(error, Malformed) else "it is not in the right form"
        ) from None


def _record(body: dict[str, Any]) -> SeedRecord:
    scrypt, cipher = body["scrypt"], body["aes_256_gcm"]
    if (body["version"], scrypt["r"]) != (_VERSION, _BLOCK_SIZE):
        raise Malformed("it is of another version")
    birth_height = body["birth_height"]
    return SeedRecord(
        network=_text(body["network"]),
        birth_height=None if birth_height is None else _number(birth_height),
        cost=Cost(n=_number(scrypt["n"]), p=_number(scrypt["p"])),
        salt=_exactly(_SALT_BYTES, scrypt["salt"]),
        nonce=_exactly(_NONCE_BYTES, cipher["nonce"]),
        ciphertext=bytes.fromhex(_text(cipher["ciphertext"])),
        highest_account=_number(body["highest_account"], lowest=NO_ACCOUNT),
        shown=body["shown"] is True,
        skipped=_number(body.get("skipped", 0)),
        highest_of_cells=tuple(_number(number, NO_ACCOUNT) for number in body.get("highest_of_cells", ())),
    )


def _authenticated(network: str, birth_height: int | None, cost: Cost) -> bytes:
    return json.dumps([_VERSION, network, birth_height, cost.n, _BLOCK_SIZE, cost.p]).encode()


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _number(value: Any, lowest: int = 0) -> int:
    if type(value) is not int or not lowest <= value <= MAX_NUMBER:
        raise Malformed("a number in it is out of range")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("a text is missing in it")
    return value


def _exactly(size: int, value: Any) -> bytes:
    content = bytes.fromhex(_text(value))
    if len(content) != size:
        raise Malformed("a number of bytes in it is wrong")
    return content
