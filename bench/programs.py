"""The programs that are measured, each a process of its own, and the databases that they work on."""

import asyncio
import os
import re
import secrets
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import migrate
from app.db.engine import open_engine

START_SECONDS = 60
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Where it is set each start compiles the whole program, which no installation does: the image has it compiled."""
TEMPLATE = "template_bench"
SERVER = "server"
"""The folder of PostgreSQL in that of the measurements."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """The place of the measurements: an empty folder, and the URL of a PostgreSQL that syncs its commits."""

    home: Path
    server: str

    @property
    def postmaster(self) -> int:
        """The process of PostgreSQL that all its others are children of."""
        return int((self.home / SERVER / "postgres" / "postmaster.pid").read_text().split()[0])

    def folder(self) -> Path:
        """Make a new folder."""
        folder = self.home / secrets.token_hex(4)
        folder.mkdir()
        return folder

    def url(self, database: str) -> str:
        """Name a database of the server."""
        return sa.make_url(self.server).set(database=database).render_as_string(hide_password=False)

    async def administer(self, *statements: str) -> None:
        """Run statements outside of a transaction."""
        engine = create_async_engine(self.server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(sa.text(statement))
        await engine.dispose()

    @asynccontextmanager
    async def database(self, template: str = TEMPLATE) -> AsyncIterator[str]:
        """Yield the URL of a database of one's own, a copy of `template`."""
        name = f"bench_{secrets.token_hex(4)}"
        await self.administer(f"CREATE DATABASE {name} TEMPLATE {template}", "CHECKPOINT")
        try:
            yield self.url(name)
        finally:
            await self.administer(f"DROP DATABASE {name} WITH (FORCE)")

    async def prepare(self) -> None:
        """Make the template that has the schema and nothing in it."""
        await self.administer(f"CREATE DATABASE {TEMPLATE}")
        async with engine(self.url(TEMPLATE)) as schema_engine:
            await migrate.upgrade(schema_engine)


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Yield an engine without time limits, as commands have it: filling a database takes long."""
    opened = open_engine(url, command_seconds=None)
    try:
        yield opened
    finally:
        await opened.dispose()


async def vacuum(engine: AsyncEngine) -> None:
    """Vacuum and analyze all tables."""
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
        await db.execute(sa.text("SET statement_timeout = 0"))
        await db.execute(sa.text("VACUUM ANALYZE"))


@dataclass(frozen=True, slots=True)
class Process:
    """A program that runs, and the first line that it printed."""

    pid: int
    first_line: str

    def port(self, of: str) -> int:
        """Read the port that stands after the words `of` in the first line."""
        port = re.search(rf"{of}\D*?(\d+)", self.first_line)
        if port is None:
            raise RuntimeError(self.first_line)
        return int(port[1])

    def resident_bytes(self) -> int:
        """How much memory it has."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """How much memory it has had at most."""
        return peak_bytes(self.pid)


def peak_bytes(pid: int) -> int:
    """Return how much memory a process has had at most; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    peak = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(peak[1]) * 1024 if peak else 0


@asynccontextmanager
async def running(*words: str, settings: Mapping[str, object] | None = None) -> AsyncIterator[Process]:
    """Run `python -m WORDS` with these KENNEL_ settings, once it has printed a line."""
    unset = (*(name for name in os.environ if name.startswith("KENNEL_")), NO_BYTECODE)
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {f"KENNEL_{name.upper()}": str(value) for name, value in (settings or {}).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, env=environment, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        first_line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not first_line:
            raise RuntimeError(f"{' '.join(words)} did not start")
        yield Process(process.pid, first_line.decode())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@dataclass(frozen=True, slots=True)
class Devnet:
    """A node in a process of its own."""

    url: str
    zmq: str
    pid: int

    async def ask(self, method: str, *params: Any) -> Any:
        """Call the node's JSON-RPC."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            reply = await client.post(self.url, json={"id": 1, "method": method, "params": params})
        if reply.json()["error"]:
            raise RuntimeError(reply.json()["error"])
        return reply.json()["result"]


@asynccontextmanager
async def devnet(home: Path) -> AsyncIterator[Devnet]:
    """Run the devnet on what is under `home`; it mines only when asked."""
    settings = {
        "home": home,
        "devnet_bind": "127.0.0.1:0",
        "devnet_zmq_bind": "127.0.0.1:0",
        "devnet_block_seconds": 0,
    }
    async with running("app", "devnet", settings=settings) as process:
        yield _devnet(process)


@asynccontextmanager
async def checking_devnet(home: Path) -> AsyncIterator[Devnet]:
    """Run a devnet on `home`/devnet that checks the proof of work of the blocks that it reads."""
    async with running("bench.node", str(home / "devnet")) as process:
        yield _devnet(process)


@asynccontextmanager
async def crowded_devnet(home: Path, strangers: int) -> AsyncIterator[Devnet]:
    """Run a devnet with so many transactions of strangers in its mempool, which no block takes."""
    async with running("bench.crowded_node", str(home / "devnet"), str(strangers)) as process:
        yield _devnet(process)


def _devnet(process: Process) -> Devnet:
    rpc, zmq = (process.port(scheme) for scheme in ("http://127.0.0.1:", "tcp://127.0.0.1:"))
    return Devnet(f"http://kennel:kennel@127.0.0.1:{rpc}", f"tcp://127.0.0.1:{zmq}", process.pid)


@asynccontextmanager
async def kennel(home: Path, database: str, node: Devnet, **settings: object) -> AsyncIterator[Process]:
    """Run the whole program, with every role unless told otherwise."""
    defaults = {
        "home": home,
        "database_url": database,
        "node_url": node.url,
        "node_zmq": node.zmq,
        "admin_bind": "127.0.0.1:0",
        "public_bind": "127.0.0.1:0",
        "log_level": "warning",
        "audit_every": 0,  # once a day it takes a tenth of the time: by chance of this measurement or of that
    }
    async with running("app", "serve", settings={**defaults, **settings}) as process:
        yield process
