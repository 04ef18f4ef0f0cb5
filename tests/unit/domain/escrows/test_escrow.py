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
from app.domain.escrows import End, Escrow, EscrowFilter, NewEscrow, locking, settlement
from app.domain.escrows.escrow import NoSuchEscrow
from app.domain.escrows.locking import FeeAboveAmount, OrderTaken, OtherAsset, SameSides
from app.domain.escrows.settlement import FROM, NotInThatState, OtherSum
from app.domain.holds import Capture, Hold, NewHold, NoSuchHold, Release, release
from app.domain.holds.hold import AboveHold, HoldOver
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


async def lock(engine: AsyncEngine, *orders: NewEscrow) -> list[Escrow | Refusal]:
    async with engine.begin() as db:
        return await locking.lock(db, orders)


async def locked(engine: AsyncEngine, order_id: str = "order 1", **terms: Any) -> Escrow:
    [outcome] = await lock(engine, new_escrow(order_id, **terms))
    return scenario.accepted(outcome)


async def end(engine: AsyncEngine, *orders: End) -> list[Escrow | Refusal]:
    async with engine.begin() as db:
        return await settlement.end(db, orders, scenario.INSTALLATION)


async def ended(engine: AsyncEngine, order: End) -> Escrow:
    [outcome] = await end(engine, order)
    return scenario.accepted(outcome)


async def hold(engine: AsyncEngine, amount: int = 15, foreign_id: str = "alice", asset: str = GOLD) -> Hold:
    async with engine.begin() as db:
        [outcome] = await holds.place(db, [NewHold(foreign_id, asset, amount, seconds=60)])
    return scenario.accepted(outcome)


async def make_late(engine: AsyncEngine, hold_id: int) -> None:
    async with engine.begin() as db:
        past = sa.func.clock_timestamp() - timedelta(1)
        await db.execute(sa.update(hold_rows).where(hold_rows.c.id == hold_id).values(expires=past))


async def gold_of_all(engine: AsyncEngine) -> dict[str, tuple[int, int]]:
    """The gold that each account has available and held, without accounts that have none."""
    async with engine.begin() as db:
        owners = await accounts.owners(db, ["alice", "bob", "carol", "platform"])
    gold = {name: await funding.of(engine, owner.id, GOLD) for name, owner in owners.items()}
    return {name: amounts for name, amounts in gold.items() if amounts != (0, 0)}


# ---------------------------------------------------------------- beginnings and ends


