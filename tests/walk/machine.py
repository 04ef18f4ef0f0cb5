"""The machine of a walk: a database, a chain and a program of its own, copied from what was prepared once."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
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
from app.workers import questions
from devnet import devnet
from devnet.node_options import NodeOptions
from tests import chain_harness, report_check, scenario
from tests.chain_harness import ChainHarness
from tests.conftest import cloned
from tests.listener import Listener
from tests.soak import AsyncMachine, Result
from tests.walk.model import Comparison, Model
from tests.walk.program import FailingNode, KillSwitch, Program
from tests.walk.snapshot import Chain, Snapshot, read

ACCOUNTS: Final = ("shop", "other", "third")
MANY: Final = 20
ROUNDS: Final = 12
"""After so many times two blocks everything has ended: payments, cancellations and their descendants."""
ROOT: Final = 80
"""Every reorg of a walk ends above this height."""
ROOM: Final = 400_000
"""The mempool's bytes: few, so that it is soon full."""
DAYS: Final = 3 * 24 * 3_600
"""After so many seconds a node whose mempool was full asks for the ordinary least fee again."""
BORN: Final = 1_700_000_000
"""The devnet's time: a walk that is repeated makes the same blocks."""

THEN = st.sampled_from(["", "sign", "send", "mine", "send and mine"])
"""What program and chain do after an action; with rules for that alone, too few payments would end."""
NTH = st.integers(0, 40)
"""An index into what there is, modulo its length."""
ACCOUNT = st.sampled_from(ACCOUNTS)


