"""Watches the node's mempool: tells what pays us before a block has it, and what becomes of it before that."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import follower, header, wire
from app.chain.node import Node
from app.chain.rpc import NodeTrouble, Slots
from app.db import reads
from app.domain import blocks, sightings
from app.domain.blocks import Rules
from app.domain.dogecoin import Outpoint
from app.domain.sightings import Sighting, WaitingOutput, WaitingTransaction
from app.money import Koinu
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)

BATCH: Final = 500
"""Transactions that one step reads, at most."""
SLOTS: Final = Slots(1, 10)
"""One of Core's threads at a time: blocks have the others, however many transactions wait."""
STEADY_SECONDS: Final = 30.0
"""For so long the node must have answered before what its mempool lacks has gone.

A node that has just started reads its mempool from its disk while it answers already.
"""
SETTLED_SECONDS: Final = 5.0
"""For so long a mempool that does not change is not compared with the ledger again."""
REST: Final = 4
"""A look at the mempool is followed by so many times its own time of rest."""
LONGEST_REST_SECONDS: Final = 0.4
FINAL_SEQUENCE: Final = 0xFFFFFFFE
"""An input with a lower sequence signals that its transaction may be replaced (BIP125)."""


class Reader:
    """Reads the node's mempool."""

    def __init__(self, node: Node) -> None:
        self.node = node

    async def txids(self) -> set[str]:
        """Return the txids of all that waits, as Core writes them."""
        return await self.node.mempool()

    async def transactions(self, txids: Sequence[str]) -> dict[str, WaitingTransaction | None]:
        """Return these transactions as far as they still wait; None for what cannot be read."""
        raws = await self.node.transactions(txids)
        return dict.fromkeys(raws) | await asyncio.to_thread(parse_all, raws)


