"""The hash chain: seals over old entries, each over the one before, so that a change by hand is found."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db
from app.db.tables import CLEARING, TREASURY, entries, seals
from app.domain.ledger import seal_gates

ENTRIES: Final = 1_000
"""The most entries in one seal."""
MARK: Final = 8
"""Bytes of each entry's hash in a seal: enough to tell which entry was changed."""
SEAL_AFTER: Final = timedelta(seconds=60)
"""The age at which entries are sealed: a commit can be late."""

# An entry with its postings as one line: a JSON array, so that no text can look like a border between two
# values, in the form in which PostgreSQL writes jsonb. Times are UTC with microseconds. It is concatenated as
# text: made as jsonb and then written, it took twice as long, and every entry is sealed.
_MOMENT: Final = """to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_POSTING: Final = """
    concat(
        '[', account_id, ', ', to_json(asset), ', ', seq, ', ', to_json(bucket), ', ', amount, ', ',
        available, ', ', incoming, ', ', held, ', ', outgoing, ', "',
        CASE WHEN p.created = e.created THEN moment ELSE {moment} END, '"]'
    )
""".format(moment=_MOMENT.format(time="p.created"))
LINES: Final = f"""
    SELECT e.id, concat(
        '[', id, ', ', to_json(kind), ', ', to_json(cause_type), ', ', to_json(cause_id), ', ',
        to_json(reference_type), ', ', to_json(reference), ', ', to_json(key), ', ', to_json(metadata), ', "',
        moment, '", ',
        (
            SELECT concat('[', string_agg({_POSTING}, ', ' ORDER BY account_id, asset, seq), ']')
            FROM postings AS p WHERE p.entry_id = e.id
        ), ']'
    ) AS line
    FROM entries AS e
    CROSS JOIN LATERAL (SELECT {_MOMENT.format(time="e.created")} AS moment OFFSET 0) AS created_text
    WHERE e.id > {{after}} AND e.id <= {{until}} ORDER BY e.id {{limit}}
"""  # noqa: S608  made of this module's constants

_NEXT_LINES: Final = LINES.format(
    after="(SELECT last_entry FROM previous)", until=":until", limit=f"LIMIT {ENTRIES}"
)
_SEAL: Final = sa.text(f"""
    WITH previous AS (
        SELECT number, last_entry, hash, treasury, clearing FROM seals
        UNION ALL SELECT 0, 0, sha256(''), '{{}}', '{{}}'
        ORDER BY number DESC LIMIT 1
    ), leaves AS MATERIALIZED (
        SELECT id, sha256(convert_to(line, 'UTF8')) AS leaf
        FROM ({_NEXT_LINES}) AS lines
    ), summed AS (
        SELECT count(*) AS entries, max(id) AS last_entry, string_agg(leaf, '' ORDER BY id) AS leaves,
            string_agg(substring(leaf FOR {MARK}), '' ORDER BY id) AS row_checksums
        FROM leaves
    ), issued AS (
        SELECT account_id, asset, sum(amount) AS amount FROM (
            SELECT {TREASURY} AS account_id, key AS asset, value::numeric AS amount
            FROM previous, jsonb_each_text(treasury)
            UNION ALL SELECT {CLEARING}, key, value::numeric FROM previous, jsonb_each_text(clearing)
            UNION ALL
            SELECT account_id, asset, amount FROM postings JOIN leaves ON entry_id = id
            WHERE account_id IN ({TREASURY}, {CLEARING})
        ) AS parts GROUP BY account_id, asset
    )
    INSERT INTO seals (number, first_entry, last_entry, entries, hash, row_checksums, treasury, clearing)
    SELECT previous.number + 1, previous.last_entry + 1, summed.last_entry, summed.entries,
        sha256(previous.hash || leaves), row_checksums,
        coalesce((SELECT jsonb_object_agg(asset, amount) FROM issued WHERE account_id = {TREASURY}), '{{}}'),
        coalesce((SELECT jsonb_object_agg(asset, amount) FROM issued WHERE account_id = {CLEARING}), '{{}}')
    FROM previous, summed WHERE summed.entries > 0
    ON CONFLICT DO NOTHING
""").bindparams(sa.bindparam("until", type_=sa.BigInteger))  # noqa: S608  made of this module's constants

_LINES: Final = sa.text(LINES.format(after=":after", until=":until", limit="LIMIT :limit")).bindparams(
    sa.bindparam("after", type_=sa.BigInteger),
    sa.bindparam("until", type_=sa.BigInteger),
    sa.bindparam("limit", type_=sa.BigInteger),
)


class SafeHorizon(NamedTuple):
    """The last entry at a moment. No earlier one can come once nobody shares the gates up to `gate`."""

    entry: int
    gate: int


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of the entries from `first_entry` to `last_entry`, of which there are `entries`."""

    number: int
    first_entry: int
    last_entry: int
    entries: int
    hash: bytes


async def last_entry(db: Db) -> int:
    """Return the number of the last entry; 0 if there is none."""
    return int((await db.execute(sa.select(sa.func.coalesce(sa.func.max(entries.c.id), 0)))).scalar_one())


async def safe_horizon(db: Db) -> SafeHorizon:
    """Return the horizon of this moment. It cannot pass before the transaction of `db` has committed.

    An entry gets its number after its transaction has shared a gate. So who may still bring an earlier one
    than the last entry, which is read first, shares a gate that is closed now.
    """
    entry = await last_entry(db)
    return SafeHorizon(entry, await seal_gates.close(db))


async def is_past(db: Db, horizon: SafeHorizon) -> bool:
    """Say whether all transactions that could bring an entry up to the horizon have ended."""
    return await seal_gates.is_left(db, horizon.gate)


async def seal(db: Db, until: int) -> bool:
    """Seal at most ENTRIES entries up to `until`, where a past horizon ends; False if there are none.

    It is one statement over the last seal and what follows it. Two at once make the same seal, and one is
    stored.
    """
    return (await db.execute(_SEAL, {"until": until})).rowcount > 0


async def last(db: Db) -> Seal | None:
    """Return the newest seal."""
    seals_found = await page(db, 0, newest=True)
    return seals_found[0] if seals_found else None


async def page(db: Db, after: int, limit: int = 1, *, newest: bool = False) -> list[Seal]:
    """Return the seals after the number `after` in order, or the newest first."""
    columns = [seals.c[name] for name in Seal.__slots__]
    order = seals.c.number.desc() if newest else seals.c.number
    rows = await db.execute(sa.select(*columns).where(seals.c.number > after).order_by(order).limit(limit))
    return [Seal(row.number, row.first_entry, row.last_entry, row.entries, bytes(row.hash)) for row in rows]


async def sealed_lines(db: Db, after: int, until: int, limit: int = ENTRIES) -> list[tuple[int, str]]:
    """Return the numbers of entries after `after` up to `until`, each with its line as a seal hashes it."""
    rows = await db.execute(_LINES, {"after": after, "until": until, "limit": limit})
    return [(row.id, row.line) for row in rows]
