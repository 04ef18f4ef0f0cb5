import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching import group_commit
from app.batching.group_commit import GroupCommit, PerhapsDone
from app.db import Db, is_outage
from app.db.engine import open_engine
from app.db.tables import idempotency
from app.db.tables import outbox as outbox_table
from app.domain import outbox
from app.domain.commands import Command, Result, Submitted, plain
from app.domain.idempotency import Claim, KeyReused, StillRunning
from app.domain.outbox import OutboxEvent
from app.domain.refusals import Conflict, Refusal
from tests import scenario

KILL = sa.text("SELECT pg_terminate_backend(:pid)")
KILL_AT_COMMIT = """
    CREATE TEMP TABLE doomed (n int);
    CREATE FUNCTION pg_temp.kill() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER kill AFTER INSERT ON doomed
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.kill();
    INSERT INTO doomed VALUES (1)
"""
DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'a deadlock' USING ERRCODE = '40P01'; END $$"


class Unwanted(Conflict):
    """Nobody wants {text}."""


@dataclass(frozen=True, slots=True)
class Note:
    """A request to write one row, which is also what it makes; what begins with "no" is refused."""

    text: str
    account: int = 1


@dataclass
class Journal:
    """A command that writes new notes each time, so that a repeat shows; `batches` are its sizes."""

    engine: AsyncEngine
    wait_seconds: float = 5
    before: Callable[[Db], Awaitable[object]] | None = None
    after: Callable[[Db], Awaitable[object]] | None = None
    unwanted: str = "no"
    batches: list[int] = field(default_factory=list)
    commits: int = 0

    def __post_init__(self) -> None:
        self.command: Command[Note, Note] = Command(
            "note", plain(self.run), plain(self.load), lambda note: note.text
        )
        self.writer = GroupCommit(
            self.engine, scenario.INSTALLATION, self.committed, wait_seconds=self.wait_seconds
        )

    async def write(
        self, text: str, key: str | None = None, body: bytes = b"", account: int = 1
    ) -> Result[Note]:
        claim = None if key is None else Claim("shop", key, body or text.encode())
        return await self.writer.submit(self.command, Note(text, account), claim)

    async def run(self, db: Db, notes: Sequence[Note]) -> Sequence[Note | Refusal]:
        self.batches.append(len(notes))
        if self.before:
            await self.before(db)
        results = [
            Unwanted(text=note.text) if note.text.startswith(self.unwanted) else note for note in notes
        ]
        await outbox.emit(
            db, [OutboxEvent(note.account, "", note.text, "{}") for note in results if isinstance(note, Note)]
        )
        if self.after:
            await self.after(db)
        return results

    async def load(self, db: Db, texts: Sequence[str]) -> dict[str, Note]:
        return {text: Note(text) for text in await self.read(db) if text in texts}

    async def read(self, db: Db) -> list[str]:
        return list(await db.scalars(sa.select(outbox_table.c.type).order_by(outbox_table.c.id)))

    async def written(self) -> list[str]:
        async with self.engine.connect() as db:
            return await self.read(db)

    def committed(self, command: Command[Any, Any]) -> None:
        assert command is self.command
        self.commits += 1


@pytest.fixture
def journal(engine: AsyncEngine) -> Journal:
    return Journal(engine)


@pytest.fixture
async def other_journal(database: str) -> AsyncIterator[Journal]:
    """The same in another process."""
    engine = open_engine(database)
    yield Journal(engine)
    await engine.dispose()


async def outcomes(*waiting: Awaitable[Result[Note]]) -> list[Result[Note] | BaseException]:
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_waits_together_is_committed_together_in_order(journal: Journal) -> None:
    done = await asyncio.gather(*(journal.write(f"n{number}") for number in range(450)))

    assert (
        [outcome.resource.text for outcome in done]
        == await journal.written()
        == [f"n{number}" for number in range(450)]
    )
    assert (journal.batches, journal.commits) == ([200, 200, 50], 3)


async def test_a_lone_request_does_not_wait_for_others(journal: Journal) -> None:
    for number in range(3):
        await journal.write(f"n{number}")

    assert journal.batches == [1, 1, 1]


