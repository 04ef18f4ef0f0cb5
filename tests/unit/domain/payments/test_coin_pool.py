"""A coin pool: no coin is chosen twice, and nothing stands on more unmined transactions than nodes take."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import dogecoin, payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import (
    CoinPool,
    InsufficientCoins,
    Path,
    SelectionOrder,
    Spendable,
    Tier,
    coin_selection,
    fees,
)
from app.domain.payments.coin_pool import ChainsTooLong
from app.domain.payments.spendable_coins import ANCESTORS, CHAIN_BYTES, SpendableCoins
from app.money import COIN, Koinu

SCRIPT = dogecoin.p2pkh(bytes(20))


def order(amount: int) -> SelectionOrder:
    return SelectionOrder((Koinu(amount),), (SCRIPT,), fees.FeeTerms(payments.Policy()))


def spendable(*coins: Spendable, account: int = 1) -> SpendableCoins:
    return SpendableCoins(coins, {coin.outpoint: Path(account, 0, 0, SCRIPT) for coin in coins})


def pool_of(*coins: Spendable, ancestors: Mapping[bytes, Mapping[bytes, int]] | None = None) -> CoinPool:
    pool = CoinPool()
    pool.add(replace(spendable(*coins), ancestors=ancestors or {}))
    return pool


def coin(number: int, amount: int, tier: Tier = Tier.OWN) -> Spendable:
    return Spendable(Outpoint(number.to_bytes(32, "big"), 0), Koinu(amount), tier)


def chain(number: int, length: int, size: int = 200) -> dict[bytes, int]:
    """The ancestors of the last transaction of a chain."""
    return {number.to_bytes(32, "big"): size} | {bytes([number, n]): size for n in range(1, length)}


def test_what_was_taken_is_not_chosen_again_though_it_is_read_again() -> None:
    coins = [coin(n, 2 * COIN) for n in range(3)]
    pool = pool_of(*coins)
    spent: list[Spendable] = []

    for _ in coins:
        choice = pool.choose_own(1, order(COIN))
        assert choice is not None
        pool.take(choice.coins)
        pool.add(spendable(*coins))
        spent += choice.coins

    assert sorted(spent) == coins
    assert pool.choose_own(1, order(COIN)) is None
    with pytest.raises(InsufficientCoins):
        pool.choose(1, order(COIN))


def test_coins_of_others_are_spent_only_where_the_own_ones_do_not_do() -> None:
    mine = coin(1, 2 * COIN)
    pool = pool_of(mine)
    other = coin(2, 9 * COIN, Tier.POOL)
    pool.add(spendable(other, account=2))

    assert pool.choose(1, order(COIN)).coins == (mine,)
    assert pool.choose_own(1, order(5 * COIN)) is None
    assert other in pool.choose(1, order(5 * COIN)).coins


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(Tier)), max_size=12),
    st.lists(st.integers(1, 6), max_size=6),
)
def test_what_is_chosen_after_others_is_what_would_be_chosen_among_what_they_left(
    held: list[tuple[int, Tier]], amounts: list[int]
) -> None:
    left = [coin(n, doge * COIN, tier) for n, (doge, tier) in enumerate(held)]
    pool = pool_of(*left)

    for amount in amounts:
        try:
            chosen = pool.choose(1, order(amount * COIN))
        except InsufficientCoins as refusal:
            with pytest.raises(InsufficientCoins, match=str(refusal)):
                coin_selection.choose(left, order(amount * COIN))
        else:
            assert chosen == coin_selection.choose(left, order(amount * COIN))
            pool.take(chosen.coins)
            left = [each for each in left if each not in chosen.coins]


def test_chains_that_have_the_same_beginning_count_it_once() -> None:
    ends = [coin(n, 2 * COIN, Tier.UNCONFIRMED) for n in (1, 2)]
    shared = {bytes([9, n]): 200 for n in range(ANCESTORS - 3)}
    pool = pool_of(*ends, ancestors={end.outpoint.txid: {**shared, end.outpoint.txid: 200} for end in ends})

    assert len(pool.choose(1, order(3 * COIN)).coins) == 2


def test_what_would_stand_on_too_many_waits_and_what_fits_is_paid_from_other_coins() -> None:
    ends = [coin(n, 2 * COIN, Tier.UNCONFIRMED) for n in (1, 2, 3)]
    lengths = dict(zip(ends, (ANCESTORS - 2, ANCESTORS - 3, 2), strict=True))
    pool = pool_of(
        *ends, ancestors={end.outpoint.txid: chain(n, lengths[end]) for n, end in enumerate(ends, 1)}
    )

    choice = pool.choose(1, order(3 * COIN))

    assert sorted(choice.coins) == ends[1:]
    with pytest.raises(ChainsTooLong):
        pool.choose(1, order(5 * COIN))


def test_what_would_weigh_too_much_with_what_it_stands_on_waits() -> None:
    end = coin(1, 2 * COIN, Tier.UNCONFIRMED)
    heavy = pool_of(end, ancestors={end.outpoint.txid: chain(1, 2, (CHAIN_BYTES - 100) // 2)})
    light = pool_of(end, ancestors={end.outpoint.txid: chain(1, 2, (CHAIN_BYTES - 300) // 2)})

    with pytest.raises(ChainsTooLong):
        heavy.choose(1, order(COIN))
    assert light.choose(1, order(COIN)).coins == (end,)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, ANCESTORS - 1)), min_size=1, max_size=8),
    st.integers(1, 12),
)
def test_nothing_ever_stands_on_more_than_nodes_take(ends: list[tuple[int, int]], amount: int) -> None:
    coins = [coin(n, doge * COIN, Tier.UNCONFIRMED) for n, (doge, _) in enumerate(ends, 1)]
    chains = {end.outpoint.txid: chain(n, ends[n - 1][1]) for n, end in enumerate(coins, 1)}
    pool = pool_of(*coins, ancestors=chains)

    try:
        choice = pool.choose(1, order(amount * COIN))
    except InsufficientCoins:
        return
    assert 1 + sum(ends[coins.index(end)][1] for end in choice.coins) <= ANCESTORS
