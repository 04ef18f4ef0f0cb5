"""Accounts with money in assets of any kind, and what became of it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import GroupCommit
from app.db.tables import TREASURY, WORLD, balances, outbox
from app.domain import ledger
from app.domain.commands import Command
from app.domain.idempotency import Claim
from app.domain.ledger import Bucket, Entry, NewAsset, Posting
from app.domain.refusals import Refusal
from app.money import DOGE
from tests import scenario

GOLD = "gold"
"""An asset with two decimals."""


async def fund(engine: AsyncEngine, amounts: dict[str, int], asset: str = DOGE) -> dict[str, int]:
    """Open these accounts and credit each with an amount in the asset's smallest unit; returns their ids."""
    async with engine.begin() as db:
        await ledger.create(db, [NewAsset(GOLD, "Gold", 2)])
    numbers = {name: (await scenario.open_account(engine, name)).id for name in amounts}
    for name, amount in amounts.items():
        if amount:
            await credit(engine, numbers[name], amount, asset, f"fund:{asset}:{name}")
    await scenario.event_types(engine)
    return numbers


async def credit(engine: AsyncEngine, account: int, amount: int, asset: str, key: str) -> ledger.Outcome:
    """Credit an account with an amount from the world or the treasury."""
    source = WORLD if asset == DOGE else TREASURY
    entry = Entry("TEST", ("test", ""), key, (_part(source, asset, -amount), _part(account, asset, amount)))
    async with engine.begin() as db:
        [outcome] = await ledger.post(db, [entry])
    return outcome


def _part(account: int, asset: str, amount: int) -> Posting:
    return Posting(account, Bucket.AVAILABLE, amount, asset)


async def of(engine: AsyncEngine, account: int, asset: str = DOGE) -> tuple[int, int]:
    """What an account has available and held."""
    async with engine.begin() as db:
        key = sa.and_(balances.c.account_id == account, balances.c.asset == asset)
        row = (await db.execute(sa.select(balances.c.available, balances.c.held).where(key))).first()
        return (row.available, row.held) if row else (0, 0)


async def all_rows(engine: AsyncEngine, *tables: sa.Table) -> list[list[tuple[object, ...]]]:
    """All rows of these tables, without times."""
    async with engine.begin() as db:
        return [
            [tuple(row) for row in await db.execute(sa.select(*_plain(table)).order_by(*table.primary_key))]
            for table in tables
        ]


def _plain(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.columns if not isinstance(column.type, sa.DateTime)]


async def messages(engine: AsyncEngine) -> list[tuple[str, str, dict[str, Any]]]:
    """The events so far, without balances and times: account, type, message."""
    async with engine.begin() as db:
        rows = await db.execute(
            sa.select(outbox).where(outbox.c.type != "ACC_BALANCE_CHANGE").order_by(outbox.c.id)
        )
        return [(row.foreign_id, row.type, _timeless(json.loads(row.message))) for row in rows]


def _timeless(message: dict[str, Any]) -> dict[str, Any]:
    nested = {name: _timeless(value) if isinstance(value, dict) else value for name, value in message.items()}
    return {name: value for name, value in nested.items() if name not in ("created", "expires")}


async def submit_together(
    commits: GroupCommit,
    command: Command[Any, Any],
    requests: Sequence[Any],
    claims: Sequence[Claim | None] = (),
) -> list[Any]:
    """Submit all at once; returns the resources and refusals in order."""
    pairs = zip(requests, claims or [None] * len(requests), strict=True)
    waiting = (commits.submit(command, request, claim) for request, claim in pairs)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    return [answer if isinstance(answer, Refusal) else _resource(answer) for answer in answers]


def _resource(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer.resource


def comparable(outcome: Any) -> object:
    """Return an outcome in a form that compares: a refusal by its kind, sentence and field."""
    return (type(outcome), str(outcome), outcome.field) if isinstance(outcome, Refusal) else outcome


async def check_ledger(engine: AsyncEngine) -> None:
    """Every balance is the sum of its postings, and none is below zero."""
    async with engine.begin() as db:
        differing = await db.execute(
            sa.text("""
            SELECT b.account_id, b.asset FROM balances b LEFT JOIN LATERAL (
                SELECT coalesce(sum(amount) FILTER (WHERE bucket = 'available'), 0) AS available,
                       coalesce(sum(amount) FILTER (WHERE bucket = 'held'), 0) AS held
                FROM postings p WHERE p.account_id = b.account_id AND p.asset = b.asset
            ) s ON true
            WHERE (b.available, b.held) <> (s.available, s.held)
               OR b.account_id >= 0 AND b.held <> (
                SELECT coalesce(sum(remaining), 0) FROM holds h
                WHERE h.account_id = b.account_id AND h.asset = b.asset
               ) + (
                SELECT coalesce(sum(amount), 0) FROM escrows e
                WHERE e.account_id = b.account_id AND e.asset = b.asset AND state IN ('LOCKED', 'DISPUTED')
               )
        """)
        )
        assert differing.all() == []
