import asyncio

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import sqlstate
from app.db.tables import CLAWBACK, TREASURY, WORLD, balances, entries, postings
from app.domain import ledger
from app.domain.ledger import AlreadyPosted, Bucket, Entry, Posted, Posting
from app.money import DOGE
from tests import plans, scenario

AVAILABLE, INCOMING = Bucket.AVAILABLE, Bucket.INCOMING


def moved(key: str, amount: int, payer: int, payee: int, *, clawback: bool = False) -> Entry:
    lines = (Posting(payer, AVAILABLE, -amount), Posting(payee, AVAILABLE, amount))
    return Entry("TEST", ("test", key), key, lines, clawback=clawback)


async def post(engine: AsyncEngine, *new_entries: Entry) -> list[ledger.Outcome]:
    async with engine.begin() as db:
        return await ledger.post(db, new_entries)


async def available(engine: AsyncEngine, account: int) -> int:
    async with engine.begin() as db:
        return (await ledger.balance(db, account)).available


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5).filter(sum))
def test_an_entry_that_does_not_sum_to_zero_cannot_be_built(amounts: list[int]) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        Entry("TEST", ("test", "1"), "k", tuple(Posting(1, AVAILABLE, amount) for amount in amounts))


async def test_a_posting_carries_the_balance_after_it(engine: AsyncEngine) -> None:
    await post(engine, moved("a", 70, WORLD, 1), moved("b", 30, 1, 2))

    async with engine.begin() as db:
        rows = (
            await db.execute(sa.select(postings).where(postings.c.account_id == 1).order_by(postings.c.seq))
        ).all()
    assert [(row.seq, row.amount, row.available) for row in rows] == [(1, 70, 70), (2, -30, 40)]
    assert await available(engine, WORLD) == -70


async def test_closed_payees_are_found_in_the_index_of_closed_accounts(engine: AsyncEngine) -> None:
    many = (
        "INSERT INTO accounts (id, foreign_id, xpub, address) "
        "SELECT n, n, '', '' FROM generate_series(1, 1000) AS n"
    )
    async with engine.begin() as db:
        await db.execute(sa.text(many))
        await db.execute(sa.text("ANALYZE accounts"))

    async with engine.begin() as db, plans.watched(db) as seen:
        await ledger.post(db, [moved("a", 70, WORLD, 1)])

    assert ["accounts_closed_idx" in plan for plan in seen if " accounts " in plan] == [True]


async def test_what_would_go_below_zero_is_refused_and_leaves_its_neighbours_alone(
    engine: AsyncEngine,
) -> None:
    outcomes = await post(engine, moved("a", 10, WORLD, 1), moved("b", 11, 1, 2), moved("c", 10, 1, 2))

    assert isinstance(outcomes[1], ledger.InsufficientFunds)
    assert str(outcomes[1]) == "The account has 10 of the 11 that are needed."
    assert (await available(engine, 1), await available(engine, 2)) == (0, 10)


async def test_a_key_is_posted_once_also_within_one_batch(engine: AsyncEngine) -> None:
    first = await post(engine, moved("a", 5, WORLD, 1), moved("a", 5, WORLD, 1))
    again = await post(engine, moved("a", 5, WORLD, 1))

    assert [type(outcome) for outcome in first + again] == [
        ledger.Posted,
        ledger.AlreadyPosted,
        ledger.AlreadyPosted,
    ]
    assert await available(engine, 1) == 5


async def test_what_a_block_takes_back_and_is_not_there_is_owed_by_clawback(engine: AsyncEngine) -> None:
    await post(engine, moved("in", 100, WORLD, 1), moved("out", 60, 1, 2))

    [outcome] = await post(engine, moved("back", 100, 1, WORLD, clawback=True))

    assert isinstance(outcome, ledger.Posted)
    assert outcome.charged == 60
    assert (
        await available(engine, 1),
        await available(engine, CLAWBACK),
        await available(engine, WORLD),
    ) == (
        0,
        -60,
        0,
    )


async def test_a_balance_cannot_outgrow_64_bits(engine: AsyncEngine) -> None:
    await post(engine, moved("a", 2**62, WORLD, 1))

    [outcome] = await post(engine, moved("b", 2**62, WORLD, 1))

    assert isinstance(outcome, ledger.BalanceTooLarge)


async def test_many_at_once_on_one_account_neither_lose_nor_overdraw(engine: AsyncEngine) -> None:
    await post(engine, moved("fund", 20, WORLD, 1))

    results = await asyncio.gather(*(post(engine, moved(f"p{n}", 1, 1, 2 + n % 3)) for n in range(40)))

    refused = sum(isinstance(outcome, ledger.InsufficientFunds) for [outcome] in results)
    assert refused == 20
    assert await available(engine, 1) == 0
    assert sum([await available(engine, n) for n in (2, 3, 4)]) == 20


async def test_batches_that_touch_the_same_accounts_in_other_orders_do_not_deadlock(
    engine: AsyncEngine,
) -> None:
    await post(engine, *(moved(f"fund{n}", 1000, WORLD, n) for n in range(10)))

    await asyncio.gather(
        *(
            post(engine, *(moved(f"{n}:{k}", 1, (n + k) % 10, (n * 3 + k * 7 + 1) % 10) for k in range(10)))
            for n in range(1, 20)
        )
    )

    assert sum([await available(engine, n) for n in range(10)]) == 10_000