def action(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a rule of an action, and of what comes after it."""
    strategies = {"then": THEN, **drawn}
    return rule(**strategies)  # type: ignore[call-overload,no-any-return]  # none is named `target`


@dataclass(frozen=True, slots=True)
class Prepared:
    """The start of each walk: a database to clone, and a home to copy."""

    server: str
    database: str
    home: Path


@asynccontextmanager
async def opened(url: str, home: Path) -> AsyncIterator[tuple[ChainHarness, FailingNode]]:
    engine = open_engine(url, connections=10)
    options = devnet.Options("127.0.0.1:0", None, node=NodeOptions(max_mempool_bytes=ROOM))
    try:
        async with devnet.running(home, options, clock=lambda: BORN, random_bytes=bytes) as running:
            address = running.rpc_url.replace("http://", "http://kennel:kennel@")
            async with Node(address) as node, FailingNode(address) as wire:
                wire.kill_switch = KillSwitch(engine)
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
    async with opened(url, home) as (harness, _):
        await harness.call("generate", chain_harness.MATURE)
        await harness.follow()
        for name in ACCOUNTS:
            await harness.fund(name, 30, 20, 5)
        await harness.close()


class MoneyMachine(AsyncMachine):
    """What all rules use. They run one at a time; between them nothing moves."""

    prepared: ClassVar[Prepared]
    steps: ClassVar[int] = 0
    """The steps of all walks of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.checked_state = "", ""
        self.model = Model()
        self.listener = Listener()
        self.keys = Keyring(REGTEST, scenario.WORDS)
        self.numbers = count()
        self.payments: dict[int, Payment] = {}
        """Accepted payments, as they were then."""
        self.invoices: list[str] = []
        self.faucet_transactions: list[Transaction] = []
        """What the faucet sent: it sends nothing again by itself."""

    def run(self, coroutine: Coroutine[Any, Any, Result], then: str = "") -> Result:
        """Run an action, and what comes `then`."""
        result = super().run(coroutine)
        super().run(self._then(then))
        return result

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    @invariant()
    def the_books_agree(self) -> None:
        """Run the audit and compare with the model, if anything has changed."""
        type(self).steps += 1
        if self.run(self._state()) != self.checked_state:
            self.run(self._agree())
            self.checked_state = self.run(self._state())

    # ------------------------------------------------------------ what the rules use

    @property
    def engine(self) -> AsyncEngine:
        return self.harness.engine

    def restart(self) -> None:
        """Begin with a new process, which knows only what is stored."""
        self.program = Program(self.harness, self.wire)

    async def call(self, method: str, *params: Any) -> Any:
        return await self.harness.call(method, *params)

    async def generate(self, number: int) -> None:
        await self.call("generatetoaddress", number, chain_harness.NOWHERE)

    async def send(self, fault: str, steps: int) -> None:
        """Resume paused payments, then let the sender step."""
        await self.harness.resume()
        await self.program.run_with_fault(fault, steps, self.program.sender.step)

    async def _then(self, then: str) -> None:
        if "sign" in then or "send" in then:
            await self.send("", 1 if then == "sign" else MANY)
        if "mine" in then:
            await self.generate(1)
            await self.follow()

    async def follow(self) -> None:
        """Let the ledger follow to the node's tip."""
        while await self.program.follower.step():
            pass

    def accepted(self, outcomes: Sequence[object]) -> None:
        """Remember the accepted payments of these outcomes."""
        for outcome in outcomes:
            if isinstance(outcome, Payment):
                self.payments[outcome.id] = outcome
                self.model.limits[outcome.id] = outcome.reserved

    def nth_payment(self, n: int) -> Payment | None:
        known = sorted(self.payments)
        return self.payments[known[n % len(known)]] if known else None

    async def now(self, payment: Payment) -> Payment:
        """The payment as it is now."""
        [shown] = await self.harness.reload(payment)
        return shown

    async def offer(self, raw: str) -> None:
        """Offer a transaction to the node, which may refuse it."""
        try:
            await self.call("sendrawtransaction", raw)
        except NodeError:
            return

    async def empty_mempool(self) -> None:
        """Mine the mempool, and let days pass at the node alone, so that its least fee falls."""
        await self.generate(2)
        now = (await self.call("getblock", await self.call("getbestblockhash")))["time"]
        await self.call("setmocktime", now + DAYS)
        await self.call("getmempoolinfo")
        await self.call("setmocktime", 0)
        await self.harness.make_due()

    async def paid_by_faucet(self, address: str, amount: str) -> None:
        try:
            txid = str(await self.call("sendtoaddress", address, amount))
        except NodeError:  # the mempool spends all its coins
            return
        raw = await self.call("getrawtransaction", txid)
        self.faucet_transactions.append(parse_transaction(bytes.fromhex(raw)))

    # ------------------------------------------------------------ from the beginning to the end

    async def _begin(self) -> None:
        self.home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.prepared.home, self.home, dirs_exist_ok=True)
        url = await self.stack.enter_async_context(cloned(self.prepared.server, self.prepared.database))
        self.harness, self.wire = await self.stack.enter_async_context(opened(url, self.home))
        self.chain = Chain(self.harness.node, await self.harness.node.block_hash(ROOT) or b"")
        self.restart()
        await self._remember()

    async def _remember(self) -> None:
        """Note what paid the accounts before the walk: it may have to be offered again too."""
        blocks = await self.chain.up_to(await self._tip())
        self.faucet_transactions = [
            transaction
            for _, block in blocks
            for transaction in block.transactions
            if not transaction.is_coinbase
        ]

    async def _tip(self) -> bytes:
        async with self.engine.connect() as connection:
            return bytes((await connection.execute(sa.select(chain_state.c.hash))).scalar_one())

    async def _state(self) -> tuple[str, str]:
        """Return what changes with every change: the database's log position, and the node's best block."""
        async with self.engine.connect() as connection:
            written = await connection.scalar(sa.text("SELECT CAST(pg_current_wal_insert_lsn() AS text)"))
        return str(written), await self.call("getbestblockhash")

    async def _agree(self) -> Comparison:
        await self.harness.audit()
        async with self.engine.connect() as connection:
            snapshot = await read(connection)
        await self.listener.listen(self.engine)
        self._events_come_to_the_balances(snapshot)
        return self.model.compare(await self.chain.up_to(snapshot.tip), snapshot, self.faucet_transactions)

    def _events_come_to_the_balances(self, snapshot: Snapshot) -> None:
        """Assert that the sums of the events are the accounts' balances."""
        for name, number in snapshot.accounts.items():
            balance = snapshot.balances.get(number, {})
            has = sum(balance.get(bucket, 0) for bucket in ("available", "held", "outgoing"))
            assert self.listener.of(name) == has, (name, self.listener.of(name), has)
            assert self.listener.agrees_with_itself(name), (name, self.listener.flows)

    async def _end(self) -> None:
        """Replace what was stolen, and mine blocks: then no payment may be pending."""
        async with self.engine.begin() as connection:
            await connection.execute(sa.text("UPDATE payments SET expires = now() WHERE kind = 'paytx'"))
        await self.empty_mempool()
        invoice = await scenario.invoice(self.engine, ACCOUNTS[0], 1, required_confirmations=1)
        await self.paid_by_faucet(invoice.address, "500")
        for _ in range(ROUNDS):
            for transaction in self.faucet_transactions:
                await self.offer(transaction.raw.hex())
            await self.harness.resume()
            await self.harness.make_due()
            while await self.program.abandoned.step() or await self.program.sender.step():
                pass
            await self.generate(2)
            await self.follow()
            if (now := await self._agree()).has_ended:
                break
        report = await audit.run(self.engine, questions.coins_of(self.harness.node))
        assert report.ok, [finding for finding in report.findings if not finding.ok]
        now.end()
        await report_check.check(self.engine)
