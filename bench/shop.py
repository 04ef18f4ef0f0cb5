"""A shop on a running program: it issues invoices, and its customers pay them from the node's faucet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import chain_state, ready_keys
from bench import invoices, programs
from bench.programs import Devnet, Process, Testbed

MATURE_BLOCKS = 120
"""The faucet has coins to pay with after these."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The account `shop`, with a client of the merchant's API, and the program's database."""

    node: Devnet
    kennel: Process
    engine: AsyncEngine
    admin: httpx.AsyncClient

    async def invoice(self) -> dict[str, Any]:
        """Issue an invoice."""
        answer = await self.admin.post("/account/shop/invoice", content=invoices.BODY)
        return dict(answer.raise_for_status().json())

    async def pay(self, invoice: dict[str, Any]) -> None:
        """Let a customer pay an invoice; a block has it later."""
        await self.node.ask("sendtoaddress", invoice["id"], invoice["total"])

    async def mine(self) -> None:
        """Make a block of what waits."""
        await self.node.ask("generate", 1)


@asynccontextmanager
async def opened(testbed: Testbed, node: Devnet, **settings: object) -> AsyncIterator[Shop]:
    """Run the program, and yield a shop on it once all keys are ready and it has followed the node."""
    async with (
        testbed.database() as url,
        programs.kennel(testbed.folder(), url, node, **settings) as kennel,
        programs.engine(url) as engine,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{kennel.port('admin API')}", trust_env=False, timeout=120
        ) as admin,
    ):
        await invoices.until(engine, sa.select(sa.func.count() >= invoices.POOL).select_from(ready_keys))
        await node.ask("generate", MATURE_BLOCKS)
        await invoices.until(engine, sa.select(chain_state.c.height >= MATURE_BLOCKS))
        (await admin.post("/account/shop", json={})).raise_for_status()
        yield Shop(node, kennel, engine, admin)


def callback(home: Path, port: int, event: str) -> Path:
    """Write a configuration that posts events of one type to a port of this machine."""
    path = home / "kennel.toml"
    path.write_text(f'[callbacks.bench]\npath = "http://127.0.0.1:{port}/"\ntypes = ["{event}"]\n')
    return path