async def test_while_a_transaction_runs_the_next_batch_gathers(journal: Journal) -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def hold(db: Db) -> None:
        running.set()
        await go.wait()

    journal.before = hold
    first = asyncio.create_task(journal.write("n0"))
    await running.wait()
    others = [asyncio.create_task(journal.write(f"n{number}")) for number in range(1, 6)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *others)

    assert journal.batches == [1, 5]


async def test_a_refusal_is_for_its_caller_alone(journal: Journal) -> None:
    a, b, c = await outcomes(journal.write("a"), journal.write("no b"), journal.write("c"))

    assert isinstance(b, Unwanted)
    assert (a, c) == (Result(Note("a")), Result(Note("c")))
    assert await journal.written() == ["a", "c"]


@pytest.mark.parametrize(
    "poison", [Note("a\0b"), Note("p", 2**63), Note("\ud800")], ids=["server", "client", "half a character"]
)
async def test_a_poisonous_request_fails_alone(journal: Journal, poison: Note) -> None:
    bad = journal.write(poison.text, account=poison.account)

    a, b, c = await outcomes(journal.write("a"), bad, journal.write("c", "key"))

    assert isinstance(b, Exception)
    assert (a, c) == (Result(Note("a")), Result(Note("c")))
    assert await journal.written() == ["a", "c"]
    assert await journal.write("c", "key") == Result(Note("c"), replayed=True)


async def test_the_same_key_twice_in_one_batch_is_done_once(journal: Journal) -> None:
    done = await outcomes(*(journal.write("a", "key") for _ in range(3)))

    assert done == [Result(Note("a")), Result(Note("a"), replayed=True), Result(Note("a"), replayed=True)]
    assert await journal.written() == ["a"]


async def test_a_replay_answers_with_what_the_first_made(journal: Journal) -> None:
    await journal.write("a", "key")

    assert await journal.write("a", "key") == Result(Note("a"), replayed=True)
    assert await journal.written() == ["a"]


async def test_another_request_under_the_same_key_is_refused_and_does_nothing(journal: Journal) -> None:
    await journal.write("a", "key")

    with pytest.raises(KeyReused) as refusal:
        await journal.write("b", "key")
    assert refusal.value.field == "Idempotency-Key"
    assert await journal.written() == ["a"]


async def test_two_requests_under_one_key_in_one_batch_are_one_done_and_one_refused(journal: Journal) -> None:
    done = await outcomes(journal.write("a", "key"), journal.write("b", "key"), journal.write("c", "other"))

    assert [type(outcome) for outcome in done].count(KeyReused) == 1
    assert len(await journal.written()) == 2


async def test_of_two_requests_under_one_key_the_second_is_done_where_the_first_is_refused(
    journal: Journal,
) -> None:
    refused, done, free = await outcomes(
        journal.write("no a", "key"), journal.write("b", "key"), journal.write("c", "other")
    )

    assert isinstance(refused, Refusal)
    assert (done, free) == (Result(Note("b")), Result(Note("c")))


async def test_a_refusal_leaves_no_key_so_it_may_be_tried_again(journal: Journal) -> None:
    refused = await outcomes(journal.write("no a", "key"), journal.write("no a", "key"))
    assert [type(outcome) for outcome in refused] == [Unwanted, Unwanted]

    journal.unwanted = "never"
    assert await journal.write("no a", "key") == Result(Note("no a"))
    assert await journal.written() == ["no a"]


async def test_the_same_keys_at_two_processes_at_once_are_done_once_each(
    journal: Journal, other_journal: Journal
) -> None:
    keys = [f"k{number}" for number in range(20)]

    done = await asyncio.gather(
        *(journal.write(key, key) for key in keys), *(other_journal.write(key, key) for key in reversed(keys))
    )

    assert sorted(await journal.written()) == sorted(keys)
    assert sum(outcome.replayed for outcome in done) == len(keys)


