"""Fees: exact sizes, floors that hold, and shares that sum."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import dogecoin, payments
from app.domain.payments import fees
from app.domain.refusals import Invalid
from app.money import COIN, DUST, Koinu

P2PKH = dogecoin.p2pkh(bytes(20))
P2SH = dogecoin.p2sh(bytes(20))
RATES = st.integers(0, 2000 * COIN).map(Koinu)
AMOUNTS = st.integers(0, 200 * COIN).map(Koinu)


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (1, [P2PKH], 192),
        (1, [P2PKH, P2PKH], 226),
        (2, [P2SH], 338),
        (252, [P2PKH], 10 + 252 * 148 + 34),
        (253, [P2PKH], 12 + 253 * 148 + 34),
        (1, [P2PKH] * 252, 10 + 148 + 252 * 34),
        (1, [P2PKH] * 253, 12 + 148 + 253 * 34),
        (1, [bytes(253)], 10 + 148 + 8 + 3 + 253),
    ],
)
def test_a_size_is_exact_where_every_signature_is_at_its_longest(
    inputs: int, outputs: list[bytes], expected: int
) -> None:
    assert fees.size(inputs, outputs) == expected


def test_the_usual_payment_costs_what_core_recommends() -> None:
    assert fees.fee(226, fees.MINED_RATE) == 226_000
    assert fees.fee(1, Koinu(1)) == 1
    assert fees.fee(1001, Koinu(1000)) == 1001
    assert fees.fee(1001, Koinu(999)) == 1000


@given(estimate=RATES | st.none(), minimum=RATES)
def test_whatever_the_node_says_the_rate_is_mined_and_bounded(estimate: Koinu | None, minimum: Koinu) -> None:
    policy = payments.Policy.of(estimate, minimum)

    assert fees.MINED_RATE <= policy.floor <= policy.rate <= fees.HIGHEST_RATE
    if estimate is not None and fees.MINED_RATE <= estimate <= fees.HIGHEST_RATE:
        assert policy.rate == max(estimate, policy.floor)


def test_a_node_that_knows_no_rate_is_paid_the_floor() -> None:
    assert payments.Policy.of(None) == payments.Policy(fees.MINED_RATE, fees.MINED_RATE)
    assert payments.Policy.of(None, Koinu(2 * fees.MINED_RATE)).floor == 2 * fees.MINED_RATE
    with pytest.raises(ValueError, match="floor"):
        payments.Policy(Koinu(fees.MINED_RATE - 1), Koinu(fees.MINED_RATE - 1))


@given(estimate=RATES, explicit=AMOUNTS, most=AMOUNTS, size=st.integers(1, fees.MAX_BYTES))
def test_a_fee_is_never_below_the_floor_nor_above_its_limit(
    estimate: Koinu, explicit: Koinu, most: Koinu, size: int
) -> None:
    policy = payments.Policy.of(estimate)
    try:
        terms = fees.FeeTerms.of(policy, explicit, most)
        paid = terms.fee(size)
    except fees.FeeAboveLimit:
        limit = explicit or most or fees.USUAL_MAX_FEE
        assert explicit > fees.HIGHEST_FEE or fees.fee(size, policy.floor) > limit
        return

    assert fees.fee(size, policy.floor) <= paid <= terms.most <= fees.HIGHEST_FEE
    assert size <= terms.largest
    if explicit:
        assert paid == explicit
    elif paid < terms.most:
        assert paid == fees.fee(size, policy.rate)


def test_an_explicit_fee_replaces_the_computed_one_within_bounds() -> None:
    policy = payments.Policy()

    assert fees.FeeTerms.of(policy, explicit_fee=COIN).fee(226) == COIN
    assert fees.FeeTerms.of(policy, explicit_fee=Koinu(226_000), max_fee=Koinu(1)).fee(226) == 226_000
    with pytest.raises(fees.FeeAboveLimit, match=r"needs a fee of 0.00226; at most 0.00225999 may be paid"):
        fees.FeeTerms.of(policy, explicit_fee=Koinu(225_999)).fee(226)
    with pytest.raises(fees.FeeAboveLimit) as refused:
        fees.FeeTerms.of(policy, explicit_fee=Koinu(fees.HIGHEST_FEE + 1))
    assert refused.value.field == "explicit_fee"


def test_a_max_fee_caps_the_computed_one_down_to_the_floor() -> None:
    dear = payments.Policy(Koinu(5 * fees.MINED_RATE))

    assert fees.FeeTerms.of(dear).fee(1000) == 5_000_000
    assert fees.FeeTerms.of(dear, max_fee=Koinu(2_000_000)).fee(1000) == 2_000_000
    with pytest.raises(fees.FeeAboveLimit):
        fees.FeeTerms.of(dear, max_fee=Koinu(999_999)).fee(1000)
    assert fees.FeeTerms.of(dear, max_fee=Koinu(1000 * COIN)).most == fees.HIGHEST_FEE
    assert fees.FeeTerms.of(dear).most == fees.FeeTerms.of(dear, Koinu(-1), Koinu(-1)).most == COIN


def test_no_more_is_paid_than_was_set_aside() -> None:
    nothing = Koinu(0)

    assert fees.FeeTerms.of(payments.Policy()).within(Koinu(500_000)).most == 500_000
    assert fees.FeeTerms.of(payments.Policy()).within(Koinu(5 * COIN)).most == COIN
    with pytest.raises(fees.FeeAboveLimit):
        fees.FeeTerms.of(payments.Policy()).within(nothing).fee(192)
    with pytest.raises(fees.FeeAboveLimit):
        fees.FeeTerms.of(payments.Policy(), explicit_fee=COIN).within(Koinu(COIN - 1))


@given(
    total=AMOUNTS,
    weights=st.lists(st.integers(0, 100 * fees.PERCENT), min_size=1, max_size=20).filter(any),
)
def test_parts_sum_to_the_whole_and_differ_from_their_share_by_less_than_there_are_parts(
    total: Koinu, weights: list[int]
) -> None:
    parts = fees.apportion(total, weights)

    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part >= 0
        assert abs(part * sum(weights) - total * weight) < len(weights) * sum(weights)
        assert weight or not part


@given(
    parts_and_rooms=st.lists(
        st.tuples(st.integers(0, 10**6).map(Koinu), st.integers(0, 10**6)), min_size=1, max_size=20
    ),
    part=st.fractions(-1, 1),
)
@example(parts_and_rooms=[(Koinu(5), 1)] * 3, part=Fraction(2, 3))
def test_another_total_moves_all_parts_the_same_way_and_none_beyond_its_room(
    parts_and_rooms: list[tuple[Koinu, int]], part: Fraction
) -> None:
    parts, rooms = zip(*parts_and_rooms, strict=True)
    total = Koinu(sum(parts) + int(sum(rooms if part > 0 else parts) * part))

    moved = fees.reapportion(parts, total, rooms)

    assert sum(moved) == total
    for old, new, room in zip(parts, moved, rooms, strict=True):
        assert old <= new <= old + room if total >= sum(parts) else 0 <= new <= old


def test_what_rounding_leaves_goes_to_the_largest_share() -> None:
    assert fees.apportion(Koinu(10), [1, 1, 1]) == [4, 3, 3]
    assert fees.apportion(Koinu(10), [1, 2, 4]) == [1, 2, 7]


@given(
    outputs=st.lists(
        st.tuples(st.integers(DUST, 50 * COIN).map(Koinu), st.integers(0, 100)), min_size=1, max_size=10
    ).filter(lambda outputs: any(weight for _, weight in outputs)),
    paid=st.integers(0, COIN).map(Koinu),
)
@example(outputs=[(Koinu(DUST), 1)], paid=Koinu(1))
def test_a_deducted_fee_is_taken_to_the_koinu_or_refused(
    outputs: list[tuple[Koinu, int]], paid: Koinu
) -> None:
    amounts = [amount for amount, _ in outputs]
    weights = [weight for _, weight in outputs]
    try:
        remaining = fees.deduct(amounts, weights, paid)
    except fees.BelowDust:
        parts = fees.apportion(paid, weights)
        assert any(amount - part < DUST for amount, part in zip(amounts, parts, strict=True))
        return

    assert sum(amounts) - sum(remaining) == paid
    assert min(remaining) >= DUST


def test_shares_of_the_fee_sum_to_a_hundred_percent_exactly() -> None:
    percent = fees.PERCENT

    assert fees.checked_shares([0, 0]) == ()
    assert fees.checked_shares([33 * percent + 1, 67 * percent - 1]) == (33 * percent + 1, 67 * percent - 1)
    for wrong in ([33 * percent, 67 * percent - 1], [100 * percent, 1], [101 * percent, -percent], [-1, 1]):
        with pytest.raises(Invalid) as refused:
            fees.checked_shares(wrong)
        assert refused.value.field == "deduct_fee_percent"
