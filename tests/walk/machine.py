"""What a walk starts from: a database, a chain and a program of its own, all as they were prepared once."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.rpc import NodeError
from app.chain.wire import Transaction, parse_transaction
from app.db.engine import open_engine
from app.db.tables import chain_state
from app.domain.dogecoin import REGTEST
from app.domain.payments import Payment
from app.run import coin_query_of
from devnet import devnet
from devnet.node_options import NodeOptions
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.conftest import cloned
from tests.listener import Listener
from tests.walk.model import Model, Now
from tests.walk.program import Fate, Program, Wire
from tests.walk.views import Books, Chain, read

PEOPLE: Final = ("shop", "other", "third")
MANY: Final = 20
ROUNDS: Final = 12
"""At the latest after so many times two blocks everything has ended: a payment, its cancellation, and what was built on them."""
ROOT: Final = 80
"""No reorg of a walk reaches down to this height."""
ROOM: Final = 400_000
"""Bytes for what waits at the node: little, so that it is soon full."""
DAYS: Final = 3 * 24 * 3_600
"""After so many seconds a node whose mempool was full asks for no more than always."""
BORN: Final = 1_700_000_000
"""The devnet's time: the same walk makes the same blocks."""

THEN = st.sampled_from(["", "sign", "send", "mine", "send and mine"])
"""What the program and the chain do after a deed; left to rules of their own, too many walks would go nowhere."""
NTH = st.integers(0, 40)
"""Which one of what there is, counted round."""
WHO = st.sampled_from(PEOPLE)
Thing = TypeVar("Thing")