async def test_who_waits_too_long_for_the_holder_of_a_key_is_told_so_and_alone(engine: AsyncEngine) -> None:
    journal, running, go = Journal(engine, wait_seconds=0.2), asyncio.Event(), asyncio.Event()
    holder = Journal(engine)

    async def hold(db: Db) -> None:
        running.set()
        await go.wait()

    holder.before = hold
    held = asyncio.create_task(holder.write("a", "key"))
    await running.wait()
    waited, free = await outcomes(journal.write("a", "key"), journal.write("b", "free"))
    go.set()

    assert isinstance(waited, StillRunning)
    assert waited.field == "Idempotency-Key"
    assert free == Result(Note("b"))
    assert await held == Result(Note("a"))
    assert await journal.write("a", "key") == Result(Note("a"), replayed=True)


async def test_who_waits_for_the_holder_of_a_key_gets_what_that_made(engine: AsyncEngine) -> None:
    holder, journal, running = Journal(engine), Journal(engine), asyncio.Event()

    async def hold(db: Db) -> None:
        running.set()
        await scenario.until_someone_waits(engine)

    holder.before = hold
    held = asyncio.create_task(holder.write("a", "key"))
    await running.wait()

    assert await journal.write("a", "key") == Result(Note("a"), replayed=True)
    assert await held == Result(Note("a"))


async def test_when_the_holder_of_a_key_is_refused_the_one_that_waits_does_it(engine: AsyncEngine) -> None:
    holder, journal, running = Journal(engine), Journal(engine, unwanted="never"), asyncio.Event()

    async def hold(db: Db) -> None:
        running.set()
        await scenario.until_someone_waits(engine)

    holder.before = hold
    held = asyncio.create_task(holder.write("no a", "key"))
    await running.wait()

    assert await journal.write("no a", "key") == Result(Note("no a"))
    with pytest.raises(Unwanted):
        await held


async def test_a_connection_that_dies_under_a_batch_is_an_error_for_all_and_nothing_is_half_done(
    journal: Journal, engine: AsyncEngine
) -> None:
    async def kill(db: Db) -> None:
        pid = await db.scalar(sa.text("SELECT pg_backend_pid()"))
        async with engine.connect() as killer:
            await killer.execute(KILL, {"pid": pid})

    journal.after = kill
    done = await outcomes(*(journal.write(f"n{number}", f"k{number}") for number in range(5)))

    assert all(isinstance(outcome, DBAPIError) for outcome in done)
    assert (await journal.written(), journal.commits) == ([], 0)
    journal.after = None
    assert await journal.write("n0", "k0") == Result(Note("n0"))


async def test_a_connection_that_broke_unnoticed_is_an_outage_for_all_and_is_not_used_again(
    journal: Journal,
) -> None:
    async def breaks(_: Db) -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state 0")

    journal.after = breaks
    done = await outcomes(*(journal.write(f"n{number}") for number in range(3)))

    assert [is_outage(outcome) for outcome in done if isinstance(outcome, Exception)] == [True] * 3
    assert journal.batches == [3]


async def test_a_commit_of_which_nobody_knows_whether_it_went_through_is_not_done_again(
    journal: Journal,
) -> None:
    async def doom(db: Db) -> None:
        for statement in KILL_AT_COMMIT.split(";\n"):
            await db.execute(sa.text(statement))

    journal.after = doom
    done = await outcomes(*(journal.write(f"n{number}") for number in range(3)))

    assert all(isinstance(outcome, PerhapsDone) for outcome in done)
    assert journal.batches == [3]


async def test_of_a_commit_that_broke_off_only_who_has_a_key_is_told_to_try_again(journal: Journal) -> None:
    async def doom(db: Db) -> None:
        for statement in KILL_AT_COMMIT.split(";\n"):
            await db.execute(sa.text(statement))

    journal.after = doom
    without, with_key = await outcomes(journal.write("n0"), journal.write("n1", "k1"))

    assert isinstance(without, PerhapsDone)
    assert isinstance(with_key, DBAPIError)


@pytest.mark.parametrize(("deadlocks", "batches"), [(1, [3, 3]), (2, [3, 3, 3]), (3, [3, 3, 3, 1, 1, 1])])
async def test_a_deadlock_is_tried_again_three_times_and_then_one_by_one(
    journal: Journal, deadlocks: int, batches: list[int]
) -> None:
    async def clash(db: Db) -> None:
        if len(journal.batches) <= deadlocks:
            await db.execute(sa.text(DEADLOCK))

    journal.after = clash
    await asyncio.gather(*(journal.write(f"n{number}") for number in range(3)))

    assert journal.batches == batches
    assert await journal.written() == ["n0", "n1", "n2"]


