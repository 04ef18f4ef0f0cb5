"""What one caller alone waits for: an invoice over HTTP, beside one INSERT with its commit through asyncpg."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count, repeat
from statistics import median

import asyncpg
import sqlalchemy as sa

from bench import bare_reads, filling, invoices, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed

ROUNDS = 7
EACH = 100

_INSERT = """
    INSERT INTO invoices (account_id, index, address, items, total, due, required_confirmations, token)
    VALUES (0, $1::bigint, 'invoice-' || $1::bigint, $2, 4200000000, 4200000000, 6, '0123456789abcdef')
"""


async def measure(testbed: Testbed) -> list[Figure]:
    """Insert and ask in turn, each on a database of its own; the row is that of an invoice."""
    limits, values = [], []
    async with _inserting(testbed) as (connection, numbers), _kennel(testbed) as port:
        for _ in range(ROUNDS):
            limits.append(await _insert(connection, numbers))
            requests = repeat(load.post("/account/shop/invoice", invoices.BODY), EACH)
            values.append(median(await load.milliseconds(port, requests)))
    return [of_rounds(Terms("invoice_lone", "ms", 3, at_most=True), values, limits)]


async def _insert(connection: asyncpg.Connection, numbers: Iterator[int]) -> float:
    """Return the median milliseconds."""
    statement, times = await connection.prepare(_INSERT), []
    for _ in range(EACH):
        began = time.perf_counter()
        await statement.fetch(next(numbers), bare_reads.ITEMS)
        times.append(1_000 * (time.perf_counter() - began))
    return median(times)


@asynccontextmanager
async def _inserting(testbed: Testbed) -> AsyncIterator[tuple[asyncpg.Connection, Iterator[int]]]:
    """Yield a connection to a database with one account, and the numbers of its invoices."""
    async with testbed.database() as text:
        async with programs.engine(text) as engine, engine.begin() as db:
            await filling.fill(db, 1, 1, {})
        url = sa.make_url(text)
        connection = await asyncpg.connect(host=url.query["host"], user=url.username, database=url.database)
        try:
            yield connection, count(1)
        finally:
            await connection.close()


@asynccontextmanager
async def _kennel(testbed: Testbed) -> AsyncIterator[int]:
    """Yield the port of a program that does all that there is to do."""
    async with invoices.ready_program(testbed) as kennel:
        await load.once(kennel.port("admin API"), [load.post("/account/shop", b"{}")])
        yield kennel.port("admin API")
