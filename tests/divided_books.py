"""An installation of several cells with accounts in them, and money that went from one cell to another."""

from collections.abc import Mapping
from typing import NamedTuple

from app.chain.keys import Keyring
from app.db.all_cells import AllCells
from app.db.tables import CLEARING
from app.domain import accounts, dogecoin, ledger
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Bucket, Entry, Posting
from app.money import DOGE
from tests import scenario
from tests.cells import Cells
from tests.scenario import Chain

KEYS = Keyring(REGTEST, scenario.WORDS)
READY = 10


class Lying(NamedTuple):
    """An account: its cell, and its number."""

    cell: int
    number: int


def together(divided: Cells) -> AllCells:
    return AllCells(divided.engines, divided.crossing)


async def opened(cells: AllCells, *names: str) -> dict[str, Lying]:
    """Open accounts, each in the cell that its name falls into, under numbers of that cell."""
    lying = {}
    for name in names:
        cell = cells.map.of_account(name)
        await ready(cells, cell)
        account = await scenario.open_account(cells.engines[cell], name)
        lying[name] = Lying(cell, account.id)
    return lying


async def ready(cells: AllCells, cell: int) -> None:
    """Have keys ready in a cell."""
    numbers = range(cell, READY * len(cells), len(cells))
    keys = [KEYS.account_xpubs(number, 1)[0] for number in numbers]
    rows = [
        {"number": key.number, "xpub": key.xpub, "address": dogecoin.to_address(REGTEST, key.address_script)}
        for key in keys
    ]
    async with cells.engines[cell].begin() as db:
        await accounts.add_ready_keys(db, rows)


async def followed(cells: AllCells, deposits: Mapping[str, int]) -> None:
    """Have all cells follow one chain, in which each of these accounts is paid, by name, and confirmed."""
    paid = [(await _address(cells, name), amount) for name, amount in deposits.items()]
    for engine in cells.engines:
        chain = await Chain(engine).start()
        await chain.mine(*paid)
        await chain.deepen(6)


async def _address(cells: AllCells, name: str) -> str:
    async with cells.engines[cells.map.of_account(name)].begin() as db:
        return (await accounts.fetch(db, name)).address


async def cross(
    cells: AllCells, key: str, payer: Lying, payee: Lying, amount: int, asset: str = DOGE
) -> None:
    """Pay from cell to cell, in one transaction: a half in each, under one key."""
    halves = sorted([(payer, -amount), (payee, amount)])
    async with cells.crossing.begin() as db:
        for account, gained in halves:
            await cells.enter(db, account.cell)
            [outcome] = await ledger.post(db, [half(key, account, gained, asset)])
            assert isinstance(outcome, ledger.Posted), outcome


def half(key: str, account: Lying, gained: int, asset: str = DOGE) -> Entry:
    postings = (
        Posting(account.number, Bucket.AVAILABLE, gained, asset),
        Posting(CLEARING, Bucket.AVAILABLE, -gained, asset),
    )
    return Entry("TRANSFER", ("test", key), key, postings)


def in_different_cells(cells: AllCells, count: int) -> list[str]:
    """Return names of accounts of which each falls into another cell."""
    names: dict[int, str] = {}
    number = 0
    while len(names) < count:
        names.setdefault(cells.map.of_account(f"shop-{number}"), f"shop-{number}")
        number += 1
    return list(names.values())
