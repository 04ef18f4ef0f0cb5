"""Seals: a change by hand is found and named; no entry is sealed before which one can still come."""

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli.books import export, verify
from app.cli.books.verify import BadFile
from app.db import RETRIED, sqlstate
from app.db.all_cells import AllCells
from app.db.tables import TREASURY, WORLD, seal_gates
from app.domain import audit, ledger
from app.domain.ledger import Bucket, Entry, Posting, hash_chain
from app.runtime.lease import Lease
from app.workers.clocks import Sealing

AVAILABLE = Bucket.AVAILABLE
PACKED = gzip.compress(b'{"kennel": "entries and seals", "version": 1}\n', mtime=0)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gold(number: int) -> Entry:
    lines = (Posting(TREASURY, AVAILABLE, -5, "gold"), Posting(7, AVAILABLE, 5, "gold"))
    return Entry("TOPUP", ("test", str(number)), f"gold:{number}", lines, ("order", 'a "quoted", \n line\té'))


def doge(number: int) -> Entry:
    lines = (Posting(WORLD, AVAILABLE, -5), Posting(7, Bucket.INCOMING, 3), Posting(8, AVAILABLE, 2))
    return Entry("DEPOSIT", ("test", str(number)), f"doge:{number}", lines)


async def post(engine: AsyncEngine, *entries: Entry) -> None:
    async with engine.begin() as db:
        await db.execute(sa.text("INSERT INTO assets VALUES ('gold', 'Gold', 1) ON CONFLICT DO NOTHING"))
        await ledger.post(db, entries)


async def seal(engine: AsyncEngine) -> int:
    """Seal all there is; returns how many seals it took."""
    async with engine.connect() as db:
        end = (await ledger.safe_horizon(db)).entry
    made = 0
    while True:
        async with engine.begin() as db:
            if not await ledger.seal(db, end):
                return made
        made += 1


async def fault(engine: AsyncEngine) -> str:
    async with engine.connect() as db:
        return (await audit.entries_equal_seals(db, ())).fault


