"""A coin pool: what several payments may spend, chosen for one after the other, so that no coin is chosen twice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from app.domain.dogecoin import Outpoint
from app.domain.payments import coin_selection, fees
from app.domain.payments.coin_selection import Choice, InsufficientCoins, SelectionOrder, Spendable, Tier
from app.domain.payments.spendable_coins import ANCESTORS, CHAIN_BYTES, Path, SpendableCoins
from app.domain.refusals import Refusal

_P2PKH: Final = bytes(25)


class ChainsTooLong(InsufficientCoins):
    """What could be spent now stands on too many transactions that no block holds yet."""


@dataclass(slots=True)
class CoinPool:
    """Free coins as they were read, less the ones that were taken since.

    `standing` says for each transaction whose change waits for a block what that stands on: the unmined transactions, itself
    included, and their bytes.
    """

    paths: dict[Outpoint, Path] = field(default_factory=dict)
    standing: dict[bytes, Mapping[bytes, int]] = field(default_factory=dict)
    taken: set[Outpoint] = field(default_factory=set)
    _own: dict[int, dict[Outpoint, Spendable]] = field(default_factory=dict)
    _others: dict[Outpoint, Spendable] = field(default_factory=dict)

    def add(self, spendable: SpendableCoins) -> None:
        """Put coins in: those of a tier of their own count as their account's, the others as everybody's."""
        self.paths.update(spendable.paths)
        self.standing.update(spendable.standing)
        for coin in spendable.coins:
            if coin.outpoint in self.taken:
                continue
            if coin.tier is Tier.OWN:
                self._own.setdefault(spendable.paths[coin.outpoint].account, {})[coin.outpoint] = coin
            else:
                self._others[coin.outpoint] = coin

    def take(self, coins: Sequence[Spendable]) -> None:
        """Leave these to whom they were chosen for."""
        for coin in coins:
            self.taken.add(coin.outpoint)
            self._others.pop(coin.outpoint, None)
            if (path := self.paths.get(coin.outpoint)) is not None:
                self._own.get(path.account, {}).pop(coin.outpoint, None)

    def grow(self, coin: Spendable, path: Path, stands_on: Mapping[bytes, int]) -> None:
        """Put in the change of a transaction that was signed just now, unless that is the last of its chain."""
        if len(stands_on) < ANCESTORS:
            self.add(SpendableCoins((coin,), {coin.outpoint: path}, {coin.outpoint.txid: stands_on}))

    def choose_own(self, account: int, order: SelectionOrder) -> Choice | None:
        """Choose among the account's own coins; None where they do not do."""
        with suppress(Refusal):
            return coin_selection.choose(self._own.get(account, {}).values(), order)
        return None

    def choose(self, account: int, order: SelectionOrder) -> Choice:
        """Choose among all coins, none of them at the end of chains that nodes would not take; raises as `coin_choice.choose` does."""
        own = self._own.get(account, {})
        others = [coin for coin in self._others.values() if coin.outpoint not in own]
        settled = [*own.values(), *(coin for coin in others if coin.tier is not Tier.UNCONFIRMED)]
        fresh = [coin for coin in others if coin.tier is Tier.UNCONFIRMED]
        choice = coin_selection.choose([*settled, *fresh], order)
        if self._is_taken_by_nodes(choice, order):
            return choice
        for unconfirmed in self._short_chains(fresh):
            with suppress(Refusal):
                choice = coin_selection.choose([*settled, *unconfirmed], order)
                if self._is_taken_by_nodes(choice, order):
                    return choice
        raise ChainsTooLong

    def stands_on(self, coins: Sequence[Spendable]) -> dict[bytes, int]:
        """Return the unmined transactions that one which spends these coins stands on, each once, with their bytes."""
        ancestors: dict[bytes, int] = {}
        for coin in coins:
            ancestors.update(self.standing.get(coin.outpoint.txid, {}))
        return ancestors

    def _is_taken_by_nodes(self, choice: Choice, order: SelectionOrder) -> bool:
        below = self.stands_on(choice.coins)
        size = fees.size(len(choice.coins), [*order.scripts, _P2PKH])
        return not below or (len(below) < ANCESTORS and sum(below.values()) + size <= CHAIN_BYTES)

    def _short_chains(self, fresh: Sequence[Spendable]) -> Iterator[list[Spendable]]:
        """Yield coins of which any number may be spent together: those with little below them, the largest, and none."""
        yield self._together(
            sorted(fresh, key=lambda coin: (len(self.standing[coin.outpoint.txid]), -coin.amount))
        )
        yield self._together(sorted(fresh, key=lambda coin: -coin.amount))
        yield []

    def _together(self, fresh: Sequence[Spendable]) -> list[Spendable]:
        below: dict[bytes, int] = {}
        chosen = []
        for coin in fresh:
            more = {**below, **self.standing[coin.outpoint.txid]}
            if len(more) < ANCESTORS:
                below = more
                chosen.append(coin)
        return chosen
