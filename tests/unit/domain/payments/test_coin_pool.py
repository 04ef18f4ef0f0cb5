"""A coin pool: no coin is chosen twice, and nothing stands on more unmined transactions than nodes take."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import dogecoin, payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import (
    ANCESTORS,
    CHAIN_BYTES,
    ChainsTooLong,
    CoinPool,
    InsufficientCoins,
    Path,
    SelectionOrder,
    Spendable,
    SpendableCoins,
    Tier,
)
from app.money import COIN, Koinu

SCRIPT = dogecoin.p2pkh(bytes(20))


def order(amount: int) -> SelectionOrder:
    return SelectionOrder((Koinu(amount),), (SCRIPT,), payments.FeeTerms(payments.Policy()))


def pool(
    *coins: Spendable, account: int = 1, standing: Mapping[bytes, Mapping[bytes, int]] | None = None
) -> CoinPool:
    made = CoinPool()
    made.add(
        SpendableCoins(coins, {coin.outpoint: Path(account, 0, 0, SCRIPT) for coin in coins}, standing or {})
    )
    return made


def coin(number: int, amount: int, tier: Tier = Tier.OWN) -> Spendable:
    return Spendable(Outpoint(number.to_bytes(32, "big"), 0), Koinu(amount), tier)


def chain(number: int, length: int, size: int = 200) -> dict[bytes, int]:
    """What the last of a chain stands on."""
    return {number.to_bytes(32, "big"): size} | {bytes([number, n]): size for n in range(1, length)}


def test_what_was_taken_is_not_chosen_again_though_it_is_read_again() -> None:
    coins = [coin(n, 2 * COIN) for n in range(3)]
    held = pool(*coins)
    spent: list[Spendable] = []

    for _ in coins:
        choice = held.choose_own(1, order(COIN))
        assert choice is not None
        held.take(choice.coins)
        held.add(SpendableCoins(tuple(coins), {one.outpoint: Path(1, 0, 0, SCRIPT) for one in coins}))
        spent += choice.coins

    assert sorted(spent) == coins
    assert held.choose_own(1, order(COIN)) is None
    with pytest.raises(InsufficientCoins):
        held.choose(1, order(COIN))


def test_coins_of_others_are_spent_only_where_the_own_ones_do_not_do() -> None:
    mine = coin(1, 2 * COIN)
    held = pool(mine)
    held.add(
        SpendableCoins((other := coin(2, 9 * COIN, Tier.POOL),), {other.outpoint: Path(2, 0, 0, SCRIPT)})
    )

    assert held.choose(1, order(COIN)).coins == (mine,)
    assert held.choose_own(1, order(5 * COIN)) is None
    assert other in held.choose(1, order(5 * COIN)).coins


def test_chains_that_have_the_same_beginning_count_it_once() -> None:
    ends = [coin(n, 2 * COIN, Tier.UNCONFIRMED) for n in (1, 2)]
    shared = {bytes([9, n]): 200 for n in range(ANCESTORS - 3)}
    held = pool(*ends, standing={end.outpoint.txid: {**shared, end.outpoint.txid: 200} for end in ends})

    assert len(held.choose(1, order(3 * COIN)).coins) == 2


def test_what_would_stand_on_too_many_waits_and_what_fits_is_paid_from_other_coins() -> None:
    ends = [coin(n, 2 * COIN, Tier.UNCONFIRMED) for n in (1, 2, 3)]
    lengths = dict(zip(ends, (ANCESTORS - 2, ANCESTORS - 3, 2), strict=True))
    held = pool(*ends, standing={end.outpoint.txid: chain(n, lengths[end]) for n, end in enumerate(ends, 1)})

    choice = held.choose(1, order(3 * COIN))

    assert sorted(choice.coins) == ends[1:]
    with pytest.raises(ChainsTooLong):
        held.choose(1, order(5 * COIN))


def test_what_would_weigh_too_much_with_what_it_stands_on_waits() -> None:
    end = coin(1, 2 * COIN, Tier.UNCONFIRMED)
    heavy = pool(end, standing={end.outpoint.txid: chain(1, 2, (CHAIN_BYTES - 100) // 2)})
    light = pool(end, standing={end.outpoint.txid: chain(1, 2, (CHAIN_BYTES - 300) // 2)})

    with pytest.raises(ChainsTooLong):
        heavy.choose(1, order(COIN))
    assert light.choose(1, order(COIN)).coins == (end,)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, ANCESTORS - 1)), min_size=1, max_size=8),
    st.integers(1, 12),
)
def test_nothing_ever_stands_on_more_than_nodes_take(ends: list[tuple[int, int]], amount: int) -> None:
    coins = [coin(n, doge * COIN, Tier.UNCONFIRMED) for n, (doge, _) in enumerate(ends, 1)]
    held = pool(
        *coins, standing={one.outpoint.txid: chain(n, ends[n - 1][1]) for n, one in enumerate(coins, 1)}
    )

    try:
        choice = held.choose(1, order(amount * COIN))
    except InsufficientCoins:
        return
    assert 1 + sum(ends[coins.index(one)][1] for one in choice.coins) <= ANCESTORS
