"""The outbox: events are written where they happened, then moved into `events` under numbers without a gap."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk, copy
from app.db.tables import NOBODY, cursors, outbox, sequencer

POSITIONS: Final = -(2**63)
"""The sequencer's row that holds the last position; the others, where accounts count on that have no event which tells it."""
BATCH: Final = 8_000


class OutboxEvent(NamedTuple):
    """What happened to an account (`tables.NOBODY`: to none); `message` is JSON text, rendered once."""

    account_id: int
    foreign_id: str
    type: str
    message: str


_LAST: Final = sa.select(sequencer.c.last).where(sequencer.c.account_id == POSITIONS)

# No event, no row: a lock would be a write, five times a second. The first one is asked for by its number: the table
# begins with rows that are gone, all of which would be looked at until they are vacuumed, and the index knows them.
_FIRST: Final = sa.select(outbox.c.id).order_by(outbox.c.id).limit(1).scalar_subquery()
_LOCKED: Final = _LAST.with_for_update()
_NEXT: Final = _LOCKED.where(_FIRST.is_not(None))

# One statement, whatever the number of events. `= ANY(ARRAY(...))`, because `IN (SELECT ... LIMIT)` under a generic plan
# was measured 30 times slower. No other transaction counts at the same time: the positions' row is locked before.
# Only numbers are sorted: sorting whole messages, three times, took a sixth of the statement.
#
# The outbox is empty whenever PostgreSQL counts its rows, and two tables of one row each it would join by comparing each
# with each: two thousand events took half a second, until it counted again.
_NOT_EACH_WITH_EACH: Final = sa.text("SET LOCAL enable_nestloop = off")
_MOVE: Final = sa.text("""
    WITH taken AS (
        DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox ORDER BY id LIMIT :limit)) RETURNING *
    ), numbered AS (
        SELECT id, account_id,
            row_number() OVER (PARTITION BY account_id ORDER BY id) AS nth_of_account,
            row_number() OVER (ORDER BY id) AS nth
        FROM taken
    ), before AS MATERIALIZED (
        SELECT account_id, greatest(
            (SELECT sequence FROM events WHERE events.account_id = told.account_id ORDER BY sequence DESC LIMIT 1),
            (SELECT last FROM sequencer WHERE sequencer.account_id = told.account_id), 0
        ) AS last
        FROM (SELECT DISTINCT account_id FROM taken) AS told
    ), placed AS MATERIALIZED (
        SELECT id, before.last + nth_of_account AS sequence, :last + nth AS position
        FROM numbered JOIN before USING (account_id)
    ), positioned AS (
        UPDATE sequencer SET last = :last + (SELECT count(*) FROM taken) WHERE account_id = :positions
    )
    INSERT INTO events (account_id, sequence, position, foreign_id, event_id, type, message, created)
    SELECT account_id, sequence, position, foreign_id, event_id, type, message, created
    FROM taken JOIN placed USING (id)
""").bindparams(
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("last", type_=sa.BigInteger),
    sa.bindparam("positions", POSITIONS, sa.BigInteger),
)


_LEAVE_OUT_POSITIONS: Final = sa.text(
    "UPDATE sequencer SET last = last + :number WHERE account_id = :positions"
).bindparams(sa.bindparam("positions", POSITIONS, sa.BigInteger), sa.bindparam("number", type_=sa.BigInteger))
_LEAVE_OUT_SEQUENCES: Final = sa.text("""
    INSERT INTO sequencer (account_id, last)
    SELECT account_id, :number + greatest(
        (SELECT sequence FROM events WHERE events.account_id = counted.account_id ORDER BY sequence DESC LIMIT 1),
        (SELECT last FROM sequencer WHERE sequencer.account_id = counted.account_id), 0
    )
    FROM (
        SELECT id AS account_id FROM accounts UNION SELECT account_id FROM sequencer UNION SELECT :nobody
    ) AS counted
    WHERE account_id <> :positions
    ON CONFLICT (account_id) DO UPDATE SET last = excluded.last
""").bindparams(
    sa.bindparam("positions", POSITIONS, sa.BigInteger),
    sa.bindparam("nobody", NOBODY, sa.BigInteger),
    sa.bindparam("number", type_=sa.BigInteger),
)


