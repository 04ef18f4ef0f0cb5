"""What the commands do that change a database beside a running Kennel, by the rules of `app.cli.maintenance`."""

import asyncio
from functools import partial

from rich.console import Console

from app import configured_node
from app.cli import maintenance, progress
from app.cli.command import on_cells, started
from app.domain import dogecoin
from app.domain.installation import Installation


def migrate() -> None:
    """Bring the database to the schema of this version."""
    with started(beside=True) as (_, database):
        if database.map.cells == 1:
            asyncio.run(database.upgrade())
            return
        with progress.shown(Console(highlight=False, soft_wrap=True)) as advance:
            asyncio.run(database.upgrade(partial(advance, "Migrating cells")))


def resume(*, payouts: bool, owing: str) -> None:
    """Let payments go on, and `payouts` too; `owing` is what balances show beyond the coins."""
    with started(beside=True) as (settings, database):
        amount = maintenance.amount(owing)

        async def work() -> str:
            async with configured_node.beside(settings) as node:
                return await on_cells(
                    database,
                    lambda cells: maintenance.resume(cells, node, with_payouts=payouts, owing=amount),
                )

        print(asyncio.run(work()))


def cover() -> None:
    """Let the platform's account bear what balances show beyond the coins that there are."""
    with started(beside=True) as (settings, database):
        platform = settings.platform_account
        print(asyncio.run(on_cells(database, lambda cells: maintenance.cover(cells, platform))))


def restored(*, anyway: bool) -> None:
    """Go on with a database that was restored from a backup."""
    with started(beside=True) as (settings, database):
        home, network = settings.home, dogecoin.network_by_name(settings.network)
        work = on_cells(database, lambda cells: maintenance.restored(cells, home, network, anyway=anyway))
        print(asyncio.run(work))


def consolidate(at_most: int) -> None:
    """Merge so many of the smallest coins into one."""
    with started(beside=True) as (settings, database):
        network, payer = dogecoin.network_by_name(settings.network), settings.platform_account
        work = on_cells(database, lambda cells: maintenance.consolidate(cells, network, payer, at_most))
        print(asyncio.run(work))


def give_return_address() -> None:
    """Print an address for money from cold storage."""
    with started(beside=True) as (settings, database):
        network = dogecoin.network_by_name(settings.network)
        terms = Installation(network, settings.confirmations, str, settings.platform_account)
        print(asyncio.run(on_cells(database, lambda cells: maintenance.cold_return(cells, terms))))
