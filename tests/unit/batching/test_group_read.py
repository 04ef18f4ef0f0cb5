import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import Overloaded, Stopping
from app.batching.group_read import GroupRead
from app.db import Prepared, ReadDb, bulk, is_outage, readers
from app.db.engine import open_engine
from app.domain.commands import plain
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal
from tests import scenario

NOTES = Prepared(
    sa.text("SELECT key, value FROM notes WHERE key = ANY(:keys)").bindparams(
        sa.bindparam("keys", type_=bulk.TEXTS)
    )
)


class NoSuchNote(NotFound):
    """There is no note {key}."""


class Poison(Exception):
    pass


@dataclass
class Library:
    """Notes by key, as they were written last; `batches` are the keys of the statements so far.

    While `open` is not set a statement has begun and its answer is on its way.
    """

    engine: AsyncEngine
    batches: list[list[str]] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 2

    def __post_init__(self) -> None:
        self.open.set()
        self.query = Query("note", plain(self.fetch_many))
        self.other = Query("other note", plain(self.fetch_many))
        self.reads = GroupRead(readers(self.engine, self.connections), scenario.INSTALLATION)

    async def fetch_many(self, db: ReadDb, keys: Sequence[str]) -> list[str | Refusal]:
        self.batches.append(list(keys))
        rows = await bulk.fetch_all(db, NOTES, {"keys": keys})
        values = {row["key"]: row["value"] for row in rows}
        self.began.set()
        await self.open.wait()
        if "poison" in keys:
            raise Poison
        return [values.get(key) or NoSuchNote(key=key) for key in keys]

    async def write(self, key: str, value: str) -> None:
        statement = sa.text(
            "INSERT INTO notes VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = :value"
        )
        async with self.engine.begin() as db:
            await db.execute(statement, {"key": key, "value": value})

    def ask(self, key: str, query: Query[str, str] | None = None) -> Awaitable[str]:
        return asyncio.ensure_future(self.reads.fetch(query or self.query, key))

    async def hold(self, *keys: str) -> list[Awaitable[str]]:
        """Ask for these, each in a statement that has read and does not answer yet."""
        self.open.clear()
        asked = []
        for key in keys:
            self.began.clear()
            asked.append(self.ask(key))
            await self.began.wait()
        return asked


@pytest.fixture
async def library(engine: AsyncEngine) -> AsyncIterator[Library]:
    async with engine.begin() as db:
        await db.execute(sa.text("CREATE TABLE notes (key text PRIMARY KEY, value text)"))
    opened = Library(engine)
    for key in ("a", "b", "c"):
        await opened.write(key, f"{key}1")
    yield opened
    opened.open.set()
    await opened.reads.close()


async def outcomes(*asked: Awaitable[str]) -> list[str | BaseException]:
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_waits_together_is_one_statement_and_a_key_is_asked_once(library: Library) -> None:
    answers = await asyncio.gather(*(library.ask(key) for key in ("a", "b", "a", "c", "a")))

    assert answers == ["a1", "b1", "a1", "c1", "a1"]
    assert library.batches == [["a", "b", "c"]]


async def test_a_lone_read_does_not_wait_for_others(library: Library) -> None:
    for _ in range(3):
        assert await library.reads.fetch(library.query, "a") == "a1"

    assert library.batches == [["a"]] * 3


async def test_a_caller_never_joins_a_statement_that_has_begun(library: Library) -> None:
    begun = await library.hold("a", "a")  # both connections read the first value
    await library.write("a", "a2")
    later = [library.ask("a"), library.ask("b")]
    await asyncio.sleep(0)
    library.open.set()

    assert await outcomes(*begun, *later) == ["a1", "a1", "a2", "b1"]
    assert library.batches == [["a"], ["a"], ["a", "b"]]


