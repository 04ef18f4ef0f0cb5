"""Coin selection: which coins a transaction spends.

It looks for a small set of coins that needs no change. If there is none it spends few coins. It never makes
dust.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from operator import itemgetter
from typing import ClassVar, Final, NamedTuple

from app import money
from app.domain import subset_sum
from app.domain.dogecoin import Outpoint
from app.domain.payments import fees
from app.domain.refusals import Conflict
from app.money import DUST, Koinu

LARGEST: Final = 700
"""How many of each tier's largest coins are candidates: more than one transaction can spend."""
NEAREST: Final = 300
"""How many candidates each tier has above and below `single_coin_amount`, where one coin pays exactly."""
SMALLEST: Final = 300
"""How many of each tier's smallest coins are candidates: they make a near sum exact."""
EXACT_INPUTS: Final = 12
"""The largest exact set: the inputs of a larger one cost more than change does."""
TRIES: Final = 1_500
"""How many coins the search for an exact set of each size looks at."""

_CHANGE_BYTES = fees.output_bytes(fees.CHANGE_SCRIPT)


class Tier(IntEnum):
    """Whose coin it is. A later tier's coins are spent only where those of earlier tiers do not suffice."""

    OWN = 0
    POOL = 1
    UNCONFIRMED = 2


class Spendable(NamedTuple):
    """A coin that may be spent now, P2PKH with a compressed key: no immature coinbase, and not taken."""

    outpoint: Outpoint
    amount: Koinu
    tier: Tier


_AMOUNT: Final = itemgetter(Spendable._fields.index("amount"))
_TIER: Final = itemgetter(Spendable._fields.index("tier"))


class InsufficientCoins(Conflict):
    """The coins that can be spent now hold {available}; {needed} is needed with the fee."""

    code: ClassVar[str | None] = "insufficient-coins"


class TooLarge(Conflict):
    """Even the largest coins would make a transaction of more than {limit} bytes: merge small coins, or pay less at once."""

    code: ClassVar[str | None] = "too-many-coins"


@dataclass(frozen=True, slots=True)
class SelectionOrder:
    """What is to be paid, and what it may cost. Where `shares` are set, the fee comes out of the amounts.

    `spare` is for such orders, and for those with an explicit fee: so much may leave besides, where the coins
    hold a little more and change would be dust.
    """

    amounts: tuple[Koinu, ...]
    scripts: tuple[bytes, ...]
    terms: fees.FeeTerms
    shares: tuple[int, ...] = ()
    spare: Koinu = money.NOTHING

    def __post_init__(self) -> None:
        if not self.amounts or len(self.scripts) != len(self.amounts) or min(self.amounts) < DUST:
            raise ValueError("an order has outputs, each of 0.01 DOGE or more to a script")
        if len(self.shares) not in (0, len(self.amounts)) or self.spare < 0:
            raise ValueError("every output has a share of the fee, or none has; spare is not negative")

    @property
    def amount(self) -> int:
        """The sum of the outputs, before a fee is taken out of them."""
        return sum(self.amounts)


@dataclass(frozen=True, slots=True)
class Choice:
    """The coins to spend, what each output of the order gets, the change (0: no such output) and the fee."""

    coins: tuple[Spendable, ...]
    amounts: tuple[Koinu, ...]
    change: Koinu
    fee: Koinu

    def __post_init__(self) -> None:
        if sum(coin.amount for coin in self.coins) != sum(self.amounts) + self.change + self.fee:
            raise ValueError("what goes in is not what comes out")
        if len({coin.outpoint for coin in self.coins}) != len(self.coins):
            raise ValueError("a coin is spent twice")
        if 0 < self.change < DUST or self.fee <= 0:
            raise ValueError(f"change of {self.change} koinu, a fee of {self.fee}")


def single_coin_amount(order: SelectionOrder) -> int:
    """Return the amount of a coin that pays the order alone and without change."""
    return _Sums(order).need(1)


