"""Runs several workers that answer HTTP on the same ports, and the loops in one process more."""

import asyncio
import logging
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from app import configured_node, run
from app.cli import ports
from app.cli.command import errors_in_one_sentence
from app.config import workers
from app.config.settings import Settings
from app.config.values import Bind
from app.db.database import Database
from app.db.embedded.programs import EmbeddedError
from app.runtime import stopping
from app.runtime.supervisor import Child, NotStarted, Ready, Supervisor

_log = logging.getLogger(__name__)

Say = Callable[[int, int], None]


def serve(settings: Settings, database: Database, say: Say) -> None:
    """Run until a signal says to stop; `say` is called with the ports once all processes are ready."""
    settings = ports.fixed(settings)
    run.collect_less()  # what is loaded by now is the same memory in all of them
    with _reserved(settings.admin_bind), _reserved(settings.public_bind):
        supervisor = Supervisor(_children(settings, database), partial(_tend, database))
        try:
            supervisor.run(lambda: say(settings.admin_bind.port, settings.public_bind.port))
        except NotStarted:
            sys.exit(1)  # the process has said why


def _children(settings: Settings, database: Database) -> list[Child]:
    """Return the loops, where there are any, and the workers."""
    own = replace(database, restart=None)  # PostgreSQL is this process's child
    node_url = settings.node_url or configured_node.devnet_url(settings)
    loops = workers.of_loops(settings)
    holder = secrets.token_hex(8)  # so that loops that start again need not wait for their leases
    children = [Child("the loops", partial(_run, loops, own, holder))] if loops.roles else []
    for number in range(1, settings.workers + 1):
        worker = workers.of_worker(settings, number, node_url)
        children.append(Child("a worker", partial(_run, worker, own, "")))
    return children


def _run(settings: Settings, database: Database, holder: str, ready: Ready) -> None:
    """Be one of the processes."""
    part = replace(database, connections=settings.database_connections)
    with errors_in_one_sentence():
        stopping.until_stopped(partial(_until, settings, part, holder, ready))


async def _until(
    settings: Settings, database: Database, holder: str, ready: Ready, stop: asyncio.Event
) -> None:
    async with run.running(settings, database, holder):
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
