"""The walk over several cells: the same requests and the same reference, each request carried out where its accounts are."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from app.api.cells import giving
from app.batching.crossings import Crossings
from app.batching.group_commit import GroupCommit
from app.db.tables import CLEARING
from app.domain import accounts, escrows, holds, transfers
from app.domain.commands import Command, Submitted
from app.domain.crossings import GATHER, Gather
from app.domain.escrows import NewEscrow
from app.domain.holds import Capture, NewHold, Release
from app.domain.ledger import CREATE_ASSET, NewAsset
from app.domain.transfers import ReversalOrder, TransferOrder
from app.money import show
from tests import crossing_town, scenario
from tests.cells import Cells, connected
from tests.conftest import cloned
from tests.ledger_walk import invariants
from tests.ledger_walk.hold_rules import HoldRules
from tests.ledger_walk.machine import ASSETS, FUNDED, FUNDS, INSTALLATION, OTHERS, UNFUNDED, Attempt, Prepared
from tests.ledger_walk.model import PLATFORM, Escrow, Hold
from tests.ledger_walk.transfer_rules import TransferRules
from tests.listener import Listener

CELLS: Final = 4
Places = tuple[int, ...]
_HALVES: Final = sa.text(f"""
    SELECT key, asset, sum(amount) AS amount FROM postings JOIN entries ON entries.id = entry_id
    WHERE account_id = {CLEARING} GROUP BY key, asset
