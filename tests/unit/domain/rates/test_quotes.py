"""A quote is the median of what is fresh, and converts exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db, bulk
from app.db.tables import rates as rows
from app.domain import rates
from app.domain.rates import DECIMALS, BadMoney, NoRate, Quote, Rate, UnknownCurrency
from app.money import COIN

NOW = datetime.now(UTC)


async def said(db: Db, age: int, value: str, source: str = "a", currency: str = "EUR") -> datetime:
    """Let a source have said so some seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    row = {"pair": rates.pair_of(currency), "at": at, "source": source, "value": Decimal(value)}
    await bulk.insert(db, rows, [row])
    return at


@pytest.mark.parametrize(
    ("values", "median"),
    [(["3"], "3"), (["1", "9", "2"], "2"), (["1", "2"], "1.5"), (["1", "2", "4", "90"], "3")],
)
async def test_a_quote_is_the_median_and_as_old_as_the_oldest(
    engine: AsyncEngine, values: list[str], median: str
) -> None:
    async with engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
        for age, value in enumerate(values):
            await said(db, 9_000 + age, "77", f"source-{age}")
            at = await said(db, 10 + age, value, f"source-{age}")
        quote = await rates.of_now(db)

    assert quote is not None
    assert (quote.currency, quote.rate, quote.at) == ("EUR", Decimal(median), at)
    assert quote.source == ", ".join(f"source-{number}" for number in range(len(values)))


async def test_of_each_source_its_last_fresh_rate_counts(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
        await said(db, 500, "5", "a")
        await said(db, 100, "1", "a")
        await said(db, 700, "90", "b")
        quotes = await rates.in_currencies(db, ["EUR"])

    assert isinstance(quote := quotes["EUR"], Quote)
    assert (str(quote.rate), quote.source) == ("1.000000000000", "a")


async def test_a_currency_without_a_source_or_without_a_fresh_rate_is_refused_in_a_sentence(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        await rates.configure(db, ["EUR", "USD"], 600)
        await said(db, 700, "1")
        quotes = await rates.in_currencies(db, ["EUR", "CHF"])

    assert isinstance(quotes["EUR"], NoRate)
    assert isinstance(quotes["CHF"], UnknownCurrency)
    assert str(quotes["CHF"]) == "There is no source of rates for CHF here; there are: EUR, USD."
    assert "no fresh rate of EUR now" in str(quotes["EUR"])


async def test_a_moment_has_the_rate_of_then_if_that_was_fresh_then(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await rates.configure(db, ["EUR", "USD"], 600)
        await said(db, 5_000, "5")
        await said(db, 3_000, "3")
        await said(db, 10, "1")
        await said(db, 3_000, "8", currency="USD")
        now = int(datetime.now(UTC).timestamp())
        seconds = {age: now - age for age in (6_000, 4_900, 4_000, 2_500, 0, -9_000)}
        quotes = await rates.of_times(db, seconds.values())

    assert {age: quotes[time].rate for age, time in seconds.items() if time in quotes} == {
        4_900: 5, 2_500: 3, 0: 1, -9_000: 1
    }  # fmt: skip


async def test_the_currencies_are_those_of_the_settings_in_their_order(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await rates.configure(db, ["EUR", "USD"], 600)
        await said(db, 1, "1", currency="USD")
        await said(db, 1, "2")
        await rates.configure(db, ["USD", "CHF"], 600)
        quote = await rates.of_now(db)
        known = await rates.in_currencies(db, ["EUR"])
        await rates.configure(db, [], 600)
        none = await rates.of_now(db)

    assert quote is not None
    assert quote.currency == "USD"
    assert isinstance(known["EUR"], UnknownCurrency)
    assert none is None


async def test_old_rates_are_deleted_and_young_ones_stay(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await said(db, 90_000, "1")
        await said(db, 80_000, "2")

        moved = [await rates.delete_old(db, timedelta(days=1)) for _ in range(2)]
        left = list(await db.scalars(sa.select(rows.c.value)))

    assert moved == [True, False]
    assert left == [2]


async def test_what_was_fetched_together_has_one_time(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await rates.record(db, [Rate("a", "EUR", Decimal("0.1")), Rate("b", "USD", Decimal("0.2"))])
        await rates.record(db, [])

        assert await db.scalar(sa.select(sa.func.count(sa.distinct(rows.c.at)))) == 1


QUOTES = st.builds(
    Quote,
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
    rate=st.decimals("0.000000001", "10000000", places=12),
    at=st.just(NOW),
)


@given(QUOTES, st.integers(1, 10**12))
def test_a_payee_never_gets_less_than_the_price_and_at_most_a_koinu_more(quote: Quote, price: int) -> None:
    koinu, rate = quote.price(price), Fraction(quote.rate)  # exact: a Decimal keeps 28 digits
    wanted = price * 10 ** (8 - DECIMALS[quote.currency])

    assert (koinu - 1) * rate < wanted <= koinu * rate


def test_what_an_amount_was_worth_is_rounded_to_the_nearest() -> None:
    euro, yen = (Quote(currency, Decimal("0.151"), NOW) for currency in ("EUR", "JPY"))

    assert rates.worth_shown(euro, 20 * COIN) == {
        "currency": "EUR", "value": "3.02", "rate": "0.151", "at": NOW.isoformat()
    }  # fmt: skip
    assert (yen.worth(10 * COIN), yen.worth(9 * COIN)) == (2, 1)
    assert rates.worth_shown(None, COIN) is None


def test_money_is_read_and_shown_with_the_decimals_of_its_currency() -> None:
    amounts = [("19.9", "EUR"), ("20", "JPY"), ("1.234", "KWD"), ("-0.05", "USD")]

    shown = [rates.show_money(rates.parse_money(text, code), code) for text, code in amounts]

    assert shown == ["19.90", "20", "1.234", "-0.05"]
    for text, code in (("19.901", "EUR"), ("1.5", "JPY"), ("1e30", "EUR"), ("x", "EUR")):
        with pytest.raises(BadMoney):
            rates.parse_money(text, code)
