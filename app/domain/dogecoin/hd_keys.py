"""BIP32 public derivation: from an account's xpub to its addresses."""

import hmac
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import coincurve

from app.domain.dogecoin import addresses, base58, networks
from app.domain.dogecoin.networks import Network

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HARDENED = 1 << 31  # indices from here on need the private key
MAX_DEPTH = 255
RECEIVE = 0
CHANGE = 1

_BRANCHES_KEPT = 4096  # about 4 MB
_SERIALISED_BYTES = 78


class BadExtendedKey(ValueError):
    """The text is no extended public key; the message is a sentence that says why and never repeats the text."""


class InvalidChild(ValueError):
    """This index has no key, one in 2^127 does not; callers skip it and take the next."""


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A public key (33 bytes) with the chain code (32 bytes) that its children are derived with, and its place."""

    public_key: bytes
    chain_code: bytes
    depth: int = 0
    parent_fingerprint: bytes = bytes(4)
    number: int = 0

    def __post_init__(self) -> None:
        if len(self.public_key) != 33 or len(self.chain_code) != 32 or len(self.parent_fingerprint) != 4:
            raise ValueError("an extended key has 33, 32 and 4 bytes")
        if not (0 <= self.depth <= MAX_DEPTH and 0 <= self.number < 1 << 32):
            raise ValueError(f"depth {self.depth} or number {self.number} is out of range")


def parse(xpub: str) -> ExtendedKey:
    """Read an extended public key of any Dogecoin network (dgub..., tpub...); else `BadExtendedKey`."""
    payload = base58.decode(xpub)
    if isinstance(payload, str):
        raise BadExtendedKey(f"The extended key {payload}.")
    version = int.from_bytes(payload[:4], "big")
    if version in {known.bip32_private for known in networks.ALL}:
        raise BadExtendedKey("That is an extended private key: keep it to yourself.")
    if len(payload) != _SERIALISED_BYTES or version not in {known.bip32_public for known in networks.ALL}:
        raise BadExtendedKey("The extended key is of no Dogecoin network.")
    if not _is_point(payload[45:]):
        raise BadExtendedKey("The extended key holds no point of the curve.")
    return ExtendedKey(
        public_key=payload[45:],
        chain_code=payload[13:45],
        depth=payload[4],
        parent_fingerprint=payload[5:9],
        number=int.from_bytes(payload[9:13], "big"),
    )


def serialise(network: Network, key: ExtendedKey) -> str:
    """Write `key` the way Core reads it on `network`: dgub... on main, tpub... elsewhere."""
    return base58.encode(
        network.bip32_public.to_bytes(4, "big")
        + bytes([key.depth])
        + key.parent_fingerprint
        + key.number.to_bytes(4, "big")
        + key.chain_code
        + key.public_key
    )


def child(key: ExtendedKey, index: int) -> ExtendedKey:
    """Derive the child `index` (not hardened: below 2^31); `InvalidChild` where there is none."""
    public_key, chain_code = _step(coincurve.PublicKey(key.public_key), key.public_key, key.chain_code, index)
    return ExtendedKey(
        public_key=public_key,
        chain_code=chain_code,
        depth=key.depth + 1,
        parent_fingerprint=base58.hash160(key.public_key)[:4],
        number=index,
    )


def address_key(key: ExtendedKey | str, branch: int, index: int) -> bytes:
    """Derive the public key (33 bytes) of `branch`/`index` below an account's key or xpub."""
    parent = _branch(key, branch)
    return _step(parent.point, parent.key.public_key, parent.key.chain_code, index)[0]


def script_at(key: ExtendedKey | str, branch: int, index: int) -> bytes:
    """Derive the P2PKH output script of `branch`/`index` below an account's key or xpub."""
    return addresses.p2pkh(base58.hash160(address_key(key, branch, index)))


def next_script(key: ExtendedKey | str, branch: int, index: int) -> tuple[int, bytes]:
    """Derive the script at `index`, or at the next that has a key; returns that index with it."""
    while True:
        try:
            return index, script_at(key, branch, index)
        except InvalidChild:
            index += 1


@dataclass(frozen=True, slots=True)
class _Branch:
    key: ExtendedKey
    point: coincurve.PublicKey


@lru_cache(maxsize=_BRANCHES_KEPT)
def _branch(key: ExtendedKey | str, branch: int) -> _Branch:
    """Keep what thousands of addresses of one account share."""
    found = child(parse(key) if isinstance(key, str) else key, branch)
    return _Branch(found, coincurve.PublicKey(found.public_key))


def _step(
    point: coincurve.PublicKey, public_key: bytes, chain_code: bytes, index: int
) -> tuple[bytes, bytes]:
    """BIP32's CKDpub: the child's public key and chain code."""
    if not 0 <= index < HARDENED:
        raise ValueError(f"index {index} cannot be derived from a public key")
    digest = hmac.digest(chain_code, public_key + index.to_bytes(4, "big"), "sha512")
    if int.from_bytes(digest[:32], "big") >= CURVE_ORDER:
        raise InvalidChild(f"index {index} has no key")
    return point.add(digest[:32]).format(), digest[32:]


def _is_point(public_key: bytes) -> bool:
    with suppress(ValueError):
        coincurve.PublicKey(public_key)
        return True
    return False
