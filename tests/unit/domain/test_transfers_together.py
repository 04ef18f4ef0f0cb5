"""What group commit makes of transfers: the same as one by one, whoever else writes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.db.tables import balances, entries, idempotency, outbox, postings
from app.domain.commands import Result, Submitted
from app.domain.idempotency import Claim
from app.domain.refusals import Refusal
from app.domain.transfers import MAKE, Credit, Payee, Transfer, TransferOrder
from app.group_commit import GroupCommit
from tests import scenario
from tests.conftest import cloned
from tests.unit.domain.bank import GOLD, all_gold, opened, order

NAMES = ("alice", "bob", "carol")
Outcome = Result[Transfer] | Exception


def asked(wanted: TransferOrder, key: str, body: str = "") -> Submitted[TransferOrder]:
    return Submitted(wanted._replace(key=f"shop:{key}"), Claim("shop", key, (body or repr(wanted)).encode()))


def orders() -> st.SearchStrategy[Submitted[TransferOrder]]:
    """Transfers, splits and credits between three and somebody who is not there; keys come again, with the same or another body."""
    names = st.sampled_from([*NAMES, "nobody"])
    amounts: st.SearchStrategy[str | int] = st.sampled_from(["0.1", "0.5", "1", "0.001", "0", 2**63])
    one = st.builds(order, st.sampled_from(NAMES), names, amounts)
    payee = st.tuples(names, amounts).map(
        lambda given: Payee(*given)
    )  # `builds` would invent the fields that have a default
    payees = st.lists(payee, min_size=2, max_size=3).map(tuple)
    split = st.tuples(st.sampled_from(NAMES), payees).map(lambda given: TransferOrder("", *given, GOLD))
    kinds = st.sampled_from(["TOPUP", "SPEND", "BONUS"])
    plain = st.just(("", "")), st.just("{}")
    credit = st.builds(Credit, names, kinds, st.just(GOLD), amounts, *plain).map(
        lambda one: one.order("", "platform")
    )
    return st.builds(asked, one | split | credit, st.sampled_from([f"k{n}" for n in range(8)]))


def shown(outcome: Outcome) -> Any:
    """What a caller sees, but for ids and times."""
    if isinstance(outcome, Refusal):
        return type(outcome), str(outcome), outcome.field
    assert isinstance(outcome, Result), outcome
    one = outcome.resource
    return outcome.replayed, one.kind, one.payers, one.payees, one.amount, one.asset


async def left(engine: AsyncEngine) -> list[Any]:
    """What is in the books, the outbox and the keys, but for ids and times."""
    statements = [
        sa.select(entries.c.kind, entries.c.key, entries.c.reference).order_by(entries.c.id),
        sa.select(*(c for c in postings.c if c.name not in ("entry_id", "created"))).order_by(*postings.primary_key),
        sa.select(*(c for c in balances.c if c.name != "updated")).order_by(*balances.primary_key),
        sa.select(outbox.c.type, outbox.c.foreign_id, sa.func.regexp_replace(outbox.c.message, '"created":"[^"]*"', ""))
        .order_by(outbox.c.id),
        sa.select(idempotency.c.key, idempotency.c.fingerprint, idempotency.c.thing.is_not(None)).order_by(idempotency.c.key),
    ]  # fmt: skip
    async with engine.connect() as db:
        return [[tuple(row) for row in await db.execute(statement)] for statement in statements]


async def played(engine: AsyncEngine, batches: Sequence[Sequence[Submitted[TransferOrder]]]) -> list[Any]:
    """Ask each batch at once, of a group commit of its own; then say what came of it all."""
    commits, command = scenario.commits(engine), MAKE
    found: list[Any] = []
    for batch in batches:
        found += map(shown, await commits.submit_all(command, batch))
    return [found, await left(engine)]


def alike(server: str, batches: Sequence[Sequence[Submitted[TransferOrder]]]) -> None:
    """What one transaction for each batch leaves is what one for each request leaves."""

    async def play(cut: Sequence[Sequence[Submitted[TransferOrder]]]) -> list[Any]:
        async with cloned(server) as url:
            engine = open_engine(url)
            try:
                await opened(engine, *NAMES)
                return await played(engine, cut)
            finally:
                await engine.dispose()

    assert asyncio.run(play(batches)) == asyncio.run(play([[one] for batch in batches for one in batch]))


BATCHES = st.lists(
    st.lists(orders(), min_size=2, max_size=8, unique_by=lambda one: one.claim and one.claim.key),
    min_size=1,
    max_size=4,
)


@settings(max_examples=10, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(BATCHES)
def test_many_transfers_at_once_come_to_what_one_by_one_comes_to(
    server: str, batches: list[list[Submitted[TransferOrder]]]
) -> None:
    alike(server, batches)


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[GroupCommit, GroupCommit]]:
    """Two programs on one database."""
    engines = [open_engine(database), open_engine(database)]
    one, other = (scenario.commits(engine) for engine in engines)
    yield one, other
    for engine in engines:
        await engine.dispose()


@pytest.mark.parametrize("hot", [False, True], ids=["ring", "one account"])
async def test_two_programs_never_spend_the_same_money(
    engine: AsyncEngine, two: tuple[GroupCommit, GroupCommit], *, hot: bool
) -> None:
    """Half of the requests are sent to both programs."""
    names = [f"u{n}" for n in range(8)]
    await opened(engine, *names, gold=20)
    command = MAKE
    before = await all_gold(engine)
    pairs = [(0, n % 7 + 1) if hot else (n % 8, (n + 1) % 8) for n in range(240)]
    wanted = [asked(order(names[a], names[b], "0.03"), f"k{n}") for n, (a, b) in enumerate(pairs)]

    async def ask(commits: GroupCommit, one: Submitted[TransferOrder]) -> Outcome:
        try:
            return await commits.submit(command, one.request, one.claim)
        except Refusal as refusal:
            return refusal

    asking = [
        ask(two[place], one) for n, one in enumerate(wanted) for place in ((0, 1) if n % 2 else (n // 2 % 2,))
    ]
    many = [[asked(order(names[1], names[2], "0.01"), f"{n}:{m}") for m in range(30)] for n in range(2)]
    bulked = [commits.submit_all(command, some) for commits, some in zip(two, many, strict=True)]
    outcomes = await asyncio.gather(*asking, *bulked)

    singles = [one for one in outcomes if not isinstance(one, list)]
    assert all(isinstance(one, Result | Refusal) for one in singles)
    made = {one.resource.id for one in singles if isinstance(one, Result)}
    assert await all_gold(engine) == before
    async with engine.connect() as db:
        done = await db.scalar(
            sa.select(sa.func.count()).select_from(entries).where(entries.c.key.like("transfer:shop:k%"))
        )
        told = await db.scalar(sa.select(sa.func.count()).select_from(outbox))
        moved = await db.scalar(
            sa.select(sa.func.count()).select_from(entries).where(entries.c.kind == "TRANSFER")
        )
    assert done == len(made)
    assert told == 2 * (moved or 0)
    assert len(made) == 6 if hot else len(made) > 6
