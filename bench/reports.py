"""Reports of a million postings, over HTTP and by the command: how many postings a second, and in how much memory."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import sqlalchemy as sa

from app.chain.keys import Keyring
from app.db import Db
from app.domain.dogecoin import REGTEST
from bench import filling, many_rows, programs
from bench.figures import Figure
from bench.programs import Process, Testbed

PAIRS, EACH = 500, 1_000
"""So many pairs of accounts, and so many transfers within each."""
POSTINGS: Final = 2 * PAIRS * EACH
FEW: Final = "shop-77"
"""The reports of the accounts whose names begin so, a hundredth of all, show what the program takes for few postings."""
TIMES: Final = ("from=2026-01-01T00:00:00Z", "to=2026-02-01T00:00:00Z")
PATIENCE_SECONDS: Final = 600
PIECE_BYTES: Final = 1 << 16
MB: Final = 1_000_000
MEMORY_MB: Final = 150.0
GROWTH: Final = 1.2
"""By so much a report of all may take more memory than those of few."""

_FILL: Final = """
    INSERT INTO accounts (id, foreign_id, xpub, address, next_index)
    SELECT n, 'shop-' || n, '{xpub}', 'address-' || n, 0 FROM generate_series(0, 2 * {pairs} - 1) AS n;

    INSERT INTO balances (account_id, asset, available, seq)
    SELECT n, 'DOGE', {each} + (2 * (n % 2) - 1) * {each}, {each} FROM generate_series(0, 2 * {pairs} - 1) AS n;

    INSERT INTO entries (id, kind, cause_type, cause_id, reference, key, created) OVERRIDING SYSTEM VALUE
    SELECT n, 'TRANSFER', 'transfer', n, 'order ' || n, n, {start} + make_interval(secs => n)
    FROM generate_series(1, {pairs} * {each}) AS n;

    INSERT INTO postings (account_id, asset, seq, entry_id, bucket, amount, available, incoming, held, outgoing, created)
    SELECT 2 * ((n - 1) / {each}) + side, 'DOGE', (n - 1) % {each} + 1, n, 'available', 2 * side - 1,
        {each} + (2 * side - 1) * ((n - 1) % {each} + 1), 0, 0, 0, {start} + make_interval(secs => n)
    FROM generate_series(0, 1) AS side, generate_series(1, {pairs} * {each}) AS n
"""
_BARE: Final = """
    SELECT account_id, seq, bucket, amount, postings.created, kind, reference
    FROM postings JOIN entries ON entries.id = entry_id
    WHERE account_id = $1 AND asset = 'DOGE' ORDER BY seq LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """A report that was read: seconds, lines of text, and the most memory that its program ever had, in MB."""

    seconds: float
    lines: int
    peak: float


async def measure(testbed: Testbed) -> list[Figure]:
    """Fill a database, and read reports of few postings, then of all."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        url = await stack.enter_async_context(testbed.database())
        bare = await _filled(url)
        kennel = await stack.enter_async_context(programs.kennel(testbed.folder(), url, node, roles="http"))
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{kennel.port('admin API')}", trust_env=False, timeout=PATIENCE_SECONDS
        )
        http = await stack.enter_async_context(client)
        few = [await _request(http, kennel, path) for path in _paths(f"&prefix={FEW}").values()]
        read = {name: await _request(http, kennel, path) for name, path in _paths().items()}
        of_command = [await _command(url, testbed.folder(), *words) for words in ([f"prefix={FEW}"], [])]
    _check(read["reports_rows"], of_command[1])
    read["reports_command"] = of_command[1]
    peak = max(reading.peak for reading in read.values())
    ratios = {
        "reports_memory_growth": (peak, max(reading.peak for reading in few)),
        "reports_command_growth": (of_command[1].peak, of_command[0].peak),
    }
    return [
        *(Figure(name, "postings/s", POSTINGS / reading.seconds, bare) for name, reading in read.items()),
        Figure("reports_memory", "MB", peak, MEMORY_MB, 1, at_most=True),
        *(Figure(name, "MB", value, limit, GROWTH, at_most=True) for name, (value, limit) in ratios.items()),
    ]


def _paths(narrowed: str = "") -> Mapping[str, str]:
    """The reports that are read, by their figures' names: sums as JSON and CSV, and the postings as CSV."""
    sums = f"/reports/ledger?group_by=account,day&{'&'.join(TIMES)}{narrowed}"
    return {
        "reports_json": sums,
        "reports_csv": f"{sums}&format=csv",
        "reports_rows": f"/reports/ledger/rows?format=csv&{'&'.join(TIMES)}{narrowed}",
    }


def _check(*readings: Reading) -> None:
    """A report that is not whole is no measurement: each posting has its line, behind one with the columns' names."""
    if any(reading.lines != POSTINGS + 1 for reading in readings):
        raise RuntimeError(f"{POSTINGS} postings, and reports of {readings}")


async def _request(http: httpx.AsyncClient, kennel: Process, path: str) -> Reading:
    began, lines = time.perf_counter(), 0
    async with http.stream("GET", path) as response:
        response.raise_for_status()
        async for piece in response.aiter_raw():
            lines += piece.count(b"\n")
    return Reading(time.perf_counter() - began, lines, kennel.peak_bytes() / MB)


async def _command(url: str, home: Path, *narrowed: str) -> Reading:
    """Run `kennel report` and count the lines that it writes; its start is part of its time."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    settings = {"KENNEL_DATABASE_URL": url, "KENNEL_HOME": str(home), "KENNEL_LOG_LEVEL": "warning"}
    words = ["app", "report", "ledger", "--rows", *TIMES, *narrowed]
    began, lines, peak = time.perf_counter(), 0, 0
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, env=clean | settings, stdout=PIPE
    )
    assert process.stdout is not None
    while piece := await process.stdout.read(PIECE_BYTES):
        lines += piece.count(b"\n")
        peak = programs.peak_bytes(process.pid) or peak  # none once it has ended
    if await process.wait():
        raise RuntimeError(f"{' '.join(words)} has failed")
    return Reading(time.perf_counter() - began, lines, peak / MB)


async def _filled(url: str) -> float:
    """Fill the database; returns how many postings a second a bare loop reads of it, with their entries."""
    async with programs.engine(url) as engine:
        async with engine.begin() as db:
            await _fill(db)
        await programs.vacuum(engine)
        async with engine.connect() as db:
            driver = (await db.get_raw_connection()).driver_connection
            assert driver is not None
            began = time.perf_counter()
            rows = [len(await driver.fetch(_BARE, account)) for account in range(2 * PAIRS)]
            return sum(rows) / (time.perf_counter() - began)


async def _fill(db: Db) -> None:
    [key] = Keyring(REGTEST, filling.WORDS).account_xpubs(0, 1)
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.text("SET LOCAL synchronous_commit = off"))
    driver = (await db.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(_FILL.format(xpub=key.xpub, pairs=PAIRS, each=EACH, start=many_rows.START))
