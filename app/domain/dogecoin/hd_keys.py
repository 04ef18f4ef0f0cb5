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

_CACHED_BRANCHES = 4096  # about 4 MB
_SERIALISED_BYTES = 78


class BadExtendedKey(ValueError):
    """The text is no extended public key; the message is a sentence with the reason and without the text."""


class InvalidChild(ValueError):
    """This index has no key, as one in 2^127; callers skip it and take the next."""


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A public key (33 bytes), the chain code (32 bytes) for its children, and its place in the tree."""

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


def parse_xpub(xpub: str) -> ExtendedKey:
    """Read an extended public key of any Dogecoin network (dgub..., tpub...); else raise `BadExtendedKey`."""
    payload = base58.base58_decode(xpub)
    if isinstance(payload, str):
        raise BadExtendedKey(f"The extended key {payload}.")
    version = int.from_bytes(payload[:4], "big")
    if version in {candidate.bip32_private for candidate in networks.NETWORKS}:
        raise BadExtendedKey("That is an extended private key: keep it to yourself.")
    if len(payload) != _SERIALISED_BYTES or version not in {
        candidate.bip32_public for candidate in networks.NETWORKS
    }:
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


def write_xpub(network: Network, key: ExtendedKey) -> str:
    """Write `key` the way Core reads it on `network`: dgub... on main, tpub... elsewhere."""
    return base58.base58_encode(
        network.bip32_public.to_bytes(4, "big")
        + bytes([key.depth])
        + key.parent_fingerprint
        + key.number.to_bytes(4, "big")
        + key.chain_code
        + key.public_key
    )


def child_key(key: ExtendedKey, index: int) -> ExtendedKey:
    """Derive the child `index` (not hardened: below 2^31); raise `InvalidChild` where there is none."""
    public_key, chain_code = _derive(key, coincurve.PublicKey(key.public_key), index)
    return ExtendedKey(
        public_key=public_key,
        chain_code=chain_code,
        depth=key.depth + 1,
        parent_fingerprint=base58.hash160(key.public_key)[:4],
        number=index,
    )


def address_key(xpub: str, branch: int, index: int) -> bytes:
    """Derive the public key (33 bytes) of `branch`/`index` below an account's xpub."""
    return _derive(*_branch(xpub, branch), index)[0]


def script_at(xpub: str, branch: int, index: int) -> bytes:
    """Derive the P2PKH output script of `branch`/`index` below an account's xpub."""
    return addresses.p2pkh(base58.hash160(address_key(xpub, branch, index)))


def next_script(xpub: str, branch: int, index: int) -> tuple[int, bytes]:
    """Derive the script at `index`, or at the next index that has a key; return that index with it."""
    while True:
        try:
            return index, script_at(xpub, branch, index)
        except InvalidChild:
            index += 1


@lru_cache(maxsize=_CACHED_BRANCHES)
def _branch(xpub: str, branch: int) -> tuple[ExtendedKey, coincurve.PublicKey]:
    """Cache what thousands of addresses of one account share."""
    key = child_key(parse_xpub(xpub), branch)
    return key, coincurve.PublicKey(key.public_key)


def _derive(parent: ExtendedKey, point: coincurve.PublicKey, index: int) -> tuple[bytes, bytes]:
    """Return the child's public key and chain code (BIP32's CKDpub); `point` is the parent's public key."""
    if not 0 <= index < HARDENED:
        raise ValueError(f"index {index} cannot be derived from a public key")
    digest = hmac.digest(parent.chain_code, parent.public_key + index.to_bytes(4, "big"), "sha512")
    if int.from_bytes(digest[:32], "big") >= CURVE_ORDER:
        raise InvalidChild(f"index {index} has no key")
    return point.add(digest[:32]).format(), digest[32:]


def _is_point(public_key: bytes) -> bool:
    with suppress(ValueError):
        coincurve.PublicKey(public_key)
        return True
    return False
