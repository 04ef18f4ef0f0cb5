"""Makes a lost database again from the seed and the chain: finds what was paid, then writes all at once."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import block_reader, gap_search, seed_claim
from app.chain.batch_size import BATCH
from app.chain.follower import Follower
from app.chain.gap_search import AddressPath, GapSearch
from app.chain.keys import Keyring, ReadyKey
from app.chain.node import Node
from app.chain.rpc import NodeTrouble
from app.chain.seed_file import SeedFile
from app.db import Db
from app.db.all_cells import AllCells
from app.domain import accounts, blocks, dogecoin
from app.domain.accounts import ACCOUNT_KEY
from app.domain.blocks import Block, RecoveredAccount, Rules, Tip, TipMoved
from app.runtime.lease import Lease

ACCOUNTS: Final = 1_000
GAP: Final = 1_000
SPARE: Final = 20
"""Addresses beyond the last that was paid which count as given out, at least."""
DERIVED_AT_ONCE: Final = 20_000
RETRY_SECONDS: Final = (1, 2, 5, 10, 20, 30, 30, 30, 30, 30)
"""The waits for a node that is away."""
READINGS: Final = 100
_CHAIN_CHANGED: Final = "The node's chain has changed below what was read; begin again."


class Stopped(Exception):
    """A recovery cannot begin or go on; the message is a sentence for the operator."""


Progress = Callable[[str, int, int], None]
"""Is called with the name of a stage, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What is searched: so many accounts, `gap` unpaid addresses in a row, blocks from height `first` on."""

    accounts: int
    gap: int
    first: int

    def __post_init__(self) -> None:
        """Refuse a scope that is empty, or that takes longer than anybody waits."""
        if self.accounts < 1 or self.gap < 1 or self.first < 0:
            raise Stopped("Accounts and gap are at least 1, and the height at least 0.")
        if (addresses := self.accounts * 2 * self.gap) > gap_search.MAX_ADDRESSES:
            limit = gap_search.MAX_ADDRESSES
            raise Stopped(
                f"That would be {addresses:,} addresses at least; {limit:,} are the most: "
                "lower --accounts or --gap."
            )


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found: `accounts` up to the number `last`, of which `used` were ever paid.

    The chain was read `readings` times.
    """

    accounts: int
    last: int
    used: int
    addresses: int
    readings: int
    deposits: int
    spends: int


