"""A walk among dumps of one database: taken, gone on from, and restored, the newest and older ones, again and again."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.chain.key_pool import KeyPool
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.chain.sent_marker import DatabaseBehind, SentMarker
from app.cli import maintenance
from app.db.engine import open_engine
from app.domain import accounts, blocks, installation, payments
from app.domain.accounts import AddressOrder
from app.domain.dogecoin import REGTEST
from app.domain.payments import Payment
from app.runtime.lease import Lease
from tests import conftest, scenario
from tests.chain_harness import ChainHarness, order
from tests.walk.machine import NTH, WHO, Prepared, _opened

ROUNDS: Final = 6
READY: Final = 20
DUMPS: Final = 3
"""The newest that are kept."""
AMOUNTS = st.sampled_from(["1", "4.5", "11", "0.01"])
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Dump:
    """A copy of the database, from after so many restores."""

    url: str
    restores: int


class Restoring(RuleBasedStateMachine):
    """Whatever is restored, nobody is paid twice, no address is given out twice, and the books agree."""

    prepared: ClassVar[Prepared]
    restored: ClassVar[int] = 0
    """How often a dump was restored, over all walks of the class."""
    behind: ClassVar[int] = 0
    """How often that was one that lacked something that was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.numbers = count()
        self.wanted: dict[str, int] = {}
        """What each payee is to have, in koinu: one payment each, however often it was forgotten."""
        self.payments: list[Payment] = []
        self.given: set[str] = set()
        self.dumps: list[Dump] = []
        self.restores = 0
        self.failed = False

    def run(self, coroutine: Coroutine[Any, Any, Thing]) -> Thing:
        """Do it; after a failure nothing more is asked of the walk."""
        self.failed = True
        done = self.runner.run(coroutine)
        self.failed = False
        return done

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    def teardown(self) -> None:
        """Let everything settle, unless the walk failed; close what is open in any case."""
        try:
            if not self.failed:
                self.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        """Also not in the mempool."""
        for payee, amount in self.wanted.items():
            assert self.run(self.harness.received(payee, 0)) in (0, amount), payee

    # ------------------------------------------------------------ what is asked for

    @rule(who=WHO, amount=AMOUNTS)
    def pay(self, who: str, amount: str) -> None:
        self.run(self._pay(who, amount))

    @rule(n=NTH)
    def void(self, n: int) -> None:
        self.run(self._void(n))

    @rule(who=WHO)
    def be_paid(self, who: str) -> None:
        self.run(self._be_paid(who))

    @rule(who=WHO, fresh=st.booleans())
    def give_out(self, who: str, fresh: bool) -> None:  # noqa: FBT001  a rule's arguments are drawn by name
        """An invoice or an address."""
        self.run(self._give_address(who) if fresh else self._give_invoice(who))

    @rule()
    def open_an_account(self) -> None:
        self.run(self._open())

    # ------------------------------------------------------------ what comes of it

    @rule(steps=st.integers(1, 6))
    def send(self, steps: int) -> None:
        self.run(self._send(steps))

    @rule(number=st.integers(1, 3))
    def mine(self, number: int) -> None:
        self.run(self.harness.mine(number))

    @rule()
    def dump(self) -> None:
        self.run(self._dump())

    @precondition(lambda self: self.dumps)
    @rule(n=NTH, tries=st.booleans())
    def restore(self, n: int, tries: bool) -> None:  # noqa: FBT001  a rule's arguments are drawn by name
        """With or without trying first whether it goes without a word."""
        self.run(self._restore(self.dumps[n % len(self.dumps)], tries=tries))

    # ------------------------------------------------------------ how

    async def _begin(self) -> None:
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.prepared.home, self.home, dirs_exist_ok=True)
        self.url = await self.stack.enter_async_context(
            conftest.cloned(self.prepared.server, self.prepared.database)
        )
        self.harness, _ = await self.stack.enter_async_context(_opened(self.url, self.home))
        self.seed_file = SeedFile(self.home / "seed.json", REGTEST, Cost(1 << 14, 1))
        self.keyring = self.seed_file.create("", words=scenario.WORDS)
        self.seed_file.raise_highest(READY - 1)  # those that were made ready for the accounts that there are
        await self.harness.send()
        await self._dump()

    async def _pay(self, who: str, amount: str) -> None:
        payee = await self.harness.node_address()
        self.wanted[payee] = scenario.doge(amount)
        made = await self.harness.request(order(payee, amount, who))
        self.payments += [one for one in made if isinstance(one, Payment)]

    async def _void(self, n: int) -> None:
        """Call one off, if this database knows it."""
        if not self.payments:
            return
        wanted = str(self.payments[n % len(self.payments)].id)
        async with self.harness.engine.begin() as transaction:
            found = await payments.by_ids(transaction, [wanted])
            orders = [payments.VoidOrder(one.owner.foreign_id, one.id, one.txid) for one in found.values()]
            await payments.void(transaction, orders)

    async def _be_paid(self, who: str) -> None:
        await self.harness.call("sendtoaddress", await self._give_address(who), "20")

    async def _give_address(self, who: str) -> str:
        async with self.harness.engine.begin() as transaction:
            [address] = await accounts.give(
                transaction, [AddressOrder(who, fresh=True)], scenario.INSTALLATION
            )
        return self._is_new(scenario.accepted(address))

    async def _give_invoice(self, who: str) -> None:
        self._is_new((await scenario.invoice(self.harness.engine, who, 1)).address)

    async def _open(self) -> None:
        """As the program does: from keys that the pool makes ready."""
        engine = self.harness.engine
        lease = Lease(engine, "keys", "one")
        await KeyPool(engine, REGTEST, (self.seed_file, self.keyring), lease, READY).step()
        self._is_new((await scenario.open_account(engine, f"account-{next(self.numbers)}")).address)

    def _is_new(self, address: str) -> str:
        assert address not in self.given, f"{address} is given out twice"
        self.given.add(address)
        return address

    async def _send(self, steps: int) -> None:
        for _ in range(steps):
            if not await self.harness.sender.step():
                break

    async def _dump(self) -> None:
        await self.harness.engine.dispose()
        self.dumps = [*self.dumps, Dump(await self._copy(self.url), self.restores)][-DUMPS:]

    async def _copy(self, url: str) -> str:
        """The URL of a copy of a database, there until the walk ends."""
        cloning = conftest.cloned(self.prepared.server, f'"{sa.make_url(url).database}"')
        return await self.stack.enter_async_context(cloning)

    async def _restore(self, dump: Dump, *, tries: bool) -> None:
        self.url = await self._copy(dump.url)
        await self.harness.close()
        await self.harness.engine.dispose()
        engine = open_engine(self.url, connections=5)
        self.stack.push_async_callback(engine.dispose)
        self.harness = ChainHarness(engine, self.harness.node, self.home, self.harness.url)
        if tries:
            await self._try(dump)
        await maintenance.restored(engine, self.home, REGTEST, anyway=True)
        self.restores += 1
        await self.harness.follow()
        async with engine.connect() as connection:
            owing = await blocks.shortfall(connection)
        await maintenance.resume(engine, self.harness.node, owing=owing)
        await self.harness.audit()
        type(self).restored += 1

    async def _try(self, dump: Dump) -> None:
        """What a database is that lacks something that was sent, or was restored before, is seen; else it goes on."""
        assert await self._gives_nothing()
        async with self.harness.engine.connect() as connection:
            known = (await installation.read(connection)).highest
        is_behind = dump.restores != self.restores or known < SentMarker(self.home / "sent.json").highest
        type(self).behind += is_behind

        assert await self._stops() == is_behind
        assert await self._gives_nothing() == is_behind

    async def _stops(self) -> bool:
        try:
            await self.harness.sender.step()
        except DatabaseBehind:
            return True
        return False

    async def _gives_nothing(self) -> bool:
        async with self.harness.engine.connect() as connection:
            return await installation.unfit(connection) is not None

    async def _end(self) -> None:
        """Blocks come until no payment is on its way that can arrive; those that did pay exactly once."""
        for _ in range(ROUNDS):
            await self.harness.make_due()
            await self.harness.send()
            await self.harness.mine(2)
        await self.harness.audit()
        async with self.harness.engine.connect() as connection:
            found = await payments.load(connection, sa.true())
        for payment in found:
            if payment.state == "CONFIRMED":
                [output] = payment.outputs
                assert await self.harness.received(output.address, 1) == output.amount, payment
