"""Milliseconds to choose coins among 100,000: of the candidates that the database would give, and of all of them."""

import random
import time
from statistics import median

from app.domain import coin_choice, fees, scripts
from app.domain.coin_choice import Order, Spendable, Tier
from app.domain.deposits import Outpoint
from app.money import COIN, Koinu
from bench.figures import Figure
from bench.programs import Ground

SEED = 20_260_101
COINS = 100_000
PAYMENTS = 40
WHOLE = 3
MOST_MS = 10.0


async def measure(_: Ground) -> list[Figure]:
    """Payments of 1 to 3,000 DOGE, from coins of which half hold more than 20."""
    chance = random.Random(SEED)
    amounts = (Koinu(int(chance.lognormvariate(3, 2) * COIN) + 1) for _ in range(COINS))
    coins = [Spendable(Outpoint(chance.randbytes(32), 0), amount, Tier.OWN) for amount in amounts]
    coins.sort(key=lambda coin: coin.amount)
    orders = [_order(Koinu(int(10 ** chance.uniform(0, 3.5) * COIN))) for _ in range(PAYMENTS)]
    chosen = [_milliseconds(_candidates(coins, order), order) for order in orders]
    whole = [_milliseconds(coins, order) for order in orders[:WHOLE]]
    return [
        Figure("coin_choice", "ms", median(chosen), MOST_MS, 1.0, at_most=True),
        Figure("coin_choice_worst", "ms", max(chosen)),
        Figure("coin_choice_whole", "ms", median(whole)),
    ]


def _order(amount: Koinu) -> Order:
    return Order((amount,), (scripts.p2pkh(bytes(20)),), fees.Terms(fees.Policy()))


def _candidates(coins: list[Spendable], order: Order) -> list[Spendable]:
    """Take what `coin_choice.choose` asks for of coins in order of their amounts."""
    alone, near = coin_choice.alone(order), coin_choice.NEAREST
    at = sum(coin.amount < alone for coin in coins)
    return [*coins[: coin_choice.SMALLEST], *coins[max(at - near, 0) : at + near], *coins[-coin_choice.LARGEST :]]


def _milliseconds(coins: list[Spendable], order: Order) -> float:
    began = time.perf_counter()
    coin_choice.choose(coins, order)
    return 1000 * (time.perf_counter() - began)
