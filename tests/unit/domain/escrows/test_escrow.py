"""Escrows: how one begins, every end that it may come to, and that it comes to one only."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.db.tables import accounts as account_rows
from app.db.tables import balances, entries, postings, ready_keys
from app.db.tables import escrows as rows
from app.db.tables import holds as hold_rows
from app.domain import accounts, escrows, holds
from app.domain.accounts import NoReadyKeys
from app.domain.escrows import (
    FROM,
    End,
    Escrow,
    EscrowFilter,
    FeeAboveAmount,
    NewEscrow,
    NoSuchEscrow,
    NotInThatState,
    OrderTaken,
    OtherAsset,
    OtherSum,
    SameSides,
)
from app.domain.holds import AboveHold, Capture, Hold, HoldOver, NewHold, NoSuchHold, Release, release
from app.domain.idempotency import Claim
from app.domain.ledger import BadAmount, NoSuchAsset
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.pages import PageRequest
from app.domain.refusals import Refusal
from app.domain.transfers import LacksFunds
from tests import funding, scenario
from tests.conftest import cloned
from tests.funding import GOLD, comparable, submit_together
from tests.scenario import event_types


@pytest.fixture
async def numbers(engine: AsyncEngine) -> dict[str, int]:
    """Alice has 100 gold, Carol 20; Bob has none."""
    return await funding.fund(engine, {"alice": 10_000, "bob": 0, "carol": 2_000}, GOLD)


def new_escrow(order_id: str = "order 1", **terms: Any) -> NewEscrow:
    return NewEscrow(
        **{"order_id": order_id, "buyer": "alice", "seller": "bob", "asset": GOLD, "amount": 10, **terms}
    )


async def lock(engine: AsyncEngine, *wanted: NewEscrow) -> list[Escrow | Refusal]:
    async with engine.begin() as db:
        return await escrows.lock(db, wanted)


async def locked(engine: AsyncEngine, order_id: str = "order 1", **terms: Any) -> Escrow:
    [made] = await lock(engine, new_escrow(order_id, **terms))
    return scenario.accepted(made)


async def end(engine: AsyncEngine, *orders: End) -> list[Escrow | Refusal]:
    async with engine.begin() as db:
        return await escrows.end(db, orders, scenario.INSTALLATION)


async def ended(engine: AsyncEngine, given: End) -> Escrow:
    [made] = await end(engine, given)
    return scenario.accepted(made)


async def hold(engine: AsyncEngine, amount: int = 15, foreign_id: str = "alice", asset: str = GOLD) -> Hold:
    async with engine.begin() as db:
        [made] = await holds.place(db, [NewHold(foreign_id, asset, amount, seconds=60)])
    return scenario.accepted(made)


async def be_over(engine: AsyncEngine, hold_id: int) -> None:
    async with engine.begin() as db:
        past = sa.func.clock_timestamp() - timedelta(1)
        await db.execute(sa.update(hold_rows).where(hold_rows.c.id == hold_id).values(expires=past))


async def purses(engine: AsyncEngine) -> dict[str, tuple[int, int]]:
    """What everybody has available and held of gold, as far as it is anything."""
    async with engine.begin() as db:
        found = await accounts.owners(db, ["alice", "bob", "carol", "platform"])
    every = {name: await funding.of(engine, owner.id, GOLD) for name, owner in found.items()}
    return {name: lies for name, lies in every.items() if lies != (0, 0)}


# ---------------------------------------------------------------- beginnings and ends


async def test_what_is_locked_is_held_of_the_buyer_and_both_sides_are_told(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    escrow = await locked(engine, fee="0.5", reference=("cart", "7"), metadata='{"size":"L"}')

    assert (escrow.state, escrow.amount, escrow.fee, escrow.to_platform) == ("LOCKED", 1000, 50, 0)
    assert await purses(engine) == {"alice": (9000, 1000), "carol": (2000, 0)}
    stories = await funding.messages(engine)
    assert [(who, event, sorted(told_to)) for who, event, told_to in stories] == [
        ("alice", "ESCROW_LOCKED", ["account_id", "balance", "escrow", "foreign_id"]),
        ("bob", "ESCROW_LOCKED", ["account_id", "escrow", "foreign_id"]),
    ]
    assert stories[0][2]["escrow"]["metadata"] == {"size": "L"}
    async with engine.connect() as db:
        [entry] = (await db.execute(sa.select(entries).where(entries.c.kind == "ESCROW_LOCK"))).all()
        assert await escrows.fetch(db, escrow.id) == escrow
    assert (entry.cause_type, entry.cause_id, entry.key, entry.reference_type, entry.reference, entry.metadata) == (
        "escrow", str(escrow.id), f"escrow:{escrow.id}:LOCKED", "cart", "7", '{"size":"L"}',
    )  # fmt: skip


@pytest.mark.parametrize(("fee", "states", "gold", "parts"), [
    ("2.5", ["RELEASED"], {"alice": (9000, 0), "bob": (750, 0), "platform": (250, 0)}, (750, 0, 250)),
    (0, ["RELEASED"], {"alice": (9000, 0), "bob": (1000, 0)}, (1000, 0, 0)),
    (10, ["RELEASED"], {"alice": (9000, 0), "platform": (1000, 0)}, (0, 0, 1000)),
    ("2.5", ["REFUNDED"], {"alice": (10_000, 0)}, (0, 1000, 0)),
    ("2.5", ["DISPUTED"], {"alice": (9000, 1000)}, (0, 0, 0)),
    ("2.5", ["DISPUTED", "RELEASED"], {"alice": (9000, 0), "bob": (750, 0), "platform": (250, 0)}, (750, 0, 250)),
    ("2.5", ["DISPUTED", "REFUNDED"], {"alice": (10_000, 0)}, (0, 1000, 0)),
    ("2.5", ["DISPUTED", (6, 4)], {"alice": (9400, 0), "bob": (350, 0), "platform": (250, 0)}, (350, 400, 250)),
    ("2.5", ["DISPUTED", (1, 9)], {"alice": (9900, 0), "platform": (100, 0)}, (0, 900, 100)),
    ("2.5", ["DISPUTED", (0, 10)], {"alice": (10_000, 0)}, (0, 1000, 0)),
])  # fmt: skip
async def test_who_gets_what_in_the_end(
    engine: AsyncEngine,
    numbers: dict[str, int],
    fee: Any,
    states: Sequence[Any],
    gold: dict[str, tuple[int, int]],
    parts: tuple[int, int, int],
) -> None:
    escrow = await locked(engine, fee=fee)

    for state in states:
        given = End(escrow.id, state) if isinstance(state, str) else End(escrow.id, "RESOLVED", *state)
        escrow = await ended(engine, given)

    assert await purses(engine) == {"carol": (2000, 0), **gold}
    assert (escrow.to_seller, escrow.to_buyer, escrow.to_platform) == parts
    async with engine.connect() as db:
        assert await escrows.fetch(db, escrow.id) == escrow
    events = [(who, event) for who, event, _ in await funding.messages(engine) if event.startswith("ESCROW")]
    fee_earned = [("platform", "ESCROW_FEE_EARNED")] if escrow.to_platform else []
    ended_for = [(who, f"ESCROW_{escrow.state}") for who in ("alice", "bob")]
    assert events[-2 - len(fee_earned) :] == ended_for + fee_earned
    await funding.check_ledger(engine)


@pytest.mark.parametrize("second", FROM)
@pytest.mark.parametrize("first", [[], ["RELEASED"], ["REFUNDED"], ["DISPUTED"], ["DISPUTED", "RESOLVED"]])
async def test_every_step_that_is_not_allowed_is_refused_and_moves_nothing(
    engine: AsyncEngine, numbers: dict[str, int], first: list[str], second: str
) -> None:
    allowed = {"": {"RELEASED", "REFUNDED", "DISPUTED"}, "DISPUTED": {"RELEASED", "REFUNDED", "RESOLVED"}}
    escrow = await locked(engine)
    for state in first:
        escrow = await ended(engine, End(escrow.id, state, 4, 6))
    before = await funding.all_rows(engine, rows, balances, entries)

    [outcome] = await end(engine, End(escrow.id, second, 4, 6))

    if second in allowed.get("".join(first), set()):
        assert scenario.accepted(outcome).state == second
        return
    assert isinstance(outcome, NotInThatState)
    assert str(outcome) == f"The escrow {escrow.id} is {escrow.state}: it cannot be {second}."
    assert await funding.all_rows(engine, rows, balances, entries) == before


async def test_a_seller_that_was_closed_meanwhile_is_paid_all_the_same(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    priced, free = await locked(engine, fee=1), await locked(engine, "order 2")
    await close(engine, "bob")

    for escrow in (priced, free):
        assert (await ended(engine, End(escrow.id, "RELEASED"))).state == "RELEASED"
    assert (await purses(engine))["bob"] == (1900, 0)


async def test_dogecoin_of_an_escrow_tells_each_account_its_balance_the_platforms_too(
    engine: AsyncEngine,
) -> None:
    await funding.fund(engine, {"alice": 5 * 10**8, "bob": 0, "platform": 0})
    escrow = await locked(engine, asset="DOGE", amount=4, fee=1)
    assert await event_types(engine) == ["ESCROW_LOCKED", "ESCROW_LOCKED", "ACC_BALANCE_CHANGE"]

    await end(engine, End(escrow.id, "RELEASED"))

    assert await event_types(engine) == [
        "ESCROW_RELEASED",
        "ESCROW_RELEASED",
        "ESCROW_FEE_EARNED",
        *["ACC_BALANCE_CHANGE"] * 3,
    ]


async def test_the_platforms_account_is_opened_with_the_first_fee_once_also_by_two_at_once(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    made = [await locked(engine, f"order {n}", amount=1, fee="0.5") for n in range(6)]

    await asyncio.gather(*(end(engine, End(escrow.id, "RELEASED")) for escrow in made))

    assert (await purses(engine))["platform"] == (300, 0)
    assert (await event_types(engine, "ACC_CREATED")) == ["ACC_CREATED"]


async def test_without_a_key_for_the_platforms_account_nothing_is_released_yet(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    free, priced = await locked(engine), await locked(engine, "order 2", fee=1)
    async with engine.begin() as db:
        await db.execute(sa.delete(ready_keys))

    orders = [End(free.id, "RELEASED"), End(priced.id, "RELEASED")]
    outcomes = await submit_together(scenario.commits(engine), escrows.END, orders)

    assert [type(outcome) for outcome in outcomes] == [Escrow, NoReadyKeys]
    assert (await purses(engine))["alice"] == (8000, 1000)


# ---------------------------------------------------------------- from a hold


async def test_an_escrow_of_a_hold_takes_what_it_needs_and_the_rest_goes_back(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    source = await hold(engine, 15)

    escrow = await locked(engine, amount=10, hold=source.id)

    assert (escrow.hold, escrow.amount) == (source.id, 1000)
    assert await purses(engine) == {"alice": (9000, 1000), "carol": (2000, 0)}
    async with engine.connect() as db:
        converted = await holds.fetch(db, source.id)
        kinds = await db.scalars(
            sa.select(entries.c.kind).where(entries.c.cause_type != "test").order_by(entries.c.id)
        )
        assert list(kinds) == ["HOLD", "HOLD_RELEASE", "ESCROW_LOCK"]
    assert (converted.state, converted.remaining) == ("CONVERTED", 0)
    assert (await event_types(engine))[-2:] == ["ESCROW_LOCKED", "ESCROW_LOCKED"]


async def test_a_hold_is_converted_once_and_then_neither_captured_nor_released_nor_expired(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    source = await hold(engine)
    [first, second] = await lock(
        engine, new_escrow("one", hold=source.id), new_escrow("two", amount=5, hold=source.id)
    )
    await be_over(engine, source.id)

    async with engine.begin() as db:
        [captured] = await holds.capture(db, [Capture(source.id, "bob")])
        [released] = await release.release(db, [Release(source.id)])
        assert await holds.expire(db) == 0
    assert isinstance(first, Escrow)
    for refused in (second, captured, released):
        assert isinstance(refused, HoldOver)
        assert "CONVERTED" in str(refused)
    async with engine.connect() as db:
        assert len((await escrows.page(db, EscrowFilter(), PageRequest(None, 10))).items) == 1


# ---------------------------------------------------------------- what is refused


async def close(engine: AsyncEngine, foreign_id: str) -> None:
    await scenario.open_account(engine, foreign_id)
    async with engine.begin() as db:
        of_name = account_rows.c.foreign_id == foreign_id
        await db.execute(sa.update(account_rows).where(of_name).values(state="closed"))


@pytest.mark.parametrize(("given", "refusal", "field"), [
    (new_escrow(buyer="nobody"), NoSuchAccount, "buyer"),
    (new_escrow(seller="nobody"), NoSuchAccount, "seller"),
    (new_escrow(buyer="closed"), AccountClosed, "buyer"),
    (new_escrow(seller="closed"), AccountClosed, "seller"),
    (new_escrow(seller="alice"), SameSides, "seller"),
    (new_escrow(asset="silver"), NoSuchAsset, "asset"),
    (new_escrow(amount=0), BadAmount, "amount"),
    (new_escrow(amount="0.001"), BadAmount, "amount"),
    (new_escrow(amount="92233720368547758.08"), BadAmount, "amount"),
    (new_escrow(fee="0.001"), BadAmount, "fee"),
    (new_escrow(fee=-1), BadAmount, "fee"),
    (new_escrow(fee="10.01"), FeeAboveAmount, "fee"),
    (new_escrow(amount="92.01"), LacksFunds, "amount"),
    (new_escrow("taken"), OrderTaken, "order_id"),
    (new_escrow(hold=99), NoSuchHold, "hold"),
    (new_escrow(hold=2), NoSuchHold, "hold"),  # Carol's
    (new_escrow(hold=3), HoldOver, "hold"),
    (new_escrow(hold=4), HoldOver, "hold"),
    (new_escrow(hold=1, asset="DOGE"), OtherAsset, "asset"),
    (new_escrow(hold=1, amount="5.01"), AboveHold, "amount"),
    (End(99, "RELEASED"), NoSuchEscrow, "id"),
    (End(1, "RESOLVED", 4, 6), NotInThatState, "id"),
    (End(2, "RESOLVED", 0, "0.99"), OtherSum, "to_seller"),
    (End(2, "RESOLVED", 1, 1), OtherSum, "to_seller"),
    (End(2, "RESOLVED", -1, 2), BadAmount, "to_seller"),
    (End(2, "RESOLVED", "0.5", "0.501"), BadAmount, "to_buyer"),
])  # fmt: skip
async def test_what_cannot_be_done_is_refused_by_name_and_moves_nothing(
    engine: AsyncEngine, numbers: dict[str, int], given: Any, refusal: type[Refusal], field: str
) -> None:
    """Holds 1 to 4: Alice's 5 gold, Carol's, one that is over but for the clock, one that was released."""
    await close(engine, "closed")
    for who, amount in (("alice", 5), ("carol", 15), ("alice", 1), ("alice", 1)):
        await hold(engine, amount, who)
    await be_over(engine, 3)
    async with engine.begin() as db:
        await release.release(db, [Release(4)])
    await locked(engine, "taken", amount=1)
    await ended(engine, End((await locked(engine, "disputed", amount=1)).id, "DISPUTED"))
    await event_types(engine)
    before = await funding.all_rows(engine, rows, hold_rows, entries, postings)

    [refused] = await (end(engine, given) if isinstance(given, End) else lock(engine, given))

    assert isinstance(refused, refusal)
    assert refused.field == field
    assert await funding.all_rows(engine, rows, hold_rows, entries, postings) == before
    assert await event_types(engine) == []


# ---------------------------------------------------------------- many at once


OPERATIONS = st.one_of(
    st.tuples(
        st.just("lock"), st.integers(0, 9), st.integers(0, 40), st.sampled_from([None, None, 1, 2, 3, 9])
    ),
    st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from([*FROM, "DISPUTED"]), st.integers(0, 12)),
)
"""Locks of an order, so much, out of a hold; ends of an order's escrow."""


