"""What a walk starts from: a database with a few accounts that have money, and the program's own commands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.engine import open_engine
from app.domain.accounts import AccountOrder
from app.domain.commands import Command, Result, Submitted
from app.domain.idempotency import Claim, KeyReused
from app.domain.ledger import CREATE_ASSET, NewAsset
from app.domain.refusals import Refusal
from app.domain.transfers import PUT_ACCOUNT
from app.group_commit import GroupCommit
from app.money import show
from tests import scenario
from tests.conftest import cloned
from tests.ledger_walk import truths
from tests.ledger_walk.model import MOST, PLATFORM, Made, Model
from tests.listener import Listener

THERE: Final = ("ann", "bob", "cec", PLATFORM)
POOR: Final = "dan"
MAYBE: Final = (POOR, "eve")
"""The one has nothing, the other may be opened on the way; `nobody` never is."""
ASSETS: Final = {"DOGE": 8, "gold": 2, "gems": 0}
NEW: Final = "clay"
"""May be made on the way."""
BEGIN: Final = 200
"""What each has of each asset, in its smallest unit."""

INSTALLATION: Final = replace(scenario.INSTALLATION, platform=PLATFORM)

WHO = st.sampled_from((*THERE, *THERE, *THERE, *MAYBE, "nobody"))
WHAT = st.sampled_from((*ASSETS, *ASSETS, *ASSETS, *ASSETS, NEW))
AMOUNT = st.integers(0, 60).map(lambda number: {59: MOST, 60: MOST + 1}.get(number, number))
PART = st.none() | st.integers(0, 40)
NTH = st.integers(0, 30)
"""Which one of what there is, counted from the newest."""
Thing = TypeVar("Thing")


class Deed(NamedTuple):
    """What is asked for, and what the model makes of it when its turn comes: None where it must be refused."""

    request: Any
    judge: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What each walk starts from: a database to be cloned."""

    server: str
    database: str


@contextmanager
def prepared(server: str) -> Iterator[Prepared]:
    """Open the accounts and give them money, once for all walks."""
    with asyncio.Runner() as runner:
        cloning = cloned(server)
        url = runner.run(cloning.__aenter__())
        runner.run(_prepare(url))
        yield Prepared(server, sa.make_url(url).database or "")
        runner.run(cloning.__aexit__(None, None, None))


async def _prepare(url: str) -> None:
    async with _opened(url) as engine:
        commits = _commits(engine)
        await scenario.make_ready(engine)
        chain = await scenario.Chain(engine).start()
        for code, decimals in ASSETS.items():
            if code != "DOGE":
                await commits.submit(CREATE_ASSET, NewAsset(code, code, decimals))
        opening = {code: show(BEGIN, decimals) for code, decimals in ASSETS.items() if code != "DOGE"}
        made = [await commits.submit(PUT_ACCOUNT, AccountOrder(name, {}, opening)) for name in THERE]
        await commits.submit(PUT_ACCOUNT, AccountOrder(POOR, {}))
        await chain.mine(*((done.resource.address, BEGIN) for done in made))
        await chain.deepen(scenario.RULES.confirmations)


def _commits(engine: AsyncEngine) -> GroupCommit:
    return GroupCommit(engine, INSTALLATION, lambda _: None)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url, connections=6)
    yield engine
    await engine.dispose()


