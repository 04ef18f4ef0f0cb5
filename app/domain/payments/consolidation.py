"""Consolidations: small coins become one, at the platform's cost."""

from collections.abc import Iterable
from typing import Final

from app.db import Db
from app.domain import accounts, ledger
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import Network
from app.domain.ledger import InsufficientFunds
from app.domain.payments import coin_selection, fees, requesting, spendable_coins
from app.domain.payments.coin_selection import Choice, Spendable
from app.domain.payments.payment import Payment
from app.domain.payments.requesting import CONSOLIDATION, PayOrder
from app.domain.refusals import Conflict, Refusal
from app.money import Koinu, show

COUNT_BYTES: Final = 2
"""By so much the number of inputs may take more room than it did when the fee was worked out."""


class NothingToMerge(Conflict):
    """There are no two coins that are worth merging."""


def choose(coins: Iterable[Spendable], reserved: Koinu, policy: fees.Policy) -> Choice:
    """Merge the smallest coins, as many as `reserved` koinu pay for; NothingToMerge where those are fewer than two."""
    choice = coin_selection.consolidation(coins, fees.FeeTerms(policy, reserved))
    if choice is None:
        raise NothingToMerge
    return choice


async def request(db: Db, network: Network, foreign_id: str, at_most: int) -> tuple[Payment, int] | Refusal:
    """Have the sender merge up to `at_most` of the smallest coins; returns the payment, and how many they are now.

    `foreign_id` pays the fee, and is opened if it is missing; what it lacks for it is a refusal.
    """
    [account] = await accounts.put(db, [AccountOrder(foreign_id, {})], network)
    if isinstance(account, Refusal):
        return account
    smallest = await spendable_coins.smallest(db, min(at_most, coin_selection.LARGEST))
    choice = coin_selection.consolidation(smallest.coins, fees.FeeTerms(fees.Policy()))
    if choice is None:
        return NothingToMerge()
    available = (await ledger.balance(db, account.id)).available
    most = Koinu(choice.fee + fees.fee(COUNT_BYTES, fees.MINED_RATE))
    if available < most:
        return InsufficientFunds(available=show(available), needed=show(most))
    [made] = await requesting.request(db, [PayOrder(foreign_id, (), kind=CONSOLIDATION, max_fee=most)])
    return made if isinstance(made, Refusal) else (made, len(choice.coins))