def request_of(ids: dict[str, int], kind: str, order: int, second: Any, third: Any) -> Any:
    name = f"order {order}"
    if kind == "lock":
        return new_escrow(name, buyer=("alice", "carol")[second % 2], amount=second, fee=1, hold=third)
    return End(ids.get(name, 99), second, third, 10 - third)


async def numbered(engine: AsyncEngine) -> dict[str, int]:
    """The escrows' ids by order: who is written first in a batch is not who came first."""
    async with engine.connect() as db:
        return {row.order_id: row.id for row in await db.execute(sa.select(rows.c.order_id, rows.c.id))}


def by_order(given: Any) -> Any:
    """The same with the escrows' ids taken out."""
    if isinstance(given, dict):
        return {
            name: by_order(value)
            for name, value in given.items()
            if (name, "order_id" in given) != ("id", True)
        }
    if isinstance(given, list | tuple):
        ours = len(given) > 2 and given[2] == "escrow"  # an entry, with its cause and its key
        return [by_order(value) for n, value in enumerate(given) if not (ours and n in (3, 6))]
    return given


async def play(server: str, batches: Sequence[tuple[str, Sequence[Any]]], *, at_once: bool) -> Any:
    """Everything that the batches leave and answer, each batch of one command together or one after the other."""
    commands: dict[str, Any] = {"lock": escrows.LOCK, "end": escrows.END}
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            await funding.fund(engine, {"alice": 12_000, "bob": 0, "carol": 5_000, "platform": 0}, GOLD)
            for amount, who in ((20, "alice"), (10, "carol"), (30, "alice")):
                await hold(engine, amount, who)
            commits = scenario.commits(engine)
            answers: list[Any] = []
            for kind, plan in batches:
                ids = await numbered(engine)
                requests = [request_of(ids, *one) for one in plan]
                for group in [requests] if at_once else [[one] for one in requests]:
                    answers += [
                        plain(comparable(one))
                        for one in await submit_together(commits, commands[kind], group)
                    ]
            await funding.check_ledger(engine)
            every = await funding.all_rows(engine, hold_rows, balances, entries, postings)
            return by_order([answers, every, await funding.messages(engine)])
        finally:
            await engine.dispose()


