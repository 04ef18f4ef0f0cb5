"""A walk with dumps of one database: they are taken and restored again and again, newest and older ones."""

import shutil
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from app.chain.key_pool import KeyPool
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.chain.sent_marker import DatabaseBehind, SentMarker
from app.cli import maintenance
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.domain import accounts, blocks, installation, payments
from app.domain.accounts import AddressOrder
from app.domain.dogecoin import REGTEST
from app.domain.payments import Payment, voiding
from app.runtime.lease import Lease
from tests import conftest, scenario
from tests.chain_harness import ChainHarness, order
from tests.soak import AsyncMachine
from tests.walk.ledgers import Prepared, opened
from tests.walk.machine import ACCOUNT, NTH

ROUNDS: Final = 6
READY: Final = 20
DUMPS: Final = 3
"""How many of the newest dumps are kept."""
AMOUNTS = st.sampled_from(["1", "4.5", "11", "0.01"])


@dataclass(frozen=True, slots=True)
class Dump:
    """A copy of the database after so many restores."""

    url: str
    restores: int


class RestoreMachine(AsyncMachine):
    """Whatever is restored: no payee is paid twice, no address is given out twice, and the audit is right."""

    prepared: ClassVar[Prepared]
    restored: ClassVar[int] = 0
    """How often a dump was restored in all walks of the class."""
    behind: ClassVar[int] = 0
    """How often that dump lacked something that was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()
        self.wanted: dict[str, int] = {}
        """What each payee is to have, in koinu: one payment each, however often a restore forgets it."""
        self.payments: list[Payment] = []
        self.given_out: set[str] = set()
        self.dumps: list[Dump] = []
        self.restores = 0

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        """No payee has more than one payment, in blocks or in the mempool."""
        for payee, amount in self.wanted.items():
            assert self.run(self.harness.received(payee, 0)) in (0, amount), payee

    # ------------------------------------------------------------ requests

    @rule(account=ACCOUNT, amount=AMOUNTS)
    def pay(self, account: str, amount: str) -> None:
        self.run(self._pay(account, amount))

    @rule(n=NTH)
    def void(self, n: int) -> None:
        self.run(self._void(n))

    @rule(account=ACCOUNT)
    def be_paid(self, account: str) -> None:
        self.run(self._be_paid(account))

    @rule(account=ACCOUNT, fresh=st.booleans())
    def give_out(self, account: str, fresh: bool) -> None:  # noqa: FBT001  drawn
        """Give out an address, or an invoice's."""
        self.run(self._give_address(account) if fresh else self._give_invoice(account))

    @rule()
    def open_an_account(self) -> None:
        self.run(self._open())

    # ------------------------------------------------------------ the program, the chain and the dumps

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
        """Restore a dump, and with `tries` use it before the operator says that it was restored."""
        self.run(self._restore(self.dumps[n % len(self.dumps)], tries=tries))

    # ------------------------------------------------------------ the steps of the rules

    async def _begin(self) -> None:
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.prepared.home, self.home, dirs_exist_ok=True)
        self.url = await self.stack.enter_async_context(
            conftest.cloned(self.prepared.server, self.prepared.database)
        )
        self.harness, _ = await self.stack.enter_async_context(opened(self.url, self.home))
        self.seed_file = SeedFile(self.home / "seed.json", REGTEST, Cost(1 << 14, 1))
        self.keyring = self.seed_file.create("", words=scenario.WORDS)
        self.seed_file.raise_highest(READY - 1)  # the keys that the accounts were opened with
        await self.harness.send()
        await self._dump()

    async def _pay(self, account: str, amount: str) -> None:
        payee = await self.harness.node_address()
        self.wanted[payee] = scenario.doge(amount)
        outcomes = await self.harness.request(order(payee, amount, account))
        self.payments += [outcome for outcome in outcomes if isinstance(outcome, Payment)]

    async def _void(self, n: int) -> None:
        """Void a payment, if this database knows it."""
        if not self.payments:
            return
        wanted = str(self.payments[n % len(self.payments)].id)
        async with self.harness.engine.begin() as transaction:
            known = await payments.by_ids(transaction, [wanted])
            orders = [
                payments.VoidOrder(payment.owner.foreign_id, payment.id, payment.txid)
                for payment in known.values()
            ]
            await voiding.void(transaction, orders)

    async def _be_paid(self, account: str) -> None:
        await self.harness.call("sendtoaddress", await self._give_address(account), "20")

    async def _give_address(self, account: str) -> str:
        async with self.harness.engine.begin() as transaction:
            [address] = await accounts.give(
                transaction, [AddressOrder(account, fresh=True)], scenario.INSTALLATION
            )
        return self._is_new(scenario.accepted(address))

    async def _give_invoice(self, account: str) -> None:
        self._is_new((await scenario.invoice(self.harness.engine, account, 1)).address)

    async def _open(self) -> None:
        """Open an account with a ready key, as the program does."""
        engine = self.harness.engine
        lease = Lease(engine, "keys", "one")
        await KeyPool(engine, REGTEST, (self.seed_file, self.keyring), lease, READY).step()
        self._is_new((await scenario.open_account(engine, f"account-{next(self.numbers)}")).address)

    def _is_new(self, address: str) -> str:
        assert address not in self.given_out, f"{address} is given out twice"
        self.given_out.add(address)
        return address

    async def _send(self, steps: int) -> None:
        for _ in range(steps):
            if not await self.harness.sender.step():
                break

    async def _dump(self) -> None:
        await self.harness.engine.dispose()
        self.dumps = [*self.dumps, Dump(await self._copy(self.url), self.restores)][-DUMPS:]

    async def _copy(self, url: str) -> str:
        """Copy a database until the walk ends, and return the copy's URL."""
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
        await maintenance.restored(AllCells.of_one(engine), self.home, REGTEST, anyway=True)
        self.restores += 1
        await self.harness.follow()
        async with engine.connect() as connection:
            shortfall = await blocks.shortfall(connection)
        await maintenance.resume(AllCells.of_one(engine), self.harness.node, owing=shortfall)
        await self.harness.audit()
        type(self).restored += 1

    async def _try(self, dump: Dump) -> None:
        """Assert that the program stops on a database that lacks what was sent, or was restored before."""
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
            return await installation.why_not_current(connection) is not None

    async def _end(self) -> None:
        """Mine until no payment can still arrive; each that did has paid exactly once."""
        for _ in range(ROUNDS):
            await self.harness.make_due()
            await self.harness.send()
            await self.harness.mine(2)
        await self.harness.audit()
        async with self.harness.engine.connect() as connection:
            all_payments = await payments.load(connection, sa.true())
        for payment in all_payments:
            if payment.state == "CONFIRMED":
                [output] = payment.outputs
                assert await self.harness.received(output.address, 1) == output.amount, payment
