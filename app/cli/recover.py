"""What `rescan` (read the chain again) and `recover` (make a lost database from it) do."""

import asyncio
import getpass
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from app import configured_node
from app.cells import CellMap
from app.chain import block_reader, recovery, sent_marker
from app.chain.block_reader import Pruned, UnreadableBlock
from app.chain.follower import Follower, WrongChain
from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.recovery import Recovery, RecoveryReport, SearchScope, Stopped
from app.chain.rpc import NodeError, NodeTrouble
from app.chain.seed_record import SeedRecord
from app.cli import operator, progress
from app.cli.command import cells_of, started
from app.cli.seed import seed_file
from app.config.settings import Settings
from app.db.all_cells import AllCells
from app.db.database import Database
from app.domain import blocks, dogecoin
from app.domain.blocks import Rules
from app.domain.refusals import Refusal
from app.runtime import lease as leases
from app.runtime.lease import Lease

WORDS_CHARACTERS: Final = 1_000
LEASE_SECONDS: Final = int(leases.SECONDS) + 3
POLL_SECONDS: Final = 0.25
"""How often the command looks how far another process has come."""

ScopeOptions = tuple[int | None, int | None, int | None]
"""Accounts, gap and the first block; None where the operator left one out."""


def rescan(height: int) -> None:
    """Read the blocks from a height on again."""
    with started(beside=True) as (settings, database), _errors_in_one_sentence():
        asyncio.run(_rescan(settings, database, height, _console()))


def recover(options: ScopeOptions, *, words: bool) -> None:
    """Make a lost database again; with `words`, the seed file too from those that are typed."""
    with started() as (settings, database), _errors_in_one_sentence():
        if words:
            seed_file(settings).create(settings.seed_passphrase or "", options[2], _typed_words())
        asyncio.run(_recover(settings, database, options, _console()))


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """End the program with a sentence where the chain or the node stands in the way."""
    try:
        yield
    except (Stopped, Refusal, Pruned, UnreadableBlock, WrongChain) as error:
        sys.exit(f"kennel: {error}")
    except (NodeTrouble, NodeError) as error:
        sys.exit(f"kennel: The node does not answer as it should: {error}")


def _typed_words() -> str:
    """Read the words without showing them; from a pipe, its first line."""
    if sys.stdin.isatty():
        return getpass.getpass("The 24 words, with spaces between: ")
    return sys.stdin.readline(WORDS_CHARACTERS)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False)


async def _rescan(settings: Settings, database: Database, height: int, console: Console) -> None:
    async with _open(settings, database) as (cells, node):
        lowest = await block_reader.lowest_height(node)
        async with cells.crossing.begin() as transaction:
            for cell in range(len(cells)):
                await cells.enter(transaction, cell)
                accepted = await blocks.rescan_from(transaction, height, lowest)
                if isinstance(accepted, Refusal):
                    raise accepted
            await operator.log(transaction, "chain.rescan", str(height), {"rescan_height": height})
        tips = []
        with progress.shown(console) as advance:
            for engine, stage in zip(cells.engines, _stages(cells), strict=True):
                follower = Follower(engine, node, _rules(settings), _lease(engine), lambda: None)
                try:
                    tips.append(await _until_read(engine, follower, height, partial(advance, stage)))
                finally:
                    await follower.close()
        console.print(f"The blocks from {height} to {min(tips)} have been read again.")


def _stages(cells: AllCells) -> list[str]:
    """Say what is done, in each cell."""
    name = "Reading blocks again"
    return [name] if len(cells) == 1 else [f"{name} in {cell.schema}" for cell in cells.map]


async def _until_read(
    engine: AsyncEngine, follower: Follower, height: int, advance: Callable[[int, int], None]
) -> int:
    """Do the follower's steps as long as no other process does; return the tip's height at the end."""
    while True:
        async with engine.connect() as connection:
            tip = await blocks.tip(connection)
        if tip is None:
            raise Stopped("The database has no blocks any more.")
        next_height = tip.height + 1
        if tip.rescan_height is not None:
            next_height = min(max(tip.rescan_height, height), tip.height)
        advance(next_height - height, tip.height - height + 1)
        if tip.rescan_height is None:
            return tip.height
        if not await follower.step():
            await asyncio.sleep(POLL_SECONDS)


