"""Runs several workers that answer HTTP on the same ports, and the loops in one process more."""

import asyncio
import logging
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from app import configured_node, run
from app.cli import ports
from app.cli.command import errors_in_one_sentence
from app.config import workers
from app.config.settings import Settings
from app.config.values import Bind
from app.db.database import Database
from app.db.embedded.programs import EmbeddedError
from app.metrics.siblings import Siblings
from app.run import Running
from app.runtime import stopping
from app.runtime.supervisor import Child, NotStarted, Ready, Supervisor

_log = logging.getLogger(__name__)

Say = Callable[[int, int], None]


def serve(settings: Settings, database: Database, say: Say) -> None:
    """Run until a signal says to stop; `say` is called with the ports once all processes are ready."""
    settings = ports.fixed(settings)
    run.collect_less()  # what is loaded by now is the same memory in all of them
    with ExitStack() as stack:
        for bind in (settings.admin_bind, settings.public_bind, settings.metrics_bind):
            if bind is not None:
                stack.enter_context(_reserved(bind))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="kennel-")))
        supervisor = Supervisor(_children(settings, database, folder), partial(_tend, database))
        try:
            supervisor.run(lambda: say(settings.admin_bind.port, settings.public_bind.port))
        except NotStarted:
            sys.exit(1)  # the process has said why


def _children(settings: Settings, database: Database, folder: Path) -> list[Child]:
    """Return the loops, where there are any, and the workers; in `folder` they hear of each other."""
    own = replace(database, restart=None)  # PostgreSQL is this process's child
    node_url = settings.node_url or configured_node.devnet_url(settings)
    loops, worker = workers.of_loops(settings), workers.of_worker(settings, node_url)
    holder = secrets.token_hex(8)  # so that loops that start again need not wait for their leases
    running = partial(run.running, loops, _part(own, loops), holder, Siblings(folder, "loops"))
    children = [Child("the loops", partial(_run, running))] if loops.roles else []
    for number in range(1, settings.workers + 1):
        siblings = Siblings(folder, f"worker-{number}")
        running = partial(run.running, worker, _part(own, worker), siblings=siblings)
        children.append(Child("a worker", partial(_run, running)))
    return children


def _part(database: Database, settings: Settings) -> Database:
    return replace(database, connections=settings.database_connections)


def _run(running: Callable[[], AbstractAsyncContextManager[Running]], ready: Ready) -> None:
    """Be one of the processes."""
    with errors_in_one_sentence():
        stopping.until_stopped(partial(_until, running, ready))


async def _until(
    running: Callable[[], AbstractAsyncContextManager[Running]], ready: Ready, stop: asyncio.Event
) -> None:
    async with running():
        ready()
        await stop.wait()


def _tend(database: Database) -> None:
    """Start an embedded PostgreSQL again that has died."""
    try:
        if database.restart is not None:
            database.restart()
    except EmbeddedError as error:
        _log.warning("postgres waits: %s", error)


@contextmanager
def _reserved(bind: Bind) -> Iterator[None]:
    """Keep a port for this user within the block, without listening, also while no worker does."""
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((bind.host, bind.port))
        yield
