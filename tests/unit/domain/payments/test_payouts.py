"""When a payout is due: at its threshold, on its schedule, never below dust, and never if both are off."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.payments import payouts
from app.money import COIN, DUST, Koinu

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADDRESS = "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV"
PLANS = st.builds(
    payouts.PayoutPlan.of,
    st.sampled_from([ADDRESS, ""]),
    st.integers(0, 2 * COIN).map(Koinu),
    st.sampled_from(["", "0", "1", "3600", "999999999"]),
)
BALANCES = st.integers(0, 3 * COIN).map(Koinu)
AGES = st.timedeltas(timedelta(seconds=-5), timedelta(days=30))


def is_due(threshold: int, frequency: str, available: int, ago: timedelta) -> bool:
    plan = payouts.PayoutPlan.of(ADDRESS, Koinu(threshold), frequency)
    return payouts.is_due(plan, Koinu(available), NOW - ago, NOW)


@pytest.mark.parametrize(
    ("available", "expected"), [(5 * COIN - 1, False), (5 * COIN, True), (9 * COIN, True)]
)
def test_a_balance_at_the_threshold_goes_out(available: int, *, expected: bool) -> None:
    assert is_due(5 * COIN, "", available, timedelta()) is expected


@pytest.mark.parametrize(("ago", "expected"), [(HOUR - timedelta(microseconds=1), False), (HOUR, True)])
def test_what_there_is_goes_out_when_its_time_has_come(ago: timedelta, *, expected: bool) -> None:
    assert is_due(0, "3600", DUST, ago) is expected


@pytest.mark.parametrize("frequency", ["", "0", "000"])
def test_with_both_triggers_off_there_is_never_a_payout(frequency: str) -> None:
    assert not is_due(0, frequency, 10**6 * COIN, timedelta(days=10_000))
    assert not payouts.PayoutPlan.of(ADDRESS, Koinu(0), frequency).is_on


def test_either_trigger_is_enough() -> None:
    assert is_due(COIN, "3600", COIN, timedelta())
    assert is_due(COIN, "3600", COIN - 1, HOUR)
    assert not is_due(COIN, "3600", COIN - 1, timedelta())


def test_without_an_address_nothing_goes_out() -> None:
    plan = payouts.PayoutPlan.of("", COIN, "1")

    assert not payouts.is_due(plan, Koinu(9 * COIN), NOW - HOUR, NOW)
    assert not plan.is_on


def test_a_schedule_that_has_come_waits_until_the_fee_leaves_more_than_dust() -> None:
    plan = payouts.PayoutPlan.of(ADDRESS, Koinu(1), "3600")
    least = Koinu(DUST + 192_000)

    assert not payouts.is_due(plan, Koinu(least - 1), NOW - 9 * HOUR, NOW, least)
    assert payouts.is_due(plan, least, NOW - 9 * HOUR, NOW, least)


@given(PLANS, BALANCES, AGES, BALANCES)
def test_never_below_dust_and_more_money_or_time_never_puts_it_off(
    plan: payouts.PayoutPlan, available: Koinu, age: timedelta, more: Koinu
) -> None:
    if payouts.is_due(plan, available, NOW - age, NOW):
        assert available >= DUST
        assert payouts.is_due(plan, Koinu(available + more), NOW - age - HOUR, NOW)


@given(PLANS, BALANCES.filter(lambda amount: amount >= DUST), AGES)
def test_the_schedule_says_when(plan: payouts.PayoutPlan, available: Koinu, age: timedelta) -> None:
    if plan.is_on and plan.every is not None:
        since = NOW - age
        at = since + plan.every

        assert payouts.is_due(plan, available, since, at)
        reached = 0 < plan.threshold <= available
        assert payouts.is_due(plan, available, since, at - HOUR / 3600) == reached
