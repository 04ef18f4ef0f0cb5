"""The commands: serve, demo, devnet, migrate, audit, resume, cover, restored, consolidate, seed; and those of `app.cli`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from app import VERSION, audit_checks, configured_node, run
from app.audit import AuditReport
from app.audit import run as run_audit
from app.chain.seed_file import SeedFile, SeedRefused
from app.chain.sent_marker import NotReadable
from app.cli import audit_table, export, maintenance, ports, recover
from app.cli import database as databases
from app.cli.demo import show as show_demo
from app.cli.demo_tour import TourEnds
from app.cli.maintenance import CannotBeDone
from app.cli.ports import PortTaken
from app.config import sources
from app.config.settings import Settings
from app.config.values import SettingsError
from app.configured_node import NoNode
from app.db.database import Database, DatabaseUnavailable
from app.db.embedded.programs import EmbeddedError
from app.domain import dogecoin, payments
from app.runtime import logs, stopping
from app.runtime.http.server import CannotListen

commands = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a passphrase
)
seed = typer.Typer(no_args_is_help=True, help="The seed that all keys come from.")
commands.add_typer(seed, name="seed")

Result = TypeVar("Result")
Again = Annotated[bool, typer.Option("--again", help="Show the words although they were shown before.")]


def _say_version(asked: bool) -> None:
    if asked:
        print(f"kennel {VERSION}")
        raise typer.Exit


@commands.callback()
def kennel(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Kennel takes, holds and sends Dogecoin for shops, platforms and exchanges."""


TOLD = (
    DatabaseUnavailable,
    SettingsError,
    SeedRefused,
    CannotListen,
    EmbeddedError,
    NoNode,
    PortTaken,
    TourEnds,
    CannotBeDone,
    NotReadable,
)
"""Errors that are sentences for the operator."""


@commands.command()
def serve() -> None:
    """Run Kennel until it is told to stop (Ctrl-C, SIGTERM, or a terminal that is closed)."""
    with _started() as (settings, database):
        stopping.until_stopped(lambda stop: _serve(settings, database, stop))


@commands.command()
def demo() -> None:
    """Run Kennel with all it needs, and show an invoice from its issue to its payment."""
    with _started() as (settings, database):
        stopping.until_stopped(lambda stop: show_demo(settings, database, stop))


@commands.command()
def devnet() -> None:
    """Run the regtest node alone, as a merchant's tests may want it."""
    settings = _settings()
    with _in_one_sentence():
        ports.check(ports.of_devnet(settings))
        stopping.until_stopped(lambda stop: _devnet(settings, stop))


@commands.command()
def migrate() -> None:
    """Bring the database to the schema of this version; every start does so too."""
    with _started(beside=True) as (_, database):
        asyncio.run(database.upgrade())


@commands.command()
def audit() -> None:
    """Hold the books against each other; the exit code is 1 if anything is wrong, 2 if only coins lack for the balances."""
    with _started(beside=True) as (settings, database):
        report = asyncio.run(_audit(settings, database))
    audit_table.show(report)
    sys.exit(audit_table.exit_code(report))


@commands.command()
def resume(
    payouts: Annotated[bool, typer.Option("--payouts", help="After a restore: payouts too.")] = False,
    owing: Annotated[
        str, typer.Option("--owing", help="What balances show beyond the coins, where they do.")
    ] = "0",
) -> None:
    """Let payments go on after something has paused them."""
    with _started(beside=True) as (settings, database):
        print(asyncio.run(_resume(settings, database, payouts=payouts, owing=owing)))


@commands.command()
def cover() -> None:
    """Let KENNEL_PLATFORM_ACCOUNT bear what balances show beyond the coins that there are."""
    with _started(beside=True) as (settings, database):
        platform = settings.platform_account
        print(asyncio.run(_on(database, lambda engine: maintenance.cover(engine, platform))))


@commands.command()
def restored(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although nothing that was sent is missing.")
    ] = False,
) -> None:
    """Go on with a database that was restored from a backup, so that nothing is paid or given out twice."""
    with _started(beside=True) as (settings, database):
        home, network = settings.home, dogecoin.network_by_name(settings.network)
        print(
            asyncio.run(
                _on(database, lambda engine: maintenance.restored(engine, home, network, anyway=anyway))
            )
        )


