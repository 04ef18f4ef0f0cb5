"""The base of a walk: a database with a few accounts that have money, and the program's own commands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.batching.group_commit import GroupCommit
from app.db.engine import open_engine
from app.domain.accounts import AccountOrder
from app.domain.commands import Command, Result, Submitted
from app.domain.idempotency import Claim, KeyReused
from app.domain.ledger import CREATE_ASSET, NewAsset
from app.domain.refusals import Refusal
from app.domain.transfers import PUT_ACCOUNT
from app.money import show
from tests import report_check, scenario
from tests.conftest import cloned
from tests.ledger_walk import invariants
from tests.ledger_walk.model import MAX_AMOUNT, PLATFORM, Model, Record
from tests.listener import Listener
from tests.soak import AsyncMachine

FUNDED: Final = ("ann", "bob", "cec", PLATFORM)
UNFUNDED: Final = "dan"
OTHERS: Final = (UNFUNDED, "eve")
"""The first has nothing, the second can be opened during the walk; `nobody` never is."""
ASSETS: Final = {"DOGE": 8, "gold": 2, "gems": 0}
NEW_ASSET: Final = "clay"
"""Can be created during the walk."""
FUNDS: Final = 200
"""What each funded account has of each asset, in its smallest unit."""

INSTALLATION: Final = replace(scenario.INSTALLATION, platform=PLATFORM)

ACCOUNT = st.sampled_from((*FUNDED, *FUNDED, *FUNDED, *OTHERS, "nobody"))
ASSET = st.sampled_from((*ASSETS, *ASSETS, *ASSETS, *ASSETS, NEW_ASSET))
AMOUNT = st.integers(0, 60).map(lambda number: {59: MAX_AMOUNT, 60: MAX_AMOUNT + 1}.get(number, number))
PART = st.none() | st.integers(0, 40)
INDEX = st.integers(0, 30)
"""Which item of a list, counted from the newest."""
Item = TypeVar("Item")


class Attempt(NamedTuple):
    """A request, and what the model makes of it: None where it must be refused."""

    request: Any
    expect: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The database that each walk clones."""

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
        opening = {code: show(FUNDS, decimals) for code, decimals in ASSETS.items() if code != "DOGE"}
        made = [await commits.submit(PUT_ACCOUNT, AccountOrder(name, {}, opening)) for name in FUNDED]
        await commits.submit(PUT_ACCOUNT, AccountOrder(UNFUNDED, {}))
        await chain.mine(*((done.resource.address, FUNDS) for done in made))
        await chain.deepen(scenario.RULES.confirmations)


def _commits(engine: AsyncEngine) -> GroupCommit:
    return GroupCommit(engine, INSTALLATION, lambda _: None)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url, connections=6)
    yield engine
    await engine.dispose()


