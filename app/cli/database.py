"""The database of a command: the one that is configured, or a PostgreSQL of our own that runs meanwhile."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from app.cells import CellMap
from app.config.settings import Settings
from app.db.database import Database
from app.db.embedded import server


@contextmanager
def reached(
    settings: Settings, *, beside: bool = False, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[Database]:
    """Yield the database; PostgreSQL of our own runs within the block where none is configured.

    With `beside`, one that a running Kennel has started on the same home will do. `meanwhile` is called while
    PostgreSQL starts. Raises DatabaseUnavailable, or an EmbeddedError.
    """
    cells = CellMap(settings.cells)
    if settings.database_url is not None:
        configured = Database(
            settings.database_url,
            settings.database_pooler,
            connections=settings.database_connections,
            map=cells,
        )
        yield asyncio.run(configured.check())
        return
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            own = stack.enter_context(server.Embedded(settings.home, settings.pg_bindir, meanwhile=meanwhile))
            database = Database(
                own.url, restart=own.step, connections=settings.database_connections, map=cells
            )
        except server.HomeTaken:
            if not beside:
                raise
            database = Database(server.url_of_another(settings.home), map=cells)
        yield database