def choose(coins: Iterable[Spendable], order: SelectionOrder) -> Choice:
    """Choose what pays the order. The same coins in any order give the same choice.

    Coins of a tier are spent only where those of the tiers before it do not suffice. The first choice is the
    smallest set without change that a bounded search finds, of at most `EXACT_INPUTS`. A remainder that is
    too small for change goes to the fee, within `order.terms.most`. The second choice is the fewest coins of
    the last tier, then the fewest coins at all; the last of them is the smallest that does. Where the fee is
    explicit, or is taken out of the amounts, a remainder that is too small for change cannot go to the fee:
    more coins are spent instead.

    Of each tier it needs only the `LARGEST` largest coins, the `SMALLEST` smallest ones, and the `NEAREST`
    ones on either side of `single_coin_amount(order)`. Others do no harm, but take 2 ms for 1,000.

    Raises InsufficientCoins, TooLarge, FeeAboveLimit or BelowDust.
    """
    return choose_among(_tiers(coins), order)


def choose_among(tiers: Iterable[Sequence[Spendable]], order: SelectionOrder) -> Choice:
    """Choose as `choose` does. Each tier has its coins in the order of `largest_first`, and no coin is in two."""
    sums = _Sums(order)
    least = 0 if order.shares else order.terms.input_fee
    earlier: Sequence[Spendable] = []
    for tier in filter(None, (_worth_more(tier, least) for tier in tiers)):
        chosen = _choose_with(sums, earlier, tier)
        if chosen is not None:
            return _choice(sums, chosen)
        earlier = _merged(earlier, tier)
    raise _refusal(sums, earlier)


