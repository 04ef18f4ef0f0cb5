"""A town of several cells: accounts in each of them with money, and what is always true of all cells together."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.crossings import Crossings
from app.batching.group_commit import GroupCommit
from app.chain.keys import Keyring
from app.db.tables import CLEARING, outbox
from app.domain import accounts, dogecoin, ledger
from app.domain.accounts import AccountOrder
from app.domain.commands import Command
from app.domain.dogecoin import REGTEST
from app.domain.idempotency import Claim
from app.domain.ledger import NewAsset
from app.domain.refusals import Refusal
from app.domain.transfers import Payee, TransferOrder
from app.money import COIN, DOGE
from tests import funding, scenario
from tests.cells import Cells
from tests.ledger_walk import invariants

GOLD: Final = funding.GOLD
EACH: Final = 1_000
"""What each account has of gold, in its smallest unit."""
KOINU: Final = 10 * COIN
"""What each account has of Dogecoin."""
PLATFORM: Final = scenario.INSTALLATION.platform
_KEYS: Final = count()

_HALVES: Final = sa.text(f"""
    SELECT key, asset, sum(amount) AS amount
    FROM postings JOIN entries ON entries.id = entry_id
    WHERE account_id = {CLEARING} GROUP BY key, asset
""")


@dataclass
class Town:
    """Cells whose accounts are `name(cell, n)`, and the commits of each cell and between them."""

    cells: Cells
    crossings: Crossings
    commits: list[GroupCommit]
    numbers: dict[str, int] = field(default_factory=dict)
    news: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        return self.cells.engines

    def name(self, cell: int, number: int = 0) -> str:
        """The nth name whose account lies in this cell."""
        names = (f"name {n}" for n in count() if self.cells.map.of_account(f"name {n}") == cell)
        return next(name for n, name in enumerate(names) if n == number)

    def cells_of(self, *names: str) -> tuple[int, ...]:
        """The cells of these accounts, that of the first one first."""
        return tuple(dict.fromkeys(self.cells.map.of_account(name) for name in names))

    async def submit(
        self, command: Command[Any, Any], request: Any, cells: Sequence[int], claim: Claim | None = None
    ) -> Any:
        return (await self.crossings.submit(command, request, claim, cells)).resource

    async def has(self, name: str, asset: str = GOLD) -> tuple[int, int]:
        """What an account has available and held."""
        return await funding.of(self.engines[self.cells.map.of_account(name)], self.numbers[name], asset)

    async def events(self, cell: int) -> list[tuple[str, str, dict[str, Any]]]:
        """The events of a cell, oldest first: account, type, message."""
        async with self.engines[cell].connect() as db:
            rows = await db.execute(sa.select(outbox).order_by(outbox.c.id))
            return [(row.foreign_id, row.type, json.loads(row.message)) for row in rows]

    async def check(self) -> None:
        """All is right in each cell, and over all cells: halves cancel, and nothing was made or lost."""
        sums: Counter[tuple[str, str]] = Counter()
        clearing: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for engine in self.engines:
            async with engine.begin() as db:
                unsealed = await ledger.clearing_balances(db)
                await invariants.check(db)
                assert await ledger.clearing_balances(db) == unsealed
                clearing.update(unsealed)
                sums.update({(row.key, row.asset): int(row.amount) for row in await db.execute(_HALVES)})
                for (_, _, asset), amount in (await invariants.amounts(db)).items():
                    total[asset] += amount
        assert {key: amount for key, amount in sums.items() if amount} == {}
        assert {code: amount for code, amount in clearing.items() if amount} == {}
        assert total == Counter({DOGE: KOINU * len(self.numbers), GOLD: EACH * len(self.numbers)})


def order(payer: str, *payees: tuple[str, Any], asset: str = GOLD, key: str = "") -> TransferOrder:
    """A transfer; without a key it has one that no other has."""
    shares = tuple(Payee(name, amount) for name, amount in payees)
    return TransferOrder(key or f"key {next(_KEYS)}", payer, shares, asset)


def claim(key: str, fingerprint: bytes = b"same") -> Claim:
    return Claim("shop", key, fingerprint)


async def answered(*waiting: Any) -> list[Any]:
    """Return resources and refusals in order."""
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
            raise answer
    return answers


@asynccontextmanager
async def built(cells: Cells, each: int = 2) -> AsyncIterator[Town]:
    """Yield a town with so many accounts in each cell, the platform's beside them, and no events."""
    installations = [scenario.INSTALLATION] * cells.map.cells
    town = Town(cells, None, [])  # type: ignore[arg-type]  # it hears of what is committed
    town.crossings = Crossings(
        cells.crossing, installations, lambda command, cells: town.news.append((command.kind, tuple(cells)))
    )
    town.commits = [scenario.commits(engine) for engine in cells.engines]
    for cell, engine in enumerate(cells.engines):
        names = [town.name(cell, number) for number in range(each)]
        await open_accounts(cells, cell, [*names, PLATFORM])
        async with engine.begin() as db:
            if cell == 0:
                await ledger.create(db, [NewAsset(GOLD, "Gold", 2)])
            owners = await accounts.owners(db, names)
        for name in names:
            town.numbers[name] = owners[name].id
            for asset, amount in ((GOLD, EACH), (DOGE, KOINU)):
                await funding.credit(engine, owners[name].id, amount, asset, f"fund:{asset}:{name}")
        async with engine.begin() as db:
            await db.execute(sa.delete(outbox))
    yield town
    await town.crossings.close()
    for commits in town.commits:
        await commits.close()


async def open_accounts(cells: Cells, cell: int, names: Sequence[str]) -> None:
    """Open accounts with keys whose numbers name their cell."""
    step = cells.map.cells
    keys = Keyring(REGTEST, scenario.WORDS).account_xpubs(0, step * (len(names) + 4))
    ready = [
        {"number": key.number, "xpub": key.xpub, "address": dogecoin.to_address(REGTEST, key.address_script)}
        for key in keys
        if key.number % step == cell
    ]
    async with cells.engines[cell].begin() as db:
        await accounts.add_ready_keys(db, ready)
    async with cells.engines[cell].begin() as db:
        for outcome in await accounts.put(db, [AccountOrder(name, {}) for name in names], REGTEST):
            scenario.accepted(outcome)
