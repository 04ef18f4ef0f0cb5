"""Which coins a transaction spends: none twice, no change where a near-exact set is found, otherwise few, and never dust left over."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import ClassVar, Final, NamedTuple

from app import money
from app.domain.dogecoin import Outpoint
from app.domain.payments import fees, subset_sum
from app.domain.refusals import Conflict
from app.money import DUST, Koinu

LARGEST: Final = 700
"""Candidates of each tier, the largest first: more than a transaction can spend, so that none is left out that matters."""

NEAREST: Final = 300
"""Candidates of each tier on either side of `alone`, where one coin pays exactly."""

SMALLEST: Final = 300
"""Candidates of each tier, the smallest first: they make a near one exact."""

EXACT_INPUTS: Final = 12
"""An exact set is no larger: beyond, its inputs cost more than change does."""

TRIES: Final = 1_500
"""How many coins are looked at for an exact set of each size."""

_CHANGE_SCRIPT_BYTES = 25
_CHANGE_BYTES = fees.output_bytes(bytes(_CHANGE_SCRIPT_BYTES))


class Tier(IntEnum):
    """Whose coin it is, in the order in which they are spent: a later tier only where the earlier ones do not suffice."""

    OWN = 0
    POOL = 1
    UNCONFIRMED = 2


class Spendable(NamedTuple):
    """A coin that may be spent now, P2PKH with a compressed key; who asks leaves out immature coinbases and what is taken."""

    outpoint: Outpoint
    amount: Koinu
    tier: Tier


class InsufficientCoins(Conflict):
    """The coins that can be spent now hold {available}; {needed} is needed with the fee."""

    code: ClassVar[str | None] = "insufficient-coins"


class TooLarge(Conflict):
    """Even the largest coins would make a transaction of more than {limit} bytes: merge small coins, or pay less at once."""

    code: ClassVar[str | None] = "too-many-coins"


@dataclass(frozen=True, slots=True)
class SelectionOrder:
    """What is to be paid, and on which terms. Outputs with other `shares` of the fee than none all take part (`fees.deduct`).

    `spare` is for these orders and for those with an explicit fee: what may leave beyond, where the coins hold a little
    more and change would be dust.
    """

    amounts: tuple[Koinu, ...]
    scripts: tuple[bytes, ...]
    terms: fees.FeeTerms
    shares: tuple[int, ...] = ()
    spare: Koinu = money.NOTHING

    def __post_init__(self) -> None:
        if (
            not self.amounts
            or len(self.scripts) != len(self.amounts)
            or min(self.amounts) < DUST
            or self.spare < 0
        ):
            raise ValueError("an order has outputs, each of 0.01 DOGE or more to a script")
        if len(self.shares) not in (0, len(self.amounts)):
            raise ValueError("every output has a share of the fee, or none has")

    @property
    def amount(self) -> int:
        """What the outputs sum to, before a fee is taken out of them."""
        return sum(self.amounts)


@dataclass(frozen=True, slots=True)
class Choice:
    """Coins to spend, what each output gets in the order asked for, the change (0: no such output) and the fee."""

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


def alone(order: SelectionOrder) -> int:
    """Return the amount of a coin that pays the order by itself, without change; candidates near it are worth asking for."""
    return _Sums(order).need(1)


def choose(coins: Iterable[Spendable], order: SelectionOrder) -> Choice:
    """Choose what pays the order. The same coins in any order give the same choice.

    Tier by tier: as soon as the coins up to one suffice, later ones are left alone. Among them first a set of at most
    `EXACT_INPUTS` that needs no change (what change would hold below 0.01 DOGE goes to the fee, within `order.terms.most`), the
    smallest set that a bounded search finds. Otherwise the fewest coins of the last tier, then the fewest coins at all, the
    last of them the smallest that will do. Where an `explicit` fee, or the fee being taken from the amounts, leaves no room
    for it, too small a change is not given away: more coins are spent instead.

    It needs of each tier only the `LARGEST` largest coins, the `SMALLEST` smallest, and the `NEAREST` ones on either side of
    `alone(order)`; more do no harm but take 2 ms for 1,000. Raises `InsufficientCoins`, `TooLarge`, `fees.FeeAboveLimit` or
    `fees.BelowDust`.
    """
    sums = _Sums(order)
    reached: list[Spendable] = []
    for tier in _tiers(coins, order.terms.input_fee if not order.shares else 0):
        chosen = _among(sums, reached, tier)
        if chosen is not None:
            return _choice(sums, chosen)
        reached = _joined(reached, tier)
    raise _refusal(sums, reached)


def consolidation(
    coins: Iterable[Spendable], terms: fees.FeeTerms, most_inputs: int = LARGEST
) -> Choice | None:
    """Choose small confirmed coins to merge into one output, `change`: the smallest first that are worth more than their fee.

    As many as `most_inputs`, the transaction's limit and `terms.most` allow; None where fewer than two are, or no 0.01 DOGE is left.
    """
    worthy = [coin for coin in coins if coin.tier is not Tier.UNCONFIRMED and coin.amount > terms.input_fee]
    room = terms.largest - fees.frame(LARGEST, 1) - _CHANGE_BYTES
    count = min(len(worthy), most_inputs, room // fees.INPUT_BYTES)
    if count < 2:
        return None
    chosen = sorted(worthy, key=_by_size, reverse=True)[:count]
    fee = terms.fee(fees.frame(count, 1) + _CHANGE_BYTES + count * fees.INPUT_BYTES)
    merged = sum(coin.amount for coin in chosen) - fee
    return Choice(tuple(chosen), (), Koinu(merged), fee) if merged >= DUST else None


class _Sums:
    """What an order needs from a number of coins."""

    def __init__(self, order: SelectionOrder) -> None:
        self.order = order
        self.terms = order.terms
        self.amount = order.amount
        self._outputs = len(order.scripts)
        self._output_bytes = sum(map(fees.output_bytes, order.scripts))
        self.most_inputs = self._most_inputs()

    def bytes(self, inputs: int, *, change: bool) -> int:
        """Size of the whole transaction."""
        outputs = fees.frame(inputs, self._outputs + change) + self._output_bytes + change * _CHANGE_BYTES
        return outputs + inputs * fees.INPUT_BYTES

    def need(self, inputs: int) -> int:
        """Koinu that so many coins must hold to do without change, whether or not the terms get that mined."""
        return self.amount + (0 if self.order.shares else self.terms.asked(self.bytes(inputs, change=False)))

    def change(self, inputs: int, total: int) -> int:
        """Return what is left over as change; below `DUST`, also below 0, where there can be none."""
        if self.bytes(inputs, change=True) > self.terms.largest:
            return -1
        return total - self.need(inputs) - (0 if self.order.shares else self.change_fee(inputs))

    def room(self, inputs: int) -> int:
        """Return the most that may be left over without change, and go to the fee."""
        plain = self.terms.fee(self.bytes(inputs, change=False))
        if self.order.shares:
            return min(DUST - 1, self.order.spare, self.terms.most - plain)
        return min(DUST - 1 + self.change_fee(inputs), self.terms.most + self.order.spare - plain)

    def change_fee(self, inputs: int) -> int:
        """What an output of change adds to the fee."""
        return self.terms.asked(self.bytes(inputs, change=True)) - self.terms.asked(
            self.bytes(inputs, change=False)
        )

    def pays(self, inputs: int, total: int) -> bool:
        """Tell whether so many coins of `total` pay the order and leave no dust."""
        over = total - self.need(inputs)
        return over >= 0 and (over <= self.room(inputs) or self.change(inputs, total) >= DUST)

    def fewest(self, coins: Sequence[Spendable]) -> int | None:
        """Return how many of `coins`, the largest first, pay the order; None where no number does."""
        counted = enumerate(_totals(coins[: self.most_inputs]), 1)
        return next(
            (count for count, total in counted if total >= self.amount and self.pays(count, total)), None
        )

    def _most_inputs(self) -> int:
        count = max((self.terms.largest - self.bytes(0, change=False)) // fees.INPUT_BYTES, 0)
        while count and self.bytes(count, change=False) > self.terms.largest:
            count -= 1
        return count


def _tiers(coins: Iterable[Spendable], worth: int) -> Iterator[list[Spendable]]:
    """Yield the coins of each tier that has some, the largest first, leaving out what costs as much as it holds."""
    worthy = sorted({coin.outpoint: coin for coin in coins if coin.amount > worth}.values(), key=_by_size)
    for tier in Tier:
        if coins_of_tier := [coin for coin in worthy if coin.tier is tier]:
            yield coins_of_tier


def _by_size(coin: Spendable) -> tuple[int, Outpoint]:
    return -coin.amount, coin.outpoint


def _joined(reached: Sequence[Spendable], more: Sequence[Spendable]) -> list[Spendable]:
    return sorted((*reached, *more), key=_by_size) if reached else list(more)


def _totals(coins: Sequence[Spendable]) -> Iterator[int]:
    return accumulate(coin.amount for coin in coins)


def _among(sums: _Sums, reached: Sequence[Spendable], tier: Sequence[Spendable]) -> list[Spendable] | None:
    """Choose among the coins of the earlier tiers and this one; None where they do not suffice."""
    joined = _joined(reached, tier)
    suffices = sums.fewest(joined) is not None
    sparing = _joined(reached, _least(sums, reached, tier)) if suffices else joined
    return _exact(sums, sparing if tier[0].tier is Tier.UNCONFIRMED else joined) or _few(sums, sparing)


def _least(sums: _Sums, reached: Sequence[Spendable], tier: Sequence[Spendable]) -> Sequence[Spendable]:
    """Return the fewest coins of the last tier with which the earlier ones suffice: its largest."""
    if not reached:
        return tier
    nearest = reached[: sums.most_inputs]
    low, high = 1, min(len(tier), sums.most_inputs)
    while low < high:
        middle = (low + high) // 2
        if sums.fewest(_joined(nearest, tier[:middle])) is None:
            low = middle + 1
        else:
            high = middle
    return tier[:high]


def _few(sums: _Sums, coins: Sequence[Spendable]) -> list[Spendable] | None:
    """Choose the fewest coins, and as the last of them the smallest that does: large coins stay whole."""
    count = sums.fewest(coins)
    if count is None:
        return None
    largest = list(coins[: count - 1])
    held = sum(coin.amount for coin in largest)
    lacking = sums.need(count) - held
    end = bisect_left(coins, -lacking + 1, key=lambda coin: -coin.amount)
    return next(
        [*largest, coin] for coin in reversed(coins[count - 1 : end]) if sums.pays(count, held + coin.amount)
    )


def _exact(sums: _Sums, coins: Sequence[Spendable]) -> list[Spendable] | None:
    """Search for the fewest coins that pay without change."""
    amounts = [coin.amount for coin in coins]
    enough = sums.terms.input_fee  # what change would cost when it is spent
    for count in range(1, min(EXACT_INPUTS, sums.most_inputs, len(coins)) + 1):
        bounds = subset_sum.Bounds(count, sums.need(count), sums.room(count), enough, TRIES)
        positions = subset_sum.find(amounts, bounds)
        if positions is not None:
            return [coins[at] for at in positions]
    return None


def _choice(sums: _Sums, coins: Sequence[Spendable]) -> Choice:
    """Work out what the chosen coins pay, to the koinu."""
    order, count = sums.order, len(coins)
    total = sum(coin.amount for coin in coins)
    change = 0 if total - sums.need(count) <= sums.room(count) else sums.change(count, total)
    paid = sums.terms.fee(sums.bytes(count, change=change > 0))
    amounts = tuple(fees.deduct(order.amounts, order.shares, paid)) if order.shares else order.amounts
    return Choice(tuple(coins), amounts, Koinu(change), Koinu(total - sum(amounts) - change))


def _refusal(sums: _Sums, coins: Sequence[Spendable]) -> Conflict:
    """Name what is short: the coins, the bytes, or the fee that may be paid."""
    held = sum(coin.amount for coin in coins)
    count = next((n for n, total in enumerate(_totals(coins), 1) if total >= sums.need(n)), None)
    if count is None:
        return InsufficientCoins(available=money.show(held), needed=money.show(sums.need(max(len(coins), 1))))
    for change in (False, True):  # what is left over has no place but in change
        size = sums.bytes(count, change=change)
        if size > fees.MAX_BYTES:
            return TooLarge(limit=fees.MAX_BYTES)
        if size > sums.terms.largest:
            return fees.above_limit(fees.fee(size, sums.terms.policy.floor), sums.terms.most)
    needed = sums.need(count) + sums.change_fee(count) + DUST
    return InsufficientCoins(available=money.show(held), needed=money.show(needed))