class _Sums:
    """What an order needs from a number of coins, in koinu."""

    def __init__(self, order: SelectionOrder) -> None:
        self.order = order
        self.terms = order.terms
        self.amount = order.amount
        self._outputs = len(order.scripts)
        self._output_bytes = sum(map(fees.output_bytes, order.scripts))
        most = max((self.terms.largest - self.bytes(0, change=False)) // fees.INPUT_BYTES, 0)
        fitting = (n for n in range(most, 0, -1) if self.bytes(n, change=False) <= self.terms.largest)
        self.most_inputs = next(fitting, 0)

    def bytes(self, inputs: int, *, change: bool) -> int:
        """Return the size of the whole transaction."""
        frame = fees.frame(inputs, self._outputs + change) + inputs * fees.INPUT_BYTES
        return frame + self._output_bytes + change * _CHANGE_BYTES

    def need(self, inputs: int) -> int:
        """Return what so many coins must hold to do without change, even where the fee is below the floor."""
        return self.amount + (0 if self.order.shares else self.terms.offer(self.bytes(inputs, change=False)))

    def change(self, inputs: int, total: int) -> int:
        """Return what remains for change; below `DUST`, also below 0, where there can be no change."""
        if self.bytes(inputs, change=True) > self.terms.largest:
            return -1
        return total - self.need(inputs) - (0 if self.order.shares else self.change_fee(inputs))

    def room(self, inputs: int) -> int:
        """Return the most that may remain without change, and go to the fee."""
        fee = self.terms.fee(self.bytes(inputs, change=False))
        if self.order.shares:
            return min(DUST - 1, self.order.spare, self.terms.most - fee)
        return min(DUST - 1 + self.change_fee(inputs), self.terms.most + self.order.spare - fee)

    def change_fee(self, inputs: int) -> int:
        """Return what an output of change adds to the fee."""
        with_change, without = self.bytes(inputs, change=True), self.bytes(inputs, change=False)
        return self.terms.offer(with_change) - self.terms.offer(without)

    def pays(self, inputs: int, total: int) -> bool:
        """Say whether so many coins of `total` pay the order and leave no dust."""
        remainder = total - self.need(inputs)
        return remainder >= 0 and (remainder <= self.room(inputs) or self.change(inputs, total) >= DUST)

    def fewest(self, coins: Sequence[Spendable]) -> int | None:
        """Return how many of `coins`, the largest first, pay the order; None where no number does."""
        totals = enumerate(accumulate(map(_AMOUNT, coins[: self.most_inputs])), 1)
        enough = ((count, total) for count, total in totals if total >= self.amount)
        return next((count for count, total in enough if self.pays(count, total)), None)


def _tiers(coins: Iterable[Spendable]) -> Iterator[list[Spendable]]:
    """Yield each tier's coins, the largest first."""
    ordered = sorted({coin.outpoint: coin for coin in coins}.values())
    ordered.sort(key=_AMOUNT, reverse=True)  # the order of `largest_first`, by two sorts that call no Python
    for tier in sorted(set(map(_TIER, ordered))):
        yield [coin for coin in ordered if coin.tier is tier]


def _worth_more(coins: Sequence[Spendable], least: int) -> Sequence[Spendable]:
    """Leave out the coins that cost what they hold: the last ones."""
    return coins[: bisect_left(coins, -least, key=lambda coin: -coin.amount)]


def largest_first(coin: Spendable) -> tuple[int, Outpoint]:
    """Return a key that sorts coins by amount, the largest first."""
    return -coin.amount, coin.outpoint


def _merged(earlier: Sequence[Spendable], tier: Sequence[Spendable]) -> Sequence[Spendable]:
    return sorted((*earlier, *tier), key=largest_first) if earlier else tier


def _choose_with(
    sums: _Sums, earlier: Sequence[Spendable], tier: Sequence[Spendable]
) -> list[Spendable] | None:
    """Choose among the coins of the earlier tiers and this one; None where they do not suffice."""
    merged = _merged(earlier, tier)
    suffices = sums.fewest(merged) is not None
    sparing = _merged(earlier, _fewest_of_tier(sums, earlier, tier)) if suffices else merged
    exact = _exact_set(sums, sparing if tier[0].tier is Tier.UNCONFIRMED else merged)
    return exact or _fewest_coins(sums, sparing)


def _fewest_of_tier(
    sums: _Sums, earlier: Sequence[Spendable], tier: Sequence[Spendable]
) -> Sequence[Spendable]:
    """Return the fewest coins of this tier with which the earlier ones suffice: its largest."""
    if not earlier:
        return tier
    largest = earlier[: sums.most_inputs]
    low, high = 1, min(len(tier), sums.most_inputs)
    while low < high:
        middle = (low + high) // 2
        if sums.fewest(_merged(largest, tier[:middle])) is None:
            low = middle + 1
        else:
            high = middle
    return tier[:high]


def _fewest_coins(sums: _Sums, coins: Sequence[Spendable]) -> list[Spendable] | None:
    """Choose the fewest coins, and as the last of them the smallest that does: large coins stay whole."""
    count = sums.fewest(coins)
    if count is None:
        return None
    largest = list(coins[: count - 1])
    total = sum(coin.amount for coin in largest)
    lacking = sums.need(count) - total
    end = bisect_left(coins, -lacking + 1, key=lambda coin: -coin.amount)
    return next(
        [*largest, coin] for coin in reversed(coins[count - 1 : end]) if sums.pays(count, total + coin.amount)
    )


def _exact_set(sums: _Sums, coins: Sequence[Spendable]) -> list[Spendable] | None:
    """Search for the fewest coins that pay without change, which would cost an input's fee when it is spent."""
    amounts = list(map(_AMOUNT, coins))
    for count in range(1, min(EXACT_INPUTS, sums.most_inputs, len(coins)) + 1):
        bounds = subset_sum.Bounds(count, sums.need(count), sums.room(count), sums.terms.input_fee, TRIES)
        indices = subset_sum.find(amounts, bounds)
        if indices is not None:
            return [coins[index] for index in indices]
    return None


def _choice(sums: _Sums, coins: Sequence[Spendable]) -> Choice:
    """Return what the chosen coins pay, to the koinu."""
    order, count = sums.order, len(coins)
    total = sum(coin.amount for coin in coins)
    change = 0 if total - sums.need(count) <= sums.room(count) else sums.change(count, total)
    fee = sums.terms.fee(sums.bytes(count, change=change > 0))
    amounts = tuple(fees.deduct(order.amounts, order.shares, fee)) if order.shares else order.amounts
    return Choice(tuple(coins), amounts, Koinu(change), Koinu(total - sum(amounts) - change))


def _refusal(sums: _Sums, coins: Sequence[Spendable]) -> Conflict:
    """Say what the coins lack: money, room in a transaction, or a higher limit of the fee."""
    total = sum(map(_AMOUNT, coins))
    totals = enumerate(accumulate(map(_AMOUNT, coins)), 1)
    count = next((count for count, held in totals if held >= sums.need(count)), None)
    if count is None:
        needed = sums.need(max(len(coins), 1))
        return InsufficientCoins(available=money.show(total), needed=money.show(needed))
    for change in (False, True):  # the remainder can only be change
        size = sums.bytes(count, change=change)
        if size > fees.MAX_BYTES:
            return TooLarge(limit=fees.MAX_BYTES)
        if size > sums.terms.largest:
            return fees.above_limit(fees.fee(size, sums.terms.policy.floor), sums.terms.most)
    needed = sums.need(count) + sums.change_fee(count) + DUST
    return InsufficientCoins(available=money.show(total), needed=money.show(needed))
