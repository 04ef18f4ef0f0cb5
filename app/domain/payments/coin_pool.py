"""A coin pool: several payments choose coins from it, one after the other, and no coin is chosen twice."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from app.domain.dogecoin import Outpoint
from app.domain.payments import coin_selection, fees
from app.domain.payments.coin_selection import Choice, InsufficientCoins, SelectionOrder, Spendable, Tier
from app.domain.payments.spendable_coins import ANCESTORS, CHAIN_BYTES, Path, SpendableCoins
from app.domain.refusals import Refusal


class ChainsTooLong(InsufficientCoins):
    """What could be spent now stands on too many transactions that no block holds yet."""


@dataclass(slots=True)
class CoinPool:
    """Free coins as they were read, without those that were taken since.

    `ancestors` has, for each transaction with unconfirmed change, the unmined transactions that it stands on,
    itself included, and their sizes.

    Each list has the largest coins first: so a choice sorts nothing, and costs little where there are many coins.
    """

    paths: dict[Outpoint, Path] = field(default_factory=dict)
    ancestors: dict[bytes, Mapping[bytes, int]] = field(default_factory=dict)
    taken: set[Outpoint] = field(default_factory=set)
    _own: dict[int, list[Spendable]] = field(default_factory=dict)
    _confirmed: list[Spendable] = field(default_factory=list)
    _unconfirmed: list[Spendable] = field(default_factory=list)

    def add(self, spendable: SpendableCoins) -> None:
        """Put coins in. Those of the tier OWN are for their account first, all others for every account."""
        self.paths.update(spendable.paths)
        self.ancestors.update(spendable.ancestors)
        added: dict[tuple[Tier, int], set[Spendable]] = {}
        for coin in spendable.coins:
            if coin.outpoint not in self.taken:
                owner = spendable.paths[coin.outpoint].account if coin.tier is Tier.OWN else 0
                added.setdefault((coin.tier, owner), set()).add(coin)
        for (tier, owner), coins in added.items():
            there = self._coins(tier, owner)
            there[:] = sorted(coins.union(there), key=coin_selection.largest_first)

    def take(self, coins: Sequence[Spendable]) -> None:
        """Take these coins out, for the payment that chose them."""
        for coin in coins:
            self.taken.add(coin.outpoint)
            _remove(self._confirmed, coin)
            _remove(self._unconfirmed, coin)
            if (path := self.paths.get(coin.outpoint)) is not None:
                _remove(self._coins(Tier.OWN, path.account), coin)

    def _coins(self, tier: Tier, owner: int) -> list[Spendable]:
        if tier is Tier.OWN:
            return self._own.setdefault(owner, [])
        return self._unconfirmed if tier is Tier.UNCONFIRMED else self._confirmed

    def add_change(self, coin: Spendable, path: Path, ancestors: Mapping[bytes, int]) -> None:
        """Put in the change of a transaction that was signed now, unless that is the last of its chain."""
        if len(ancestors) < ANCESTORS:
            self.add(SpendableCoins((coin,), {coin.outpoint: path}, {coin.outpoint.txid: ancestors}))

    def choose_own(self, account: int, order: SelectionOrder) -> Choice | None:
        """Choose among the account's own coins; None where they do not suffice."""
        with suppress(Refusal):
            return coin_selection.choose_among([self._own.get(account, [])], order)
        return None

    def choose(self, account: int, order: SelectionOrder) -> Choice:
        """Choose among all coins, so that no chain becomes too long for nodes.

        Raises ChainsTooLong, and what `coin_selection.choose` raises.
        """
        own = self._own.get(account, [])
        owned = {coin.outpoint for coin in own}
        others = [coin for coin in self._confirmed if coin.outpoint not in owned] if own else self._confirmed
        choice = coin_selection.choose_among((own, others, self._unconfirmed), order)
        if self._is_taken_by_nodes(choice, order):
            return choice
        for short_chains in self._short_chains(self._unconfirmed):
            with suppress(Refusal):
                choice = coin_selection.choose_among((own, others, short_chains), order)
                if self._is_taken_by_nodes(choice, order):
                    return choice
        raise ChainsTooLong

    def ancestors_of(self, coins: Sequence[Spendable]) -> dict[bytes, int]:
        """Return the unmined ancestors of a transaction that spends these coins, with their sizes."""
        ancestors: dict[bytes, int] = {}
        for coin in coins:
            ancestors.update(self.ancestors.get(coin.outpoint.txid, {}))
        return ancestors

    def _is_taken_by_nodes(self, choice: Choice, order: SelectionOrder) -> bool:
        ancestors = self.ancestors_of(choice.coins)
        size = fees.size(len(choice.coins), [*order.scripts, fees.CHANGE_SCRIPT])
        return not ancestors or (len(ancestors) < ANCESTORS and sum(ancestors.values()) + size <= CHAIN_BYTES)

    def _short_chains(self, unconfirmed: Sequence[Spendable]) -> Iterator[list[Spendable]]:
        """Yield coins that can be spent together: those with the fewest ancestors, the largest, and none."""
        yield self._together(
            sorted(unconfirmed, key=lambda coin: (len(self.ancestors[coin.outpoint.txid]), -coin.amount))
        )
        yield self._together(sorted(unconfirmed, key=lambda coin: -coin.amount))
        yield []

    def _together(self, unconfirmed: Sequence[Spendable]) -> list[Spendable]:
        """Return as many of the coins as may be spent together, the first ones first."""
        ancestors: dict[bytes, int] = {}
        chosen = []
        for coin in unconfirmed:
            joined = {**ancestors, **self.ancestors[coin.outpoint.txid]}
            if len(joined) < ANCESTORS:
                ancestors = joined
                chosen.append(coin)
        return sorted(chosen, key=coin_selection.largest_first)


def _remove(coins: list[Spendable], coin: Spendable) -> None:
    """Take a coin, whatever its tier, out of coins of which the largest is the first."""
    place = bisect_left(coins, coin_selection.largest_first(coin), key=coin_selection.largest_first)
    if place < len(coins) and coins[place].outpoint == coin.outpoint:
        del coins[place]
