"""The outbox: events are written in the transaction that causes them, then numbered into `events`."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, ReadDb, bulk, copy
from app.db.tables import NOBODY, cursors, outbox, sequencer

POSITIONS: Final = -(2**63)
"""The row of `sequencer` with the last position; others have last sequences of accounts without events."""
BATCH: Final = 8_000


class OutboxEvent(NamedTuple):
    """An event of an account, or of none (`tables.NOBODY`); `message` is JSON text."""

    account_id: int
    foreign_id: str
    type: str
    message: str


_LAST: Final = sa.select(sequencer.c.last).where(sequencer.c.account_id == POSITIONS)
_LAST_READ: Final = Prepared(_LAST)

# Without an event there is no row to lock: a lock would be a write, five times a second. The first event is
# looked up by the index, because the table begins with deleted rows, which a scan would read until they are
# vacuumed.
_FIRST: Final = sa.select(outbox.c.id).order_by(outbox.c.id).limit(1).scalar_subquery()
_LOCKED: Final = _LAST.with_for_update()
_NEXT: Final = _LOCKED.where(_FIRST.is_not(None))

# One statement for any number of events. `= ANY(ARRAY(...))`, because `IN (SELECT ... LIMIT)` under a generic
# plan was measured 30 times slower. No other transaction numbers at the same time: the row of the positions
# is locked before. Only numbers are sorted: sorting whole messages, three times, took a sixth of the
# statement.
#
# The outbox is empty whenever PostgreSQL analyzes it. So it plans nested loops, as for one row; two thousand
# events took half a second in that way.
_NO_NESTED_LOOPS: Final = Prepared(sa.text("SET LOCAL enable_nestloop = off"))
_MOVE: Final = """
    WITH taken AS (
        DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox ORDER BY id LIMIT :limit)) RETURNING *
    ), numbered AS (
        SELECT id, account_id,
            row_number() OVER (PARTITION BY account_id ORDER BY id) AS nth_of_account,
            row_number() OVER (ORDER BY id) AS nth
        FROM taken
    ), before AS MATERIALIZED (
        SELECT account_id, greatest(
            (SELECT sequence FROM events
             WHERE events.account_id = account.account_id ORDER BY sequence DESC LIMIT 1),
            (SELECT last FROM sequencer WHERE sequencer.account_id = account.account_id), 0
        ) AS last
        FROM (SELECT DISTINCT account_id FROM taken) AS account
    ), positions AS MATERIALIZED (
        SELECT id, before.last + nth_of_account AS sequence, :last + {stride}nth AS position
        FROM numbered JOIN before USING (account_id)
    ), positioned AS (
        UPDATE sequencer SET last = :last + {stride}(SELECT count(*) FROM taken) WHERE account_id = :positions
    )
    INSERT INTO events (account_id, sequence, position, foreign_id, event_id, type, message, created)
    SELECT account_id, sequence, position, foreign_id, event_id, type, message, created
    FROM taken JOIN positions USING (id)
"""


FEW: Final = 100
"""So many events are numbered by a transaction that has others to write: nested loops are enough for them."""
_FREE: Final = Prepared(_LAST.where(_FIRST.is_not(None)).with_for_update(skip_locked=True))
_OF_FEW: Final = "-- few"
"""Makes another statement of the same: a connection plans each once, with nested loops or without."""


@cache
def _move(stride: int, size: str = "") -> Prepared:
    """Return the statement; positions go on by `stride`."""
    statement = sa.text(_MOVE.format(stride="" if stride == 1 else f"{stride} * ") + size).bindparams(
        sa.bindparam("limit", type_=sa.BigInteger),
        sa.bindparam("last", type_=sa.BigInteger),
        sa.bindparam("positions", POSITIONS, sa.BigInteger),
    )
    return Prepared(statement)


_SKIP_POSITIONS: Final = sa.text(
    "UPDATE sequencer SET last = last + :number * (SELECT cells FROM installation) WHERE account_id = :positions"
).bindparams(sa.bindparam("positions", POSITIONS, sa.BigInteger), sa.bindparam("number", type_=sa.BigInteger))
_SKIP_SEQUENCES: Final = sa.text("""
    WITH skipped AS MATERIALIZED (
        SELECT account_id, :number + greatest(
            (SELECT sequence FROM events
             WHERE events.account_id = counted.account_id ORDER BY sequence DESC LIMIT 1),
            (SELECT last FROM sequencer WHERE sequencer.account_id = counted.account_id), 0
        ) AS last
        FROM (
            SELECT id AS account_id FROM accounts UNION SELECT account_id FROM sequencer UNION SELECT :nobody
        ) AS counted
        WHERE account_id <> :positions
    )
    INSERT INTO sequencer (account_id, last) SELECT account_id, last FROM skipped
    ON CONFLICT (account_id) DO UPDATE SET last = excluded.last