_WRITTEN: Final = (*OutboxEvent._fields, "event_id")


_COUNT: Final = ("account_id", "last")
_KEPT: Final = insert(sequencer).from_select(_COUNT, sa.select(bulk.unnested(sequencer, _COUNT)))
_KEEP: Final = _KEPT.on_conflict_do_update(
    index_elements=["account_id"], set_={"last": sa.func.greatest(sequencer.c.last, _KEPT.excluded.last)}
)


async def emit(db: Db, new_events: Sequence[OutboxEvent]) -> None:
    """Write the events in order, in the transaction that made them true: one statement, none for an empty list."""
    await emit_written(db, [written(new_events)] if new_events else [])


def written(new_events: Sequence[OutboxEvent]) -> bytes:
    """Write the events for `emit_written`, while the database is at something else."""
    ids = secrets.token_hex(16 * len(new_events))
    rows = [(*event, ids[32 * n : 32 * n + 32]) for n, event in enumerate(new_events)]
    return copy.text(outbox, _WRITTEN, rows)


async def emit_written(db: Db, parts: Sequence[bytes]) -> None:
    """Emit the events of all parts, in order."""
    if parts:
        await copy.send(db, outbox, _WRITTEN, b"\n".join(parts))


async def sequence(db: Db, limit: int = BATCH, *, likely: bool = False) -> int:
    """Move up to `limit` outbox rows into `events`, oldest first, and return how many. Where some are `likely`, none are asked for first.

    The positions' row is locked by a statement of its own, so that the next one reads all that earlier sequencers did:
    events become visible in the order of their positions, and whoever keeps a position never misses an event that was
    committed late.
    """
    last = await db.scalar(_LOCKED if likely else _NEXT)
    if last is None:
        return 0
    await db.execute(_NOT_EACH_WITH_EACH)
    return (await db.execute(_MOVE, {"limit": limit, "last": last})).rowcount


async def save_sequences(db: Db, counted: Mapping[int, int]) -> None:
    """Remember the last sequences of accounts whose events are deleted in this transaction; of the others, their events tell."""
    if counted:
        await db.execute(_KEEP, bulk.columns(_COUNT, sorted(counted.items())))


async def leave_out(db: Db, number: int) -> None:
    """Count on so much higher, positions and the sequences of all: a lost database may have told the numbers between."""
    await db.execute(_LEAVE_OUT_POSITIONS, {"number": number})
    await db.execute(_LEAVE_OUT_SEQUENCES, {"number": number})


async def last_position(db: Db) -> int:
    """Return the position up to which every event is there to be read."""
    return int((await db.execute(_LAST)).scalar_one())


FIRST_START = "first start"


async def start(db: Db) -> int:
    """Return where a receiver that is new now begins: at 0 in the installation's first start, else at the last event.

    Who adds a receiver to an installation of three years does not want to hear all three.
    """
    marked = (
        insert(cursors)
        .values(name=FIRST_START, position=0)
        .on_conflict_do_nothing()
        .returning(cursors.c.name)
    )
    first = (await db.execute(marked)).first() is not None
    return 0 if first else await last_position(db)


async def begin(db: Db, name: str, position: int) -> None:
    """Make the cursor at `position`; one that exists goes on where it was."""
    await db.execute(insert(cursors).values(name=name, position=position).on_conflict_do_nothing())


async def read(db: Db, name: str) -> int:
    """Return the position up to which the events were sent."""
    return int((await db.execute(sa.select(cursors.c.position).where(cursors.c.name == name))).scalar_one())


async def advance(db: Db, name: str, position: int) -> None:
    """Move the cursor on; never back, whoever else moved it meanwhile."""
    behind = sa.and_(cursors.c.name == name, cursors.c.position < position)
    await db.execute(sa.update(cursors).where(behind).values(position=position))
