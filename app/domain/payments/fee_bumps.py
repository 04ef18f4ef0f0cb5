"""Fee bumps: a transaction that the node refuses for its fee is signed again with a higher one.

The new transaction spends all coins of the old one, or the change of what its parent was replaced by. So only
one of them can be mined. It spends more coins where the change does not suffice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.db import Row
from app.domain.ledger import Entry
from app.domain.payments import fees
from app.domain.payments.coin_selection import Choice, InsufficientCoins, Spendable
from app.domain.payments.payment import Payment
from app.domain.payments.requesting import CONSOLIDATION
from app.domain.refusals import Conflict
from app.money import DUST, NOTHING, Koinu, show


def largest_fee(payment: Payment) -> Koinu:
    """Return what a signed payment may cost. An explicit fee stays, and so does that of a consolidation."""
    if payment.explicit_fee or payment.kind == CONSOLIDATION:
        return payment.fee or NOTHING
    return Koinu(max(payment.fee or 0, fees.FeeTerms.of(fees.Policy(), max_fee=payment.max_fee).most))


def priced(payment: Payment, fee: Koinu, version: int | None = None) -> Payment:
    """Return a signed payment with another fee and `version`. Its account or outputs bear the difference."""
    payment = payment._replace(version_id=version or payment.version_id)
    former = payment.fee or NOTHING
    if fee == former:
        return payment
    if not payment.deducts:
        total = Koinu((payment.paid or 0) + fee)
        return payment._replace(fee=fee, reserved=total, repriced=payment.repriced + 1)
    # A remainder that went to the fee was never an output's.
    return _deducting(payment, fee, Koinu(payment.amount - (payment.paid or 0) + fee - former))


def _deducting(payment: Payment, fee: Koinu, deducted: Koinu) -> Payment:
    """Return the payment with this fee, and with outputs that lack what is deducted."""
    amounts = fees.deduct(
        [output.amount for output in payment.outputs], [output.share for output in payment.outputs], deducted
    )
    outputs = tuple(output._replace(paid=paid) for output, paid in zip(payment.outputs, amounts, strict=True))
    return payment._replace(fee=fee, paid=Koinu(sum(amounts)), outputs=outputs)


def reprice_entry(before: Payment, after: Payment) -> Entry | None:
    """Return the entry that sets aside what the fee is higher; None where it is the same."""
    added = after.reserved - before.reserved
    return after.set_aside("repriced", added, after.repriced) if added else None


def with_txid(payment: Payment, txid: bytes) -> Payment:
    """Return the payment under another txid, at the same price."""
    return payment._replace(txid=txid, former=payment.txid)


def paid_rows(payments: Iterable[Payment]) -> list[Row]:
    """Return what each output of these payments gets, as rows of payment_outputs."""
    return [
        {"account_id": payment.owner.id, "payment_id": payment.id, "number": number, "paid": output.paid}
        for payment in payments
        for number, output in enumerate(payment.outputs)
    ]


class LimitTooLow(Conflict):
    """it needs a fee of {needed}, and at most {limit} may be paid: wait, or void it and pay again with a higher max_fee"""  # noqa: D400, D415  after what the node says


class TooLittleMoney(Conflict):
    """it needs a fee of {needed}, and the account has {available} for what is missing: bring it more"""  # noqa: D400, D415


class NotHigher(Conflict):
    """The fee is what the node asks for by now."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A transaction of ours that no block holds, in its last version.

    `first` is the number of the first version. `refused` says that the node refuses its fee.
    """

    id: int
    first: int
    txid: bytes
    fee: Koinu
    ancestors: int
    refused: bool
    payments: tuple[Payment, ...]
    coins: tuple[Spendable, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """What a replacement may spend: each account's available koinu, and free coins, the largest first."""

    spendable: Mapping[int, int]
    spare: Sequence[Spendable]
    policy: fees.Policy


def rooms(stuck: Stuck, spendable: Mapping[int, int]) -> list[int]:
    """Return by how much each payment's fee may grow: within its limit, and within its account's money."""
    remaining = dict(spendable)
    rooms_by_payment = []
    for payment in stuck.payments:
        room = largest_fee(payment) - (payment.fee or 0)
        if not payment.deducts:
            room = max(0, min(room, remaining.get(payment.owner.id, 0)))
            remaining[payment.owner.id] = remaining.get(payment.owner.id, 0) - room
        rooms_by_payment.append(room)
    return rooms_by_payment


