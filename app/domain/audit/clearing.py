"""What cells owe one another: what a crossing posts to clearing in one cell, it takes back in the others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import CLEARING, entries, postings
from app.domain.audit import slices
from app.domain.audit.slices import Position, Slice

HALVES: Final = 5_000
"""How many halves one slice reads; each is looked for in all other cells."""
_KEYS: Final = (postings.c.asset, postings.c.seq)
_HALVES: Final = (
    sa.select(*_KEYS, entries.c.key, postings.c.amount)
    .join(entries, entries.c.id == postings.c.entry_id)
    .where(postings.c.account_id == CLEARING)
    .order_by(*_KEYS)
    .limit(HALVES)
)
_NAMED: Final = bulk.unnested(entries, ("key",))
_OF_KEYS: Final = (
    sa.select(postings.c.asset, entries.c.key, postings.c.amount)
    .select_from(
        _NAMED.join(entries, entries.c.key == _NAMED.c.key).join(
            postings, postings.c.entry_id == entries.c.id
        )
    )
    .where(postings.c.account_id == CLEARING)
)


async def halves(db: Db, after: Position) -> Sequence[Row]:
    """Return a slice of what crossings have posted to clearing in this cell: asset, seq, key, amount."""
    return await bulk.fetch_all(db, _HALVES.where(slices.beyond(_KEYS, after)))


async def of_keys(db: Db, others: Sequence[Row]) -> Sequence[Row]:
    """Return what this cell has posted to clearing under the keys of halves in another."""
    return await bulk.fetch_all(db, _OF_KEYS, {"input_key": list({half["key"] for half in others})})


def check(own: Sequence[Row], elsewhere: Iterable[Row]) -> Slice:
    """Say whether under each key all cells together have nothing in any asset; `own` is a slice of one cell."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for half in (*own, *elsewhere):
        sums[half["key"], half["asset"]] += half["amount"]
    wrong = next((half for half in own if sums[half["key"], half["asset"]]), None)
    fault = ""
    if wrong is not None:
        key, asset = wrong["key"], wrong["asset"]
        fault = f"the halves of {key} differ by {sums[key, asset]} in {asset}"
    following = (own[-1]["asset"], own[-1]["seq"]) if len(own) == HALVES else None
    return Slice(len(own), fault, following)