async def test_what_is_heavy_shares_its_transaction_with_few(journal: Journal) -> None:
    weights = [1, 60, 60, 60, 30, 1_000, 1, 199]
    await asyncio.gather(
        *(journal.writer.submit(journal.command, Note(f"n{n}"), weight=w) for n, w in enumerate(weights))
    )

    assert journal.batches == [4, 1, 1, 2]
    assert await journal.written() == [f"n{n}" for n in range(len(weights))]


async def test_a_caller_that_goes_away_disturbs_nobody(journal: Journal) -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def hold(db: Db) -> None:
        running.set()
        await go.wait()

    journal.before = hold
    gone, stays = asyncio.create_task(journal.write("gone")), asyncio.create_task(journal.write("stays"))
    await running.wait()
    gone.cancel()
    go.set()

    async with asyncio.timeout(10):
        assert await stays == Result(Note("stays"))
    assert await journal.write("next") == Result(Note("next"))
    assert await journal.written() == ["gone", "stays", "next"]


async def test_too_many_that_wait_are_turned_away(engine: AsyncEngine) -> None:
    running, go, ran = asyncio.Event(), asyncio.Event(), list[int]()

    async def run(db: Db, numbers: Sequence[int]) -> Sequence[int]:
        running.set()
        await go.wait()
        ran.extend(numbers)
        return numbers

    async def load(db: Db, ids: Sequence[str]) -> dict[str, int]:
        return {}

    command, writer = Command("number", plain(run), plain(load), str), scenario.commits(engine)
    first = asyncio.create_task(writer.submit(command, 0))
    await running.wait()
    waiting = [
        asyncio.create_task(writer.submit(command, number)) for number in range(1, group_commit.WAITING + 1)
    ]
    await asyncio.sleep(0)
    with pytest.raises(group_commit.Overloaded):
        await writer.submit(command, -1)
    go.set()
    await asyncio.gather(first, *waiting)

    assert ran == list(range(group_commit.WAITING + 1))


async def test_verbs_do_not_wait_for_each_other(engine: AsyncEngine) -> None:
    slow, quick, go = Journal(engine), Journal(engine), asyncio.Event()
    quick.writer = slow.writer

    async def hold(db: Db) -> None:
        await go.wait()

    slow.before = hold
    held = asyncio.create_task(slow.write("slow"))
    assert await quick.write("quick") == Result(Note("quick"))
    go.set()

    assert await held == Result(Note("slow"))


async def test_what_goes_wrong_after_the_commit_is_not_done_again(engine: AsyncEngine) -> None:
    class Deaf(Journal):
        def committed(self, command: Command[Any, Any]) -> None:
            raise RuntimeError(f"the bell of {command.kind}s is broken")

    journal = Deaf(engine)

    assert await outcomes(journal.write("a"), journal.write("b")) == [Result(Note("a")), Result(Note("b"))]
    assert await journal.written() == ["a", "b"]


async def test_each_of_one_callers_many_requests_has_its_own_outcome_in_order(journal: Journal) -> None:
    wanted = [Submitted(Note(text), Claim("shop", text, b"")) for text in ("a", "no b", "c")]

    first = await journal.writer.submit_all(journal.command, wanted)
    again = await journal.writer.submit_all(journal.command, wanted)

    assert [first[0], first[2]] == [Result(Note("a")), Result(Note("c"))]
    assert isinstance(first[1], Unwanted)
    assert [again[0], again[2]] == [Result(Note("a"), replayed=True), Result(Note("c"), replayed=True)]
    assert (await journal.written(), journal.batches) == (["a", "c"], [3, 1])


async def test_of_one_callers_many_requests_a_poisonous_one_fails_alone(journal: Journal) -> None:
    a, b, c = await journal.writer.submit_all(
        journal.command, [Submitted(Note(text)) for text in ("a", "b\0", "c")]
    )

    assert (a, c) == (Result(Note("a")), Result(Note("c")))
    assert isinstance(b, DBAPIError)
    assert await journal.written() == ["a", "c"]


