"""What `serve` does: it loads the rest of the program while an embedded PostgreSQL starts. And what `devnet` does."""

import asyncio

from app.cli import ports
from app.cli.command import errors_in_one_sentence, read_settings, started
from app.config.settings import Settings
from app.db.database import Database
from app.runtime import stopping


def serve(count: int | None) -> None:
    """Run Kennel until it is told to stop, with so many workers; None: as the settings say."""
    variables = {} if count is None else {"KENNEL_WORKERS": str(count)}
    with started(meanwhile=_load, variables=variables) as (settings, database):
        ports.check(ports.of(settings))
        if settings.workers > 1 and "http" in settings.roles:
            from app.cli import workers

            workers.serve(settings, database, _say)
        else:
            stopping.until_stopped(lambda stop: _serve(settings, database, stop))


def _load() -> None:
    """Import what listens, which takes as long as PostgreSQL takes to start."""
    from app import run

    del run


async def _serve(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    from app import run

    async with run.running(settings, database) as running:
        _say(running.admin, running.public)
        await stop.wait()


def devnet() -> None:
    """Run the regtest node alone until it is told to stop."""
    settings = read_settings()
    with errors_in_one_sentence():
        ports.check(ports.of_devnet(settings))
        stopping.until_stopped(lambda stop: _devnet(settings, stop))


async def _devnet(settings: Settings, stop: asyncio.Event) -> None:
    from app import configured_node

    async with configured_node.devnet(settings) as node:
        print(f"Devnet runs: JSON-RPC on {node.rpc_url}, announcements on {node.zmq_endpoint}.", flush=True)
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, node.stopping)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)


def _say(admin: int, public: int) -> None:
    print(f"Kennel runs: admin API on port {admin}, public API on port {public}.", flush=True)
