"""What tests do: emit events, and step until a condition holds."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.domain.outbox import OutboxEvent
from app.runtime.loop import WakeUp

DEADLINE_SECONDS = 60


async def emit(
    engine: AsyncEngine,
    count: int,
    *,
    account: int = 1,
    type: str = "ACC_UPDATED",  # noqa: A002
    foreign_id: str | None = None,
) -> None:
    """Emit `count` events, and number them."""
    foreign_id = f"shop-{account}" if foreign_id is None else foreign_id
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(account, foreign_id, type, f'{{"n":{n}}}') for n in range(count)])
        await outbox.sequence(db)


async def until(step: Callable[[], Any], condition: Callable[[], Any], wake_up: WakeUp | None = None) -> None:
    """Step as the program does until the condition holds."""
    wake_up = wake_up or WakeUp()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await _value(condition):
            if not await step():
                await wake_up.wait(0.02)


async def _value(condition: Callable[[], Any]) -> Any:
    value = condition()
    return await value if asyncio.iscoroutine(value) else value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
