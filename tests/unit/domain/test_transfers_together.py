"""Transfers that are committed together come to the same as one by one, whoever else writes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import GroupCommit
from app.db.engine import open_engine
from app.db.tables import balances, entries, idempotency, outbox, postings
from app.domain.commands import Result, Submitted
from app.domain.idempotency import Claim
from app.domain.refusals import Refusal
from app.domain.transfers import MAKE, Credit, Payee, Transfer, TransferOrder
from tests import scenario
from tests.conftest import cloned
from tests.unit.domain.bank import GOLD, all_gold, opened, order

NAMES = ("alice", "bob", "carol")
Outcome = Result[Transfer] | Exception


def submitted(new: TransferOrder, key: str, body: str = "") -> Submitted[TransferOrder]:
    return Submitted(new._replace(key=f"shop:{key}"), Claim("shop", key, (body or repr(new)).encode()))


def orders() -> st.SearchStrategy[Submitted[TransferOrder]]:
    """Transfers, splits and credits of three accounts and a missing one; keys repeat, with any body."""
    names = st.sampled_from([*NAMES, "nobody"])
    amounts: st.SearchStrategy[str | int] = st.sampled_from(["0.1", "0.5", "1", "0.001", "0", 2**63])
    single = st.builds(order, st.sampled_from(NAMES), names, amounts)
    # `builds` would invent the fields that have a default.
    payee = st.tuples(names, amounts).map(lambda pair: Payee(*pair))
    payees = st.lists(payee, min_size=2, max_size=3).map(tuple)
    split = st.tuples(st.sampled_from(NAMES), payees).map(lambda sides: TransferOrder("", *sides, GOLD))
    kinds = st.sampled_from(["TOPUP", "SPEND", "BONUS"])
    reference, metadata = st.just(("", "")), st.just("{}")
    credit = st.builds(Credit, names, kinds, st.just(GOLD), amounts, reference, metadata).map(
        lambda drawn: drawn.order("", "platform")
    )
    return st.builds(submitted, single | split | credit, st.sampled_from([f"k{n}" for n in range(8)]))


def shown(outcome: Outcome) -> Any:
    """What a caller sees, but for ids and times."""
    if isinstance(outcome, Refusal):
        return type(outcome), str(outcome), outcome.field
    assert isinstance(outcome, Result), outcome
    transfer = outcome.resource
    return (
        outcome.replayed,
        transfer.kind,
        transfer.payers,
        transfer.payees,
        transfer.amount,
        transfer.asset,
    )


async def stored(engine: AsyncEngine) -> list[Any]:
    """What the ledger, the outbox and the keys hold, without ids and times."""
    statements = [
        sa.select(entries.c.kind, entries.c.key, entries.c.reference).order_by(entries.c.id),
        sa.select(*(c for c in postings.c if c.name not in ("entry_id", "created")))
        .order_by(*postings.primary_key),
        sa.select(*(c for c in balances.c if c.name != "updated")).order_by(*balances.primary_key),
        sa.select(
            outbox.c.type, outbox.c.foreign_id,
            sa.func.regexp_replace(outbox.c.message, '"created":"[^"]*"', ""),
        )
        .order_by(outbox.c.id),
        sa.select(idempotency.c.key, idempotency.c.fingerprint, idempotency.c.resource_id.is_not(None))
        .order_by(idempotency.c.key),
    ]  # fmt: skip
    async with engine.connect() as db:
        return [[tuple(row) for row in await db.execute(statement)] for statement in statements]


async def play(server: str, batches: Sequence[Sequence[Submitted[TransferOrder]]]) -> list[Any]:
    """Submit each batch at once; return the outcomes, and what is stored then."""
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            await opened(engine, *NAMES)
            commits = scenario.commits(engine)
            outcomes: list[Any] = []
            for batch in batches:
                outcomes += map(shown, await commits.submit_all(MAKE, batch))
            return [outcomes, await stored(engine)]
        finally:
            await engine.dispose()


BATCHES = st.lists(
    st.lists(orders(), min_size=2, max_size=8, unique_by=lambda request: request.claim and request.claim.key),
    min_size=1,
    max_size=4,
)


@settings(max_examples=10, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(BATCHES)
def test_many_transfers_at_once_come_to_what_one_by_one_comes_to(
    server: str, batches: list[list[Submitted[TransferOrder]]]
) -> None:
    singles = [[request] for batch in batches for request in batch]

    assert asyncio.run(play(server, batches)) == asyncio.run(play(server, singles))


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[GroupCommit, GroupCommit]]:
    """Two programs on one database."""
    engines = [open_engine(database), open_engine(database)]
    first, second = (scenario.commits(engine) for engine in engines)
    yield first, second
    for engine in engines:
        await engine.dispose()


@pytest.mark.parametrize("hot", [False, True], ids=["ring", "one account"])
async def test_two_programs_never_spend_the_same_money(
    engine: AsyncEngine, two: tuple[GroupCommit, GroupCommit], *, hot: bool
) -> None:
    """Half of the requests are sent to both programs."""
    names = [f"u{n}" for n in range(8)]
    await opened(engine, *names, gold=20)
    before = await all_gold(engine)
    pairs = [(0, n % 7 + 1) if hot else (n % 8, (n + 1) % 8) for n in range(240)]
    requests = [submitted(order(names[a], names[b], "0.03"), f"k{n}") for n, (a, b) in enumerate(pairs)]

    async def submit(commits: GroupCommit, request: Submitted[TransferOrder]) -> Outcome:
        try:
            return await commits.submit(MAKE, request.request, request.claim)
        except Refusal as refusal:
            return refusal

    running = [
        submit(two[program], request)
        for n, request in enumerate(requests)
        for program in ((0, 1) if n % 2 else (n // 2 % 2,))
    ]
    bulks = [[submitted(order(names[1], names[2], "0.01"), f"{n}:{m}") for m in range(30)] for n in range(2)]
    bulked = [commits.submit_all(MAKE, bulk) for commits, bulk in zip(two, bulks, strict=True)]
    outcomes = await asyncio.gather(*running, *bulked)

    singles = [outcome for outcome in outcomes if not isinstance(outcome, list)]
    assert all(isinstance(outcome, Result | Refusal) for outcome in singles)
    made = {outcome.resource.id for outcome in singles if isinstance(outcome, Result)}
    assert await all_gold(engine) == before
    async with engine.connect() as db:
        count = sa.select(sa.func.count())
        singly = await db.scalar(count.select_from(entries).where(entries.c.key.like("transfer:shop:k%")))
        events = await db.scalar(count.select_from(outbox))
        posted = await db.scalar(count.select_from(entries).where(entries.c.kind == "TRANSFER"))
    assert singly == len(made)
    assert events == 2 * (posted or 0)
    assert len(made) == 6 if hot else len(made) > 6