""").bindparams(
    sa.bindparam("positions", POSITIONS, sa.BigInteger),
    sa.bindparam("nobody", NOBODY, sa.BigInteger),
    sa.bindparam("number", type_=sa.BigInteger),
)


_COLUMNS: Final = (*OutboxEvent._fields, "event_id")


_SEQUENCE: Final = ("account_id", "last")
_INSERT: Final = insert(sequencer).from_select(_SEQUENCE, sa.select(bulk.unnested(sequencer, _SEQUENCE)))
_SAVE: Final = _INSERT.on_conflict_do_update(
    index_elements=["account_id"], set_={"last": sa.func.greatest(sequencer.c.last, _INSERT.excluded.last)}
)


async def emit(db: Db, new_events: Sequence[OutboxEvent]) -> None:
    """Write the events in order, in the transaction that causes them: one statement, none without events."""
    await emit_encoded(db, [encode(new_events)] if new_events else [])


def encode(new_events: Sequence[OutboxEvent]) -> bytes:
    """Encode the events for `emit_encoded`; the database may work at something else meanwhile."""
    ids = secrets.token_hex(16 * len(new_events))
    rows = [(*event, ids[32 * n : 32 * n + 32]) for n, event in enumerate(new_events)]
    return copy.text(outbox, _COLUMNS, rows)


async def emit_encoded(db: Db, parts: Sequence[bytes]) -> None:
    """Emit the events of all parts, in order."""
    if parts:
        await copy.send(db, outbox, _COLUMNS, b"\n".join(parts))


async def sequence(db: Db, limit: int = BATCH, *, likely: bool = False, stride: int = 1) -> int:
    """Move up to `limit` outbox rows into `events`, oldest first, and return how many.

    Positions go on by `stride`: that is how many cells the installation has, so that each position names its cell.

    A statement of its own locks the row of the positions, so that the next one reads what earlier sequencers
    wrote. So events become visible in the order of their positions, and no reader misses an event that was
    committed late. Where events are `likely`, it is not looked first whether there is any.
    """
    last = await db.scalar(_LOCKED if likely else _NEXT)
    if last is None:
        return 0
    await bulk.execute(db, _NO_NESTED_LOOPS)
    return await bulk.execute(db, _move(stride), {"limit": limit, "last": last})


async def sequence_few(db: Db, stride: int) -> bool:
    """Do the same in a transaction that writes something else, as its last act: its events have their numbers at once.

    False where some are left to the sequencer: another transaction numbers just now, or many events wait. The caller commits
    at once: until then nobody else can number.
    """
    last = await bulk.fetch_value(db, _FREE)
    if last is None:
        return False
    return await bulk.execute(db, _move(stride, _OF_FEW), {"limit": FEW, "last": last}) < FEW


async def save_sequences(db: Db, last: Mapping[int, int]) -> None:
    """Save the last sequences of accounts whose events this transaction deletes."""
    if last:
        await db.execute(_SAVE, bulk.columns(_SEQUENCE, sorted(last.items())))


async def skip_numbers(db: Db, number: int) -> None:
    """Skip `number` positions, and as many sequences of each account: a lost database may have used those numbers."""
    await db.execute(_SKIP_POSITIONS, {"number": number})
    await db.execute(_SKIP_SEQUENCES, {"number": number})


async def last_position(db: ReadDb) -> int:
    """Return the position up to which every event can be read."""
    [row] = await bulk.fetch_all(db, _LAST_READ)
    return int(row["last"])


ANY_UNNUMBERED: Final = _FIRST.is_not(None)
"""Whether any event waits for its numbers."""


def is_behind(cursor: str) -> sa.ColumnElement[bool]:
    """Return the condition that there are events which the cursor has not passed."""
    return sa.exists().where(cursors.c.name == cursor, cursors.c.position < _LAST.scalar_subquery())


FIRST_START = "first start"
_CURSOR: Final = cursors.c.name == sa.bindparam("cursor", type_=sa.Text)
_POSITION: Final = Prepared(sa.select(cursors.c.position).where(_CURSOR))
_REACHED: Final = sa.bindparam("reached", type_=sa.BigInteger)
_ADVANCE: Final = Prepared(
    sa.update(cursors).values(position=_REACHED).where(_CURSOR, cursors.c.position < _REACHED)
)


async def start(db: Db) -> int:
    """Return the position at which a new receiver begins: 0 in the first start, later the last event.

    A receiver that is added after three years shall not get the events of all three.
    """
    mark = (
        insert(cursors)
        .values(name=FIRST_START, position=0)
        .on_conflict_do_nothing()
        .returning(cursors.c.name)
    )
    first = (await db.execute(mark)).first() is not None
    return 0 if first else await last_position(db)


async def create_cursor(db: Db, name: str, position: int) -> None:
    """Create the cursor at `position`; one that exists stays where it is."""
    await db.execute(insert(cursors).values(name=name, position=position).on_conflict_do_nothing())


async def cursor_position(db: Db, name: str) -> int:
    """Return the position up to which the events were sent."""
    [(position,)] = await bulk.fetch_values(db, _POSITION, {"cursor": name})
    return int(position)


async def advance(db: Db, name: str, position: int) -> None:
    """Move the cursor on, never back."""
    await bulk.execute(db, _ADVANCE, {"cursor": name, "reached": position})
