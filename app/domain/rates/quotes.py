"""The quotes that the table of rates has: of now, and of moments that are over."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import currencies
from app.domain.rates.quote import Quote, quote_of
from app.domain.refusals import Invalid, Refusal

SOURCES: Final = 20
"""The most sources of one currency."""


class UnknownCurrency(Invalid):
    """There is no source of rates for {currency} here; there are: {known}."""

    field = "fiat_currency"


class NoRate(Refusal):
    """There is no fresh rate of {currency} now: its sources do not answer. Try again later."""

    code: ClassVar[str | None] = "not-available"
    field = "fiat_currency"


# Of each moment and currency the last rate of each source that was not too old then.
_AT: Final = """
    SELECT currencies.code, moment.time, newest.source, newest.value, newest.at
    FROM (
        SELECT time, least(to_timestamp(time), clock_timestamp()) AS at FROM unnest(:times) AS asked (time)
    ) AS moment
    CROSS JOIN currencies
    {join} JOIN LATERAL (
        SELECT DISTINCT ON (rates.source) rates.source, rates.value, rates.at FROM rates
        WHERE rates.pair = 'DOGE-' || currencies.code AND rates.at <= moment.at
            AND rates.at > moment.at - make_interval(secs => currencies.max_age_seconds)
        ORDER BY rates.source, rates.at DESC LIMIT :sources
    ) AS newest ON true
    WHERE {which} ORDER BY currencies.position, moment.time
"""
_TIMES: Final = sa.bindparam("times", type_=bulk.BIGINTS)
_SOURCES: Final = sa.bindparam("sources", SOURCES, type_=sa.BigInteger)
_OF_ALL: Final = sa.text(_AT.format(join="LEFT", which="true")).bindparams(_TIMES, _SOURCES)
_OF_MAIN: Final = Prepared(
    sa.text(_AT.format(join="INNER", which="currencies.position = 0")).bindparams(_TIMES, _SOURCES)
)
IS_VALUED: Final = sa.exists().where(currencies.c.position == 0)
"""Whether there is a currency in which money is valued."""
_FUTURE: Final = 2**33
"""A time after every present one: what lies in the future counts as now."""


async def in_currencies(db: Db, wanted: Collection[str]) -> Mapping[str, Quote | Refusal]:
    """Return the quote of now in each of the currencies, or its refusal: UnknownCurrency or NoRate."""
    if not wanted:
        return {}
    rows = await bulk.fetch_all(db, _OF_ALL, {"times": [_FUTURE]})
    known = {code: [*of_code] for code, of_code in groupby(rows, lambda row: str(row["code"]))}
    return {code: _quote_or_refusal(code, known) for code in wanted}


async def of_now(db: ReadDb) -> Quote | None:
    """Return the quote of now in the first configured currency, None where no rate is fresh."""
    return (await of_times(db, [_FUTURE])).get(_FUTURE)


async def of_times(db: ReadDb, times: Collection[int]) -> dict[int, Quote]:
    """Return the quotes in the first configured currency of moments, in seconds since 1970: one statement.

    A moment without a rate that was fresh then is left out.
    """
    rows = await bulk.fetch_all(db, _OF_MAIN, {"times": sorted(set(times))})
    return {time: _quote([*of_time]) for time, of_time in groupby(rows, lambda row: int(row["time"]))}


def _quote_or_refusal(currency: str, known: Mapping[str, Sequence[Row]]) -> Quote | Refusal:
    if currency not in known:
        return UnknownCurrency(currency=currency, known=", ".join(known) or "none")
    rows = known[currency]
    return _quote(rows) if rows[0]["source"] is not None else NoRate(currency=currency)


def _quote(rows: Sequence[Row]) -> Quote:
    rates: list[tuple[str, Any, datetime]] = [(row["source"], row["value"], row["at"]) for row in rows]
    return quote_of(str(rows[0]["code"]), rates)