def choose(stuck: Stuck, inputs: Sequence[Spendable], means: Means, *, built_upon: bool) -> Choice:
    """Choose the coins, the fee and the change. All `inputs` are spent in any case.

    It has change where another transaction is `built_upon` it. Raises LimitTooLow, TooLittleMoney, NotHigher,
    InsufficientCoins or BelowDust.
    """
    most = min(_set_aside_fee(stuck) + sum(rooms(stuck, means.spendable)), fees.HIGHEST_FEE)
    terms = fees.FeeTerms(means.policy, Koinu(most))
    for count in range(len(means.spare) + 1):
        coins = (*inputs, *means.spare[:count])
        choice = _with_change(stuck, coins, terms) or (
            None if built_upon else _without_change(stuck, coins, terms)
        )
        if choice is not None:
            if stuck.refused and choice.fee <= stuck.fee:
                raise NotHigher
            return choice
    raise InsufficientCoins(available=show(sum(coin.amount for coin in inputs)), needed="more")


def carried(stuck: Stuck, fee: Koinu, spendable: Mapping[int, int]) -> tuple[Payment, ...]:
    """Return its payments when the transaction has this fee."""
    shares = fees.reapportion(
        [payment.fee or NOTHING for payment in stuck.payments], fee, rooms(stuck, spendable)
    )
    return tuple(priced(payment, share) for payment, share in zip(stuck.payments, shares, strict=True))


def _with_change(stuck: Stuck, coins: tuple[Spendable, ...], terms: fees.FeeTerms) -> Choice | None:
    fee = _fee(stuck, terms, fees.size(len(coins), [*_scripts(stuck), fees.CHANGE_SCRIPT]))
    amounts = _amounts(stuck, fee)
    change = sum(coin.amount for coin in coins) - sum(amounts) - fee
    return Choice(coins, amounts, Koinu(change), fee) if change >= DUST else None


def _without_change(stuck: Stuck, coins: tuple[Spendable, ...], terms: fees.FeeTerms) -> Choice | None:
    """Add the remainder to the fee, within its limit. Outputs that bear the fee get no less for that."""
    least = _fee(stuck, terms, fees.size(len(coins), _scripts(stuck)))
    remainder = sum(coin.amount for coin in coins) - sum(_amounts(stuck, least)) - least
    deducts = any(payment.deducts for payment in stuck.payments)
    if remainder < 0 or (remainder and deducts) or least + remainder > terms.most:
        return None
    if not stuck.payments[0].outputs:
        return None
    fee = Koinu(least + remainder)
    return Choice(coins, _amounts(stuck, fee), NOTHING, fee)


def _fee(stuck: Stuck, terms: fees.FeeTerms, size: int) -> Koinu:
    """Return the new fee: never below the old one, and not below the floor where the node refused that."""
    least = max(fees.fee(size, terms.policy.floor) if stuck.refused else 0, stuck.fee)
    if least > terms.most:
        raise _too_little(stuck, least, terms.most)
    return Koinu(max(terms.offer(size), least))


def _too_little(stuck: Stuck, needed: int, most: Koinu) -> Conflict:
    limit = min(sum(map(largest_fee, stuck.payments)), fees.HIGHEST_FEE)
    if needed > limit:
        return LimitTooLow(needed=show(needed), limit=show(limit))
    return TooLittleMoney(needed=show(needed), available=show(most - _set_aside_fee(stuck)))


def _set_aside_fee(stuck: Stuck) -> int:
    """Return what its payments set aside for the fee, even where a block held a version with another fee."""
    return sum(payment.fee or 0 for payment in stuck.payments)


def _amounts(stuck: Stuck, fee: Koinu) -> tuple[Koinu, ...]:
    """Return what the outputs get at this fee: less only where they bear it; then there is one payment."""
    payments = stuck.payments
    if len(payments) == 1 and payments[0].deducts:
        payments = (priced(payments[0], fee),)
    return tuple(output.paid or output.amount for payment in payments for output in payment.outputs)


def _scripts(stuck: Stuck) -> list[bytes]:
    return [output.script for payment in stuck.payments for output in payment.outputs]
