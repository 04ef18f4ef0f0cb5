"""Choosing coins: what goes in comes out, no dust, no coin twice, and a choice wherever there is one."""

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.domain import dogecoin, payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import (
    Choice,
    InsufficientCoins,
    SelectionOrder,
    Spendable,
    Tier,
    coin_selection,
    consolidation,
    fees,
)
from app.domain.payments.coin_selection import TooLarge
from app.domain.refusals import Refusal
from app.money import COIN, DUST, Koinu

P2PKH = dogecoin.p2pkh(bytes(20))
P2SH = dogecoin.p2sh(bytes(20))
PLAIN = payments.Policy()
CHEAP, CHEAPER = fees.FeeTerms(PLAIN, Koinu(DUST)), fees.FeeTerms(PLAIN, Koinu(200_000))
AMOUNTS = st.one_of(
    st.integers(1, 3 * DUST), st.sampled_from([DUST, COIN // 2, COIN, 2 * COIN]), st.integers(DUST, 5 * COIN)
).map(Koinu)
PAID = st.one_of(st.integers(DUST, 6 * COIN), st.sampled_from([DUST, COIN, 2 * COIN])).map(Koinu)
SELDOM = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
"""For claims about choices: many orders cannot be paid."""
RATES = st.integers(fees.MINED_RATE, COIN // 5).map(Koinu)
TERMS = st.builds(
    lambda rate, fee, explicit: fees.FeeTerms(payments.Policy(rate), fee, fee if explicit else None),
    RATES | st.just(fees.MINED_RATE),
    st.just(COIN) | st.integers(100_000, 3 * DUST).map(Koinu),
    st.booleans(),
)


def spendable(amount: int, number: int, tier: Tier = Tier.OWN) -> Spendable:
    return Spendable(Outpoint(number.to_bytes(32, "big"), number % 3), Koinu(amount), tier)


def coins_of(*amounts: int, tier: Tier = Tier.OWN, start: int = 0) -> list[Spendable]:
    return [spendable(amount, number, tier) for number, amount in enumerate(amounts, start)]


def paying(
    *amounts: int, terms: fees.FeeTerms | None = None, shares: Sequence[int] = (), spare: int = 0
) -> SelectionOrder:
    return SelectionOrder(
        tuple(map(Koinu, amounts)),
        (P2PKH,) * len(amounts),
        terms or fees.FeeTerms(PLAIN),
        tuple(shares),
        Koinu(spare),
    )


@st.composite
def candidates(draw: st.DrawFn, most: int) -> list[Spendable]:
    drawn = draw(st.lists(st.tuples(AMOUNTS, st.sampled_from(Tier)), max_size=most))
    return [spendable(amount, number, tier) for number, (amount, tier) in enumerate(drawn)]


@st.composite
def orders(draw: st.DrawFn) -> SelectionOrder:
    outputs = draw(st.lists(st.tuples(PAID, st.sampled_from([P2PKH, P2SH])), min_size=1, max_size=3))
    shares = draw(
        st.just([]) | st.lists(st.integers(0, 9), min_size=len(outputs), max_size=len(outputs)).filter(any)
    )
    return SelectionOrder(
        tuple(amount for amount, _ in outputs),
        tuple(script for _, script in outputs),
        draw(TERMS),
        tuple(shares),
        Koinu(draw(st.sampled_from([0, 1000, DUST])) if shares else 0),
    )


def size_of(order: SelectionOrder, choice: Choice) -> int:
    return fees.size(len(choice.coins), [*order.scripts, *([P2PKH] if choice.change else [])])


def attempt(coins: Sequence[Spendable], order: SelectionOrder) -> Choice | Refusal:
    try:
        return coin_selection.choose(coins, order)
    except Refusal as refusal:
        return refusal


def pays(order: SelectionOrder, coins: Sequence[Spendable]) -> bool:
    """Say by the rules themselves whether just these coins can pay the order."""
    total, amount = sum(coin.amount for coin in coins), sum(order.amounts)
    most, floor = order.terms.most, order.terms.policy.floor
    sizes = [fees.size(len(coins), [*order.scripts, *change]) for change in ([], [P2PKH])]
    offers = [order.terms.explicit or min(fees.fee(size, order.terms.policy.rate), most) for size in sizes]
    relayed = [fees.fee(size, floor) <= most and size <= fees.MAX_BYTES for size in sizes]
    remainders = [total - amount - (0 if order.shares else fee) for fee in offers]
    if relayed[1] and remainders[1] >= DUST:
        return True
    room = min(DUST - 1, order.spare) if order.shares else DUST - 1 + offers[1] - offers[0]
    return relayed[0] and 0 <= remainders[0] <= min(room, most - offers[0])


def subsets(coins: Sequence[Spendable]) -> "itertools.chain[tuple[Spendable, ...]]":
    return itertools.chain.from_iterable(
        itertools.combinations(coins, count) for count in range(1, len(coins) + 1)
    )


def worthy(order: SelectionOrder, coins: Sequence[Spendable]) -> list[Spendable]:
    cost = 0 if order.shares or order.terms.explicit else fees.INPUT_BYTES * order.terms.policy.rate // 1000
    return [coin for coin in coins if coin.amount > cost]


@given(candidates(40), orders())
@settings(SELDOM, max_examples=200)
def test_what_goes_in_comes_out_and_the_fee_is_right_for_the_final_size(
    coins: list[Spendable], order: SelectionOrder
) -> None:
    choice = attempt(coins, order)
    assume(isinstance(choice, Choice))
    assert isinstance(choice, Choice)
    size = size_of(order, choice)
    total = sum(coin.amount for coin in choice.coins)

    assert total == sum(choice.amounts) + choice.change + choice.fee
    assert order.terms.fee(size) <= choice.fee <= order.terms.most
    assert choice.change == 0 or choice.change >= DUST
    assert min(choice.amounts) >= DUST
    assert len(set(choice.coins)) == len(choice.coins)
    assert set(choice.coins) <= set(coins)
    if order.shares:
        assert sum(order.amounts) <= total - choice.change <= sum(order.amounts) + order.spare
    else:
        assert choice.amounts == order.amounts


@given(candidates(40), orders(), st.randoms(use_true_random=False))
def test_the_same_coins_in_any_order_and_said_twice_give_the_same_choice(
    coins: list[Spendable], order: SelectionOrder, chance: random.Random
) -> None:
    shuffled = [*coins, *coins[:5]]
    chance.shuffle(shuffled)

    first, second = attempt(coins, order), attempt(shuffled, order)

    assert first == second or str(first) == str(second)


@given(candidates(7), orders())
@settings(SELDOM, max_examples=200)
def test_a_way_is_found_wherever_there_is_one_and_later_tiers_only_where_earlier_ones_do_not_do(
    coins: list[Spendable], order: SelectionOrder
) -> None:
    useful = worthy(order, coins)
    choice = attempt(coins, order)
    assume(not isinstance(choice, fees.BelowDust))

    assert isinstance(choice, Choice) == any(pays(order, subset) for subset in subsets(useful))
    if isinstance(choice, Choice):
        assert pays(order, choice.coins)
        last = max(coin.tier for coin in choice.coins)
        earlier = [coin for coin in useful if coin.tier < last]
        assert not any(pays(order, subset) for subset in subsets(earlier))


@given(candidates(7), orders())
@settings(SELDOM)
def test_there_is_no_change_where_one_tier_has_a_near_exact_set(
    coins: list[Spendable], order: SelectionOrder
) -> None:
    alike = [coin._replace(tier=Tier.POOL) for coin in coins]
    choice = attempt(alike, order)
    assume(isinstance(choice, Choice))
    assert isinstance(choice, Choice)

    fewest = min(len(subset) for subset in subsets(worthy(order, alike)) if pays(order, subset))
    if choice.change:
        assert len(choice.coins) == fewest
        assert not any(
            pays(order, subset) and _is_exact(order, subset) for subset in subsets(worthy(order, alike))
        )


def _is_exact(order: SelectionOrder, coins: Sequence[Spendable]) -> bool:
    remainder = sum(coin.amount for coin in coins) - sum(order.amounts)
    fee = 0 if order.shares else order.terms.offer(fees.size(len(coins), [*order.scripts, P2PKH]))
    return remainder < DUST + fee


@given(candidates(7), orders())
@settings(SELDOM)
def test_as_few_coins_of_the_last_tier_as_will_do_make_change(
    coins: list[Spendable], order: SelectionOrder
) -> None:
    choice = attempt(coins, order)
    assume(isinstance(choice, Choice))
    assert isinstance(choice, Choice)
    assume(choice.change)
    last = max(coin.tier for coin in choice.coins)
    assume(last is not Tier.OWN)

    used = sum(coin.tier is last for coin in choice.coins)
    fewer = [
        subset
        for subset in subsets([coin for coin in worthy(order, coins) if coin.tier <= last])
        if sum(coin.tier is last for coin in subset) < used
    ]
    assert not any(pays(order, subset) and not _is_exact(order, subset) for subset in fewer)


@given(st.integers(1, 600), st.integers(0, 10**6), st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_hundreds_of_coins_suffice_to_the_last_koinu(count: int, fraction: int, step: int) -> None:
    coins = coins_of(*(10 * COIN + n * step for n in range(count)))
    total = sum(coin.amount for coin in coins)
    highest = total - fees.fee(fees.size(count, [P2PKH]), PLAIN.rate)

    assert isinstance(attempt(coins, paying(highest)), Choice)
    assert isinstance(attempt(coins, paying(DUST + (highest - DUST) * fraction // 10**6)), Choice)
    assert isinstance(attempt(coins, paying(highest + 1)), InsufficientCoins)


def test_an_exact_coin_or_pair_pays_without_change() -> None:
    need = 3 * COIN + fees.fee(192, PLAIN.rate)

    single = coin_selection.choose(coins_of(10 * COIN, need, 2 * COIN, 1 * COIN), paying(3 * COIN))
    pair = coin_selection.choose(coins_of(10 * COIN, 2 * COIN, COIN + 400_000), paying(3 * COIN))

    assert ([coin.amount for coin in single.coins], single.change, single.fee) == ([need], 0, 192_000)
    assert ([coin.amount for coin in pair.coins], pair.change, pair.fee) == (
        [2 * COIN, COIN + 400_000],
        0,
        400_000,
    )


def test_change_that_would_be_dust_goes_to_the_fee_and_a_koinu_more_comes_back() -> None:
    change_fee, plain = 34_000, 192_000
    tight = COIN + plain + change_fee + DUST - 1

    without_change = coin_selection.choose(coins_of(tight), paying(COIN))
    with_change = coin_selection.choose(coins_of(tight + 1), paying(COIN))

    assert (without_change.change, without_change.fee) == (0, plain + change_fee + DUST - 1)
    assert (with_change.change, with_change.fee) == (DUST, plain + change_fee)


def test_without_an_exact_set_the_smallest_coin_that_does_is_taken() -> None:
    choice = coin_selection.choose(coins_of(50 * COIN, 20 * COIN, 9 * COIN, 2 * COIN), paying(7 * COIN))

    assert [coin.amount for coin in choice.coins] == [9 * COIN]
    assert choice.change == 2 * COIN - 226_000


def test_own_coins_come_before_the_pools_and_unconfirmed_ones_last() -> None:
    own = coins_of(4 * COIN)
    pool = coins_of(100 * COIN, 5 * COIN, tier=Tier.POOL, start=10)
    unconfirmed = coins_of(1000 * COIN, 3 * COIN, tier=Tier.UNCONFIRMED, start=20)

    def amounts(paid: int) -> list[int]:
        return [
            coin.amount // COIN
            for coin in coin_selection.choose([*unconfirmed, *pool, *own], paying(paid)).coins
        ]

    assert amounts(3 * COIN) == [4]
    assert amounts(50 * COIN) == [100]
    assert sorted(amounts(108 * COIN)) == [4, 5, 100]
    assert amounts(500 * COIN) == [1000]


def test_an_explicit_fee_is_paid_to_the_koinu() -> None:
    terms = fees.FeeTerms.of(PLAIN, explicit_fee=Koinu(COIN // 2))

    choice = coin_selection.choose(
        coins_of(2 * COIN - 100, COIN), paying(COIN + COIN // 2 - 200, terms=terms)
    )

    assert choice.fee == COIN // 2
    assert choice.change == COIN + 100


def test_a_payment_of_everything_takes_the_fee_out_of_the_amount_whatever_the_coins_are() -> None:
    coins = coins_of(5 * COIN, 3 * COIN, 1)

    choice = coin_selection.choose(coins, paying(8 * COIN + 1, shares=[1]))

    assert (len(choice.coins), choice.change, choice.fee) == (3, 0, 488_000)
    assert choice.amounts == (8 * COIN + 1 - 488_000,)


def test_what_is_left_over_may_leave_only_where_it_is_spared() -> None:
    coins = coins_of(5 * COIN + 500)

    assert coin_selection.choose(coins, paying(5 * COIN, shares=[1], spare=500)).fee == 192_500
    with pytest.raises(InsufficientCoins, match=r"hold 5.000005; 5.01034 is needed"):
        coin_selection.choose(coins, paying(5 * COIN, shares=[1], spare=499))


@pytest.mark.parametrize(
    ("coins", "order", "refusal", "sentence"),
    [
        ([], paying(COIN), InsufficientCoins, "hold 0; 1.00192 is needed"),
        (coins_of(COIN), paying(COIN), InsufficientCoins, "hold 1; 1.00192 is needed"),
        (coins_of(*[COIN] * 3000), paying(1000 * COIN), TooLarge, "99999 bytes"),
        (coins_of(*[COIN] * 3000), paying(4000 * COIN), InsufficientCoins, "hold 3000; "),
        (coins_of(*[COIN] * 50), paying(40 * COIN, terms=CHEAP), fees.FeeAboveLimit, "0.06112"),
        (coins_of(5 * COIN), paying(COIN, terms=CHEAPER), fees.FeeAboveLimit, "0.00226"),
        (coins_of(DUST), paying(DUST, shares=[1]), fees.BelowDust, "0.00808"),
    ],
)
def test_what_cannot_be_paid_is_refused_with_the_numbers_that_say_why(
    coins: list[Spendable], order: SelectionOrder, refusal: type[Refusal], sentence: str
) -> None:
    with pytest.raises(refusal, match=sentence):
        coin_selection.choose(coins, order)


def test_no_transaction_is_larger_than_what_is_relayed() -> None:
    order = paying(*[DUST] * 50, 640 * COIN)

    choice = coin_selection.choose(coins_of(*[COIN] * 5000), order)

    assert size_of(order, choice) <= fees.MAX_BYTES
    with pytest.raises(TooLarge):
        coin_selection.choose(coins_of(*[COIN] * 5000), paying(*[DUST] * 50, 680 * COIN))


def test_the_bounded_candidates_pay_what_all_coins_would() -> None:
    chance = random.Random(7)
    coins = coins_of(*(chance.randrange(COIN // 10, 100 * COIN) for _ in range(20_000)))
    order = paying(42 * COIN)
    by_size = sorted(coins, key=lambda coin: -coin.amount)
    by_distance = sorted(coins, key=lambda coin: abs(coin.amount - coin_selection.single_coin_amount(order)))

    largest, smallest = by_size[: payments.LARGEST], by_size[-coin_selection.SMALLEST :]
    bounded = [*largest, *by_distance[: 2 * coin_selection.NEAREST], *smallest]

    assert coin_selection.choose(bounded, order).change == coin_selection.choose(coins, order).change == 0


@settings(SELDOM)
@given(candidates(40), TERMS, st.integers(0, 40))
def test_merging_takes_the_smallest_confirmed_coins_into_one(
    coins: list[Spendable], terms: fees.FeeTerms, most: int
) -> None:
    choice = consolidation.merge(coins, terms, most)
    assume(choice is not None)
    assert choice is not None

    assert 2 <= len(choice.coins) <= most
    assert choice.amounts == ()
    assert choice.change >= DUST
    assert choice.fee == terms.fee(fees.size(len(choice.coins), [P2PKH]))
    confirmed = [c for c in coins if c.tier is not Tier.UNCONFIRMED and c.amount > terms.input_fee]
    largest = max(coin.amount for coin in choice.coins)
    assert all(coin in choice.coins or coin.amount >= largest for coin in confirmed)


def test_merging_stays_within_what_is_relayed_and_what_may_be_paid() -> None:
    coins = coins_of(*[COIN] * 900)

    whole, cheap = consolidation.merge(coins, fees.FeeTerms(PLAIN)), consolidation.merge(coins, CHEAP)

    assert whole is not None
    assert cheap is not None
    assert len(whole.coins) == 675
    assert len(cheap.coins) == 6
    assert consolidation.merge(coins, fees.FeeTerms(PLAIN, Koinu(300_000))) is None


def test_a_choice_that_does_not_add_up_cannot_be_made() -> None:
    coin = spendable(3 * COIN, 1)

    for coins, change, fee in [
        ((coin,), 0, COIN + 1),
        ((coin, coin), 4 * COIN, COIN),
        ((coin,), DUST - 1, COIN - DUST + 1),
        ((coin,), COIN, 0),
    ]:
        with pytest.raises(ValueError, match=r"."):
            Choice(coins, (Koinu(2 * COIN),), Koinu(change), Koinu(fee))
