"""Holds: every end that one may come to, and that it comes to one only."""

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
from app.db.tables import accounts, balances, entries, postings
from app.db.tables import holds as rows
from app.domain import holds
from app.domain.holds import Capture, Hold, NewHold, NoSuchHold, Release
from app.domain.holds.hold import AboveHold, HoldOver
from app.domain.holds.release import OwnHold
from app.domain.holds.release import release as release_holds
from app.domain.idempotency import Claim
from app.domain.ledger import BadAmount, BalanceTooLarge, NoSuchAsset
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
    """Alice has 100 gold; Bob has none."""
    return await funding.fund(engine, {"alice": 10_000, "bob": 0}, GOLD)


async def place(engine: AsyncEngine, *orders: NewHold) -> list[Hold | Refusal]:
    async with engine.begin() as db:
        return await holds.place(db, orders)


async def placed(engine: AsyncEngine, amount: int | str = 10, **terms: Any) -> Hold:
    [outcome] = await place(engine, NewHold("alice", GOLD, amount, **terms))
    return scenario.accepted(outcome)


async def release(engine: AsyncEngine, *orders: Release) -> list[Hold | Refusal]:
    async with engine.begin() as db:
        return await release_holds(db, orders)


async def capture(engine: AsyncEngine, *orders: Capture) -> list[Hold | Refusal]:
    async with engine.begin() as db:
        return await holds.capture(db, orders)


async def expire(engine: AsyncEngine) -> int:
    async with engine.begin() as db:
        return await holds.expire(db)


async def make_late(engine: AsyncEngine, hold: Hold) -> None:
    """Let the hold's time be over, though it is not expired yet."""
    async with engine.begin() as db:
        await db.execute(
            sa.update(rows).where(rows.c.id == hold.id).values(expires=hold.created - timedelta(1))
        )


async def hold_messages(engine: AsyncEngine) -> list[tuple[str, str, str, str, str]]:
    """Account, event, amount, and what the account has available and held."""
    return [
        (name, event, message["amount"], message["balance"]["available"], message["balance"]["held"])
        for name, event, message in await funding.messages(engine)
    ]