@commands.command()
def consolidate(
    at_most: Annotated[
        int, typer.Option("--at-most", min=2, max=payments.LARGEST, help="How many coins.")
    ] = 500,
) -> None:
    """Merge the smallest coins into one, at the cost of KENNEL_PLATFORM_ACCOUNT."""
    with _started(beside=True) as (settings, database):
        network, payer = dogecoin.network_by_name(settings.network), settings.platform_account
        print(
            asyncio.run(
                _on(database, lambda engine: maintenance.consolidate(engine, network, payer, at_most))
            )
        )


@seed.command("show")
def show_seed(again: Again = False) -> None:
    """Print the 24 words, once: write them down, they restore every coin."""
    settings = _settings()
    file = SeedFile(settings.home / "seed.json", dogecoin.network_by_name(settings.network))
    with _in_one_sentence():
        print(file.show_once(settings.seed_passphrase or "", again=again))


def _settings() -> Settings:
    with _in_one_sentence():
        settings = sources.read(os.environ)
    logs.configure(settings.log_level)
    return settings


@contextmanager
def _started(*, beside: bool = False) -> Iterator[tuple[Settings, Database]]:
    """Yield the settings and the database; PostgreSQL of our own runs meanwhile where none is configured.

    With `beside`, one that a running Kennel has started on the same home will do. Without it the command needs a node.
    """
    settings = _settings()
    if not beside:
        with _in_one_sentence():
            configured_node.check(settings)
    with _in_one_sentence(), databases.reached(settings, beside=beside) as database:
        yield settings, database


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    """What an operator can mend is said in a sentence, not in a traceback."""
    try:
        yield
    except TOLD as error:
        sys.exit(f"kennel: {error}")
    except ExceptionGroup as group:
        told, others = group.split(TOLD)
        if others is not None or told is None:
            raise
        first: BaseException = told
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        sys.exit(f"kennel: {first}")


async def _serve(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    ports.check(ports.of(settings))
    async with run.running(settings, database) as running:
        print(
            f"Kennel runs: admin API on port {running.admin}, public API on port {running.public}.",
            flush=True,
        )
        await stop.wait()


async def _devnet(settings: Settings, stop: asyncio.Event) -> None:
    async with configured_node.devnet(settings) as node:
        print(f"Devnet runs: JSON-RPC on {node.rpc_url}, announcements on {node.zmq_endpoint}.", flush=True)
        await asyncio.wait([asyncio.ensure_future(stop.wait()), asyncio.ensure_future(node.stopping.wait())],
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip


async def _audit(settings: Settings, database: Database) -> AuditReport:
    keys = _keys(settings)
    async with configured_node.beside(settings) as node:
        return await _on(
            database, lambda engine: run_audit(engine, run.coin_query_of(node), derive_xpubs=keys)
        )


def _keys(settings: Settings) -> audit_checks.DeriveXpubs | None:
    """Return what derives accounts' keys, where the seed is here and can be opened."""
    network = dogecoin.network_by_name(settings.network)
    file = SeedFile(settings.home / "seed.json", network)
    if not file.path.exists() or (settings.seed_passphrase is None and network != dogecoin.REGTEST):
        return None
    return file.open(settings.seed_passphrase or "").xpubs


async def _resume(settings: Settings, database: Database, *, payouts: bool, owing: str) -> str:
    said = maintenance.amount(owing)
    async with configured_node.beside(settings) as node:
        return await _on(
            database, lambda engine: maintenance.resume(engine, node, with_payouts=payouts, owing=said)
        )


async def _on(database: Database, do: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """Do something with the database, brought to the schema of this version."""
    async with database.without_timeouts() as engine:
        return await do(engine)


recover.register(commands, lambda beside: _started(beside=beside))
export.register(commands, lambda beside: _started(beside=beside))

if __name__ == "__main__":
    with stopping.interrupted_by_signals():
        commands(prog_name="kennel")