async def by_hand(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as db:
        await db.execute(sa.text("SET session_replication_role = replica"))
        await db.exec_driver_sql(statement)


def no_progress(_: str, __: int, ___: int) -> None:
    """Progress that nobody looks at."""


async def test_entries_are_sealed_once_old_enough_and_whatever_ran_then_is_over(engine: AsyncEngine) -> None:
    clock = Clock()
    sealing = Sealing(engine, Lease(engine, "seals", "me", clock=clock), clock=clock)
    await post(engine, gold(1), doge(1))
    late = await engine.connect()
    await ledger.post(late, [gold(2)])  # has taken entry 3
    await post(engine, doge(2))  # entry 4 is committed before it

    assert not await sealing.step()
    clock.now += 30
    assert not await sealing.step()
    clock.now += 31
    assert not await sealing.step()  # old enough, but entry 3 may still come
    await late.commit()
    await late.close()
    assert await sealing.step()

    async with engine.connect() as db:
        last = await hash_chain.last(db)
    assert last is not None
    assert (last.number, last.first_entry, last.last_entry, last.entries) == (1, 1, 4, 4)
    assert not await sealing.step()
    assert await fault(engine) == ""


async def test_whoever_began_after_all_that_had_ended_is_waited_for_too(engine: AsyncEngine) -> None:
    """If the seal did not wait, its entry would look forged."""
    await post(engine, gold(1))
    async with engine.connect() as first, engine.connect() as late, engine.connect() as db:
        await ledger.lock(first, [(8, "DOGE")])
        await ledger.post(late, [gold(2)])  # entry 2, open still
        await ledger.post(first, [doge(1)])  # entry 3
        await first.commit()

        seen = await ledger.safe_horizon(db)
        await db.commit()

        assert seen.entry == 3
        assert not await ledger.is_past(db, seen)
        await db.commit()
        await late.commit()
        assert await ledger.is_past(db, seen)


async def test_who_posts_nothing_is_not_waited_for(engine: AsyncEngine) -> None:
    await post(engine, gold(1))
    async with engine.connect() as reading, engine.connect() as db:
        await ledger.lock(reading, [(7, "gold")])

        seen = await ledger.safe_horizon(db)
        await db.commit()

        assert await ledger.is_past(db, seen)


async def test_who_posts_while_the_gate_is_closed_waits_for_nobody_and_is_waited_for(
    engine: AsyncEngine,
) -> None:
    async with engine.connect() as late, engine.connect() as early, engine.connect() as db:
        await ledger.post(early, [gold(1)])
        seen = await ledger.safe_horizon(db)  # not committed yet
        await ledger.post(late, [doge(1)])
        await db.commit()
        await early.commit()

        assert not await ledger.is_past(db, seen)
        await db.commit()
        await late.commit()
        assert await ledger.is_past(db, seen)


async def test_who_finds_the_gate_closed_is_run_again(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(seal_gates).values(is_open=False))

    with pytest.raises(DBAPIError) as raised:
        await post(engine, gold(1))

    assert sqlstate(raised.value) in RETRIED


async def test_two_that_close_the_gate_at_once_leave_one_open(engine: AsyncEngine) -> None:
    async def close() -> int:
        async with engine.begin() as db:
            return (await ledger.safe_horizon(db)).gate

    closed = await asyncio.gather(*(close() for _ in range(5)))
    await post(engine, gold(1))

    async with engine.connect() as db:
        gates = (await db.execute(sa.select(seal_gates).order_by(seal_gates.c.number))).all()
        assert [gate.is_open for gate in gates] == [False] * (len(gates) - 1) + [True]
        assert max(closed) == len(gates) - 1
        assert await ledger.is_past(db, ledger.SafeHorizon(0, max(closed)))


AS_JSONB = """
    SELECT e.id, jsonb_build_array(
        id, kind, cause_type, cause_id, reference_type, reference, key, metadata,
        to_char(e.created AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        (
            SELECT jsonb_agg(
                jsonb_build_array(
                    account_id, asset, seq, bucket, amount, available, incoming, held, outgoing,
                    to_char(p.created AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                ) ORDER BY account_id, asset, seq
            )
            FROM postings AS p WHERE p.entry_id = e.id
        )
    )::text AS line
    FROM entries AS e ORDER BY id
"""


async def test_a_line_is_what_postgresql_writes_of_a_jsonb_array(engine: AsyncEngine) -> None:
    strange = 'all of it: " \\ / \b \f \n \r \t \x01 \x7f é ß \u2028 😀 \\u0041 ], [ null 1.0 {}'
    postings = (
        Posting(WORLD, AVAILABLE, -(2**62)),
        Posting(7, Bucket.HELD, 2**62 - 1),
        Posting(8, AVAILABLE, 1),
    )
    entry = Entry(
        "KIND", ("cause", strange), "k" + strange, postings, (strange, strange), f'{{"a":"{strange!r}"}}'
    )
    await post(engine, gold(1), entry, doge(2))
    async with engine.begin() as db:
        await db.execute(sa.text("ALTER TABLE postings DISABLE TRIGGER USER"))
        await db.execute(
            sa.text("UPDATE postings SET created = '2026-01-02 03:04:05+06' WHERE account_id = 8")
        )

    async with engine.begin() as db:
        lines = await ledger.sealed_lines(db, 0, 100)
        as_jsonb = (await db.execute(sa.text(AS_JSONB))).all()

    assert len(lines) == 3
    assert lines == [(row.id, row.line) for row in as_jsonb]


async def test_two_at_once_make_one_chain(engine: AsyncEngine) -> None:
    for number in range(12):
        await post(engine, gold(number), doge(number))

    await asyncio.gather(*(seal(engine) for _ in range(5)))

    async with engine.connect() as db:
        assert [seal.entries for seal in await hash_chain.page(db, 0, 10)] == [24]
    assert await fault(engine) == ""


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "UPDATE postings SET amount = amount + 1 WHERE entry_id = 3 AND account_id = 7",
            "entry 3 was changed",
        ),
        ("UPDATE entries SET metadata = '{\"a\":1}' WHERE id = 2", "entry 2 was changed"),
        (
            "UPDATE entries SET created = created + interval '1 microsecond' WHERE id = 4",
            "entry 4 was changed",
        ),
        ("DELETE FROM entries WHERE id = 3", "an entry between 2 and 4 is missing"),
        ("UPDATE seals SET hash = sha256('x') WHERE number = 1", "seal 1 itself was changed"),
        ("DELETE FROM seals WHERE number = 1", "seal 1 is missing"),
        ("UPDATE seals SET number = number + 10", "seal 1 is missing"),
        ("UPDATE seals SET entries = 3 WHERE number = 1", "seal 1 itself was changed"),
        ("UPDATE seals SET row_checksums = '' WHERE number = 1", "seal 1 itself was changed"),
        ("DELETE FROM entries WHERE id IN (2, 3)", "an entry between 1 and 4 is missing (seal 1)"),
        ("DELETE FROM entries WHERE id IN (3, 4)", "an entry between 2 and 5 is missing (seal 1)"),
        ("DELETE FROM entries WHERE id IN (1, 3)", "an entry between 0 and 2 is missing (seal 1)"),
        ("DELETE FROM entries WHERE id < 5", "an entry between 0 and 5 is missing (seal 1)"),
        (
            "UPDATE entries SET kind = CASE id WHEN 2 THEN 'X' ELSE 'Y' END WHERE id IN (2, 4)",
            "entry 2 was changed",
        ),
        (
            (
                "INSERT INTO entries (id, kind, cause_type, cause_id, key) "
                "OVERRIDING SYSTEM VALUE VALUES (0, 'X', '', '', 'x')"
            ),
            "entry 0 has a number that none is given",
        ),
    ],
)
async def test_what_was_changed_by_hand_is_named(engine: AsyncEngine, statement: str, named: str) -> None:
    await post(engine, gold(1), doge(1), gold(2), doge(2))
    await seal(engine)
    await post(engine, gold(3))
    await seal(engine)
    assert await fault(engine) == ""

    await by_hand(engine, statement)

    assert named in await fault(engine)


