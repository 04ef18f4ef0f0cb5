"""Finds which of a seed's addresses the chain has paid. It is given blocks, and reads nothing by itself."""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from app.chain.keys import ReadyKey
from app.domain import dogecoin
from app.domain.accounts import ACCOUNT_KEY
from app.domain.blocks import Block
from app.domain.dogecoin import Outpoint

BRANCHES: Final = (dogecoin.RECEIVE, dogecoin.CHANGE)
_HASH_BYTES: Final = 20
_BUCKET_BITS: Final = 12
_TAG_BITS: Final = 30
_NUMBER_BITS: Final = 34
MAX_ADDRESSES: Final = 100_000_000
"""More would take a gigabyte of memory and an hour of computing."""


class AddressRange(NamedTuple):
    """Addresses in a row: m/.../branch/first of an account, and those that follow."""

    account: int
    branch: int
    first: int


@dataclass(frozen=True, slots=True)
class AddressPath:
    """The place of an address: m/.../branch/index of an account."""

    account: int
    branch: int
    index: int


def key_hashes(xpub: str, branch: int, first: int, count: int) -> bytes:
    """Derive HASH160 of `count` keys from index `first` on, 20 bytes each; zeros if an index has no key."""
    hashes = bytearray(_HASH_BYTES * count)
    for n in range(count):
        with suppress(dogecoin.InvalidChild):
            script = dogecoin.script_at(xpub, branch, first + n)
            hashes[n * _HASH_BYTES : (n + 1) * _HASH_BYTES] = script[3:23]
    return bytes(hashes)


class Candidates:
    """Addresses that may be ours, in 8 bytes each.

    12 bits of the hash choose a bucket; 30 more bits of it, the tag, and a running number are stored there.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(1 << _BUCKET_BITS)]
        self._starts: list[int] = []
        self._ranges: list[AddressRange] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, addresses: AddressRange, hashes: bytes) -> None:
        """Add the addresses, whose hashes `key_hashes` derived."""
        self._starts.append(self._count)
        self._ranges.append(addresses)
        for offset in range(0, len(hashes), _HASH_BYTES):
            bucket, tag = _split(hashes[offset : offset + _HASH_BYTES])
            insort(self._buckets[bucket], tag << _NUMBER_BITS | self._count)
            self._count += 1

    def matches(self, key_hash: bytes) -> Iterator[AddressPath]:
        """Yield the addresses whose hashes begin alike: of 20 million, one of 10,000 strangers meets one."""
        number, tag = _split(key_hash)
        bucket = self._buckets[number]
        position = bisect_left(bucket, tag << _NUMBER_BITS)
        while position < len(bucket) and bucket[position] >> _NUMBER_BITS == tag:
            yield self._path(bucket[position] & ((1 << _NUMBER_BITS) - 1))
            position += 1

    def _path(self, number: int) -> AddressPath:
        nth = bisect_right(self._starts, number) - 1
        account, branch, first = self._ranges[nth]
        return AddressPath(account, branch, first + number - self._starts[nth])


class GapSearch:
    """Looks for payments to the accounts' addresses: on each branch, `gap` beyond the last that was paid.

    `last_used` has the highest index that was paid, by account and branch. `blocks` has what pays or spends
    us, by height. An address that is added while blocks are read was not looked for in the blocks before:
    then `extended` is set, and all must be read again.
    """

    def __init__(self, gap: int) -> None:
        self.extended = False
        self.last_used: dict[tuple[int, int], int] = {}
        self.blocks: dict[int, Block] = {}
        self._gap = gap
        self._keys: dict[int, ReadyKey] = {}
        self._ends: dict[tuple[int, int], int] = {}
        self._candidates = Candidates()
        self._scripts: set[bytes] = set()
        self._coins: set[Outpoint] = set()

    @property
    def address_count(self) -> int:
        """The number of addresses so far."""
        return len(self._candidates)

    def add_account(self, key: ReadyKey, receive: bytes, change: bytes) -> None:
        """Begin to look for an account: its own key, and the first `gap` hashes of both branches."""
        self._keys[key.number] = key
        self._candidates.add(AddressRange(key.number, ACCOUNT_KEY, 0), key.address_script[3:23])
        for branch, hashes in zip(BRANCHES, (receive, change), strict=True):
            self._candidates.add(AddressRange(key.number, branch, 0), hashes)
            self._ends[key.number, branch] = len(hashes) // _HASH_BYTES

    def restart(self) -> None:
        """Begin with the first block again; the addresses stay."""
        self.extended = False
        self.blocks.clear()

    def read(self, block: Block) -> None:
        """Store what pays or spends us, if anything does."""
        outputs = [output for output in block.outputs if self._is_ours(output.script)]
        self._coins.update(output.outpoint for output in outputs)
        spends = [spend for spend in block.spends if spend.outpoint in self._coins]
        if outputs or spends:
            self.blocks[block.height] = replace(block, outputs=outputs, spends=spends)

    def key(self, account: int) -> ReadyKey:
        """Return the key of an account that was added."""
        return self._keys[account]

    def accounts(self, last: int) -> list[int]:
        """Return the numbers of the accounts that were added, up to `last`."""
        return sorted(number for number in self._keys if number <= last)

    def script(self, path: AddressPath) -> bytes | None:
        """Return the output script of an address, or None for an index without a key."""
        key = self._keys[path.account]
        if path.branch == ACCOUNT_KEY:
            return key.address_script
        with suppress(dogecoin.InvalidChild):
            return dogecoin.script_at(key.xpub, path.branch, path.index)
        return None

    def _is_ours(self, script: bytes) -> bool:
        if script in self._scripts:
            return True
        if len(script) != 25 or script[:3] != b"\x76\xa9\x14":
            return False
        for path in self._candidates.matches(script[3:23]):
            if self.script(path) == script:
                self._scripts.add(script)
                self._use(path)
                return True
        return False

    def _use(self, path: AddressPath) -> None:
        branch = path.account, path.branch
        self.last_used[branch] = max(self.last_used.get(branch, -1), path.index)
        if path.branch == ACCOUNT_KEY:
            return
        end, needed = self._ends[branch], path.index + 1 + self._gap
        if needed > end:
            hashes = key_hashes(self._keys[path.account].xpub, path.branch, end, needed - end)
            self._candidates.add(AddressRange(*branch, end), hashes)
            self._ends[branch] = needed
            self.extended = True


def _split(key_hash: bytes) -> tuple[int, int]:
    """Return the bucket and the tag of a hash."""
    head = int.from_bytes(key_hash[:8], "big")
    tag = head >> (64 - _BUCKET_BITS - _TAG_BITS) & ((1 << _TAG_BITS) - 1)
    return head >> (64 - _BUCKET_BITS), tag
