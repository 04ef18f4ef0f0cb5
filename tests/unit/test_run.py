"""The program in one process: what each part of it has for itself."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx

from app import run
from app.config import sources
from app.db.database import Database, Shares
from tests.cells import MakeCells

ANYWHERE = {
    "KENNEL_ADMIN_BIND": "127.0.0.1:0",
    "KENNEL_PUBLIC_BIND": "127.0.0.1:0",
    "KENNEL_DEVNET_BIND": "127.0.0.1:0",
    "KENNEL_DEVNET_ZMQ_BIND": "127.0.0.1:0",
    "KENNEL_DEVNET_BLOCK_SECONDS": "0",
    "KENNEL_ROLES": "http,follow",
}


async def test_neither_listener_needs_the_connections_of_the_loops(database: str, tmp_path: Path) -> None:
    read = sources.read({**ANYWHERE, "KENNEL_HOME": str(tmp_path)})
    named = Database(database, connections=10)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(run.running(read, named))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        held = [await stack.enter_async_context(running.engine.connect()) for _ in range(named.shares.loops)]

        assets = await client.get(f"http://127.0.0.1:{running.admin}/assets")
        invoice = await client.get(f"http://127.0.0.1:{running.public}/invoice/nobody")
        many = await asyncio.gather(
            *(client.get(f"http://127.0.0.1:{running.public}/invoice/nobody") for _ in range(40))
        )

    assert len(held) == 3
    assert (assets.status_code, invoice.status_code) == (200, 404)
    assert {answer.status_code for answer in many} == {404}


def test_connections_are_shared_out_whole_and_every_part_has_some() -> None:
    for number in range(10, 200):
        shares = Shares.of(number)
        assert sum(shares) + 1 == number  # one hears what other processes do
        assert min(shares) >= 2
    assert Shares.of(40) == Shares(loops=12, admin=19, public=8)


async def test_a_program_of_four_cells_answers_for_all_of_them(cells: MakeCells, tmp_path: Path) -> None:
    four = (await cells(4)).database
    read = sources.read(
        {
            **ANYWHERE,
            "KENNEL_HOME": str(tmp_path),
            "KENNEL_ROLES": "http,follow,send,relay",
            "KENNEL_CELLS": "4",
        }
        | {"KENNEL_DATABASE_CONNECTIONS": "50"}
    )
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(run.running(read, replace(four, connections=50)))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        root = f"http://127.0.0.1:{running.admin}"

        names = [f"shop-{number}" for number in range(8)]
        opened = [await client.post(f"{root}/account/{name}", content="{}") for name in names]
        listed = (await client.get(f"{root}/accounts")).json()["items"]
        address = (await client.post(f"{root}/account/{names[5]}/address", content="{}")).json()["address"]
        picture = await client.get(f"http://127.0.0.1:{running.public}/address/{address}/qr.png")

    assert {answer.status_code for answer in opened} == {200}
    assert [account["foreign_id"] for account in listed] == names
    assert picture.status_code == 200
