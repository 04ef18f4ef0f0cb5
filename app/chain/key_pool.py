"""Keeps account keys ready, so that whoever opens accounts never needs the seed."""

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import seed_claim
from app.chain.keys import Keyring, ReadyKey
from app.chain.seed_file import SeedFile
from app.domain import accounts, dogecoin, installation
from app.domain.dogecoin import Network
from app.runtime.lease import Lease

READY: Final = 10_000
CHUNK: Final = 500
"""Keys in one step: the first accounts of a new installation can be opened at once."""


class KeyPool:
    """Fills the pool to `READY` whenever it is half empty."""

    def __init__(
        self,
        engine: AsyncEngine,
        network: Network,
        seed: tuple[SeedFile, Keyring],
        lease: Lease,
        ready: int = READY,
    ) -> None:
        self._engine = engine
        self._network = network
        self._seed_file, self._keyring = seed
        self._lease = lease
        self._ready = ready
        self._filling = True

    async def step(self) -> bool:
        """Make one chunk of keys ready where it is time to; False when there are enough.

        The seed file learns of the numbers before the database does: whoever recovers from the seed scans them all. Raises
        OtherSeed where the database has become another seed's meanwhile.
        """
        if not await self._lease.held():
            return False
        async with self._engine.connect() as db:
            there = await accounts.count(db, self._ready)
            self._filling = there < (self._ready if self._filling else self._ready // 2)
            known = await accounts.highest(db)
        if not self._filling:
            return False
        count = min(CHUNK, self._ready - there)
        made = await asyncio.to_thread(self._derive, known, count)
        async with self._engine.begin() as db:
            self._check(await installation.seed(db))
            await accounts.add(db, [self._row(key) for key in made])
        return True

    async def close(self) -> None:
        """Let another take over."""
        await self._lease.release()

    def _check(self, known: str | None) -> None:
        if known is not None:
            seed_claim.check(known, self._seed_file, self._keyring)

    def _derive(self, known: int, count: int) -> list[ReadyKey]:
        first = max(known, self._seed_file.read().highest_account) + 1
        self._seed_file.raise_highest(first + count - 1)
        return self._keyring.account_xpubs(first, count)

    def _row(self, key: ReadyKey) -> dict[str, object]:
        address = dogecoin.to_address(self._network, key.address_script)
        return {"number": key.number, "xpub": key.xpub, "address": address}
