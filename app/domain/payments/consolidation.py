"""Consolidations: small coins become one, and the platform pays for it."""

from collections.abc import Iterable
from typing import Final

from app.db import Db
from app.domain import accounts, ledger
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import Network
from app.domain.ledger import InsufficientFunds
from app.domain.payments import fees, requesting, spendable_coins
from app.domain.payments.coin_selection import LARGEST, Choice, Spendable, Tier, largest_first
from app.domain.payments.payment import Payment
from app.domain.payments.requesting import CONSOLIDATION, PayOrder
from app.domain.refusals import Conflict, Refusal
from app.money import DUST, Koinu, show

COUNT_BYTES: Final = 2
"""How many bytes the number of inputs may grow by after the fee was calculated."""
_OUTPUT_BYTES: Final = fees.output_bytes(fees.CHANGE_SCRIPT)


class NothingToMerge(Conflict):
    """There are no two coins that are worth merging."""


def merge(coins: Iterable[Spendable], terms: fees.FeeTerms, most_inputs: int = LARGEST) -> Choice | None:
    """Choose small confirmed coins to merge into one output, the `change`: the smallest worth their fee.

    It takes as many as `most_inputs`, the size of a transaction and `terms.most` allow. None where those are
    fewer than two, or hold less than 0.01 DOGE after the fee.
    """
    worthy = [coin for coin in coins if coin.tier is not Tier.UNCONFIRMED and coin.amount > terms.input_fee]
    room = terms.largest - fees.frame(LARGEST, 1) - _OUTPUT_BYTES
    count = min(len(worthy), most_inputs, room // fees.INPUT_BYTES)
    if count < 2:
        return None
    chosen = sorted(worthy, key=largest_first, reverse=True)[:count]
    fee = terms.fee(fees.size(count, [fees.CHANGE_SCRIPT]))
    merged = sum(coin.amount for coin in chosen) - fee
    return Choice(tuple(chosen), (), Koinu(merged), fee) if merged >= DUST else None


def choose(coins: Iterable[Spendable], reserved: Koinu, policy: fees.Policy) -> Choice:
    """Merge as many of the smallest coins as `reserved` koinu pay for. Raises NothingToMerge."""
    choice = merge(coins, fees.FeeTerms(policy, reserved))
    if choice is None:
        raise NothingToMerge
    return choice


async def request(db: Db, network: Network, foreign_id: str, at_most: int) -> tuple[Payment, int] | Refusal:
    """Have the sender merge up to `at_most` of the smallest coins; return the payment, and their number now.

    `foreign_id` pays the fee. It is opened if it does not exist, and refused where it lacks money for the
    fee.
    """
    [account] = await accounts.put(db, [AccountOrder(foreign_id, {})], network)
    if isinstance(account, Refusal):
        return account
    smallest = await spendable_coins.smallest(db, min(at_most, LARGEST))
    choice = merge(smallest.coins, fees.FeeTerms(fees.Policy()))
    if choice is None:
        return NothingToMerge()
    available = (await ledger.balance(db, account.id)).available
    most = Koinu(choice.fee + fees.fee(COUNT_BYTES, fees.MINED_RATE))
    if available < most:
        return InsufficientFunds(available=show(available), needed=show(most))
    [made] = await requesting.request(db, [PayOrder(foreign_id, (), kind=CONSOLIDATION, max_fee=most)])
    return made if isinstance(made, Refusal) else (made, len(choice.coins))
