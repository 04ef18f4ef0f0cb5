import time
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import money
from app.money import BadAmount, parse, show

DECIMALS = st.integers(0, 18)
AMOUNTS = st.integers(-(2**63), 2**63 - 1)
DOUBLE = Context(prec=17)
"""A double needs at most 17 significant digits; PHP prints them all where serialize_precision is 17."""


@given(amount=AMOUNTS, decimals=DECIMALS)
def test_what_is_shown_is_read_back_as_the_same_amount(amount: int, decimals: int) -> None:
    assert parse(show(amount, decimals), decimals) == amount


@given(amount=AMOUNTS, decimals=DECIMALS)
def test_an_amount_is_shown_plainly_without_exponent_or_idle_zeros(amount: int, decimals: int) -> None:
    text = show(amount, decimals)

    assert not set(text) - set("-0123456789.")
    assert text == "0" or not text.strip("-").startswith("00")
    assert "." not in text or not text.endswith(("0", "."))
    assert Decimal(text).scaleb(decimals, Context(prec=40)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"), (1, "0.00000001"), (-1, "-0.00000001"), (10**8, "1"), (-5 * 10**8, "-5"),
        (2_489_774_000, "24.89774"),
        (10**10, "100"), (money.MAX_MONEY, "10000000000"),
    ],
)  # fmt: skip
def test_doge_is_shown_as_gigawallet_shows_it(amount: int, text: str) -> None:
    assert show(amount) == text


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.5", 1_250_000_000),
        ("1e2", 10**10),
        ("1E-8", 1),
        ("+3", 3 * 10**8),
        (".5", 5 * 10**7),
        ("5.", 5 * 10**8),
    ],
)
def test_decimal_text_is_taken_as_written(text: str, amount: int) -> None:
    assert parse(text) == amount


@given(amount=st.integers(1, 10**15), ulps=st.integers(-1, 1))
def test_what_a_double_makes_of_an_amount_is_read_as_the_amount(amount: int, ulps: int) -> None:
    printed = DOUBLE.multiply(Decimal(show(amount)), 1 + ulps * Decimal("1.2e-16"))

    assert parse(printed) == amount


@pytest.mark.parametrize(
    ("printed", "amount"),
    [
        ("0.6809999999999999", 68_100_000), ("12.340000000000001", 1_234_000_000),
        ("0.30000000000000004", 30_000_000),
        ("1234567.8900000001", 123_456_789_000_000),
    ],
)  # fmt: skip
def test_noise_is_rounded_away_from_a_number_and_refused_in_text(printed: str, amount: int) -> None:
    assert parse(Decimal(printed)) == amount
    with pytest.raises(BadAmount, match="at most 8 decimals"):
        parse(printed)


@given(units=st.integers(0, 10**9), zeros=st.integers(8, 50), digit=st.integers(1, 9))
def test_text_with_a_decimal_too_many_is_refused_however_far_behind(
    units: int, zeros: int, digit: int
) -> None:
    with pytest.raises(BadAmount, match="at most 8 decimals"):
        parse(f"{units}.{'0' * zeros}{digit}")


@pytest.mark.parametrize(
    ("number", "decimals", "amount"),
    [
        ("667.84592757483", 8, 66_784_592_757), ("0.3333333333333333", 8, 33_333_333),
        ("0.123456789", 8, 12_345_679),
        ("1.00000000001", 8, 10**8), ("1E-9", 8, 0), ("5.551115123125783e-17", 8, 0), ("1e-999999", 8, 0),
        ("0.000000005", 8, 0), ("0.000000015", 8, 2), ("-0.000000015", 8, -2), ("-0.0", 8, 0),
        ("-1e-400", 8, 0),
        ("2.5", 0, 2), ("3.5", 0, 4), ("0.1234567890123456789", 18, 123_456_789_012_345_679),
        ("9.99999999999999999", 2, 1000),
        ("0." + "3" * 98, 8, 33_333_333),
    ],
)  # fmt: skip
def test_a_number_with_a_fraction_is_rounded_half_even_to_the_decimals_of_its_asset(
    number: str, decimals: int, amount: int
) -> None:
    assert parse(Decimal(number), decimals) == amount


@given(number=st.decimals(-(10**9), 10**9, places=20), decimals=DECIMALS)
def test_a_number_is_read_as_the_nearest_amount_there_is(number: Decimal, decimals: int) -> None:
    read = Decimal(parse(number, decimals)).scaleb(-decimals, Context(prec=60))

    assert abs(read - number) * 2 <= Decimal(1).scaleb(-decimals)


@given(amount=st.integers(-(10**18), 10**18))
def test_a_whole_number_counts_the_asset_and_not_its_smallest_unit(amount: int) -> None:
    assert parse(amount, 2) == amount * 100


@pytest.mark.parametrize(
    "text",
    ["", " ", " 5", "5 ", "1,5", "1_0", "1e", "e5", ".", "-", "--1", "1.2.3", "0x10", "NaN", "Infinity",
    "١٢", "5\n", "1" * 65],
)  # fmt: skip
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(BadAmount, match="an amount is a decimal number"):
        parse(text)


@pytest.mark.parametrize(
    "number", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")]
)
def test_what_is_not_finite_is_refused(number: Decimal) -> None:
    with pytest.raises(BadAmount, match="finite"):
        parse(number)


@pytest.mark.parametrize("value", [True, False, None, [], {}, b"1"])
def test_what_is_neither_text_nor_number_is_refused(value: object) -> None:
    with pytest.raises(BadAmount, match="a decimal string or a number"):
        parse(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "huge",
    ["1e999999999", "-1e999999999", "1e-999999999", Decimal("1E+999999999"), Decimal("1E+400"),
    1 << 10_000, "1e19"],
)  # fmt: skip
def test_a_hostile_exponent_is_refused_at_once(huge: str | int | Decimal) -> None:
    began = time.perf_counter_ns()

    with pytest.raises(BadAmount, match=r"too (large|small)"):
        parse(huge)

    assert time.perf_counter_ns() - began < 50_000_000


@pytest.mark.parametrize("nothing", ["0e999999999", "-0", "0e-999999999", Decimal("0E+999999999999"), 0])
def test_nothing_is_nothing_whatever_its_exponent(nothing: str | int | Decimal) -> None:
    assert parse(nothing) == 0


@given(st.text(max_size=70) | st.integers() | st.decimals(allow_nan=True, allow_infinity=True), DECIMALS)
def test_whatever_is_given_is_an_amount_or_refused(thing: str | int | Decimal, decimals: int) -> None:
    try:
        amount = parse(thing, decimals)
    except BadAmount:
        return
    assert abs(amount) <= 10 ** (19 + decimals)
