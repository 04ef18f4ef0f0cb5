"""The keys of every account, derived from one mnemonic, for the sender and the pool of ready keys only."""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

import coincurve

from app.domain import dogecoin
from app.domain.dogecoin import Network

PURPOSE = 44  # BIP44: m/44'/coin'/account'/branch/index
MAX_BATCH = 10_000
BRANCHES = 1_000
"""Branches of accounts that are kept: each payment of one account would derive them again, two thirds of its key."""


@dataclass(frozen=True, slots=True)
class ReadyKey:
    """What opens account `number`: its xpub, and the P2PKH script of the account key itself.

    The repr leaves out the xpub, because it shows all addresses of the account.
    """

    number: int
    xpub: str = field(repr=False)
    address_script: bytes


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SecretKey:
    """A BIP32 extended private key and its place in the tree."""

    key: coincurve.PrivateKey
    chain_code: bytes
    depth: int = 0
    parent_fingerprint: bytes = bytes(4)
    number: int = 0

    def public(self) -> dogecoin.ExtendedKey:
        """Return the extended public key of the same place."""
        return dogecoin.ExtendedKey(
            self.key.public_key.format(), self.chain_code, self.depth, self.parent_fingerprint, self.number
        )

    def child(self, index: int) -> "SecretKey":
        """Derive child `index`, hardened from 2^31 on; raise `dogecoin.InvalidChild` where there is none."""
        public_key = self.key.public_key.format()
        parent = b"\0" + self.key.secret if index >= dogecoin.HARDENED else public_key
        digest = hmac.digest(self.chain_code, parent + index.to_bytes(4, "big"), "sha512")
        return SecretKey(
            key=_add(self.key, digest[:32]),
            chain_code=digest[32:],
            depth=self.depth + 1,
            parent_fingerprint=dogecoin.hash160(public_key)[:4],
            number=index,
        )

    def hardened(self, number: int) -> "SecretKey":
        """Derive the child that is written `number'`."""
        if not 0 <= number < dogecoin.HARDENED:
            raise ValueError(f"there is no hardened child {number}")
        return self.child(dogecoin.HARDENED + number)


def master(words: str) -> SecretKey:
    """Derive the master key of a BIP39 mnemonic that has no password of its own, as BIP39 and BIP32 say."""
    seed = hashlib.pbkdf2_hmac("sha512", normalise(words).encode(), b"mnemonic", 2048)
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    return SecretKey(coincurve.PrivateKey(digest[:32]), digest[32:])


def normalise(words: str) -> str:
    """Write a mnemonic with single spaces, in the Unicode form that BIP39 demands."""
    return " ".join(unicodedata.normalize("NFKD", words).split())


class Keyring:
    """The installation's mnemonic, and its keys on one network. It shows nothing and cannot be pickled."""

    __slots__ = ("_branch", "_coin", "_network", "_words")

    def __init__(self, network: Network, words: str) -> None:
        self._network = network
        self._words = normalise(words)
        self._coin = master(words).hardened(PURPOSE).hardened(network.coin_type)
        self._branch = lru_cache(BRANCHES)(self._derive_branch)

    def __repr__(self) -> str:
        return f"<Keyring of {self._network.name}>"

    def __reduce__(self) -> str:
        raise TypeError("a keyring stays in its process")

    @property
    def fingerprint(self) -> str:
        """What tells this seed on this network from any other, and nothing else about it."""
        return dogecoin.hash160(self._coin.public().public_key).hex()

    def mnemonic(self) -> str:
        """Return the words, for `seed show` only."""
        return self._words

    def account_xpubs(self, first: int, count: int, step: int = 1) -> list[ReadyKey]:
        """Derive `count` accounts from number `first` on, every `step`th, without the numbers that have no key.

        At most `MAX_BATCH` at once. That many take about half a second, so call it in a thread.
        """
        if not 0 <= count <= MAX_BATCH:
            raise ValueError(f"{count} accounts are more than {MAX_BATCH}")
        return list(self._ready(range(first, first + count * step, step)))

    def xpubs(self, numbers: Iterable[int]) -> dict[int, str]:
        """Derive these accounts' xpubs, by number. Each takes 50 µs, so call it in a thread."""
        return {key.number: key.xpub for key in self._ready(numbers)}

    def private_key(self, account: int, branch: int, index: int) -> coincurve.PrivateKey:
        """Derive the key that signs for `branch`/`index` of `account`."""
        return self._branch(account, branch).child(index).key

    def _derive_branch(self, account: int, branch: int) -> SecretKey:
        return self._coin.hardened(account).child(branch)

    def account_key(self, account: int) -> coincurve.PrivateKey:
        """Derive the key that signs for what was paid to the account's own address."""
        return self._coin.hardened(account).key

    def _ready(self, numbers: Iterable[int]) -> Iterator[ReadyKey]:
        for number in numbers:
            with suppress(dogecoin.InvalidChild):
                account = self._coin.hardened(number).public()
                script = dogecoin.p2pkh(dogecoin.hash160(account.public_key))
                yield ReadyKey(number, dogecoin.write_xpub(self._network, account), script)


def _add(key: coincurve.PrivateKey, tweak: bytes) -> coincurve.PrivateKey:
    """Return BIP32's parse256(IL) + k mod n; raise `InvalidChild` for a sum of 0 and for a tweak beyond n."""
    with suppress(ValueError):
        return key.add(tweak)
    raise dogecoin.InvalidChild("this index has no key")
