"""The command `serve`: it loads the rest of the program while an embedded PostgreSQL starts."""

import asyncio

from app.cli import ports
from app.cli.command import started
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


def _say(admin: int, public: int) -> None:
    print(f"Kennel runs: admin API on port {admin}, public API on port {public}.", flush=True)