async def test_balances_that_many_need_for_the_first_time_are_made_without_deadlock(
    engine: AsyncEngine,
) -> None:
    states: set[str | None] = set()

    async def surely(number: int) -> list[ledger.Outcome]:
        new_entries = [moved(f"{number}:{k}", 1, WORLD, (number * 3 + k * 7) % 20) for k in range(10)]
        while True:
            try:
                return await post(engine, *new_entries)
            except DBAPIError as error:
                states.add(sqlstate(error))
                if sqlstate(error) != "40001":  # else it would try for ever
                    raise

    await asyncio.gather(*(surely(number) for number in range(30)))

    assert states <= {"40001"}  # a deadlock would be another
    assert sum([await available(engine, n) for n in range(20)]) == 300


@pytest.mark.parametrize("held", [False, True], ids=["at rest", "held by a third"])
async def test_a_balance_that_another_makes_meanwhile_is_taken_if_nobody_holds_it(
    engine: AsyncEngine, *, held: bool
) -> None:
    await post(engine, moved("fund", 5, WORLD, 1))
    async with engine.begin() as first, engine.begin() as third:
        await ledger.lock(first, [(1, DOGE)])
        late = asyncio.create_task(post(engine, moved("late", 5, 1, 2)))
        await scenario.until_someone_waits(engine)  # it has seen no balance of 2
        await post(engine, moved("made", 7, WORLD, 2))
        if held:
            await ledger.lock(third, [(2, DOGE)])
        await first.commit()
        # Who waited for the third, which may wait for it, would wait in a circle.
        async with asyncio.timeout(5):
            [outcome] = await asyncio.gather(late, return_exceptions=True)

    result = sqlstate(outcome) if isinstance(outcome, BaseException) else [type(item) for item in outcome]
    assert result == ("40001" if held else [Posted])
    assert await available(engine, 2) == (7 if held else 12)


async def test_what_was_decided_is_not_written_over_a_balance_that_moved_since(engine: AsyncEngine) -> None:
    async def stale() -> None:
        async with engine.begin() as db:
            _, pending = await ledger.decide(db, [moved("stale", 1, 1, 2)])
            await ledger.post(db, [moved("between", 4, 1, 2)])
            await ledger.write(db, pending)

    await post(engine, moved("fund", 5, WORLD, 1))

    with pytest.raises(RuntimeError, match="not where it was"):
        await stale()

    assert (await available(engine, 1), await available(engine, 2)) == (5, 0)


async def test_a_balance_is_found_once_by_its_key_and_then_where_it_is_locked(engine: AsyncEngine) -> None:
    many = (
        "INSERT INTO balances (account_id, asset, available) "
        "SELECT n, 'DOGE', 9 FROM generate_series(1, 9999) AS n"
    )
    async with engine.begin() as db:
        await db.execute(sa.text(many))
        await db.execute(sa.text("ANALYZE balances"))

    async with engine.begin() as db, plans.watched(db) as seen:
        await ledger.post(db, [moved("a", 5, 1, 2)])

    of_balances = [plan for plan in seen if " balances" in plan]
    assert [("balances_pkey" in plan, "Tid Scan" in plan) for plan in of_balances] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    "statement", [sa.update(entries).values(kind="X"), sa.delete(postings), "TRUNCATE postings"]
)
async def test_history_cannot_be_changed_by_anybody(
    engine: AsyncEngine, statement: sa.Executable | str
) -> None:
    await post(engine, moved("a", 1, WORLD, 1))

    with pytest.raises(DBAPIError, match="cannot be changed"):
        async with engine.begin() as db:
            await db.execute(sa.text(statement) if isinstance(statement, str) else statement)


async def test_the_schema_too_refuses_a_negative_balance(engine: AsyncEngine) -> None:
    await post(engine, moved("a", 1, WORLD, 1))

    with pytest.raises(DBAPIError, match="balances_floor_check"):
        async with engine.begin() as db:
            await db.execute(sa.update(balances).where(balances.c.account_id == 1).values(available=-1))


async def test_the_treasury_issues_credits_without_a_balance_row_and_never_doge(engine: AsyncEngine) -> None:
    gold = [
        Entry(
            "TOPUP",
            ("test", str(n)),
            f"gold:{n}",
            (Posting(TREASURY, AVAILABLE, -n, "gold"), Posting(1, AVAILABLE, n, "gold")),
        )
        for n in (5, 7)
    ]

    async with engine.begin() as db:
        outcomes = await ledger.post(db, gold)
        again = await ledger.post(db, gold[:1])

    async with engine.connect() as db:
        issued = sa.select(postings.c.seq, postings.c.entry_id, postings.c.amount).where(
            postings.c.account_id == TREASURY
        )
        lines = (await db.execute(issued.order_by(postings.c.seq))).all()
        rows = await db.scalar(
            sa.select(sa.func.count()).select_from(balances).where(balances.c.account_id == TREASURY)
        )
        assert (await ledger.balance(db, 1, "gold")).available == 12
    assert [type(outcome) for outcome in [*outcomes, *again]] == [Posted, Posted, AlreadyPosted]
    assert [(line.seq == line.entry_id, line.amount) for line in lines] == [(True, -5), (True, -7)]
    assert rows == 0
    with pytest.raises(ValueError, match="treasury"):
        Entry("TOPUP", ("test", "3"), "doge", (Posting(TREASURY, AVAILABLE, -1), Posting(1, AVAILABLE, 1)))
