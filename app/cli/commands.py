"""All commands but `serve`. Those of more than a few lines have files of their own."""

import asyncio
import gc
import sys
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from app import configured_node
from app.audit import AuditReport, DeriveXpubs, over_cells
from app.cli import audit_table, backup, maintenance, ports, progress, recover, rename
from app.cli.books import export, verify
from app.cli.cells import cells
from app.cli.command import errors_in_one_sentence, on_cells, read_settings, seed_file, started
from app.cli.demo.running import show as show_demo
from app.cli.keys import keys
from app.cli.report import report
from app.config.settings import Settings
from app.db.database import Database
from app.domain import dogecoin, payments
from app.domain.installation import Installation
from app.runtime import stopping
from app.workers import questions

cold = typer.Typer(no_args_is_help=True, help="What lies in cold storage.")
seed = typer.Typer(no_args_is_help=True, help="The seed that all keys come from.")


def add_to(commands: typer.Typer) -> None:
    """Add them, in the order of the help."""
    gc.enable()
    for command in (demo, devnet, migrate, audit, resume, cover, restored, consolidate):
        commands.command()(command)
    commands.add_typer(seed, name="seed")
    commands.add_typer(keys, name="key")
    commands.add_typer(cold, name="cold")
    commands.add_typer(cells, name="cells")
    for other in (
        recover.rescan,
        recover.recover,
        rename.rename,
        export.export,
        verify.verify,
        report,
        backup.backup,
        backup.restore,
    ):
        commands.command()(other)


def demo() -> None:
    """Run Kennel with all it needs, and show an invoice from its issue to its payment."""
    with started() as (settings, database):
        stopping.until_stopped(lambda stop: show_demo(settings, database, stop))


def devnet() -> None:
    """Run the regtest node alone, as a merchant's tests may want it."""
    settings = read_settings()
    with errors_in_one_sentence():
        ports.check(ports.of_devnet(settings))
        stopping.until_stopped(lambda stop: _devnet(settings, stop))


def migrate() -> None:
    """Bring the database to the schema of this version; every start does so too."""
    with started(beside=True) as (_, database):
        if database.map.cells == 1:
            asyncio.run(database.upgrade())
            return
        with progress.shown(Console(highlight=False, soft_wrap=True)) as advance:
            asyncio.run(database.upgrade(partial(advance, "Migrating cells")))


def audit() -> None:
    """Check the books against each other; exit with 1 if they are wrong, with 2 if only coins lack."""
    with started(beside=True) as (settings, database):
        report = asyncio.run(_audit(settings, database))
    audit_table.show(report)
    sys.exit(audit_table.exit_code(report))


def resume(
    payouts: Annotated[bool, typer.Option("--payouts", help="After a restore: payouts too.")] = False,
    owing: Annotated[
        str, typer.Option("--owing", help="What balances show beyond the coins, where they do.")
    ] = "0",
) -> None:
    """Let payments go on after something has paused them."""
    with started(beside=True) as (settings, database):
        print(asyncio.run(_resume(settings, database, payouts=payouts, owing=owing)))


def cover() -> None:
    """Let KENNEL_PLATFORM_ACCOUNT bear what balances show beyond the coins that there are."""
    with started(beside=True) as (settings, database):
        platform = settings.platform_account
        print(asyncio.run(on_cells(database, lambda cells: maintenance.cover(cells, platform))))


def restored(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although nothing that was sent is missing.")
    ] = False,
) -> None:
    """Go on with a database that was restored from a backup, so that nothing is paid or given out twice."""
    with started(beside=True) as (settings, database):
        home, network = settings.home, dogecoin.network_by_name(settings.network)
        work = on_cells(database, lambda cells: maintenance.restored(cells, home, network, anyway=anyway))
        print(asyncio.run(work))


def consolidate(
    at_most: Annotated[
        int, typer.Option("--at-most", min=2, max=payments.LARGEST, help="How many coins.")
    ] = 500,
) -> None:
    """Merge the smallest coins into one, at the cost of KENNEL_PLATFORM_ACCOUNT."""
    with started(beside=True) as (settings, database):
        network, payer = dogecoin.network_by_name(settings.network), settings.platform_account
        work = on_cells(database, lambda cells: maintenance.consolidate(cells, network, payer, at_most))
        print(asyncio.run(work))


@cold.command("return")
def give_return_address() -> None:
    """Print an address: what is paid to it is money from cold storage, and no account's deposit."""
    with started(beside=True) as (settings, database):
        network = dogecoin.network_by_name(settings.network)
        terms = Installation(network, settings.confirmations, str, settings.platform_account)
        print(asyncio.run(on_cells(database, lambda cells: maintenance.cold_return(cells, terms))))


@seed.command("show")
def show_seed(
    again: Annotated[
        bool, typer.Option("--again", help="Show the words although they were shown before.")
    ] = False,
) -> None:
    """Print the 24 words, once: write them down, they restore every coin."""
    settings = read_settings()
    with errors_in_one_sentence():
        print(seed_file(settings).show_once(settings.seed_passphrase or "", again=again))


async def _devnet(settings: Settings, stop: asyncio.Event) -> None:
    async with configured_node.devnet(settings) as node:
        print(f"Devnet runs: JSON-RPC on {node.rpc_url}, announcements on {node.zmq_endpoint}.", flush=True)
        await asyncio.wait([asyncio.ensure_future(stop.wait()), asyncio.ensure_future(node.stopping.wait())],
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip


async def _audit(settings: Settings, database: Database) -> AuditReport:
    keys = _keys(settings)
    async with configured_node.beside(settings) as node:
        coins = questions.coins_of(node)
        return await on_cells(database, lambda cells: over_cells.run(cells, coins, derive_xpubs=keys))


def _keys(settings: Settings) -> DeriveXpubs | None:
    """Return what derives accounts' keys, where the seed is here and can be opened."""
    file = seed_file(settings)
    if not file.path.exists() or (settings.seed_passphrase is None and settings.network != "regtest"):
        return None
    return file.open(settings.seed_passphrase or "").xpubs


async def _resume(settings: Settings, database: Database, *, payouts: bool, owing: str) -> str:
    amount = maintenance.amount(owing)
    async with configured_node.beside(settings) as node:
        return await on_cells(
            database, lambda cells: maintenance.resume(cells, node, with_payouts=payouts, owing=amount)
        )