class Ground(RuleBasedStateMachine):
    """What every rule may use. After each of them the truths hold, and the ledger says what the model does."""

    prepared: ClassVar[Prepared]
    steps: ClassVar[int] = 0
    """What was walked in all, over all walks of the class."""
    done: ClassVar[dict[str, list[int]]] = {}
    """By command: how many requests were refused, and how many were not."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.keys = count()
        self.failed = False
        self.changed = True
        self.model = Model()
        self.past: list[tuple[Command[Any, Any], Submitted[Any], Any]] = []
        """What was asked for and made, and what it is known by."""

    def run(self, coroutine: Coroutine[Any, Any, Thing]) -> Thing:
        """Do it now; after a failure nothing more is asked of the walk."""
        self.failed = True
        done = self.runner.run(coroutine)
        self.failed = False
        return done

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())
        self.model.decimals.update(ASSETS)
        self.model.accounts.update(dict.fromkeys((*THERE, POOR), True))
        self.model.money.of.update({(name, "available", code): BEGIN for name in THERE for code in ASSETS})

    @invariant()
    def the_ledger_is_right(self) -> None:
        """Looked at again where anything was done."""
        type(self).steps += 1
        if self.changed:
            self.run(self._hold())
            self.changed = False

    def teardown(self) -> None:
        """Let a whole audit find nothing, unless the walk failed; close what is open in any case."""
        try:
            if not self.failed:
                self.run(self._end())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    # ------------------------------------------------------------ what rules are made of

    def key(self) -> Claim:
        """A key that nobody has used."""
        return Claim("walk", f"key {next(self.keys)}", b"as it is")

    def given(self, asset: str, amount: int) -> str:
        """An amount as a request has it."""
        return show(amount, self.model.decimals.get(asset, 0))

    def part(self, asset: str, amount: int | None) -> str | None:
        return None if amount is None else self.given(asset, amount)

    def nth(self, things: Sequence[Thing], n: int) -> Thing:
        return things[-1 - n % len(things)]

    def ask(
        self, command: Command[Any, Any], *deeds: Deed, claims: Sequence[Claim] = (), bulk: bool = False
    ) -> None:
        """Ask for all of it at once: what the model refuses must be refused, and if that is all, nothing changes."""
        asked = [
            Submitted(deed.request, claim)
            for deed, claim in zip(deeds, claims or [self.key() for _ in deeds], strict=True)
        ]
        expected = [deed.judge() for deed in deeds]
        self.changed = any(expected)
        before = None if self.changed else self.run(self._everything())
        for one, wanted, outcome in zip(
            asked, expected, self.run(self._submit(command, asked, bulk=bulk)), strict=True
        ):
            assert isinstance(outcome, Result | Refusal), outcome
            assert isinstance(outcome, Result) == bool(wanted), (command.kind, one.request, outcome, wanted)
            type(self).done.setdefault(command.kind, [0, 0])[isinstance(outcome, Result)] += 1
            if isinstance(outcome, Result):
                assert not outcome.replayed, one
                self._learn(wanted, outcome.resource)
                self.past.append((command, one, command.id_of(outcome.resource)))
        assert self.changed or before == self.run(self._everything()), asked

    @precondition(lambda self: self.past)
    @rule(n=NTH, other=st.booleans())
    def ask_again(self, n: int, *, other: bool) -> None:
        """With the same key: it is what it was then; with another body it is refused. Neither changes anything."""
        command, one, name = self.nth(self.past, n)
        assert one.claim is not None
        claim = Claim(one.claim.scope, one.claim.key, b"another" if other else one.claim.fingerprint)
        before = self.run(self._everything())
        [outcome] = self.run(self._submit(command, [Submitted(one.request, claim)]))
        if other:
            assert isinstance(outcome, KeyReused), outcome
        else:
            assert isinstance(outcome, Result), outcome
            assert (outcome.replayed, command.id_of(outcome.resource)) == (True, name)
        assert before == self.run(self._everything())

    # ------------------------------------------------------------ how

    async def _begin(self) -> None:
        url = await self.stack.enter_async_context(cloned(self.prepared.server, self.prepared.database))
        self.engine = await self.stack.enter_async_context(_opened(url))
        self.commits = _commits(self.engine)

    async def _submit(
        self, command: Command[Any, Any], asked: Sequence[Submitted[Any]], *, bulk: bool = False
    ) -> Sequence[Any]:
        if bulk:
            return await self.commits.submit_all(command, asked)
        waiting = (self.commits.submit(command, one.request, one.claim) for one in asked)
        outcomes: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
        return outcomes

    def _learn(self, expected: object, thing: Any) -> None:
        """Let the model know what the program calls what it made."""
        pairs = zip(expected, thing, strict=True) if isinstance(expected, list) else [(expected, thing)]
        for one, made in pairs:
            if isinstance(one, Made):
                assert one.id in (0, made.id), (one, made)
                one.id = made.id

    async def _hold(self) -> None:
        async with self.engine.begin() as connection:
            await truths.hold(connection)
            found = await truths.money(connection), await truths.states(connection)
        money = {
            place: amount
            for place, amount in self.model.money.of.items()
            if amount and place[0] in self._names
        }
        expected = {("hold", one.id): (one.left, one.state) for one in self.model.holds}
        expected |= {("escrow", one.id): (one.amount, one.state) for one in self.model.escrows.values()}
        assert found == (money, expected)

    _names: ClassVar = {*THERE, *MAYBE}

    async def _everything(self) -> str:
        async with self.engine.connect() as connection:
            return await truths.everything(connection)

    async def _end(self) -> None:
        report = await audit.run(self.engine)
        assert report.ok, [finding for finding in report.findings if not finding.ok]
        await self._events_come_to_the_same()

    async def _events_come_to_the_same(self) -> None:
        """Whoever adds up nothing but events has what the model has."""
        listener = Listener()
        await listener.listen(self.engine)
        for name in self._names:
            for asset in self.model.decimals:
                has = sum(self.model.money.of[name, bucket, asset] for bucket in ("available", "held"))
                assert listener.of(name, asset) == has, (name, asset, listener.of(name, asset), has)
