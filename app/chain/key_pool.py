"""Keeps account keys ready, so that whoever opens accounts never needs the seed."""

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell
from app.chain import seed_claim
from app.chain.keys import Keyring, ReadyKey
from app.chain.seed_file import ALL, SeedFile
from app.db import reads
from app.domain import accounts, dogecoin, installation
from app.domain.dogecoin import Network
from app.runtime.lease import Lease

READY: Final = 10_000
CHUNK: Final = 500
"""Keys in one step, so that the first accounts of a new installation can be opened at once."""


class KeyPool:
    """Fills the pool of a cell to `ready` whenever it is half empty."""

    def __init__(
        self,
        engine: AsyncEngine,
        network: Network,
        seed: tuple[SeedFile, Keyring],
        lease: Lease,
        ready: int = READY,
        cell: Cell = ALL,
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._network = network
        self._seed_file, self._keyring = seed
        self._lease = lease
        self._ready = ready
        self._cell = cell
        self._filling = True

    async def step(self) -> bool:
        """Make one chunk of keys ready if the pool is to be filled; False when there are enough.

        The numbers are written to the seed file before the database, because a recovery from the seed scans
        all of them. Raises OtherSeed if the database belongs to another seed by now.
        """
        if not await self._lease.held():
            return False
        async with self._reads.connect() as db:
            ready = await accounts.count_ready_keys(db, self._ready)
            self._filling = ready < (self._ready if self._filling else self._ready // 2)
            highest = await accounts.highest_number(db)
        if not self._filling:
            return False
        count = min(CHUNK, self._ready - ready)
        keys = await asyncio.to_thread(self._derive, highest, count)
        async with self._engine.begin() as db:
            fingerprint = await installation.seed(db)
            if fingerprint is not None:
                seed_claim.check(fingerprint, self._seed_file, self._keyring)
            await accounts.add_ready_keys(db, [self._row(key) for key in keys])
        return True

    async def close(self) -> None:
        """Release the lease, so that another can take over."""
        await self._lease.release()

    def _derive(self, highest: int, count: int) -> list[ReadyKey]:
        cell = self._cell
        first = cell.next_number(max(highest, self._seed_file.read().highest_of(cell)))
        self._seed_file.raise_highest(first + (count - 1) * cell.cells, cell)
        return self._keyring.account_xpubs(first, count, cell.cells)

    def _row(self, key: ReadyKey) -> dict[str, object]:
        address = dogecoin.to_address(self._network, key.address_script)
        return {"number": key.number, "xpub": key.xpub, "address": address}
