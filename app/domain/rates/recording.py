"""Writes what the sources said into the table of rates, and which currencies there are."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk
from app.db.tables import NOW, STATEMENT_NOW, currencies, rates

BATCH: Final = 5_000
"""The most old rates that one statement deletes."""


class Rate(NamedTuple):
    """What a source said that one DOGE is worth in a currency."""

    source: str
    currency: str
    value: Decimal


def pair_of(currency: str) -> str:
    """Return the name of the pair: DOGE-EUR."""
    return f"DOGE-{currency}"


async def configure(db: Db, codes: Sequence[str], max_age_seconds: int) -> None:
    """Have the currencies as the settings say, in their order: money is valued in the first."""
    await db.execute(sa.delete(currencies).where(currencies.c.code.not_in(codes)))
    for position, code in sorted(enumerate(codes), key=lambda pair: pair[1]):
        values = {"position": position, "max_age_seconds": max_age_seconds}
        row = insert(currencies).values(code=code, **values)
        await db.execute(row.on_conflict_do_update(index_elements=["code"], set_=values))


async def record(db: Db, fetched: Sequence[Rate]) -> None:
    """Write rates that were fetched just now, all with one time."""
    if fetched:
        at = await db.scalar(sa.select(NOW))
        rows = [
            {"pair": pair_of(rate.currency), "at": at, "source": rate.source, "value": rate.value}
            for rate in fetched
        ]
        await bulk.insert(db, rates, rows)


async def delete_old(db: Db, age: timedelta) -> bool:
    """Delete the oldest of the rates that are older than `age`; say whether there were any."""
    keys = tuple(rates.primary_key.columns)
    old = sa.select(*keys).where(rates.c.at < STATEMENT_NOW - age).order_by(rates.c.at).limit(BATCH)
    deleted = await db.execute(sa.delete(rates).where(sa.tuple_(*keys).in_(old)))
    return deleted.rowcount > 0