async def test_one_that_was_deleted_is_named_where_one_behind_it_was_changed(engine: AsyncEngine) -> None:
    await post(engine, gold(1), doge(1), gold(2), doge(2))
    await seal(engine)

    await by_hand(engine, "DELETE FROM entries WHERE id = 2")
    await by_hand(engine, "UPDATE entries SET reference = 'x' WHERE id = 4")

    assert "an entry between 1 and 3 is missing" in await fault(engine)


async def test_an_entry_that_was_slipped_in_is_named(engine: AsyncEngine) -> None:
    async with engine.connect() as undone:
        await ledger.post(undone, [gold(1)])  # takes entry 1 and leaves a gap
    await post(engine, doge(1), doge(2))
    await seal(engine)

    await by_hand(
        engine,
        "INSERT INTO entries (id, kind, cause_type, cause_id, key) "
        "OVERRIDING SYSTEM VALUE VALUES (1, 'X', '', '', 'x')",
    )

    assert "entry 1 was added" in await fault(engine)


async def test_the_treasury_is_what_the_last_seal_says_and_what_followed(engine: AsyncEngine) -> None:
    await post(engine, gold(1), gold(2))
    await seal(engine)
    await post(engine, gold(3))
    await seal(engine)
    await post(engine, gold(4))

    async with engine.connect() as db:
        assert await ledger.treasury_balances(db) == {"DOGE": 0, "gold": -20}
        balances = await ledger.system_balances(db)
    assert [(balance.account, balance.asset.code, balance.amount) for balance in balances] == [
        ("world", "DOGE", 0),
        ("network_fees", "DOGE", 0),
        ("clawback", "DOGE", 0),
        ("cold_storage", "DOGE", 0),
        ("treasury", "gold", -20),
    ]


@pytest.mark.parametrize("name", ["books.jsonl", "books.jsonl.gz"])
async def test_an_export_is_proved_without_a_database(engine: AsyncEngine, tmp_path: Path, name: str) -> None:
    await post(engine, gold(1), doge(1))
    await seal(engine)
    await post(engine, gold(2))

    written = await export.write_file(AllCells.of_one(engine), tmp_path / name, no_progress)

    assert (written.sealed, written.unsealed, written.seals) == (2, 1, 1)
    assert verify.verify_file(tmp_path / name, no_progress) == written
    assert not (tmp_path / f"{name}.part").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace('"order"', '"0rder"', 1), "Line 4 is a seal that does not hold"),
        (lambda text: text.replace(" 5, 5,", " 6, 6,", 1), "Line 2 has entry 1, which does not balance"),
        (lambda text: "".join(text.splitlines(keepends=True)[1:]), "Line 1 is not the header"),
        (lambda text: text[:-10], "ends before its end"),
        (lambda text: text.replace("[", "[[", 1), "Line 2 is not what an export holds"),
        (lambda _: "", "The file is empty"),
        (lambda text: "\n".join([*text.splitlines()[:2], *text.splitlines()[3:]]) + "\n", "does not hold"),
    ],
)
async def test_a_file_that_was_changed_is_refused_by_its_line(
    engine: AsyncEngine, tmp_path: Path, change: Callable[[str], str], sentence: str
) -> None:
    await post(engine, gold(1), doge(1))
    await seal(engine)
    await post(engine, gold(2))
    path = tmp_path / "books.jsonl"
    await export.write_file(AllCells.of_one(engine), path, no_progress)
    path.write_text(change(path.read_text()))

    with pytest.raises(BadFile, match=sentence):
        verify.verify_file(path, no_progress)


@pytest.mark.parametrize(
    "broken",
    [PACKED[:-9], PACKED[:12] + b"\xff\xff" + PACKED[14:], b"no gzip", b"\0" + PACKED],
    ids=["cut", "changed", "another", "shifted"],
)
def test_a_compressed_file_that_is_damaged_is_refused(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "books.jsonl.gz"
    path.write_bytes(broken)

    with pytest.raises(BadFile, match="cannot be read"):
        verify.verify_file(path, no_progress)
