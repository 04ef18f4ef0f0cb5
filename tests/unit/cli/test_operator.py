"""What commands change is in the audit log, with the user of the system who ran them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.main import get_command

from app.cli import commands, keys, maintenance, operator
from app.cli.command import CannotBeDone
from app.db.all_cells import AllCells
from app.db.tables import audit_log
from app.domain.access import NewKey
from app.domain.dogecoin import REGTEST
from tests import chain_harness, scenario

LOGGED = {
    "cold return", "consolidate", "cover", "key authorize", "key create", "key revoke", "recover", "rename", "rescan", "restore", "restored",
    "resume",
}  # fmt: skip
"""Commands that change what is in the database; each logs it."""
NOT_LOGGED = {
    "audit", "backup", "cells move", "demo", "devnet", "export", "key list", "migrate", "report", "seed show", "serve", "verify",
}  # fmt: skip
"""What reads, or runs Kennel."""


def names(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        nested = names(command, f"{name} ") if hasattr(command, "commands") else (f"{before}{name}",)
        yield from nested


def test_of_every_command_it_is_known_whether_it_is_logged() -> None:
    assert set(names(get_command(commands.together()))) == LOGGED | NOT_LOGGED


async def rows(engine: AsyncEngine) -> list[tuple[str, ...]]:
    columns = (audit_log.c[name] for name in ("actor", "actor_name", "action", "subject"))
    async with engine.connect() as db:
        return [tuple(row) for row in await db.execute(sa.select(*columns).order_by(audit_log.c.id))]


async def test_a_key_that_is_made_and_ended_by_commands_is_in_the_log(engine: AsyncEngine) -> None:
    made = await keys.make(engine, NewKey(b"d" * 32, frozenset({"events:read"})))
    await keys.end(engine, made.id)

    who = ("command line", operator.user())
    assert operator.user()
    assert await rows(engine) == [(*who, "key.create", str(made.id)), (*who, "key.revoke", str(made.id))]


async def test_what_is_refused_is_not(engine: AsyncEngine) -> None:
    with pytest.raises(CannotBeDone):
        await keys.end(engine, 7)

    assert await rows(engine) == []


async def test_each_command_that_changes_something_is_in_the_log(engine: AsyncEngine, tmp_path: Path) -> None:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("platform", 20, 10)
        await harness.mine()
        await maintenance.resume(AllCells.of_one(engine), harness.node)
        await maintenance.cold_return(AllCells.of_one(engine), scenario.INSTALLATION)
        await maintenance.consolidate(AllCells.of_one(engine), REGTEST, "platform", 2)
        await maintenance.cover(AllCells.of_one(engine), "platform")
        await maintenance.restored(AllCells.of_one(engine), tmp_path, REGTEST, anyway=True)

    actions = [action for _, _, action, _ in await rows(engine)]
    assert actions == ["payments.resume", "cold.return", "coins.consolidate", "database.restored"]