async def test_a_key_that_is_taken_and_made_nothing_is_never_taken_for_a_fresh_one(
    journal: Journal, engine: AsyncEngine
) -> None:
    """No transaction of ours leaves one; whatever did, nothing is done twice."""
    await journal.write("a", "key")
    async with engine.begin() as db:
        await db.execute(sa.update(idempotency).values(resource_id=None))

    [again] = await outcomes(journal.write("a", "key"))

    assert isinstance(again, StillRunning)
    assert await journal.written() == ["a"]


async def test_a_lone_request_does_not_wait_for_anothers_many(journal: Journal) -> None:
    running, go = asyncio.Event(), asyncio.Event()

    async def hold(db: Db) -> None:
        if len(journal.batches) == 1:
            running.set()
            await go.wait()

    journal.before = hold
    many = asyncio.create_task(
        journal.writer.submit_all(
            journal.command, [Submitted(Note(f"n{number}")) for number in range(group_commit.BULK + 1)]
        )
    )
    await running.wait()
    await journal.write("lone")
    go.set()

    assert len(await many) == group_commit.BULK + 1
    assert journal.batches == [group_commit.BULK, 1, 1]
    assert (await journal.written())[-1] == f"n{group_commit.BULK}"


async def test_the_many_of_several_callers_are_all_done_and_those_of_one_follow_each_other(
    journal: Journal,
) -> None:
    most = group_commit.BULK
    callers = [
        journal.writer.submit_all(
            journal.command, [Submitted(Note(f"{name}{number:04}")) for number in range(most + 1)]
        )
        for name in "abc"
    ]

    done = await asyncio.gather(*callers)

    assert [len(outcomes) for outcomes in done] == [most + 1] * 3
    written = await journal.written()
    for name in "abc":
        assert [text for text in written if text.startswith(name)] == [
            f"{name}{number:04}" for number in range(most + 1)
        ]


async def test_more_than_may_wait_are_turned_away_before_any_is_done(journal: Journal) -> None:
    with pytest.raises(group_commit.Overloaded):
        await journal.writer.submit_all(journal.command, [Submitted(Note("n"))] * (group_commit.WAITING + 1))

    assert await journal.written() == []


async def test_at_the_end_what_was_taken_in_is_committed_and_answered_and_nothing_more_is_taken(
    journal: Journal,
) -> None:
    gate = asyncio.Event()
    journal.before = lambda _: gate.wait()
    taken = [asyncio.create_task(journal.write(f"n{number}")) for number in range(250)]
    await turns()

    closing = asyncio.create_task(journal.writer.close())
    await turns()
    late = await outcomes(journal.write("late"))
    gate.set()
    await closing

    assert (
        [outcome.result().resource.text for outcome in taken]
        == await journal.written()
        == [f"n{n}" for n in range(250)]
    )
    assert [type(outcome) for outcome in late] == [group_commit.Stopping]


async def test_at_the_end_what_there_is_no_time_for_is_refused_and_what_has_begun_is_ended(
    journal: Journal,
) -> None:
    gate = asyncio.Event()
    journal.before = lambda _: gate.wait()
    taken = [asyncio.create_task(journal.write(f"n{number}")) for number in range(250)]
    await turns()

    closing = asyncio.create_task(journal.writer.close(seconds=0))
    refused = await outcomes(*taken[200:])
    gate.set()
    done = await outcomes(*taken[:200])
    await closing

    assert {type(outcome) for outcome in refused} == {group_commit.Stopping}
    assert all(isinstance(outcome, Result) for outcome in done)
    assert await journal.written() == [f"n{number}" for number in range(200)]


async def test_at_the_end_a_transaction_that_does_not_end_is_cut_off_and_its_callers_hear_of_it(
    journal: Journal,
) -> None:
    never = asyncio.Event()
    journal.after = lambda _: never.wait()
    taken = [asyncio.create_task(journal.write(f"n{number}")) for number in range(3)]
    await turns()

    await journal.writer.close(seconds=0, last_seconds=0)

    assert {type(outcome) for outcome in await outcomes(*taken)} == {group_commit.PerhapsDone}
    assert await journal.written() == []


async def turns(number: int = 5) -> None:
    """Let every task that can go on do so."""
    for _ in range(number):
        await asyncio.sleep(0)
