"""The hash chain: each seal must hold exactly the entries that it sealed."""

from itertools import zip_longest
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import entries
from app.domain.audit.slices import Position, Slice
from app.domain.ledger.hash_chain import LINES, MARK

SEALS: Final = 20
"""How many seals one slice reads."""

_SEALS: Final = sa.text(f"""
    SELECT seals.number, seals.first_entry, seals.last_entry, seals.entries, seals.row_checksums,
        now.row_checksums AS marks_now, now.ids,
        seals.first_entry = coalesce(before.last_entry, 0) + 1 AS follows,
        seals.hash = sha256(coalesce(before.hash, sha256('')) || coalesce(now.leaves, '')) AS holds
    FROM seals LEFT JOIN seals AS before ON before.number = seals.number - 1
    CROSS JOIN LATERAL (
        SELECT array_agg(id ORDER BY id) AS ids, string_agg(leaf, '' ORDER BY id) AS leaves,
            string_agg(substring(leaf FOR {MARK}), '' ORDER BY id) AS row_checksums
        FROM (
            SELECT id, sha256(convert_to(line, 'UTF8')) AS leaf
            FROM ({LINES.format(after="seals.first_entry - 1", until="seals.last_entry", limit="")}) AS lines
        ) AS leaves
    ) AS now
    WHERE seals.number > :after ORDER BY seals.number LIMIT {SEALS}
""").bindparams(sa.bindparam("after", type_=sa.BigInteger))  # noqa: S608  made of this module's constants


async def entries_equal_seals(db: Db, after: Position) -> Slice:
    """A seal is the hash of the seal before and of its entries as they are now; both count from 1."""
    [number] = after or (0,)
    first = None if after else await db.scalar(sa.select(sa.func.min(entries.c.id)))
    if first is not None and first < 1:
        return Slice(1, f"entry {first} has a number that none is given")
    seals = (await db.execute(_SEALS, {"after": number})).all()
    checked = sum(len(seal.ids or ()) for seal in seals)
    for expected, seal in enumerate(seals, number + 1):
        if seal.number != expected:
            return Slice(checked, f"seal {expected} is missing")
        same = seal.row_checksums == seal.marks_now and seal.entries == len(seal.ids)
        if not (seal.follows and seal.holds and same):
            return Slice(checked, _fault(seal))
    return Slice(checked, "", (seals[-1].number,) if len(seals) == SEALS else None)


def _fault(seal: Any) -> str:
    """Name the first entry that is not as it was sealed; a seal that contradicts itself comes before that."""
    sealed, now = _marks(seal.row_checksums), _marks(seal.marks_now or b"")
    pairs = enumerate(zip_longest(sealed, now))
    at = next((number for number, (before, after) in pairs if before != after), None)
    if at is None or len(sealed) != seal.entries:
        return f"seal {seal.number} itself was changed, or one before it"
    ids = [seal.first_entry - 1, *(seal.ids or ()), seal.last_entry + 1]
    if at == len(now) or now[at] in sealed[at:]:
        return f"an entry between {ids[at]} and {ids[at + 1]} is missing (seal {seal.number})"
    change = "was added" if at == len(sealed) or sealed[at] in now[at:] else "was changed"
    return f"entry {ids[at + 1]} {change} after it was sealed (seal {seal.number})"


def _marks(joined: bytes) -> list[bytes]:
    return [bytes(joined[at : at + MARK]) for at in range(0, len(joined), MARK)]
