"""The machine of a walk: ledgers, a chain and a program of its own, copied from what was prepared once."""

import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.keys import Keyring
from app.chain.rpc import NodeError
from app.chain.wire import Transaction, parse_transaction
from app.db.tables import chain_state
from app.domain.dogecoin import REGTEST
from app.domain.payments import Payment
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.conftest import cloned
from tests.listener import Listener
from tests.soak import AsyncMachine, Result
from tests.walk.ledgers import ACCOUNTS, Prepared, opened_all
from tests.walk.model import Comparison, Model
from tests.walk.program import Program
from tests.walk.snapshot import Chain, Snapshot, joined

MANY: Final = 20
ROUNDS: Final = 12
"""After so many times two blocks everything has ended: payments, cancellations and their descendants."""
ROOT: Final = 80
"""Every reorg of a walk ends above this height."""
DAYS: Final = 3 * 24 * 3_600
"""After so many seconds a node whose mempool was full asks for the ordinary least fee again."""

THEN = st.sampled_from(["", "sign", "send", "mine", "send and mine"])
"""What program and chain do after an action; with rules for that alone, too few payments would end."""
NTH = st.integers(0, 40)
"""An index into what there is, modulo its length."""
ACCOUNT = st.sampled_from(ACCOUNTS)


def action(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a rule of an action, and of what comes after it."""
    strategies = {"then": THEN, **drawn}
    return rule(**strategies)  # type: ignore[call-overload,no-any-return]  # none is named `target`


class MoneyMachine(AsyncMachine):
    """What all rules use. They run one at a time; between them nothing moves."""

    prepared: ClassVar[Prepared]
    steps: ClassVar[int] = 0
    """The steps of all walks of the class."""
    handed_over: ClassVar[int] = 0
    """How often coins went from cell to cell."""

    def __init__(self) -> None:
        super().__init__()
        self.checked_state = "", ""
        self.model = Model()
        self.listeners: list[Listener] = []
        self.keys = Keyring(REGTEST, scenario.WORDS)
        self.numbers = count()
        self.payments: dict[int, Payment] = {}
        """Accepted payments, as they were then."""
        self.invoices: dict[str, str] = {}
        """The account of each invoice, by address."""
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
    def harness(self) -> ChainHarness:
        """The harness of the first cell, for what concerns the node."""
        return self.ledgers.harnesses[0]

    def at(self, account: str) -> AsyncEngine:
        """The connections to the cell of an account."""
        return self.ledgers.of(account).engine

    def restart(self) -> None:
        """Begin with a new process, which knows only what is stored."""
        self.program = Program(self.ledgers.harnesses, self.ledgers.cells, self.ledgers.wire)

    async def call(self, method: str, *params: Any) -> Any:
        return await self.harness.call(method, *params)

    async def generate(self, number: int) -> None:
        await self.call("generatetoaddress", number, chain_harness.NOWHERE)

    async def send(self, fault: str, steps: int) -> None:
        """Resume paused payments, then let the sender step."""
        await self.resume()
        await self.program.run_with_fault(fault, steps, self.program.sender.step)

    async def resume(self) -> None:
        for harness in self.ledgers.harnesses:
            await harness.resume()

    async def make_due(self) -> None:
        for harness in self.ledgers.harnesses:
            await harness.make_due()

    async def _then(self, then: str) -> None:
        if "sign" in then or "send" in then:
            await self.send("", 1 if then == "sign" else MANY)
        if "mine" in then:
            await self.generate(1)
            await self.follow()

    async def follow(self) -> None:
        """Let the ledgers follow to the node's tip; then coins go where they are lacking."""
        while await self.program.follower.step():
            pass
        while len(self.ledgers.cells) > 1 and await self.program.hand_overs.step():
            type(self).handed_over += 1

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
        [shown] = await self.ledgers.of(payment.owner.foreign_id).reload(payment)
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
        await self.make_due()

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
        opening = opened_all(url, self.home, self.prepared.cells)
        self.ledgers = await self.stack.enter_async_context(opening)
        self.listeners = [Listener() for _ in self.ledgers.harnesses]
        self.chain = Chain(self.harness.node, await self.harness.node.block_hash(ROOT) or b"")
        self.restart()
        await self._remember()

    async def _remember(self) -> None:
        """Note what paid the accounts before the walk: it may have to be offered again too."""
        blocks = await self.chain.up_to((await self._tips())[0])
        self.faucet_transactions = [
            transaction
            for _, block in blocks
            for transaction in block.transactions
            if not transaction.is_coinbase
        ]

    async def _tips(self) -> list[bytes]:
        return [bytes(row["hash"]) for row in await self.ledgers.read(sa.select(chain_state.c.hash))]

    async def _state(self) -> tuple[str, str]:
        """Return what changes with every change: the database's log position, and the node's best block."""
        async with self.harness.engine.connect() as connection:
            written = await connection.scalar(sa.text("SELECT CAST(pg_current_wal_insert_lsn() AS text)"))
        return str(written), await self.call("getbestblockhash")

    async def _agree(self) -> Comparison | None:
        """Hold all against each other, and against the model if no cell is behind others."""
        await self.ledgers.audit()
        snapshots = await self.ledgers.snapshots()
        for snapshot, listener, harness in zip(
            snapshots, self.listeners, self.ledgers.harnesses, strict=True
        ):
            await listener.listen(harness.engine)
            _assert_events_come_to_the_balances(snapshot, listener)
        if len({snapshot.tip for snapshot in snapshots}) > 1:
            return None
        every = joined(snapshots)
        return self.model.compare(await self.chain.up_to(every.tip), every, self.faucet_transactions)

    async def _end(self) -> None:
        """Replace what was stolen, and mine blocks: then no payment may be pending."""
        for harness in self.ledgers.harnesses:
            async with harness.engine.begin() as connection:
                await connection.execute(sa.text("UPDATE payments SET expires = now() WHERE kind = 'paytx'"))
        await self.empty_mempool()
        for name in {self.ledgers.map.of_account(name): name for name in reversed(ACCOUNTS)}.values():
            invoice = await scenario.invoice(self.at(name), name, 1, required_confirmations=1)
            await self.paid_by_faucet(invoice.address, "500")
        for _ in range(ROUNDS):
            for transaction in self.faucet_transactions:
                await self.offer(transaction.raw.hex())
            await self.resume()
            await self.make_due()
            while await self.program.abandoned.step() or await self.program.sender.step():
                pass
            await self.generate(2)
            await self.follow()
            now = await self._agree()
            if now and now.has_ended:
                break
        await self.ledgers.audit_the_end(*ACCOUNTS)
        assert now, "a cell is behind"
        now.end()


def _assert_events_come_to_the_balances(snapshot: Snapshot, listener: Listener) -> None:
    """Assert that the sums of the events are the accounts' balances."""
    for name, number in snapshot.accounts.items():
        balance = snapshot.balances.get(number, {})
        has = sum(balance.get(bucket, 0) for bucket in ("available", "held", "outgoing"))
        assert listener.of(name) == has, (name, listener.of(name), has)
        assert listener.agrees_with_itself(name), (name, listener.flows)
