"""The hash chain as the audit sees it: each seal must hold exactly what it sealed."""

from itertools import zip_longest
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import entries
from app.domain.audit.slices import Slice
from app.domain.ledger.hash_chain import LINES, MARK

CHECKED: Final = 20
"""Seals in one slice of the audit."""

_CHECK: Final = sa.text(f"""
    SELECT seals.number, seals.first_entry, seals.last_entry, seals.entries, seals.marks, now.marks AS marks_now, now.ids,
        seals.first_entry = coalesce(before.last_entry, 0) + 1 AS follows,
        seals.hash = sha256(coalesce(before.hash, sha256('')) || coalesce(now.leaves, '')) AS holds
    FROM seals LEFT JOIN seals AS before ON before.number = seals.number - 1
    CROSS JOIN LATERAL (
        SELECT array_agg(id ORDER BY id) AS ids, string_agg(leaf, '' ORDER BY id) AS leaves,
            string_agg(substring(leaf FOR {MARK}), '' ORDER BY id) AS marks
        FROM (
            SELECT id, sha256(convert_to(line, 'UTF8')) AS leaf
            FROM ({LINES.format(after="seals.first_entry - 1", until="seals.last_entry", limit="")}) AS lines
        ) AS leaves
    ) AS now
    WHERE seals.number > :after ORDER BY seals.number LIMIT {CHECKED}
""").bindparams(sa.bindparam("after", type_=sa.BigInteger))  # noqa: S608  made of this module's constants


async def hold(db: Db, after: tuple[Any, ...]) -> Slice:
    """Every seal is the hash of the seal before it and of its entries as they are now; seals and entries count from 1."""
    [number] = after or (0,)
    if (
        not after
        and (first := await db.scalar(sa.select(sa.func.min(entries.c.id)))) is not None
        and first < 1
    ):
        return Slice(1, f"entry {first} has a number that none is given")
    found = (await db.execute(_CHECK, {"after": number})).all()
    checked = sum(len(row.ids or ()) for row in found)
    for expected, row in enumerate(found, number + 1):
        if row.number != expected:
            return Slice(checked, f"seal {expected} is missing")
        if not (row.follows and row.holds and row.marks == row.marks_now and row.entries == len(row.ids)):
            return Slice(checked, _fault(row))
    return Slice(checked, "", (found[-1].number,) if len(found) == CHECKED else None)


def _fault(row: Any) -> str:
    """Name the first entry that is not as it was sealed, by the marks; what a seal says of itself is looked at first."""
    sealed, now = _parted(row.marks), _parted(row.marks_now or b"")
    place = next((n for n, (one, other) in enumerate(zip_longest(sealed, now)) if one != other), None)
    if place is None or len(sealed) != row.entries:
        return f"seal {row.number} itself was changed, or one before it"
    ids = [row.first_entry - 1, *(row.ids or ()), row.last_entry + 1]
    if place == len(now) or now[place] in sealed[place:]:
        return f"an entry between {ids[place]} and {ids[place + 1]} is missing (seal {row.number})"
    change = "was added" if place == len(sealed) or sealed[place] in now[place:] else "was changed"
    return f"entry {ids[place + 1]} {change} after it was sealed (seal {row.number})"


def _parted(marks: bytes) -> list[bytes]:
    return [bytes(marks[at : at + MARK]) for at in range(0, len(marks), MARK)]