def plain(answer: Any) -> Any:
    """A refusal's sentence may name an escrow's id."""
    if isinstance(answer, Escrow):
        return [answer.order_id, answer.state, answer.to_seller, answer.to_buyer]
    kind, sentence, field = answer
    return [kind, sentence.partition(" is ")[2] if kind is NotInThatState else sentence, field]


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPERATIONS, min_size=4, max_size=30))
def test_escrows_locked_and_ended_together_come_to_what_one_by_one_comes_to(
    server: str, plan: list[Any]
) -> None:
    start = [("lock", n, 10, None) for n in (0, 9, 5)]
    batches = [
        (kind, [one for one in [*start, *plan] if one[0] == kind]) for kind in ("lock", "end", "lock", "end")
    ]

    assert asyncio.run(play(server, batches, at_once=True)) == asyncio.run(
        play(server, batches, at_once=False)
    )


async def test_of_all_who_would_have_a_hold_exactly_one_gets_it(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    """Two instances on one database, and a clock: captured, released, expired or converted."""
    made = [await hold(engine, 1) for _ in range(16)]
    one, other = scenario.commits(engine), scenario.commits(engine)
    ids = [source.id for source in made]

    async def expire() -> list[Any]:
        async with engine.begin() as db:
            late = hold_rows.c.id.in_(ids[::4])
            past = sa.func.clock_timestamp() - timedelta(1)
            await db.execute(
                sa.update(hold_rows).where(late, hold_rows.c.state == "HELD").values(expires=past)
            )
        async with engine.begin() as db:
            await holds.expire(db)
        return []

    answers = await asyncio.gather(
        submit_together(one, holds.CAPTURE, [Capture(number, "bob") for number in ids]),
        submit_together(other, holds.RELEASE, [Release(number) for number in reversed(ids)]),
        submit_together(
            other, escrows.LOCK, [new_escrow(f"order {n}", amount=1, hold=n) for n in reversed(ids)]
        ),
        submit_together(one, escrows.LOCK, [new_escrow(f"other {n}", amount=1, hold=n) for n in ids]),
        expire(),
    )
    async with engine.begin() as db:
        await holds.expire(db)  # what was in somebody's hand, who then found it over

    outcomes = [outcome for some in answers for outcome in some]
    winners = [
        outcome.hold if isinstance(outcome, Escrow) else outcome.id
        for outcome in outcomes
        if not isinstance(outcome, Refusal)
    ]
    async with engine.connect() as db:
        states = [one.state for one in (await holds.by_ids(db, [str(number) for number in ids])).values()]
    assert "HELD" not in states
    assert len(winners) + states.count("EXPIRED") == len(set(winners)) + states.count("EXPIRED") == 16
    assert {type(outcome) for outcome in outcomes} <= {Hold, Escrow, HoldOver}
    await funding.check_ledger(engine)


async def test_an_order_has_one_escrow_whoever_asks_at_once_and_however_its_end_is_raced_for(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    commits = [scenario.commits(engine) for _ in range(3)]
    orders = [f"order {n}" for n in range(8)]

    made = await asyncio.gather(
        *(
            submit_together(one, escrows.LOCK, [new_escrow(order, amount=1) for order in orders])
            for one in commits
        ),
        submit_together(
            commits[0], escrows.LOCK, [new_escrow(order, amount=1) for order in reversed(orders)]
        ),
    )
    escrows_made = [one for some in made for one in some if isinstance(one, Escrow)]
    assert sorted(one.order_id for one in escrows_made) == orders
    assert {type(one) for some in made for one in some} == {Escrow, OrderTaken}

    ends = await asyncio.gather(*(
        submit_together(one, escrows.END, [End(escrow.id, state) for escrow in escrows_made])
        for one, state in zip(commits, ("RELEASED", "REFUNDED", "RELEASED"), strict=True)
    ))  # fmt: skip

    assert sorted(one.order_id for some in ends for one in some if isinstance(one, Escrow)) == orders
    assert (await purses(engine))["alice"][1] == 0
    await funding.check_ledger(engine)


async def test_an_order_that_could_not_be_paid_is_free_for_whoever_waited_for_it(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    async with engine.begin() as db:
        [refused] = await escrows.lock(db, [new_escrow(amount=101)])
        waiting = asyncio.create_task(lock(engine, new_escrow(buyer="carol")))
        await scenario.until_someone_waits(engine)

    assert isinstance(refused, LacksFunds)
    [made] = await waiting
    assert scenario.accepted(made).buyer.foreign_id == "carol"


async def test_the_same_key_locks_and_ends_once(engine: AsyncEngine, numbers: dict[str, int]) -> None:
    commits = scenario.commits(engine)
    steps: list[tuple[Any, Any]] = [
        (escrows.LOCK, new_escrow(fee=1)),
        (escrows.END, End(1, "RELEASED")),
    ]
    for command, wanted in steps:
        claim = Claim("admin", command.kind, b"same")
        first = await commits.submit(command, wanted, claim)
        again = await asyncio.gather(*(commits.submit(command, wanted, claim) for _ in range(3)))

        assert [(one.resource, one.replayed) for one in again] == [(first.resource, True)] * 3
    assert await purses(engine) == {
        "alice": (9000, 0),
        "bob": (900, 0),
        "carol": (2000, 0),
        "platform": (100, 0),
    }


async def test_pages_are_newest_first_and_hold_what_is_asked_for(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    made = [await locked(engine, f"order {n}", amount=1, buyer=("alice", "carol")[n % 2]) for n in range(6)]
    await end(engine, End(made[0].id, "DISPUTED"), End(made[1].id, "DISPUTED"))

    async def found(after: int | None = None, limit: int = 10, **terms: str) -> list[int]:
        async with engine.connect() as db:
            page = await escrows.page(db, EscrowFilter(**terms), PageRequest(after, limit))
        return [int(escrow.order_id[-1]) for escrow in page.items]

    assert await found(limit=4) == [5, 4, 3, 2]
    assert await found(after=made[2].id) == [1, 0]
    assert await found(order_id="order 3") == [3]
    assert await found(buyer="carol", state="LOCKED") == [5, 3]
    assert await found(seller="bob", state="DISPUTED") == [1, 0]
    assert await found(buyer="alice", seller="bob") == [4, 2, 0]
    assert await found(buyer="nobody") == []
