"""Makes a lost database again from the seed and the chain: looks for what was paid, then writes it down at once."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import follower, gap_search, seed_claim
from app.chain.follower import BATCH, Follower
from app.chain.gap_search import GapSearch, Key
from app.chain.keys import Keyring, ReadyKey
from app.chain.node import Node
from app.chain.rpc import NodeTrouble
from app.chain.seed_file import SeedFile
from app.domain import blocks, dogecoin
from app.domain.accounts import ACCOUNT_KEY
from app.domain.blocks import Block, Rules, Tip, TipMoved, Wallet
from app.runtime.lease import Lease

ACCOUNTS: Final = 1_000
GAP: Final = 1_000
SPARE: Final = 20
"""As many addresses at least count as given out beyond the last that was paid."""
DERIVED_AT_ONCE: Final = 20_000
PATIENCE_SECONDS: Final = (1, 2, 5, 10, 20, 30, 30, 30, 30, 30)
"""How long is waited for a node that is away, again and again."""
READINGS: Final = 100


class Stopped(Exception):
    """A recovery cannot begin or go on; the message is a sentence for the operator."""


Tell = Callable[[str, int, int], None]
"""Hears of a stage by name how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far is looked: accounts from 0 on, addresses beyond the last used one, and blocks from height `first` on."""

    accounts: int
    gap: int
    first: int

    def __post_init__(self) -> None:
        """Refuse what would look nowhere, or for longer than anybody waits."""
        if self.accounts < 1 or self.gap < 1 or self.first < 0:
            raise Stopped("Accounts and gap are at least 1, and the height at least 0.")
        if (addresses := self.accounts * 2 * self.gap) > gap_search.MAX_ADDRESSES:
            most = gap_search.MAX_ADDRESSES
            raise Stopped(
                f"That would be {addresses:,} addresses at least; {most:,} are the most: lower --accounts or --gap."
            )


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found: accounts (`used` of them were ever paid), addresses looked at, readings of the chain, payments."""

    accounts: int
    used: int
    looked_at: int
    readings: int
    deposits: int
    spends: int