def deed(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule about what somebody does, and what comes then."""
    return rule(**{"then": THEN, **drawn})  # type: ignore[call-overload,no-any-return]  # no argument is named `target`


@dataclass(frozen=True, slots=True)
class Prepared:
    """What each walk starts from: a database to be cloned, and a home to be copied."""

    server: str
    database: str
    home: Path


@asynccontextmanager
async def _opened(url: str, home: Path) -> AsyncIterator[tuple[ChainHarness, Wire]]:
    engine = open_engine(url, connections=10)
    options = devnet.Options("127.0.0.1:0", None, node=NodeOptions(max_mempool_bytes=ROOM))
    try:
        async with devnet.running(home, options, clock=lambda: BORN, random_bytes=bytes) as running:
            address = running.rpc_url.replace("http://", "http://kennel:kennel@")
            async with Node(address) as node, Wire(address) as wire:
                wire.fate = Fate(engine)
                yield ChainHarness(engine, node, home, address), wire
    finally:
        await engine.dispose()


@contextmanager
def prepared(server: str, home: Path) -> Iterator[Prepared]:
    """Open the accounts and give them money, once for all walks."""
    with asyncio.Runner() as runner:
        cloning = cloned(server)
        url = runner.run(cloning.__aenter__())
        runner.run(_prepare(url, home))
        yield Prepared(server, sa.make_url(url).database or "", home)
        runner.run(cloning.__aexit__(None, None, None))


async def _prepare(url: str, home: Path) -> None:
    async with _opened(url, home) as (harness, _):
        await harness.call("generate", chain_harness.MATURE)
        await harness.follow()
        for name in PEOPLE:
            await harness.fund(name, 30, 20, 5)
        await harness.close()


class Ground(RuleBasedStateMachine):
    """What every rule may use. The rules are spoken one at a time; between them nothing moves."""

    prepared: ClassVar[Prepared]
    steps: ClassVar[int] = 0
    """What was walked in all, over all walks of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.failed = False
        self.moment = "", ""
        self.model = Model()
        self.listener = Listener()
        self.keys = Keyring(REGTEST, scenario.WORDS)
        self.numbers = count()
        self.payments: dict[int, Payment] = {}
        """What was accepted, as it was then."""
        self.invoices: list[str] = []
        self.given: list[Transaction] = []
        """What the faucet sent: it offers nothing again by itself."""

    def run(self, coroutine: Coroutine[Any, Any, Thing], then: str = "") -> Thing:
        """Do it now, and what comes `then`; after a failure nothing more is asked of the walk."""
        self.failed, before = True, self.failed
        done = self.runner.run(coroutine)
        self.runner.run(self._then(then))
        self.failed = before
        return done

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    @invariant()
    def the_books_agree(self) -> None:
        """Hold the books against each other, and against the model, if anything was done."""
        type(self).steps += 1
        if self.run(self._moment()) != self.moment:
            self.run(self._agree())
            self.moment = self.run(self._moment())

    def teardown(self) -> None:
        """Let everything settle, unless the walk failed; close what is open in any case."""
        try:
            if not self.failed:
                self.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    # ------------------------------------------------------------ what rules are made of

    @property
    def engine(self) -> AsyncEngine:
        return self.harness.engine

    def restart(self) -> None:
        """Everything that a process knows is gone."""
        self.program = Program(self.harness, self.wire)

    async def call(self, method: str, *params: Any) -> Any:
        return await self.harness.call(method, *params)

    async def generate(self, number: int) -> None:
        await self.call("generatetoaddress", number, chain_harness.NOWHERE)

    async def send(self, mood: str, steps: int) -> None:
        """The sender's steps, after somebody has looked why payments were paused."""
        await self.harness.resume()
        await self.program.over(mood, steps, self.program.sender.step)

    async def _then(self, then: str) -> None:
        if "sign" in then or "send" in then:
            await self.send("", 1 if then == "sign" else MANY)
        if "mine" in then:
            await self.generate(1)
            await self.follow()

    async def follow(self) -> None:
        """Let the ledger take all that the node has."""
        while await self.program.follower.step():
            pass

    def accepted(self, outcomes: Sequence[object]) -> None:
        """Remember what was accepted of what was asked."""
        for made in outcomes:
            if isinstance(made, Payment):
                self.payments[made.id] = made
                self.model.limits[made.id] = made.reserved

    def nth_payment(self, n: int) -> Payment | None:
        known = sorted(self.payments)
        return self.payments[known[n % len(known)]] if known else None

    async def now(self, payment: Payment) -> Payment:
        """The payment as it is now."""
        [shown] = await self.harness.reload(payment)
        return shown

    async def offer(self, raw: str) -> None:
        """Give the node a transaction, which it may not want."""
        try:
            await self.call("sendrawtransaction", raw)
        except NodeError:
            return

    async def empty_mempool(self) -> None:
        """Blocks take what waits, and then the least fee falls: days pass for the node, and for nobody else."""
        await self.generate(2)
        now = (await self.call("getblock", await self.call("getbestblockhash")))["time"]
        await self.call("setmocktime", now + DAYS)
        await self.call("getmempoolinfo")
        await self.call("setmocktime", 0)
        await self.harness.make_due()

    async def paid_by_faucet(self, address: str, amount: str) -> None:
        try:
            txid = str(await self.call("sendtoaddress", address, amount))
        except NodeError:  # its coins all wait
            return
        raw = await self.call("getrawtransaction", txid)
        self.given.append(parse_transaction(bytes.fromhex(raw)))

    # ------------------------------------------------------------ from the beginning to the end

    async def _begin(self) -> None:
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.prepared.home, self.home, dirs_exist_ok=True)
        url = await self.stack.enter_async_context(cloned(self.prepared.server, self.prepared.database))
        self.harness, self.wire = await self.stack.enter_async_context(_opened(url, self.home))
        self.chain = Chain(self.harness.node, await self.harness.node.block_hash(ROOT) or b"")
        self.restart()
        await self._remember()

    async def _remember(self) -> None:
        """What paid the accounts before the walk began may have to be offered again as well."""
        blocks = await self.chain.up_to(await self._tip())
        self.given = [one for _, block in blocks for one in block.transactions if not one.is_coinbase]

    async def _tip(self) -> bytes:
        async with self.engine.connect() as connection:
            return bytes((await connection.execute(sa.select(chain_state.c.hash))).scalar_one())

    async def _moment(self) -> tuple[str, str]:
        """What changes with all that changes: the database's log, and the node's best block."""
        async with self.engine.connect() as connection:
            written = await connection.scalar(sa.text("SELECT CAST(pg_current_wal_insert_lsn() AS text)"))
        return str(written), await self.call("getbestblockhash")

    async def _agree(self) -> Now:
        await self.harness.audit()
        async with self.engine.connect() as connection:
            books = await read(connection)
        await self.listener.listen(self.engine)
        self._events_come_to_the_balances(books)
        return self.model.compare(await self.chain.up_to(books.tip), books, self.given)

    def _events_come_to_the_balances(self, books: Books) -> None:
        """Whoever adds up nothing but events has what the accounts have."""
        for name, number in books.accounts.items():
            found = books.balances.get(number, {})
            has = sum(found.get(bucket, 0) for bucket in ("available", "held", "outgoing"))
            assert self.listener.of(name) == has, (name, self.listener.of(name), has)
            assert self.listener.agrees_with_itself(name), (name, self.listener.flows)

    async def _end(self) -> None:
        """The operator brings in what was stolen, and blocks come: no payment may be on its way then."""
        async with self.engine.begin() as connection:
            await connection.execute(sa.text("UPDATE payments SET expires = now() WHERE kind = 'paytx'"))
        await self.empty_mempool()
        made = await scenario.invoice(self.engine, PEOPLE[0], 1, required_confirmations=1)
        await self.paid_by_faucet(made.address, "500")
        for _ in range(ROUNDS):
            for given in self.given:
                await self.offer(given.raw.hex())
            await self.harness.resume()
            await self.harness.make_due()
            while await self.program.abandoned.step() or await self.program.sender.step():
                pass
            await self.generate(2)
            await self.follow()
            if (now := await self._agree()).has_ended:
                break
        report = await audit.run(self.engine, coin_query_of(self.harness.node))
        assert report.ok, [finding for finding in report.findings if not finding.ok]
        now.end()
