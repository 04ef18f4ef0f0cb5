"""Milliseconds to choose coins among 100,000: from the database's candidates, and from all of them."""

import random
import time
from statistics import median

from app.domain import dogecoin, payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import SelectionOrder, Spendable, Tier, coin_selection, fees
from app.money import COIN, Koinu
from bench.figures import Figure
from bench.programs import Testbed

SEED = 20_260_101
COINS = 100_000
PAYMENTS = 40
ALL_COINS_PAYMENTS = 3
MOST_MS = 10.0


async def measure(_: Testbed) -> list[Figure]:
    """Payments of 1 to 3,000 DOGE, from coins of which half hold more than 20."""
    chance = random.Random(SEED)
    amounts = (Koinu(int(chance.lognormvariate(3, 2) * COIN) + 1) for _ in range(COINS))
    coins = [Spendable(Outpoint(chance.randbytes(32), 0), amount, Tier.OWN) for amount in amounts]
    coins.sort(key=lambda coin: coin.amount)
    orders = [_order(Koinu(int(10 ** chance.uniform(0, 3.5) * COIN))) for _ in range(PAYMENTS)]
    of_candidates = [_milliseconds(_candidates(coins, order), order) for order in orders]
    of_all = [_milliseconds(coins, order) for order in orders[:ALL_COINS_PAYMENTS]]
    return [
        Figure("coin_choice", "ms", median(of_candidates), MOST_MS, 1.0, at_most=True),
        Figure("coin_choice_worst", "ms", max(of_candidates)),
        Figure("coin_choice_whole", "ms", median(of_all)),
    ]


def _order(amount: Koinu) -> SelectionOrder:
    return SelectionOrder((amount,), (dogecoin.p2pkh(bytes(20)),), fees.FeeTerms(payments.Policy()))


def _candidates(coins: list[Spendable], order: SelectionOrder) -> list[Spendable]:
    """Take the candidates that `coin_selection.choose` asks for, from coins in the order of their amounts."""
    alone, near = coin_selection.single_coin_amount(order), coin_selection.NEAREST
    at = sum(coin.amount < alone for coin in coins)
    return [
        *coins[: coin_selection.SMALLEST],
        *coins[max(at - near, 0) : at + near],
        *coins[-payments.LARGEST :],
    ]


def _milliseconds(coins: list[Spendable], order: SelectionOrder) -> float:
    began = time.perf_counter()
    coin_selection.choose(coins, order)
    return 1000 * (time.perf_counter() - began)