class Mempool:
    """Tells sightings from what the node's mempool holds. `committed` is called after each transaction.

    It keeps the txids of strangers' transactions, which it never reads twice. All else is in the database.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        reader: Reader,
        rules: Rules,
        lease: Lease,
        committed: Callable[[], None],
        steady_seconds: float = STEADY_SECONDS,
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._reader = reader
        self._rules = rules
        self._lease = lease
        self._committed = committed
        self._steady_seconds = steady_seconds
        self._strangers: set[str] = set()
        self._settled: tuple[set[str], float] | None = None
        self._answers_since: float | None = None
        self._chain_checked = False

    async def step(self) -> bool:
        """Look at the mempool once; False when there is nothing more to read now.

        Raises WrongChain, and the errors of the node and of the database.
        """
        settled, self._settled = self._settled, None
        if not await self._lease.held():
            self._strangers.clear()
            return False
        try:
            await self._check_chain()
            waiting = await self._reader.txids()
            if settled is not None and settled[0] == waiting and time.monotonic() < settled[1]:
                self._settled = settled
                return False
            return await self._look(waiting)
        except NodeTrouble:
            self._answers_since = None
            raise

    async def close(self) -> None:
        """Let another process watch at once."""
        await self._lease.release()

    async def _look(self, waiting: set[str]) -> bool:
        """Compare what waits with what the ledger has seen; where nothing is left to do, not again for a while."""
        async with self._reads.connect() as db:
            if await blocks.tip(db) is None:
                return False
            seen = {header.display(txid) for txid in await sightings.seen(db)}
        self._strangers &= waiting
        unread = waiting - self._strangers - seen
        await self._read(list(islice(unread, BATCH)))
        if len(unread) > BATCH:
            return True
        gone = seen - waiting
        if gone:
            await self._end(gone)
        if not (unread or gone):
            self._settled = waiting, time.monotonic() + SETTLED_SECONDS
        return False

    async def _check_chain(self) -> None:
        if not self._chain_checked:
            await follower.check_chain(self._reader.node, self._rules.network)
            self._chain_checked = True
        if self._answers_since is None:
            self._answers_since = time.monotonic()

    async def _read(self, txids: Sequence[str]) -> None:
        """Read transactions; those that neither pay us nor spend what a sighted one spends are strangers."""
        read = await self._reader.transactions(txids) if txids else {}
        transactions = {parsed.txid: parsed for parsed in read.values() if parsed is not None}
        if not transactions:
            self._strangers.update(read)
            return
        found, told = await self._tell(transactions)
        if told:
            self._committed()
        ours = {header.display(sighting.outpoint.txid) for sighting in found}
        self._strangers.update(read.keys() - ours)

    async def _tell(self, waiting: Mapping[bytes, WaitingTransaction]) -> tuple[list[Sighting], bool]:
        """Write and tell what concerns us; return what pays us, and whether anything was told."""
        network, transactions = self._rules.network, list(waiting.values())
        async with self._reads.connect() as db:
            found = await sightings.find(db, network, self._rules.confirmations, transactions)
            spenders = await sightings.double_spends(db, transactions)
        if not (found or spenders):
            return [], False
        found = await self._accept(found, waiting)
        inputs = {txid: transaction.inputs for txid, transaction in waiting.items()}
        async with self._engine.begin() as db:
            ended = await sightings.double_spent(db, network, spenders) if spenders else False
            recorded = await sightings.record(db, network, found, inputs) if found else False
        return found, ended or recorded

    async def _accept(
        self, found: list[Sighting], waiting: Mapping[bytes, WaitingTransaction]
    ) -> list[Sighting]:
        """Decide what counts as confirmed for its invoice before a block has it."""
        txids = {sighting.outpoint.txid for sighting in found if sighting.acceptable}
        if not txids:
            return found
        entries, rate = (
            await self._reader.node.mempool_entries(list(txids)),
            await self._reader.node.relay_rate(),
        )
        async with self._reads.connect() as db:
            return await sightings.accept(db, found, waiting, entries, rate)

    async def _end(self, txids: Collection[str]) -> None:
        """Tell what has gone, if the mempool still lacks it, and the ledger knows the node's last block."""
        if self._answers_since is None or time.monotonic() - self._answers_since < self._steady_seconds:
            return
        tip = (await self._reader.node.chain_state()).hash
        gone = set(txids) - await self._reader.txids()
        if not gone or (await self._reader.node.chain_state()).hash != tip:
            return
        async with self._engine.begin() as db:
            told = await sightings.dropped(
                db, self._rules.network, [header.internal(txid) for txid in gone], tip
            )
        if told:
            self._committed()


def paced(
    step: Callable[[], Awaitable[bool]], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Callable[[], Awaitable[bool]]:
    """Return the step with a rest after it.

    Each transaction that comes wakes the loop, and a look at a large mempool takes a while: so it takes
    only a part of the time.
    """

    async def step_and_rest() -> bool:
        began = time.monotonic()
        more = await step()
        await sleep(min(LONGEST_REST_SECONDS, REST * (time.monotonic() - began)))
        return more

    return step_and_rest


def parse_all(raws: Mapping[str, bytes]) -> dict[str, WaitingTransaction]:
    """Parse transactions, by their txids, as far as they can be read."""
    transactions = {}
    for txid, raw in raws.items():
        try:
            transactions[txid] = _waiting(wire.parse_transaction(raw))
        except header.Unreadable as error:
            _log.warning("transaction %s of the mempool cannot be read: %s", txid, error)
    return transactions


def _waiting(transaction: wire.Transaction) -> WaitingTransaction:
    outputs = [
        WaitingOutput(Outpoint(transaction.txid, vout), output.script, Koinu(output.value))
        for vout, output in enumerate(transaction.outputs)
    ]
    inputs = [Outpoint(spent.txid, spent.vout) for spent in transaction.inputs]
    replaceable = any(spent.sequence < FINAL_SEQUENCE for spent in transaction.inputs)
    return WaitingTransaction(transaction.txid, outputs, inputs, replaceable)