async def _recover(settings: Settings, database: Database, options: ScopeOptions, console: Console) -> None:
    """Recover, and print what was found."""
    file = seed_file(settings)
    keyring: Keyring = await asyncio.to_thread(file.open, settings.seed_passphrase or "")
    record = file.read()
    if record.skipped:
        console.print(f"`kennel restored` has left out {record.skipped:,} addresses of every account.")
    scope = scope_of(record, options)
    async with _open(settings, database) as (cells, node):
        following = [_lease(engine) for engine in cells.engines]
        for lease in following:
            await _wait_for(lease)
        recovering = Recovery(cells, node, _rules(settings), (file, keyring), following)
        try:
            with progress.shown(console) as advance:
                report = await recovering.run(scope, advance)
        finally:
            await recovering.close()
        console.print(summary(report, scope))
        if report.accounts:
            async with cells.engines[0].begin() as transaction:
                found = {"accounts": report.accounts, "deposits": report.deposits}
                await operator.log(transaction, "database.recover", "", found)
            console.print(next_command(settings.home, cells.map))


def scope_of(record: SeedRecord, options: ScopeOptions) -> SearchScope:
    """Return how far to search: as the options say, else as far as the seed file tells."""
    number, gap, height = options
    return SearchScope(
        accounts=max(recovery.ACCOUNTS, record.highest_account + 1) if number is None else number,
        gap=recovery.GAP + record.skipped if gap is None else gap,
        first=(record.birth_height or 0) if height is None else height,
    )


async def _wait_for(lease: Lease) -> None:
    """Wait until the lease of a killed process has run out. The lease of a living one does not."""
    for _ in range(LEASE_SECONDS):
        if await lease.held():
            return
        await asyncio.sleep(1)


_ONE: Final = CellMap()
_WITH_SENT_FILE: Final = (
    "{} remembers payments that the lost database had sent, so the sender would stop: run "
    "`kennel restored` before `kennel serve`. Then nothing is sent until you have seen that they are all in "
    "the chain and run `kennel resume`. It also leaves out 10,000 addresses of every account, and notes that "
    "in the seed file for another recovery."
)
_WITHOUT_SENT_FILE: Final = (
    "There is no {} that would tell what the lost database had sent. If payments may have been on "
    "their way, run `kennel restored --anyway` before `kennel serve`: then nothing is sent until you have "
    "looked and run `kennel resume`."
)


def next_command(home: Path, cells: CellMap = _ONE) -> str:
    """Say what to do about payments that no block holds yet: the chain does not know them."""
    names = [sent_marker.sent_file(cell) for cell in cells]
    there = [name for name in names if (home / name).exists()]
    sentence = _WITH_SENT_FILE if there else _WITHOUT_SENT_FILE
    return sentence.format(" or ".join(there or names))


def summary(report: RecoveryReport, scope: SearchScope) -> str:
    """Say in a few lines what a recovery has found."""
    searched = (
        f"Looked for {report.addresses:,} addresses of {scope.accounts:,} accounts from block "
        f"{scope.first:,} on, with a gap of {scope.gap:,}"
    )
    if not report.accounts:
        return f"{searched}: none was ever paid, and nothing was written."
    names = f"recovered-0 to recovered-{report.last}"
    accounts = (
        f"Accounts {names}" if report.accounts == report.last + 1 else f"{report.accounts:,} of {names}"
    )
    return (
        f"{searched}.\n"
        f"Found {report.deposits:,} payments to {report.used:,} accounts, of which {report.spends:,} are "
        f"spent again. The chain was read {report.readings} times.\n"
        f"{accounts} are open: give them their names with "
        "`kennel rename`."
    )


@asynccontextmanager
async def _open(settings: Settings, database: Database) -> AsyncIterator[tuple[AllCells, Node]]:
    """Yield all cells, brought to this version's schema, and the node."""
    async with cells_of(database) as cells, configured_node.running_or_idle(settings) as node:
        yield cells, node


def _rules(settings: Settings) -> Rules:
    network = dogecoin.network_by_name(settings.network)
    return Rules(network, settings.confirmations, settings.max_reorg_blocks)


def _lease(engine: AsyncEngine) -> Lease:
    return Lease(engine, "follow", secrets.token_hex(8))
