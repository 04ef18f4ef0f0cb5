"""A real PgBouncer before a real PostgreSQL, in transaction mode, with fewer connections than clients."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.db.embedded import programs
from tests.end_to_end.program import free_ports, until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVERS = 4

needed = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@contextmanager
def running(folder: Path, database: str, **settings: str) -> Iterator[str]:
    """Run it within the block before the database of this URL; yields the URL through it."""
    parts = urlsplit(database)
    [port] = free_ports(1)
    options = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "max_client_conn": "200",
        "default_pool_size": str(SERVERS),
        **settings,
    }
    host = parse_qs(parts.query)["host"][0]
    lines = [
        "[databases]",
        f"kennel = host={host} dbname={parts.path[1:]} user={parts.username}",
        "[pgbouncer]",
    ]
    config = folder / "pgbouncer.ini"
    config.write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in options.items())]) + "\n")
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([str(PROGRAM), *_user(), str(config)], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "pgbouncer.log").read_text()
        yield f"postgresql://kennel@127.0.0.1:{port}/kennel"
    finally:
        process.kill()
        process.wait()


def _user() -> list[str]:
    """Run as PostgreSQL's owner, who alone may open its socket: PgBouncer does not run as root."""
    owner = programs.FileOwner.choose()
    return ["-u", pwd.getpwuid(owner.uid).pw_name] if owner.dropped else []


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
