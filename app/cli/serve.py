"""The command `serve`: it loads the rest of the program while an embedded PostgreSQL starts."""

import asyncio

from app.cli import ports
from app.cli.command import started
from app.config.settings import Settings
from app.db.database import Database
from app.runtime import stopping


def serve() -> None:
    """Run Kennel until it is told to stop."""
    with started(meanwhile=_load) as (settings, database):
        stopping.until_stopped(lambda stop: _serve(settings, database, stop))


def _load() -> None:
    """Import what listens, which takes as long as PostgreSQL takes to start."""
    from app import run

    del run


async def _serve(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    from app import run

    ports.check(ports.of(settings))
    async with run.running(settings, database) as running:
        print(
            f"Kennel runs: admin API on port {running.admin}, public API on port {running.public}.",
            flush=True,
        )
        await stop.wait()
