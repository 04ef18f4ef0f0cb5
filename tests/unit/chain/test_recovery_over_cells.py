"""A recovery of several cells: one search of the chain, and each account in the cell of its number."""

import asyncio
from pathlib import Path

import sqlalchemy as sa

from app.audit import over_cells
from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.recovery import Recovery, SearchScope
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.db.all_cells import AllCells
from app.db.tables import accounts as account_rows
from app.domain import accounts, dogecoin, installation
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from devnet import devnet
from tests import divided_books as books
from tests import scenario
from tests.cells import MakeCells
from tests.chain_harness import NOWHERE
from tests.scenario import doge

FAUCET_BLOCKS = 65
KEYS = Keyring(REGTEST, scenario.WORDS)
PAID = {0: (0, 3), 1: (2,), 6: (0, 1), 9: (5,)}
"""By account which of its addresses are paid."""


def address(account: int, index: int) -> str:
    [key] = KEYS.account_xpubs(account, 1)
    return dogecoin.to_address(REGTEST, dogecoin.script_at(key.xpub, 0, index)) or ""


async def pay(node: Node) -> None:
    """Pay the addresses, each its account's number and a DOGE for each place."""
    for account, indices in PAID.items():
        for index in indices:
            await node.call("sendtoaddress", address(account, index), 1 + account + index)
    await node.call("generatetoaddress", 7, NOWHERE)


async def opened(four: AllCells) -> list[list[tuple[int, str]]]:
    columns = account_rows.c.id, account_rows.c.foreign_id
    every = []
    for engine in four.engines:
        async with engine.connect() as db:
            rows = await db.execute(sa.select(*columns).order_by(account_rows.c.id))
            every.append([(row.id, row.foreign_id) for row in rows])
    return every


async def test_each_account_comes_back_in_the_cell_of_its_number(cells: MakeCells, tmp_path: Path) -> None:
    four = books.together(await cells(4))
    file = SeedFile(tmp_path / "seed.json", REGTEST, Cost(1 << 14, 1))
    keyring = await asyncio.to_thread(file.create, "", None, scenario.WORDS)
    leases = [Lease(engine, "follow", "recovery") for engine in four.engines]
    async with (
        devnet.running(tmp_path / "devnet", devnet.Options("127.0.0.1:0", None)) as running,
        Node(running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        await node.call("generate", FAUCET_BLOCKS)
        await pay(node)
        recovering = Recovery(four, node, scenario.RULES, (file, keyring), leases)
        report = await recovering.run(SearchScope(12, 25, 0), lambda _stage, _done, _all: None)
        await recovering.close()

    assert (report.accounts, report.last, report.used, report.deposits) == (6, 9, 4, 6)
    numbers = [[0], [1, 5, 9], [2, 6], []]
    assert await opened(four) == [[(n, f"recovered-{n}") for n in of_cell] for of_cell in numbers]
    names = [f"recovered-{n}" for of_cell in numbers for n in of_cell]
    async with four.engines[3].connect() as db:
        moved = await accounts.cells_of_names(db, names)
        seeds = [await installation.seed(db)]
    lying = {name: int(name.removeprefix("recovered-")) % 4 for name in names}
    assert moved == {name: cell for name, cell in lying.items() if four.map.of_account(name) != cell}
    assert seeds == [keyring.fingerprint]
    audited = await over_cells.run(four, derive_xpubs=keyring.xpubs)
    assert audited.ok, audited.findings
    paid = sum(doge(1 + account + index) for account, indices in PAID.items() for index in indices)
    assert audited.totals[0].customers == paid
    assert [file.read().highest_of(cell) for cell in four.map] == [11] * 4
