"""Which coins of a payment a cancellation spends, and what it pays for that."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import payments
from app.domain.dogecoin import Outpoint
from app.domain.owner import Owner
from app.domain.payments import Payment, Spendable, Tier, cancelling_transaction, fees
from app.money import COIN, DUST, NOTHING, Koinu

INPUT_FEE = 148_000
ONE_INPUT = 192_000
"""10 bytes, an input and an output at 1,000 koinu a byte."""
CHEAP = payments.Policy()


def coins(*amounts: int) -> list[Spendable]:
    return [Spendable(Outpoint(bytes(32), n), Koinu(amount), Tier.OWN) for n, amount in enumerate(amounts)]


def payment(paid: int, fee: int) -> Payment:
    return Payment(
        owner=Owner(1, "shop", ""),
        id=1,
        kind="pay",
        state="CANCELLING",
        amount=Koinu(paid),
        reserved=Koinu(paid + fee),
        explicit_fee=NOTHING,
        max_fee=NOTHING,
        paid=Koinu(paid),
        fee=Koinu(fee),
        transaction_id=1,
        batch=False,
        reference="",
        error="",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        outputs=(),
    )


def test_the_largest_coin_alone_is_spent_and_pays_the_rate() -> None:
    choice = cancelling_transaction.choose(coins(COIN, 5 * COIN, 2 * COIN), payment(7 * COIN, COIN), CHEAP)

    assert choice is not None
    assert [coin.amount for coin in choice.coins] == [5 * COIN]
    assert (choice.fee, choice.change) == (ONE_INPUT, 5 * COIN - ONE_INPUT)


def test_small_coins_are_joined_until_their_output_is_no_dust() -> None:
    choice = cancelling_transaction.choose(coins(*[DUST // 2] * 5), payment(2 * DUST, DUST // 2), CHEAP)

    assert choice is not None
    assert len(choice.coins) == 3
    assert choice.change >= DUST


@pytest.mark.parametrize("rate", [fees.HIGHEST_RATE, fees.HIGHEST_RATE // 4])
def test_the_fee_is_never_more_than_was_set_aside_and_waits_where_that_is_below_the_floor(rate: int) -> None:
    poor = payment(DUST, ONE_INPUT)
    high_floor = payments.Policy(fees.HIGHEST_RATE, fees.HIGHEST_RATE)

    choice = cancelling_transaction.choose(coins(COIN), poor, replace(CHEAP, rate=Koinu(rate)))

    assert choice is not None
    assert choice.fee <= poor.total
    assert cancelling_transaction.choose(coins(COIN), poor, high_floor) is None


@given(st.lists(st.integers(1, 3 * COIN), min_size=1, max_size=60), st.integers(100_000, COIN // 2))
def test_what_could_be_paid_can_be_cancelled_at_the_same_rate(amounts: list[int], rate: int) -> None:
    """A payment that has these coins, one output and its fee at the lowest rate."""
    fee = fees.fee(fees.size(len(amounts), [bytes(25)]), fees.MINED_RATE)
    paid = sum(amounts) - fee
    policy = payments.Policy(max(Koinu(rate), fees.MINED_RATE))

    choice = cancelling_transaction.choose(coins(*amounts), payment(max(paid, 1), fee), policy)

    if paid >= DUST and policy.rate == fees.MINED_RATE:
        assert choice is not None
    if choice is not None:
        assert choice.change >= DUST
        assert choice.fee >= fees.fee(fees.size(len(choice.coins), [bytes(25)]), policy.floor)