class LedgerMachine(AsyncMachine):
    """What the rules use. After each rule the invariants hold, and the ledger agrees with the model."""

    prepared: ClassVar[Prepared]
    steps: ClassVar[int] = 0
    """The steps of all walks of the class."""
    counts: ClassVar[dict[str, list[int]]] = {}
    """By command: how many requests were refused, and how many were not."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = count()
        self.changed = True
        self.model = Model()
        self.made: list[tuple[Command[Any, Any], Submitted[Any], Any]] = []
        """Requests that made something, with its id."""

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())
        self.model.decimals.update(ASSETS)
        self.model.accounts.update(dict.fromkeys((*FUNDED, UNFUNDED), True))
        self.model.money.amounts.update(
            {(name, "available", code): FUNDS for name in FUNDED for code in ASSETS}
        )

    @invariant()
    def the_ledger_is_right(self) -> None:
        """Check again if anything was done."""
        type(self).steps += 1
        if self.changed:
            self.run(self._check())
            self.changed = False

    # ------------------------------------------------------------ used by the rules

    def key(self) -> Claim:
        """Return a new idempotency key."""
        return Claim("walk", f"key {next(self.keys)}", b"as it is")

    def shown(self, asset: str, amount: int) -> str:
        """Return an amount as a request has it."""
        return show(amount, self.model.decimals.get(asset, 0))

    def part(self, asset: str, amount: int | None) -> str | None:
        return None if amount is None else self.shown(asset, amount)

    def nth(self, items: Sequence[Item], index: int) -> Item:
        return items[-1 - index % len(items)]

    def submit(
        self, command: Command[Any, Any], *attempts: Attempt, claims: Sequence[Claim] = (), bulk: bool = False
    ) -> None:
        """Submit all at once. The program refuses what the model refuses; if that is all, nothing changes."""
        submitted = [
            Submitted(attempt.request, claim)
            for attempt, claim in zip(attempts, claims or [self.key() for _ in attempts], strict=True)
        ]
        expected = [attempt.expect() for attempt in attempts]
        self.changed = any(expected)
        before = None if self.changed else self.run(self._snapshot())
        outcomes = self.run(self._submit(command, submitted, bulk=bulk))
        for item, record, outcome in zip(submitted, expected, outcomes, strict=True):
            assert isinstance(outcome, Result | Refusal), outcome
            assert isinstance(outcome, Result) == bool(record), (command.kind, item.request, outcome, record)
            type(self).counts.setdefault(command.kind, [0, 0])[isinstance(outcome, Result)] += 1
            if isinstance(outcome, Result):
                assert not outcome.replayed, item
                self._note_ids(record, outcome.resource)
                self.made.append((command, item, command.id_of(outcome.resource)))
        assert self.changed or before == self.run(self._snapshot()), submitted

    @precondition(lambda self: self.made)
    @rule(index=INDEX, other=st.booleans())
    def repeat(self, index: int, *, other: bool) -> None:
        """A repeated key gives the same result; with another body it is refused. Neither changes anything."""
        command, (request, claim, _), resource_id = self.nth(self.made, index)
        assert claim is not None
        claim = claim._replace(fingerprint=b"another" if other else claim.fingerprint)
        before = self.run(self._snapshot())
        [outcome] = self.run(self._submit(command, [Submitted(request, claim)]))
        if other:
            assert isinstance(outcome, KeyReused), outcome
        else:
            assert isinstance(outcome, Result), outcome
            assert (outcome.replayed, command.id_of(outcome.resource)) == (True, resource_id)
        assert before == self.run(self._snapshot())

    # ------------------------------------------------------------ with the database

    async def _begin(self) -> None:
        url = await self.stack.enter_async_context(cloned(self.prepared.server, self.prepared.database))
        self.engine = await self.stack.enter_async_context(_opened(url))
        self.commits = _commits(self.engine)

    async def _submit(
        self, command: Command[Any, Any], submitted: Sequence[Submitted[Any]], *, bulk: bool = False
    ) -> Sequence[Any]:
        if bulk:
            return await self.commits.submit_all(command, submitted)
        running = (self.commits.submit(command, request, claim) for request, claim, _ in submitted)
        outcomes: list[Any] = await asyncio.gather(*running, return_exceptions=True)
        return outcomes

    def _note_ids(self, expected: object, resource: Any) -> None:
        """Write the program's ids into the model's records."""
        pairs = zip(expected, resource, strict=True) if isinstance(expected, list) else [(expected, resource)]
        for record, made in pairs:
            if isinstance(record, Record):
                assert record.id in (0, made.id), (record, made)
                record.id = made.id

    async def _check(self) -> None:
        async with self.engine.begin() as connection:
            await invariants.check(connection)
            stored = await invariants.amounts(connection), await invariants.states(connection)
        amounts = {
            key: amount
            for key, amount in self.model.money.amounts.items()
            if amount and key[0] in self._names
        }
        states = {("hold", hold.id): (hold.remaining, hold.state) for hold in self.model.holds}
        states |= {
            ("escrow", escrow.id): (escrow.amount, escrow.state) for escrow in self.model.escrows.values()
        }
        assert stored == (amounts, states)

    _names: ClassVar = {*FUNDED, *OTHERS}

    async def _snapshot(self) -> str:
        async with self.engine.connect() as connection:
            return await invariants.snapshot(connection)

    async def _end(self) -> None:
        report = await audit.run(self.engine)
        assert report.ok, [finding for finding in report.findings if not finding.ok]
        await self._events_have_the_same_sums()
        await report_check.check(self.engine)

    async def _events_have_the_same_sums(self) -> None:
        """A listener that adds up events has what the model has."""
        listener = Listener()
        await listener.listen(self.engine)
        for name in self._names:
            for asset in self.model.decimals:
                amount = sum(
                    self.model.money.amounts[name, bucket, asset] for bucket in ("available", "held")
                )
                assert listener.of(name, asset) == amount, (name, asset, listener.of(name, asset), amount)