class Recovery:
    """One recovery; `lease` is the follower's: nobody else may move the ledger meanwhile."""

    def __init__(
        self, engine: AsyncEngine, node: Node, rules: Rules, seed: tuple[SeedFile, Keyring], lease: Lease
    ) -> None:
        self._engine = engine
        self._node = node
        self._rules = rules
        self._seed_file, self._keyring = seed
        self._lease = lease
        self._follower = Follower(engine, node, rules, lease, lambda: None)

    async def run(self, reach: Reach, tell: Tell) -> RecoveryReport:
        """Recover what can be found within `reach`. Killed at any moment, all of it is written or nothing.

        Raises Stopped and the domain's NotEmpty, which are sentences for the operator, and the node's troubles.
        """
        await self._keep()
        async with self._engine.begin() as db:
            await blocks.check_empty(db)
        tip = await self._tip()
        await self._check(reach, tip)
        search = GapSearch(reach.gap)
        await self._derive(search, reach, tell)
        readings = await self._search(search, reach, tip, tell)
        wallets = await asyncio.to_thread(self._wallets, search, reach.gap)
        await self._write(search, tip, wallets, reach)
        found = search.blocks.values()
        return RecoveryReport(
            accounts=len(wallets),
            used=len({account for account, _ in search.used}),
            looked_at=search.looked_at,
            readings=readings,
            deposits=sum(len(block.outputs) for block in found),
            spends=sum(len(block.spends) for block in found),
        )

    async def close(self) -> None:
        """Let a follower begin."""
        await self._follower.close()

    async def _keep(self) -> None:
        """Nobody else may move the ledger."""
        if not await self._lease.held():
            raise Stopped(
                "Kennel is running on this database: stop it for the time of the recovery, and begin again."
            )

    async def _tip(self) -> Tip:
        """Bring the ledger, which has no accounts yet, to the node's tip."""
        for _ in range(3):  # a block may come between the last step and the question
            while await self._follower.step():
                pass
            theirs = await self._node.chain_state()
            async with self._engine.connect() as db:
                ours = await blocks.tip(db)
            if ours is not None and ours.hash == theirs.hash:
                return ours
        raise Stopped("The node has not read the whole chain yet; begin again when it has.")

    async def _check(self, reach: Reach, tip: Tip) -> None:
        if reach.first > tip.height:
            raise Stopped(f"The chain has no block {reach.first} yet; its tip is block {tip.height}.")
        await follower.check_pruned(self._node, reach.first)

    async def _derive(self, search: GapSearch, reach: Reach, tell: Tell) -> None:
        """Derive the first addresses of every account; the curve's arithmetic lets other threads run beside it."""
        at_once = max(1, DERIVED_AT_ONCE // (2 * reach.gap))
        loop = asyncio.get_running_loop()
        threads = ThreadPoolExecutor(os.cpu_count())
        try:
            for first in range(0, reach.accounts, at_once):
                count = min(at_once, reach.accounts - first)
                keys = await asyncio.to_thread(self._keyring.account_xpubs, first, count)
                made = [loop.run_in_executor(threads, _branches, key, reach.gap) for key in keys]
                for key, branches in zip(keys, await asyncio.gather(*made), strict=True):
                    search.open(key, *branches)
                tell("Deriving addresses", search.looked_at, reach.accounts * (2 * reach.gap + 1))
                await self._keep()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _search(self, search: GapSearch, reach: Reach, tip: Tip, tell: Tell) -> int:
        """Read the chain until a reading takes up no address that it has not looked for from the start."""
        for reading in range(1, READINGS + 1):
            search.forget_blocks()
            async with aclosing(self._batches(reach.first, tip)) as batches:
                async for batch in batches:
                    for block in batch:
                        search.read(block)
                    done = batch[-1].height - reach.first + 1
                    tell(f"Reading blocks, pass {reading}", done, tip.height - reach.first + 1)
                    await self._keep()
            if not search.extended:
                return reading
        raise Stopped(
            "The chain's payments are in no order that this can follow: begin again with a wider gap."
        )

    async def _batches(self, first: int, tip: Tip) -> AsyncGenerator[list[Block]]:
        """Yield the node's blocks up to the tip, the next being fetched meanwhile; Stopped where they do not lead there."""
        fetching = asyncio.create_task(self._fetch(first, tip.height))
        previous = None
        try:
            while True:
                batch = await fetching
                if not follower.linked(batch, previous or batch[0].previous):
                    raise Stopped("The node's chain has changed below what was read; begin again.")
                previous, height = batch[-1].hash, batch[-1].height
                if height < tip.height:
                    fetching = asyncio.create_task(self._fetch(height + 1, tip.height))
                elif previous != tip.hash:
                    raise Stopped("The node's chain has changed below what was read; begin again.")
                yield batch
                if height == tip.height:
                    return
        finally:
            fetching.cancel()

    async def _fetch(self, first: int, last: int) -> list[Block]:
        """Read some blocks; hours of work are not given up because the node is started again."""
        for pause in PATIENCE_SECONDS:
            try:
                return await follower.fetch(self._node, first, min(BATCH, last - first + 1))
            except NodeTrouble:
                await asyncio.sleep(pause)
        return await follower.fetch(self._node, first, min(BATCH, last - first + 1))

    def _wallets(self, search: GapSearch, gap: int) -> list[Wallet]:
        """All accounts up to the last that was ever paid: they were opened one after the other."""
        last = max((account for account, _ in search.used), default=-1)
        return [self._wallet(search, number, gap) for number in search.numbers(last)]

    def _wallet(self, search: GapSearch, number: int, gap: int) -> Wallet:
        ends = [beyond(search.used.get((number, branch), -1), gap) for branch in gap_search.BRANCHES]
        ready = search.key(number)
        found = [("account", ACCOUNT_KEY, 0, ready.address_script)]
        for purpose, branch, end in zip(("deposit", "change"), gap_search.BRANCHES, ends, strict=True):
            found += [(purpose, branch, index, script) for index in range(end)
                      if (script := search.script(Key(number, branch, index)))]  # fmt: skip
        address = dogecoin.to_address(self._rules.network, ready.address_script) or ""
        return Wallet(number, ready.xpub, address, ends[0], ends[1], found)

    async def _write(self, search: GapSearch, tip: Tip, wallets: Sequence[Wallet], reach: Reach) -> None:
        handed_out = reach.accounts - 1
        await asyncio.to_thread(self._seed_file.raise_highest, handed_out)
        found = [search.blocks[height] for height in sorted(search.blocks)]
        await self._keep()
        try:
            async with self._engine.begin() as db:
                if wallets:
                    await seed_claim.take_over(db, self._keyring)
                await blocks.restore(db, self._rules, tip, wallets, found, handed_out)
        except TipMoved:
            raise Stopped(
                "Another Kennel has followed the chain meanwhile: stop it and begin again."
            ) from None


def beyond(last: int, gap: int) -> int:
    """Return the first index that is free for new invoices where `last` was the last to be paid (-1: none was).

    Some addresses beyond it had been given out and not been paid yet. So as many as were used, at least 20, count as
    given out: what reaches them is credited as a deposit. Half of the gap is left to a later recovery.
    """
    return last + 1 + min(max(SPARE, last + 1), gap // 2)


def _branches(key: ReadyKey, gap: int) -> list[bytes]:
    return [gap_search.key_hashes(key.xpub, branch, 0, gap) for branch in gap_search.BRANCHES]
