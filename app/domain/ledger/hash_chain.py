"""The hash chain: seals chained over old entries, so that a change by hand in the database is found, and named."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db
from app.db.tables import TREASURY, entries, seals

ENTRIES: Final = 1_000
"""In one seal at most."""
MARK: Final = 8
"""Bytes of each row's hash that are kept: enough to tell which row was changed; the seal's own hash is whole."""
AFTER: Final = timedelta(seconds=60)
"""Entries younger than this are not sealed yet: a commit can be late."""

# An entry with its postings as one line of JSON: an array, so that nothing in a text can be taken for a border between
# two, in the one form in which PostgreSQL writes jsonb. Times are UTC with microseconds. It is put together as text: made
# as jsonb and then written, the same took twice as long, and every entry is sealed.
_MOMENT: Final = """to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_POSTING: Final = """
    concat(
        '[', account_id, ', ', to_json(asset), ', ', seq, ', ', to_json(bucket), ', ', amount, ', ', available, ', ',
        incoming, ', ', held, ', ', outgoing, ', "', CASE WHEN p.created = e.created THEN moment ELSE {moment} END, '"]'
    )
""".format(moment=_MOMENT.format(time="p.created"))
LINES: Final = f"""
    SELECT e.id, concat(
        '[', id, ', ', to_json(kind), ', ', to_json(cause_type), ', ', to_json(cause_id), ', ',
        to_json(reference_type), ', ', to_json(reference), ', ', to_json(key), ', ', to_json(metadata), ', "', moment, '", ',
        (
            SELECT concat('[', string_agg({_POSTING}, ', ' ORDER BY account_id, asset, seq), ']')
            FROM postings AS p WHERE p.entry_id = e.id
        ), ']'
    ) AS line
    FROM entries AS e CROSS JOIN LATERAL (SELECT {_MOMENT.format(time="e.created")} AS moment OFFSET 0) AS said
    WHERE e.id > {{after}} AND e.id <= {{until}} ORDER BY e.id {{limit}}
"""  # noqa: S608  made of this module's constants

_SEAL: Final = sa.text(f"""
    WITH previous AS (
        SELECT number, last_entry, hash, treasury FROM seals
        UNION ALL SELECT 0, 0, sha256(''), '{{}}'
        ORDER BY number DESC LIMIT 1
    ), leaves AS MATERIALIZED (
        SELECT id, sha256(convert_to(line, 'UTF8')) AS leaf
        FROM ({LINES.format(after="(SELECT last_entry FROM previous)", until=":until", limit=f"LIMIT {ENTRIES}")}) AS lines
    ), summed AS (
        SELECT count(*) AS entries, max(id) AS last_entry, string_agg(leaf, '' ORDER BY id) AS leaves,
            string_agg(substring(leaf FOR {MARK}), '' ORDER BY id) AS marks
        FROM leaves
    ), issued AS (
        SELECT asset, sum(amount) AS amount FROM (
            SELECT key AS asset, value::numeric AS amount FROM previous, jsonb_each_text(treasury)
            UNION ALL
            SELECT asset, amount FROM postings JOIN leaves ON entry_id = id WHERE account_id = {TREASURY}
        ) AS parts GROUP BY asset
    )
    INSERT INTO seals (number, first_entry, last_entry, entries, hash, marks, treasury)
    SELECT previous.number + 1, previous.last_entry + 1, summed.last_entry, summed.entries,
        sha256(previous.hash || leaves), marks, coalesce((SELECT jsonb_object_agg(asset, amount) FROM issued), '{{}}')
    FROM previous, summed WHERE summed.entries > 0
    ON CONFLICT DO NOTHING
""").bindparams(sa.bindparam("until", type_=sa.BigInteger))  # noqa: S608  made of this module's constants

_SOME: Final = sa.text(LINES.format(after=":after", until=":until", limit="LIMIT :limit")).bindparams(
    sa.bindparam("after", type_=sa.BigInteger),
    sa.bindparam("until", type_=sa.BigInteger),
    sa.bindparam("limit", type_=sa.BigInteger),
)


class SafeHorizon(NamedTuple):
    """The highest entry at some moment, and what tells when all that ran at that moment has ended."""

    entry: int
    ends: int


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of the entries from `first_entry` to `last_entry`, of which there are `entries`."""

    number: int
    first_entry: int
    last_entry: int
    entries: int
    hash: bytes


async def newest(db: Db) -> int:
    """Return the highest number of an entry that is there; 0 if none."""
    return int((await db.execute(sa.select(sa.func.coalesce(sa.func.max(entries.c.id), 0)))).scalar_one())


async def horizon(db: Db) -> SafeHorizon:
    """Return the horizon of this moment. Whoever waits for it to pass waits for `db` too: a transaction that ends at once.

    Whoever inserts an entry had a transaction number before the entry had its own, since balances are locked first. The
    number that is taken here comes after all of those (what a snapshot calls its end does not: it is only behind the
    last that has ended): once all below `ends` are over, no entry up to `entry` can come any more.
    """
    entry = await newest(db)
    ends = sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.Text), sa.BigInteger)
    return SafeHorizon(entry, int((await db.execute(sa.select(ends))).scalar_one()))


async def is_past(db: Db, seen: SafeHorizon) -> bool:
    """Say whether all that ran at the horizon's moment has ended."""
    running = sa.cast(
        sa.cast(sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot()), sa.Text), sa.BigInteger
    )
    return bool(await db.scalar(sa.select(running >= seen.ends)))


async def seal(db: Db, until: int) -> bool:
    """Seal at most ENTRIES entries up to the number `until`, which no late commit undercuts; says whether there were any.

    One statement, over the last seal and what follows it: two at once make the same seal, and one of them stands.
    """
    return (await db.execute(_SEAL, {"until": until})).rowcount > 0


async def last(db: Db) -> Seal | None:
    """Return the newest seal."""
    found = await page(db, 0, newest=True)
    return found[0] if found else None


async def page(db: Db, after: int, limit: int = 1, *, newest: bool = False) -> list[Seal]:
    """Return the seals behind the number `after` in order, or from the `newest` back."""
    columns = [seals.c[name] for name in Seal.__slots__]
    order = seals.c.number.desc() if newest else seals.c.number
    found = await db.execute(sa.select(*columns).where(seals.c.number > after).order_by(order).limit(limit))
    return [Seal(row.number, row.first_entry, row.last_entry, row.entries, bytes(row.hash)) for row in found]


async def lines(db: Db, after: int, until: int, limit: int = ENTRIES) -> list[tuple[int, str]]:
    """Return entries behind `after` up to `until`, each with its line, as it is sealed."""
    return [
        (row.id, row.line)
        for row in await db.execute(_SOME, {"after": after, "until": until, "limit": limit})
    ]