""")


@contextmanager
def prepared(server: str) -> Iterator[Prepared]:
    """Open the accounts in their cells and give them money, once for all walks."""
    with asyncio.Runner() as runner:
        cloning = cloned(server, "template1")
        url = runner.run(cloning.__aenter__())
        runner.run(_prepare(url))
        yield Prepared(server, sa.make_url(url).database or "")
        runner.run(cloning.__aexit__(None, None, None))


async def _prepare(url: str) -> None:
    async with connected(url, CELLS) as cells:
        for cell, engine in enumerate(cells.engines):
            commits = GroupCommit(engine, INSTALLATION, lambda _: None)
            for code, decimals in ASSETS.items():
                if code != "DOGE" and not cell:
                    await commits.submit(CREATE_ASSET, NewAsset(code, code, decimals))
            own = [name for name in (*FUNDED, UNFUNDED) if cells.map.of_account(name) == cell]
            await crossing_town.open_accounts(cells, cell, [*{*own, PLATFORM}])
            await _fund(cells, cell, [name for name in own if name in FUNDED])


async def _fund(cells: Cells, cell: int, names: Sequence[str]) -> None:
    """Give each of these accounts as much of each asset as in one cell: Dogecoin by a chain that only this cell sees."""
    engine = cells.engines[cell]
    commits = GroupCommit(engine, INSTALLATION, lambda _: None)
    for name in names:
        for code, decimals in ASSETS.items():
            if code != "DOGE":
                credit = transfers.Credit(name, "TOPUP", code, show(FUNDS, decimals))
                await commits.submit(transfers.MAKE, credit.order(f"fund {name} {code}", PLATFORM))
    async with engine.begin() as db:
        addresses = [owner.address for owner in (await accounts.owners(db, names)).values()]
    chain = await scenario.Chain(engine).start()
    await chain.mine(*((address, FUNDS) for address in addresses))
    await chain.deepen(scenario.RULES.confirmations)


class DividedWalk(TransferRules, HoldRules):
    """All rules, where each request goes to the cell of its accounts, or to the lane between its cells."""

    # ------------------------------------------------------------ who is where

    def cell_of(self, name: str | None, home: int) -> int:
        """The cell of an account; the treasury and the platform are in each."""
        return home if name in (None, PLATFORM) else self.cells.map.of_account(name or "")

    def home_of(self, name: str | None, *others: str | None) -> int:
        """The cell of whoever pays; where that is in each, the cell of who is paid."""
        named = next((each for each in (name, *others) if each not in (None, PLATFORM)), PLATFORM)
        return self.cells.map.of_account(named or "")

    async def places(self, command: Command[Any, Any], request: Any) -> Places:
        """The cells of a request, that of its key first."""
        if isinstance(request, TransferOrder) or command is transfers.MAKE_ATOMIC:
            return self._of_orders([request] if isinstance(request, TransferOrder) else request)
        if isinstance(request, ReversalOrder):
            return _first(request.id % CELLS, range(CELLS))
        if isinstance(request, Capture):
            home = request.hold % CELLS
            return _first(home, [self.cell_of(request.to, home)])
        if isinstance(request, NewEscrow):
            home = self.home_of(request.buyer) if request.hold is None else request.hold % CELLS
            return _first(home, [self.cell_of(request.seller, home)])
        if command is escrows.END:
            home = request.escrow % CELLS
            return _first(home, await self._seller(home, request.escrow))
        return (self._alone(request),)

    def _alone(self, request: Any) -> int:
        if isinstance(request, Release):
            return request.hold % CELLS
        if isinstance(request, NewAsset):
            return 0
        if isinstance(request, NewHold):
            return self.home_of(request.foreign_id)
        return self.home_of(request if isinstance(request, str) else request.foreign_id)

    def _of_orders(self, orders: Sequence[TransferOrder]) -> Places:
        first = orders[0]
        home = self.home_of(first.payer, *(payee.account for payee in first.payees))
        names = [
            name for order in orders for name in (order.payer, *(payee.account for payee in order.payees))
        ]
        return _first(home, [self.cell_of(name, home) for name in names])

    async def _seller(self, home: int, escrow: int) -> list[int]:
        async with self.cells.engines[home].connect() as db:
            seller = await db.scalar(sa.text("SELECT seller_id FROM escrows WHERE id = :id"), {"id": escrow})
        return [] if seller is None else [seller % CELLS]

    # ------------------------------------------------------------ with the database

    async def _begin(self) -> None:
        url = await self.stack.enter_async_context(cloned(self.prepared.server, self.prepared.database))
        self.cells = await self.stack.enter_async_context(connected(url, CELLS))
        self.engine = self.cells.engines[0]
        self.in_cell = [GroupCommit(engine, INSTALLATION, lambda _: None) for engine in self.cells.engines]
        self.crossings = Crossings(self.cells.crossing, [INSTALLATION] * CELLS, lambda *_: None)

    async def _submit(
        self, command: Command[Any, Any], submitted: Sequence[Submitted[Any]], *, bulk: bool = False
    ) -> Sequence[Any]:
        """One after the other: what goes different ways would else come in any order."""
        if bulk and not any(PLATFORM in _names(each.request) for each in submitted):
            places = [await self.places(command, each.request) for each in submitted]
            return await self.crossings.submit_all(command, submitted, places)
        return [await self._answer(command, each) for each in submitted]

    async def _answer(self, command: Command[Any, Any], asked: Submitted[Any]) -> Any:
        """Ask, as the API does: where the platform lacks money in a cell, it is gathered there first."""
        places = await self.places(command, asked.request)
        try:
            if not self.changed:
                return await self._once(command, asked, places)
            return await giving.as_one(self, places[0], lambda: self._once(command, asked, places))
        except Exception as error:  # noqa: BLE001  a refusal, or what the walk fails with
            return error

    @property
    def platform(self) -> str:
        """Of what `giving` asks."""
        return PLATFORM

    async def gather(self, needs: Sequence[tuple[int, Gather]]) -> Sequence[Any]:
        places = [_first(cell, range(CELLS)) for cell, _ in needs]
        return await self.crossings.submit_all(GATHER, [Submitted(need) for _, need in needs], places)

    async def _once(self, command: Command[Any, Any], asked: Submitted[Any], places: Places) -> Any:
        request, claim, _ = asked
        if len(places) == 1:
            return await self.in_cell[places[0]].submit(command, request, claim)
        return await self.crossings.submit(command, request, claim, places)

    async def _check(self) -> None:
        amounts: Counter[tuple[str, str, str]] = Counter()
        states: dict[tuple[str, int], tuple[int, str]] = {}
        halves: Counter[tuple[str, str]] = Counter()
        for engine in self.cells.engines:
            async with engine.begin() as db:
                await invariants.check(db)
                amounts.update(await invariants.amounts(db))
                here = await invariants.states(db)
                halves.update({(row.key, row.asset): int(row.amount) for row in await db.execute(_HALVES)})
            assert all(states.get(key, state) == state for key, state in here.items())
            states |= here
        assert not any(halves.values()), halves
        self._agree(amounts, states)

    def _agree(self, amounts: Counter[Any], states: dict[Any, Any]) -> None:
        """Compare with the model."""
        expected = {
            key: amount
            for key, amount in self.model.money.amounts.items()
            if amount and key[0] in self._names
        }
        known = {("hold", hold.id): (hold.remaining, hold.state) for hold in self.model.holds}
        known |= {
            ("escrow", escrow.id): (escrow.amount, escrow.state) for escrow in self.model.escrows.values()
        }
        assert ({key: amount for key, amount in amounts.items() if amount}, states) == (expected, known)

    async def _snapshot(self) -> str:
        parts = []
        for engine in self.cells.engines:
            async with engine.connect() as db:
                parts.append(await invariants.snapshot(db))
        return "".join(parts)

    async def _end(self) -> None:
        """A listener to all cells that adds up events has what the model has."""
        listeners = [Listener() for _ in self.cells.engines]
        for listener, engine in zip(listeners, self.cells.engines, strict=True):
            await listener.listen(engine)
        for name in {*FUNDED, *OTHERS} - {PLATFORM}:
            for asset in self.model.decimals:
                amount = sum(
                    self.model.money.amounts[name, bucket, asset] for bucket in ("available", "held")
                )
                assert sum(listener.of(name, asset) for listener in listeners) == amount, (name, asset)

    def _lock(self, order: str, escrow: Escrow, hold: Hold | None) -> Attempt:
        """An order has one escrow among the buyers of a cell: cells know nothing of each other's orders."""
        home = self.home_of(escrow.sides[0]) if hold is None else hold.id % CELLS
        return super()._lock(f"{order} in {home}", escrow, hold)

    async def _make_late(self, hold: int) -> None:
        async with self.cells.engines[hold % CELLS].begin() as db:
            await db.execute(sa.text("UPDATE holds SET expires = now() WHERE id = :id"), {"id": hold})

    async def _expire(self) -> int:
        expired = 0
        for engine in self.cells.engines:
            async with engine.begin() as db:
                expired += await holds.expire(db)
        return expired


def _first(home: int, others: Sequence[int] | range) -> Places:
    return tuple(dict.fromkeys((home, *others)))


def _names(order: TransferOrder) -> list[str | None]:
    return [order.payer, *(payee.account for payee in order.payees)]
