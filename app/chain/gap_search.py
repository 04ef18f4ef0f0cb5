"""Which of a seed's addresses the chain has paid, found block by block; it reads neither node nor database."""

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
_BUCKETS_BITS: Final = 12
_MARK_BITS: Final = 30
_NUMBER_BITS: Final = 34
MAX_ADDRESSES: Final = 100_000_000
"""More would take a gigabyte of memory and an hour of computing."""


class Window(NamedTuple):
    """Addresses in a row: m/.../branch/first and the following of an account."""

    account: int
    branch: int
    first: int


@dataclass(frozen=True, slots=True)
class Key:
    """Where an address stands: m/.../branch/index of an account."""

    account: int
    branch: int
    index: int


def key_hashes(xpub: str, branch: int, first: int, count: int) -> bytes:
    """Derive HASH160 of `count` keys from index `first` on, 20 bytes each; an index without a key leaves zeros."""
    found = bytearray(_HASH_BYTES * count)
    for n in range(count):
        with suppress(dogecoin.InvalidChild):
            found[n * _HASH_BYTES : (n + 1) * _HASH_BYTES] = dogecoin.script_at(xpub, branch, first + n)[3:23]
    return bytes(found)


class Candidates:
    """Addresses that may be ours, 8 bytes each: 30 bits of the hash (12 more choose the bucket) and a running number."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(1 << _BUCKETS_BITS)]
        self._starts: list[int] = []
        self._windows: list[Window] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, window: Window, hashes: bytes) -> None:
        """Take what `key_hashes` made of the window."""
        self._starts.append(self._count)
        self._windows.append(window)
        for offset in range(0, len(hashes), _HASH_BYTES):
            bucket, mark = _split(hashes[offset : offset + _HASH_BYTES])
            insort(self._buckets[bucket], mark << _NUMBER_BITS | self._count)
            self._count += 1

    def alike(self, key_hash: bytes) -> Iterator[Key]:
        """Yield the places of addresses whose hashes begin alike: with 20 million, one stranger in 10,000 has one."""
        number, mark = _split(key_hash)
        bucket = self._buckets[number]
        place = bisect_left(bucket, mark << _NUMBER_BITS)
        while place < len(bucket) and bucket[place] >> _NUMBER_BITS == mark:
            yield self._key(bucket[place] & ((1 << _NUMBER_BITS) - 1))
            place += 1

    def _key(self, number: int) -> Key:
        nth = bisect_right(self._starts, number) - 1
        account, branch, first = self._windows[nth]
        return Key(account, branch, first + number - self._starts[nth])


class GapSearch:
    """Looks for payments to the accounts' addresses, and on each branch `gap` addresses beyond the last that was paid.

    An address that is taken up while blocks are read was not looked for in the blocks before: then `extended` is set,
    and all must be read again.
    """

    def __init__(self, gap: int) -> None:
        self.extended = False
        self.used: dict[tuple[int, int], int] = {}
        self.blocks: dict[int, Block] = {}
        self._gap = gap
        self._keys: dict[int, ReadyKey] = {}
        self._ends: dict[tuple[int, int], int] = {}
        self._candidates = Candidates()
        self._ours: set[bytes] = set()
        self._coins: set[Outpoint] = set()

    @property
    def looked_at(self) -> int:
        """The number of addresses so far."""
        return len(self._candidates)

    def open(self, key: ReadyKey, receive: bytes, change: bytes) -> None:
        """Begin to look for an account: its own key, and the first `gap` hashes of both branches."""
        self._keys[key.number] = key
        self._candidates.add(Window(key.number, ACCOUNT_KEY, 0), key.address_script[3:23])
        for branch, hashes in zip(BRANCHES, (receive, change), strict=True):
            self._candidates.add(Window(key.number, branch, 0), hashes)
            self._ends[key.number, branch] = len(hashes) // _HASH_BYTES

    def forget_blocks(self) -> None:
        """Begin again with the blocks; the addresses stay."""
        self.extended = False
        self.blocks.clear()

    def read(self, block: Block) -> None:
        """Keep what pays or spends us, if anything does."""
        outputs = [
            output for output in block.outputs if output.script in self._ours or self._meets(output.script)
        ]
        self._coins.update(output.outpoint for output in outputs)
        spends = [spend for spend in block.spends if spend.outpoint in self._coins]
        if outputs or spends:
            self.blocks[block.height] = replace(block, outputs=outputs, spends=spends)

    def key(self, account: int) -> ReadyKey:
        """Return the key of an account that was opened."""
        return self._keys[account]

    def numbers(self, last: int) -> list[int]:
        """Return the accounts that were opened, up to number `last`."""
        return sorted(number for number in self._keys if number <= last)

    def script(self, key: Key) -> bytes | None:
        """Return the output script of an address, or None for an index without a key."""
        ready = self._keys[key.account]
        if key.branch == ACCOUNT_KEY:
            return ready.address_script
        with suppress(dogecoin.InvalidChild):
            return dogecoin.script_at(ready.xpub, key.branch, key.index)
        return None

    def _meets(self, script: bytes) -> bool:
        if len(script) != 25 or script[:3] != b"\x76\xa9\x14":
            return False
        for key in self._candidates.alike(script[3:23]):
            if self.script(key) == script:
                self._ours.add(script)
                self._use(key)
                return True
        return False

    def _use(self, key: Key) -> None:
        branch = key.account, key.branch
        self.used[branch] = max(self.used.get(branch, -1), key.index)
        if key.branch == ACCOUNT_KEY:
            return
        end, needed = self._ends[branch], key.index + 1 + self._gap
        if needed > end:
            hashes = key_hashes(self._keys[key.account].xpub, key.branch, end, needed - end)
            self._candidates.add(Window(*branch, end), hashes)
            self._ends[branch] = needed
            self.extended = True


def _split(key_hash: bytes) -> tuple[int, int]:
    """Return the bucket and the mark of a hash."""
    head = int.from_bytes(key_hash[:8], "big")
    mark = head >> (64 - _BUCKETS_BITS - _MARK_BITS) & ((1 << _MARK_BITS) - 1)
    return head >> (64 - _BUCKETS_BITS), mark