class Recovery:
    """One recovery, of all cells. `leases` are those of their followers, so that nobody else moves a ledger meanwhile."""

    def __init__(
        self,
        cells: AllCells,
        node: Node,
        rules: Rules,
        seed: tuple[SeedFile, Keyring],
        leases: Sequence[Lease],
    ) -> None:
        self._cells = cells
        self._node = node
        self._rules = rules
        self._seed_file, self._keyring = seed
        self._leases = leases
        self._followers = [
            Follower(engine, node, rules, lease, lambda: None)
            for engine, lease in zip(cells.engines, leases, strict=True)
        ]

    async def run(self, scope: SearchScope, progress: Progress) -> RecoveryReport:
        """Recover what `scope` finds. After a kill at any moment, all of it is written or nothing.

        Raises Stopped and the domain's NotEmpty, which are sentences for the operator, and the node's errors.
        """
        await self._hold_lease()
        for engine in self._cells.engines:
            async with engine.begin() as db:
                await blocks.check_empty(db)
        tip = await self._follow_to_tip()
        if scope.first > tip.height:
            raise Stopped(f"The chain has no block {scope.first} yet; its tip is block {tip.height}.")
        await block_reader.check_pruned(self._node, scope.first)
        search = GapSearch(scope.gap)
        await self._derive(search, scope, progress)
        readings = await self._search(search, scope, tip, progress)
        wallets = await asyncio.to_thread(self._wallets, search, scope.gap)
        await self._write(search, tip, wallets, scope)
        numbers = [wallet.number for of_cell in wallets for wallet in of_cell]
        return RecoveryReport(
            accounts=len(numbers),
            last=max(numbers, default=-1),
            used=len({account for account, _ in search.last_used}),
            addresses=search.address_count,
            readings=readings,
            deposits=sum(len(block.outputs) for block in search.blocks.values()),
            spends=sum(len(block.spends) for block in search.blocks.values()),
        )

    async def close(self) -> None:
        """Let a follower begin."""
        for follower in self._followers:
            await follower.close()

    async def _hold_lease(self) -> None:
        if not all([await lease.held() for lease in self._leases]):
            raise Stopped(
                "Kennel is running on this database: stop it for the time of the recovery, and begin again."
            )

    async def _follow_to_tip(self) -> Tip:
        """Bring the ledgers, which have no accounts yet, to the node's tip."""
        for _ in range(3):  # a block may come after the last step
            for follower in self._followers:
                while await follower.step():
                    pass
            best = await self._node.chain_state()
            tips = [await _tip(engine) for engine in self._cells.engines]
            if all(tip is not None and tip.hash == best.hash for tip in tips) and tips[0]:
                return tips[0]
        raise Stopped("The node has not read the whole chain yet; begin again when it has.")

    async def _derive(self, search: GapSearch, scope: SearchScope, progress: Progress) -> None:
        """Derive the first addresses of every account, in all threads: they run beside each other."""
        accounts_at_once = max(1, DERIVED_AT_ONCE // (2 * scope.gap))
        threads = ThreadPoolExecutor(os.cpu_count())
        try:
            for first in range(0, scope.accounts, accounts_at_once):
                count = min(accounts_at_once, scope.accounts - first)
                keys = await asyncio.to_thread(self._keyring.account_xpubs, first, count)
                await _add_accounts(search, keys, scope.gap, threads)
                progress("Deriving addresses", search.address_count, scope.accounts * (2 * scope.gap + 1))
                await self._hold_lease()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _search(self, search: GapSearch, scope: SearchScope, tip: Tip, progress: Progress) -> int:
        """Read the chain until a reading adds no address that it did not look for from the first block on."""
        for reading in range(1, READINGS + 1):
            search.restart()
            await self._read(search, scope.first, tip, partial(progress, f"Reading blocks, pass {reading}"))
            if not search.extended:
                return reading
        raise Stopped(
            "The chain's payments are in no order that this can follow: begin again with a wider gap."
        )

    async def _read(
        self, search: GapSearch, first: int, tip: Tip, advance: Callable[[int, int], None]
    ) -> None:
        """Read the chain once; `advance` hears how many blocks of how many are read."""
        async with aclosing(self._batches(first, tip)) as batches:
            async for batch in batches:
                for block in batch:
                    search.read(block)
                advance(batch[-1].height - first + 1, tip.height - first + 1)
                await self._hold_lease()

    async def _batches(self, first: int, tip: Tip) -> AsyncGenerator[list[Block]]:
        """Yield the node's blocks up to the tip, and fetch ahead; raise Stopped if they lead elsewhere."""
        fetching = asyncio.create_task(self._fetch(first, tip.height))
        previous = None
        try:
            while True:
                batch = await fetching
                if not batch or not block_reader.is_linked(batch, previous or batch[0].previous):
                    raise Stopped(_CHAIN_CHANGED)
                previous, height = batch[-1].hash, batch[-1].height
                if height < tip.height:
                    fetching = asyncio.create_task(self._fetch(height + 1, tip.height))
                elif previous != tip.hash:
                    raise Stopped(_CHAIN_CHANGED)
                yield batch
                if height == tip.height:
                    return
        finally:
            fetching.cancel()

    async def _fetch(self, first: int, last: int) -> list[Block]:
        """Read some blocks. A node that is started again must not end hours of work, so it is waited for."""
        count = min(BATCH, last - first + 1)
        for seconds in RETRY_SECONDS:
            try:
                return await block_reader.fetch(self._node, first, count)
            except NodeTrouble:
                await asyncio.sleep(seconds)
        return await block_reader.fetch(self._node, first, count)

    def _wallets(self, search: GapSearch, gap: int) -> list[list[RecoveredAccount]]:
        """Return of each cell all accounts up to its last that was ever paid: they are opened one after the other."""
        of_number = self._cells.map.of_number
        wallets = []
        for cell in range(len(self._cells)):
            used = (account for account, _ in search.last_used if of_number(account) == cell)
            numbers = search.accounts(max(used, default=-1))
            wallets.append([self._wallet(search, n, gap) for n in numbers if of_number(n) == cell])
        return wallets

    def _wallet(self, search: GapSearch, number: int, gap: int) -> RecoveredAccount:
        ends = [beyond(search.last_used.get((number, branch), -1), gap) for branch in gap_search.BRANCHES]
        key = search.key(number)
        scripts = [("account", ACCOUNT_KEY, 0, key.address_script)]
        for purpose, branch, end in zip(("deposit", "change"), gap_search.BRANCHES, ends, strict=True):
            scripts += [(purpose, branch, index, script) for index in range(end)
                        if (script := search.script(AddressPath(number, branch, index)))]  # fmt: skip
        address = dogecoin.to_address(self._rules.network, key.address_script) or ""
        return RecoveredAccount(number, key.xpub, address, ends[0], ends[1], scripts)

    async def _write(
        self, search: GapSearch, tip: Tip, wallets: Sequence[Sequence[RecoveredAccount]], scope: SearchScope
    ) -> None:
        handed_out = scope.accounts - 1
        for each in self._cells.map:
            await asyncio.to_thread(self._seed_file.raise_highest, handed_out, each)
        read = [search.blocks[height] for height in sorted(search.blocks)]
        await self._hold_lease()
        try:
            async with self._cells.crossing.begin() as db:
                for cell, of_cell in enumerate(wallets):
                    await self._cells.enter(db, cell)
                    if any(wallets):
                        await seed_claim.take_over(db, self._keyring)
                    await blocks.restore(db, self._rules, tip, of_cell, read, handed_out)
                    await self._note_names(db, cell, of_cell)
        except TipMoved:
            raise Stopped(
                "Another Kennel has followed the chain meanwhile: stop it and begin again."
            ) from None

    async def _note_names(self, db: Db, cell: int, wallets: Sequence[RecoveredAccount]) -> None:
        """Note where the accounts are whose names of now would have them looked for in another cell."""
        names = [wallet.foreign_id for wallet in wallets]
        moved = [name for name in names if self._cells.map.of_account(name) != cell]
        if moved:
            await accounts.note_moved(db, moved, cell)


async def _tip(engine: AsyncEngine) -> Tip | None:
    async with engine.connect() as db:
        return await blocks.tip(db)


async def _add_accounts(
    search: GapSearch, keys: Sequence[ReadyKey], gap: int, threads: ThreadPoolExecutor
) -> None:
    """Derive the first addresses of these accounts, and have them looked for."""
    loop = asyncio.get_running_loop()
    deriving = [loop.run_in_executor(threads, _branches, key, gap) for key in keys]
    for key, branches in zip(keys, await asyncio.gather(*deriving), strict=True):
        search.add_account(key, *branches)


def beyond(last: int, gap: int) -> int:
    """Return the first index that is free for new invoices if `last` was the last that was paid (-1: none).

    Some addresses beyond it were given out and are not paid yet. So as many as were used, at least 20, count
    as given out: a payment to them is credited as a deposit. Half of the gap is left to a later recovery.
    """
    return last + 1 + min(max(SPARE, last + 1), gap // 2)


def _branches(key: ReadyKey, gap: int) -> list[bytes]:
    return [gap_search.key_hashes(key.xpub, branch, 0, gap) for branch in gap_search.BRANCHES]
