"""Consolidations: small coins become one, at the platform's cost."""

from collections.abc import Iterable
from typing import Final

from app.db import Db
from app.domain import accounts, coin_choice, fees, funds, holdings, payments
from app.domain.accounts import Wish
from app.domain.coin_choice import Choice, Spendable
from app.domain.ledger import InsufficientFunds
from app.domain.networks import Network
from app.domain.pay_orders import CONSOLIDATION, PayOrder
from app.domain.payments import Payment
from app.domain.refusals import Conflict, Refusal
from app.money import Koinu, show

COUNT_BYTES: Final = 2
"""By so much the number of inputs may take more room than it did when the fee was worked out."""


class NothingToMerge(Conflict):
    """There are no two coins that are worth merging."""


def choose(coins: Iterable[Spendable], reserved: Koinu, policy: fees.Policy) -> Choice:
    """Merge the smallest coins, as many as `reserved` koinu pay for; NothingToMerge where those are fewer than two."""
    choice = coin_choice.consolidation(coins, fees.Terms(policy, reserved))
    if choice is None:
        raise NothingToMerge
    return choice


async def request(db: Db, network: Network, foreign_id: str, at_most: int) -> tuple[Payment, int] | Refusal:
    """Have the sender merge up to `at_most` of the smallest coins; returns the payment, and how many they are now.

    `foreign_id` pays the fee, and is opened if it is missing; what it lacks for it is a refusal.
    """
    [account] = await accounts.put(db, [Wish(foreign_id, {})], network)
    if isinstance(account, Refusal):
        return account
    found = await funds.smallest(db, min(at_most, coin_choice.LARGEST))
    choice = coin_choice.consolidation(found.coins, fees.Terms(fees.Policy()))
    if choice is None:
        return NothingToMerge()
    available = (await holdings.balance(db, account.id)).available
    most = Koinu(choice.fee + fees.fee(COUNT_BYTES, fees.MINED_RATE))
    if available < most:
        return InsufficientFunds(available=show(available), needed=show(most))
    [made] = await payments.request(db, [PayOrder(foreign_id, (), kind=CONSOLIDATION, max_fee=most)])
    return made if isinstance(made, Refusal) else (made, len(choice.coins))