async def test_what_is_locked_is_held_of_the_buyer_and_both_sides_are_told(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    escrow = await locked(engine, fee="0.5", reference=("cart", "7"), metadata='{"size":"L"}')

    assert (escrow.state, escrow.amount, escrow.fee, escrow.to_platform) == ("LOCKED", 1000, 50, 0)
    assert await gold_of_all(engine) == {"alice": (9000, 1000), "carol": (2000, 0)}
    messages = await funding.messages(engine)
    assert [(name, event, sorted(message)) for name, event, message in messages] == [
        ("alice", "ESCROW_LOCKED", ["account_id", "balance", "escrow", "foreign_id"]),
        ("bob", "ESCROW_LOCKED", ["account_id", "escrow", "foreign_id"]),
    ]
    assert messages[0][2]["escrow"]["metadata"] == {"size": "L"}
    async with engine.connect() as db:
        [entry] = (await db.execute(sa.select(entries).where(entries.c.kind == "ESCROW_LOCK"))).all()
        assert await scenario.fetch(db, escrows.FETCH, escrow.id) == escrow
    assert (entry.cause_type, entry.cause_id) == ("escrow", str(escrow.id))
    assert entry.key == f"escrow:{escrow.id}:LOCKED"
    assert (entry.reference_type, entry.reference, entry.metadata) == ("cart", "7", '{"size":"L"}')


@pytest.mark.parametrize(("fee", "states", "gold", "parts"), [
    ("2.5", ["RELEASED"], {"alice": (9000, 0), "bob": (750, 0), "platform": (250, 0)}, (750, 0, 250)),
    (0, ["RELEASED"], {"alice": (9000, 0), "bob": (1000, 0)}, (1000, 0, 0)),
    (10, ["RELEASED"], {"alice": (9000, 0), "platform": (1000, 0)}, (0, 0, 1000)),
    ("2.5", ["REFUNDED"], {"alice": (10_000, 0)}, (0, 1000, 0)),
    ("2.5", ["DISPUTED"], {"alice": (9000, 1000)}, (0, 0, 0)),
    ("2.5", ["DISPUTED", "RELEASED"],
        {"alice": (9000, 0), "bob": (750, 0), "platform": (250, 0)}, (750, 0, 250)),
    ("2.5", ["DISPUTED", "REFUNDED"], {"alice": (10_000, 0)}, (0, 1000, 0)),
    ("2.5", ["DISPUTED", (6, 4)],
        {"alice": (9400, 0), "bob": (350, 0), "platform": (250, 0)}, (350, 400, 250)),
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
        order = End(escrow.id, state) if isinstance(state, str) else End(escrow.id, "RESOLVED", *state)
        escrow = await ended(engine, order)

    assert await gold_of_all(engine) == {"carol": (2000, 0), **gold}
    assert (escrow.to_seller, escrow.to_buyer, escrow.to_platform) == parts
    async with engine.connect() as db:
        assert await scenario.fetch(db, escrows.FETCH, escrow.id) == escrow
    events = [(name, event) for name, event, _ in await funding.messages(engine) if "ESCROW" in event]
    end_events = [(name, f"ESCROW_{escrow.state}") for name in ("alice", "bob")]
    end_events += [("platform", "ESCROW_FEE_EARNED")] if escrow.to_platform else []
    assert events[-len(end_events) :] == end_events
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
    assert (await gold_of_all(engine))["bob"] == (1900, 0)


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
    six = [await locked(engine, f"order {n}", amount=1, fee="0.5") for n in range(6)]

    await asyncio.gather(*(end(engine, End(escrow.id, "RELEASED")) for escrow in six))

    assert (await gold_of_all(engine))["platform"] == (300, 0)
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
    assert (await gold_of_all(engine))["alice"] == (8000, 1000)


# ---------------------------------------------------------------- from a hold


async def test_an_escrow_of_a_hold_takes_what_it_needs_and_the_rest_goes_back(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    source = await hold(engine, 15)

    escrow = await locked(engine, amount=10, hold=source.id)

    assert (escrow.hold, escrow.amount) == (source.id, 1000)
    assert await gold_of_all(engine) == {"alice": (9000, 1000), "carol": (2000, 0)}
    async with engine.connect() as db:
        converted = await scenario.fetch(db, holds.FETCH, source.id)
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
    await make_late(engine, source.id)

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


@pytest.mark.parametrize(("order", "refusal", "field"), [
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
    engine: AsyncEngine, numbers: dict[str, int], order: Any, refusal: type[Refusal], field: str
) -> None:
    """Holds 1 to 4: Alice's 5 gold, Carol's, one that is late, one that was released."""
    await close(engine, "closed")
    for name, amount in (("alice", 5), ("carol", 15), ("alice", 1), ("alice", 1)):
        await hold(engine, amount, name)
    await make_late(engine, 3)
    async with engine.begin() as db:
        await release.release(db, [Release(4)])
    await locked(engine, "taken", amount=1)
    await ended(engine, End((await locked(engine, "disputed", amount=1)).id, "DISPUTED"))
    await event_types(engine)
    before = await funding.all_rows(engine, rows, hold_rows, entries, postings)

    [refused] = await (end(engine, order) if isinstance(order, End) else lock(engine, order))

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
"""Locks: order, amount, hold. Ends: order, state, what the seller gets."""


def request_of(ids: dict[str, int], kind: str, order: int, *terms: Any) -> Any:
    name = f"order {order}"
    if kind == "lock":
        amount, source = terms
        return new_escrow(name, buyer=("alice", "carol")[amount % 2], amount=amount, fee=1, hold=source)
    state, to_seller = terms
    return End(ids.get(name, 99), state, to_seller, 10 - to_seller)


async def ids_by_order(engine: AsyncEngine) -> dict[str, int]:
    """The escrows' ids by order: a batch does not insert them in the order of its requests."""
    async with engine.connect() as db:
        return {row.order_id: row.id for row in await db.execute(sa.select(rows.c.order_id, rows.c.id))}


def without_ids(value: Any) -> Any:
    """The same value without the ids of escrows."""
    if isinstance(value, dict):
        return {
            name: without_ids(inner)
            for name, inner in value.items()
            if (name, "order_id" in value) != ("id", True)
        }
    if isinstance(value, list | tuple):
        of_escrow = len(value) > 2 and value[2] == "escrow"  # an entry, with its cause and its key
        return [without_ids(inner) for n, inner in enumerate(value) if not (of_escrow and n in (3, 6))]
    return value


async def play(server: str, batches: Sequence[tuple[str, Sequence[Any]]], *, at_once: bool) -> Any:
    """Submit each batch's requests together or one after the other; return all answers and rows."""
    commands: dict[str, Any] = {"lock": escrows.LOCK, "end": escrows.END}
    async with cloned(server) as url:
        engine = open_engine(url)
        try:
            await funding.fund(engine, {"alice": 12_000, "bob": 0, "carol": 5_000, "platform": 0}, GOLD)
            for amount, name in ((20, "alice"), (10, "carol"), (30, "alice")):
                await hold(engine, amount, name)
            commits = scenario.commits(engine)
            answers: list[Any] = []
            for kind, plan in batches:
                ids = await ids_by_order(engine)
                requests = [request_of(ids, *operation) for operation in plan]
                for group in [requests] if at_once else [[request] for request in requests]:
                    outcomes = await submit_together(commits, commands[kind], group)
                    answers += [plain(comparable(outcome)) for outcome in outcomes]
            await funding.check_ledger(engine)
            all_rows = await funding.all_rows(engine, hold_rows, balances, entries, postings)
            return without_ids([answers, all_rows, await funding.messages(engine)])
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
        (kind, [operation for operation in [*start, *plan] if operation[0] == kind])
        for kind in ("lock", "end", "lock", "end")
    ]

    assert asyncio.run(play(server, batches, at_once=True)) == asyncio.run(
        play(server, batches, at_once=False)
    )


async def test_of_all_who_would_have_a_hold_exactly_one_gets_it(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    """Two instances on one database, and a clock: captured, released, expired or converted."""
    ids = [(await hold(engine, 1)).id for _ in range(16)]
    first, second = scenario.commits(engine), scenario.commits(engine)

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
        submit_together(first, holds.CAPTURE, [Capture(number, "bob") for number in ids]),
        submit_together(second, holds.RELEASE, [Release(number) for number in reversed(ids)]),
        submit_together(
            second, escrows.LOCK, [new_escrow(f"order {n}", amount=1, hold=n) for n in reversed(ids)]
        ),
        submit_together(first, escrows.LOCK, [new_escrow(f"other {n}", amount=1, hold=n) for n in ids]),
        expire(),
    )
    async with engine.begin() as db:
        await holds.expire(db)  # those that were locked by a request, which then found them late

    outcomes = [outcome for answer in answers for outcome in answer]
    winners = [
        outcome.hold if isinstance(outcome, Escrow) else outcome.id
        for outcome in outcomes
        if not isinstance(outcome, Refusal)
    ]
    async with engine.connect() as db:
        states = [source.state for source in (await holds.by_ids(db, [str(n) for n in ids])).values()]
    assert "HELD" not in states
    assert len(winners) + states.count("EXPIRED") == len(set(winners)) + states.count("EXPIRED") == 16
    assert {type(outcome) for outcome in outcomes} <= {Hold, Escrow, HoldOver}
    await funding.check_ledger(engine)


async def test_an_order_has_one_escrow_whoever_asks_at_once_and_however_its_end_is_raced_for(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    instances = [scenario.commits(engine) for _ in range(3)]
    names = [f"order {n}" for n in range(8)]
    orders = [new_escrow(name, amount=1) for name in names]

    locks = [submit_together(commits, escrows.LOCK, orders) for commits in instances]
    locks.append(submit_together(instances[0], escrows.LOCK, orders[::-1]))
    outcomes = [outcome for answer in await asyncio.gather(*locks) for outcome in answer]
    made = [outcome for outcome in outcomes if isinstance(outcome, Escrow)]
    assert sorted(escrow.order_id for escrow in made) == names
    assert {type(outcome) for outcome in outcomes} == {Escrow, OrderTaken}

    ends = await asyncio.gather(*(
        submit_together(commits, escrows.END, [End(escrow.id, state) for escrow in made])
        for commits, state in zip(instances, ("RELEASED", "REFUNDED", "RELEASED"), strict=True)
    ))  # fmt: skip

    ended_once = [outcome for answer in ends for outcome in answer if isinstance(outcome, Escrow)]
    assert sorted(escrow.order_id for escrow in ended_once) == names
    assert (await gold_of_all(engine))["alice"][1] == 0
    await funding.check_ledger(engine)


async def test_an_order_that_could_not_be_paid_is_free_for_whoever_waited_for_it(
    engine: AsyncEngine, numbers: dict[str, int]
) -> None:
    async with engine.begin() as db:
        [refused] = await locking.lock(db, [new_escrow(amount=101)])
        waiting = asyncio.create_task(lock(engine, new_escrow(buyer="carol")))
        await scenario.until_someone_waits(engine)

    assert isinstance(refused, LacksFunds)
    [outcome] = await waiting
    assert scenario.accepted(outcome).buyer.foreign_id == "carol"


async def test_the_same_key_locks_and_ends_once(engine: AsyncEngine, numbers: dict[str, int]) -> None:
    commits = scenario.commits(engine)
    steps: list[tuple[Any, Any]] = [
        (escrows.LOCK, new_escrow(fee=1)),
        (escrows.END, End(1, "RELEASED")),
    ]
    for command, order in steps:
        claim = Claim("admin", command.kind, b"same")
        first = await commits.submit(command, order, claim)
        again = await asyncio.gather(*(commits.submit(command, order, claim) for _ in range(3)))

        assert [(result.resource, result.replayed) for result in again] == [(first.resource, True)] * 3
    assert await gold_of_all(engine) == {
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

    async def listed(after: int | None = None, limit: int = 10, **terms: str) -> list[int]:
        async with engine.connect() as db:
            page = await escrows.page(db, EscrowFilter(**terms), PageRequest(after, limit))
        return [int(escrow.order_id[-1]) for escrow in page.items]

    assert await listed(limit=4) == [5, 4, 3, 2]
    assert await listed(after=made[2].id) == [1, 0]
    assert await listed(order_id="order 3") == [3]
    assert await listed(buyer="carol", state="LOCKED") == [5, 3]
    assert await listed(seller="bob", state="DISPUTED") == [1, 0]
    assert await listed(buyer="alice", seller="bob") == [4, 2, 0]
    assert await listed(buyer="nobody") == []