async def test_everyone_reads_what_was_committed_before_they_asked(library: Library) -> None:
    async def shop(key: str) -> None:
        for number in range(25):
            await library.write(key, str(number))
            assert await library.reads.fetch(library.query, key) == str(number)

    await asyncio.gather(*(shop(f"shop-{number}") for number in range(20)))

    assert max(map(len, library.batches)) > 1


async def test_a_key_that_names_nothing_is_refused_alone(library: Library) -> None:
    answers = await outcomes(library.ask("a"), library.ask("nothing"), library.ask("b"))

    assert [str(answer) for answer in answers] == ["a1", "There is no note nothing.", "b1"]
    assert isinstance(answers[1], NoSuchNote)


async def test_a_poisonous_key_fails_alone(library: Library) -> None:
    answers = await outcomes(library.ask("a"), library.ask("poison"), library.ask("b"))

    assert (answers[0], type(answers[1]), answers[2]) == ("a1", Poison, "b1")


async def test_who_goes_away_costs_nobody_the_answer(library: Library) -> None:
    [first, second] = await library.hold("a", "b")
    gone, stays = asyncio.ensure_future(library.ask("c")), library.ask("a")
    await asyncio.sleep(0)
    gone.cancel()
    asyncio.ensure_future(first).cancel()
    await asyncio.sleep(0)
    library.open.set()

    assert await outcomes(second, stays) == ["b1", "a1"]
    assert library.batches[2:] == [["a"]]


async def test_queries_take_turns_in_the_order_of_their_first_callers(library: Library) -> None:
    begun = await library.hold("a", "b")
    other = library.ask("a", library.other)
    await asyncio.sleep(0)
    crowd = [library.ask(key) for key in ("a", "b", "c")]
    await asyncio.sleep(0)
    library.open.set()
    await outcomes(*begun, other, *crowd)

    assert library.batches[2:] == [["a"], ["a", "b", "c"]]


async def test_while_the_database_is_away_all_hear_it(tmp_path: Path) -> None:
    nowhere = open_engine(f"postgresql+asyncpg://kennel@/kennel?host={tmp_path}")
    library = Library(nowhere)

    answers = await outcomes(*(library.ask(key) for key in ("a", "b", "c")))

    assert all(isinstance(answer, Exception) and is_outage(answer) for answer in answers)
    assert library.batches == []
    await nowhere.dispose()


async def test_a_connection_that_has_died_is_not_used_again(library: Library) -> None:
    kill = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    begun = await library.hold("a")
    async with library.engine.connect() as db:
        await db.execute(kill)
    library.open.set()

    [first, second] = [*await outcomes(*begun), *await outcomes(library.ask("a"))]

    assert first == "a1"
    assert second == "a1" or (isinstance(second, Exception) and is_outage(second))
    assert await outcomes(library.ask("a")) == ["a1"]


async def test_the_end_answers_those_who_wait_and_refuses_all_others(library: Library) -> None:
    begun = await library.hold("a", "b")
    waiting = library.ask("c")
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(library.reads.close())
    await asyncio.sleep(0)
    late = library.ask("a")
    await asyncio.sleep(0)
    library.open.set()
    answers = await outcomes(*begun, waiting, late)
    await closing

    assert answers[:3] == ["a1", "b1", "c1"]
    assert isinstance(answers[3], Stopping)


async def test_what_takes_too_long_at_the_end_is_refused(library: Library) -> None:
    begun = await library.hold("a", "b")
    waiting = library.ask("c")
    await asyncio.sleep(0)
    await library.reads.close(seconds=0)

    assert [type(answer) for answer in await outcomes(*begun, waiting)] == [Stopping] * 3


async def test_more_than_a_queue_holds_are_turned_away(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.batching.group_read.WAITING", 2)
    begun = await library.hold("a", "b")
    waiting = [library.ask(key) for key in ("a", "b", "c")]
    await asyncio.sleep(0)
    library.open.set()

    assert [type(answer) for answer in await outcomes(*begun, *waiting)] == [str] * 4 + [Overloaded]