async def test_what_is_held_is_no_longer_available_and_still_the_accounts(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    hold = await placed(engine, "12.5", reference=("auction", "bid 7"), seconds=60)

    assert (hold.amount, hold.remaining, hold.captured, hold.state) == (1250, 1250, 0, "HELD")
    assert hold.expires == hold.created + timedelta(seconds=60)
    assert await funding.of(engine, numbers["alice"], GOLD) == (8750, 1250)
    assert await hold_messages(engine) == [("alice", "HOLD_CREATED", "12.5", "87.5", "12.5")]
    async with engine.connect() as db:
        [entry] = (await db.execute(sa.select(entries).where(entries.c.kind == "HOLD"))).all()
        assert await scenario.fetch(db, holds.FETCH, hold.id) == hold
    assert (entry.cause_type, entry.cause_id, entry.reference_type, entry.reference, entry.key) == (
        "hold", str(hold.id), "auction", "bid 7", f"hold:{hold.id}:0",
    )  # fmt: skip


async def test_a_part_released_leaves_the_rest_held_and_a_part_captured_gives_the_rest_back(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    hold = await placed(engine, 10)

    [outcome] = await release(engine, Release(hold.id, "2.5"))
    released = scenario.accepted(outcome)
    [outcome] = await capture(engine, Capture(hold.id, "bob", 4))
    captured = scenario.accepted(outcome)

    assert (released.state, released.remaining) == ("HELD", 750)
    assert (captured.state, captured.remaining, captured.captured) == ("CAPTURED", 0, 400)
    assert await funding.of(engine, numbers["alice"], GOLD) == (9600, 0)
    assert await funding.of(engine, numbers["bob"], GOLD) == (400, 0)
    assert (await hold_messages(engine))[1:] == [
        ("alice", "HOLD_RELEASED", "2.5", "92.5", "7.5"),
        ("alice", "HOLD_CAPTURED", "4", "96", "0"),
        ("bob", "HOLD_CAPTURED", "4", "4", "0"),
    ]
    async with engine.connect() as db:
        posted = sa.select(entries.c.key, entries.c.kind).where(entries.c.cause_type == "hold")
        assert [tuple(row) for row in await db.execute(posted.order_by(entries.c.id))] == [
            (f"hold:{hold.id}:{number}", kind)
            for number, kind in enumerate(("HOLD", "HOLD_RELEASE", "HOLD_CAPTURE", "HOLD_RELEASE"))
        ]


async def test_dogecoin_that_is_held_changes_the_balance_that_is_told(engine: AsyncEngine) -> None:
    await funding.fund(engine, {"alice": 500, "bob": 0})

    await place(engine, NewHold("alice", "DOGE", "0.000001"), NewHold("alice", "DOGE", "0.000002"))

    assert await event_types(engine) == ["HOLD_CREATED", "HOLD_CREATED", "ACC_BALANCE_CHANGE"]


async def test_a_hold_whose_time_is_over_goes_back_by_itself_once(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    late, _, early = (
        await placed(engine, 10, seconds=60),
        await placed(engine, 20),
        await placed(engine, 5, seconds=60),
    )
    await make_late(engine, late)
    await event_types(engine)

    assert [await expire(engine), await expire(engine)] == [1, 0]

    async with engine.connect() as db:
        states = [(await scenario.fetch(db, holds.FETCH, hold.id)).state for hold in (late, early)]
        assert states == ["EXPIRED", "HELD"]
    assert await funding.of(engine, numbers["alice"], GOLD) == (7500, 2500)
    assert await event_types(engine) == ["HOLD_EXPIRED"]


async def test_two_who_let_holds_expire_share_the_work_and_do_nothing_twice(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    for _ in range(30):
        await make_late(engine, await placed(engine, 1, seconds=60))

    assert sum(await asyncio.gather(*(expire(engine) for _ in range(4)))) == 30

    assert await funding.of(engine, numbers["alice"], GOLD) == (10_000, 0)
    await funding.check_ledger(engine)


# ---------------------------------------------------------------- what is allowed, and what is refused


ENDS: dict[str, str] = {"release": "RELEASED", "capture": "CAPTURED", "expire": "EXPIRED"}


async def end(engine: AsyncEngine, how: str, hold: Hold) -> Hold | Refusal | None:
    if how == "expire":
        await make_late(engine, hold)
        return None if await expire(engine) else HoldOver(id=hold.id, state="", field="id")
    [outcome] = await (
        release(engine, Release(hold.id)) if how == "release" else capture(engine, Capture(hold.id, "bob"))
    )
    return outcome


@pytest.mark.parametrize("second", ENDS)
@pytest.mark.parametrize("first", ENDS)
async def test_a_hold_ends_once_and_whoever_comes_later_hears_how(
    engine: AsyncEngine, numbers: dict[str, int], first: str, second: str
) -> None:
    hold = await placed(engine)
    assert not isinstance(await end(engine, first, hold), Refusal)
    before = await funding.all_rows(engine, rows, balances, entries)

    refused = await end(engine, second, hold)

    assert isinstance(refused, HoldOver)
    if second != "expire":
        assert str(refused) == f"The hold {hold.id} is {ENDS[first]}: nothing of it is held any more."
    assert await funding.all_rows(engine, rows, balances, entries) == before


async def test_a_hold_whose_time_is_over_is_refused_also_before_anybody_came_to_end_it(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    hold = await placed(engine, seconds=60)
    await make_late(engine, hold)

    for [refused] in (
        await capture(engine, Capture(hold.id, "bob")),
        await release(engine, Release(hold.id)),
    ):
        assert isinstance(refused, HoldOver)
        assert "EXPIRED" in str(refused)
    assert await funding.of(engine, numbers["alice"], GOLD) == (9000, 1000)


@pytest.mark.parametrize(("order", "refusal", "field"), [
    (NewHold("nobody", GOLD, 1), NoSuchAccount, "foreign_id"),
    (NewHold("closed", GOLD, 1), AccountClosed, "foreign_id"),
    (NewHold("alice", "silver", 1), NoSuchAsset, "asset"),
    (NewHold("alice", GOLD, 0), BadAmount, "amount"),
    (NewHold("alice", GOLD, -1), BadAmount, "amount"),
    (NewHold("alice", GOLD, "0.001"), BadAmount, "amount"),
    (NewHold("alice", GOLD, "92233720368547758.08"), BadAmount, "amount"),
    (NewHold("alice", GOLD, "100.01"), LacksFunds, "amount"),
    (NewHold("alice", "DOGE", 1), LacksFunds, "amount"),
    (Release(99), NoSuchHold, "id"),
    (Release(1, 11), AboveHold, "amount"),
    (Release(1, "0.001"), BadAmount, "amount"),
    (Capture(99, "bob"), NoSuchHold, "id"),
    (Capture(1, "bob", "10.01"), AboveHold, "amount"),
    (Capture(1, "bob", 0), BadAmount, "amount"),
    (Capture(1, "nobody"), NoSuchAccount, "to"),
    (Capture(1, "closed"), AccountClosed, "to"),
    (Capture(1, "alice"), OwnHold, "to"),
])  # fmt: skip
async def test_what_cannot_be_done_is_refused_by_name_and_moves_nothing(
    engine: AsyncEngine, numbers: dict[str, int], order: Any, refusal: type[Refusal], field: str
) -> None:
    await scenario.open_account(engine, "closed")
    async with engine.begin() as db:
        await db.execute(sa.update(accounts).where(accounts.c.foreign_id == "closed").values(state="closed"))
    await placed(engine)
    await event_types(engine)
    before = await funding.all_rows(engine, rows, entries, postings)
    run: Any = {NewHold: place, Release: release, Capture: capture}[type(order)]

    [refused] = await run(engine, order)

    assert (type(refused), refused.field) == (refusal, field)
    assert await funding.all_rows(engine, rows, entries, postings) == before
    assert await event_types(engine) == []


async def test_want_of_money_is_said_in_the_assets_own_decimals(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    [refused] = await place(engine, NewHold("alice", GOLD, "100.01"))

    assert str(refused) == "alice has 100 gold, 100.01 needed."


async def test_a_payee_that_can_hold_no_more_is_refused_alone(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    await funding.fund(engine, {"rich": 2**63 - 1}, GOLD)
    captures = [Capture((await placed(engine)).id, payee) for payee in ("rich", "bob")]

    outcomes = await submit_together(scenario.commits(engine), holds.CAPTURE, captures)

    assert [type(outcome) for outcome in outcomes] == [BalanceTooLarge, Hold]
    assert await funding.of(engine, numbers["alice"], GOLD) == (8000, 1000)


async def test_what_an_account_holds_can_always_be_given_back_to_it(engine: AsyncEngine) -> None:
    """Whoever has all that can be counted gets no more, also while some of it is held."""
    numbers = await funding.fund(engine, {"alice": 2**63 - 1}, GOLD)
    hold = await placed(engine, 1_000)

    credited = await funding.credit(engine, numbers["alice"], 1, GOLD, "more")
    [released] = await release(engine, Release(hold.id))

    assert isinstance(credited, BalanceTooLarge)
    assert isinstance(released, Hold)


# ---------------------------------------------------------------- many at once


OPERATIONS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["alice", "bob", "nobody"]), st.integers(0, 60)),
    st.tuples(st.just("release"), st.integers(1, 5), st.integers(0, 30)),
    st.tuples(st.just("capture"), st.integers(1, 5), st.integers(0, 30)),
)


def request_of(kind: str, name_or_id: Any, amount: int) -> Any:
    if kind == "place":
        return NewHold(name_or_id, GOLD, amount)
    if kind == "release":
        return Release(name_or_id, amount or None)
    return Capture(name_or_id, ("alice", "bob")[amount % 2], amount or None)


async def play(server: str, batches: Sequence[tuple[str, Sequence[Any]]], *, at_once: bool) -> list[Any]:
    """Submit each batch's requests together or one after the other; return all answers and rows."""
    commands: dict[str, Any] = {"place": holds.PLACE, "release": holds.RELEASE, "capture": holds.CAPTURE}
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            await funding.fund(engine, {"alice": 10_000, "bob": 3_000}, GOLD)
            commits = scenario.commits(engine)
            answers: list[Any] = []
            for kind, requests in batches:
                for group in [requests] if at_once else [[request] for request in requests]:
                    outcomes = await submit_together(commits, commands[kind], group)
                    answers += [timeless(comparable(outcome)) for outcome in outcomes]
            await funding.check_ledger(engine)
            return [
                answers,
                await funding.all_rows(engine, rows, balances, entries, postings),
                await funding.messages(engine),
            ]
        finally:
            await engine.dispose()


def timeless(answer: Any) -> Any:
    return (
        [getattr(answer, name) for name in ("id", "state", "remaining", "captured")]
        if isinstance(answer, Hold)
        else answer
    )


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPERATIONS, min_size=4, max_size=30))
def test_holds_placed_and_ended_together_come_to_what_one_by_one_comes_to(
    server: str, plan: list[Any]
) -> None:
    """In a batch of one command the order is that of the plan."""
    start = [("place", "alice", amount) for amount in (30, 30, 30)]
    batches = [
        (kind, [request_of(*operation) for operation in [*start, *plan] if operation[0] == kind])
        for kind in ("place", "release", "capture", "place")
    ]

    assert asyncio.run(play(server, batches, at_once=True)) == asyncio.run(
        play(server, batches, at_once=False)
    )


async def test_of_all_who_would_end_a_hold_at_once_exactly_one_does(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    """Two instances on one database, and the clock."""
    ids = [(await placed(engine, 1)).id for _ in range(20)]
    first, second = scenario.commits(engine), scenario.commits(engine)

    answers = await asyncio.gather(
        submit_together(first, holds.CAPTURE, [Capture(number, "bob") for number in ids]),
        submit_together(second, holds.RELEASE, [Release(number) for number in reversed(ids)]),
        submit_together(second, holds.CAPTURE, [Capture(number, "bob") for number in reversed(ids)]),
    )

    winners = [outcome.id for outcomes in answers for outcome in outcomes if isinstance(outcome, Hold)]
    assert sorted(winners) == ids
    assert {type(outcome) for outcomes in answers for outcome in outcomes} == {Hold, HoldOver}
    available, held = await funding.of(engine, numbers["alice"], GOLD)
    assert (available + (await funding.of(engine, numbers["bob"], GOLD))[0], held) == (10_000, 0)
    await funding.check_ledger(engine)


async def test_a_capture_that_waits_for_the_clock_finds_the_hold_expired(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    hold = await placed(engine, seconds=60)
    await make_late(engine, hold)
    async with engine.begin() as db:
        assert await holds.expire(db) == 1
        waiting = asyncio.create_task(capture(engine, Capture(hold.id, "bob")))
        await scenario.until_someone_waits(engine)

    [refused] = await waiting
    assert isinstance(refused, HoldOver)
    assert await funding.of(engine, numbers["alice"], GOLD) == (10_000, 0)


async def test_the_clock_leaves_a_hold_that_somebody_has_in_hand(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    hold = await placed(engine, seconds=60)
    await make_late(engine, hold)

    async with engine.begin() as db:
        await holds.lock(db, [hold.id])
        assert await expire(engine) == 0

    assert await expire(engine) == 1


async def test_the_same_key_places_releases_and_captures_once(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    commits = scenario.commits(engine)
    orders: list[tuple[Any, Any]] = [
        (holds.PLACE, NewHold("alice", GOLD, 10)),
        (holds.RELEASE, Release(1, 3)),
        (holds.CAPTURE, Capture(1, "bob", 2)),
    ]
    for command, order in orders:
        claim = Claim("admin", command.kind, b"same")
        first = await commits.submit(command, order, claim)
        again = await asyncio.gather(*(commits.submit(command, order, claim) for _ in range(3)))

        assert [(result.resource.id, result.replayed) for result in again] == [(first.resource.id, True)] * 3
    assert await funding.of(engine, numbers["alice"], GOLD) == (9800, 0)
    assert await funding.of(engine, numbers["bob"], GOLD) == (200, 0)


async def test_pages_are_newest_first_end_and_show_one_state_where_one_is_named(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    ids = [(await placed(engine, 1)).id for _ in range(5)]
    await release(engine, Release(ids[1]), Release(ids[3]))

    async with engine.connect() as db:
        first = await holds.page(db, "alice", PageRequest(None, 3))
        rest = await holds.page(db, "alice", PageRequest(first.rest, 3))
        released = await holds.page(db, "alice", PageRequest(None, 10), "RELEASED")
        with pytest.raises(NoSuchAccount):
            await holds.page(db, "nobody", PageRequest(None, 3))

    assert [hold.id for hold in (*first.items, *rest.items)] == ids[::-1]
    assert (first.rest, rest.rest) == (ids[2], None)
    assert [hold.id for hold in released.items] == [ids[3], ids[1]]
