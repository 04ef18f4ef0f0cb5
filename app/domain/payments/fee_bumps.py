"""Fee bumps: what a transaction that the node refuses for its fee spends and pays when it is signed again with a higher one.

It spends all that the one before spends, or the change of what that one's parent became: so only one of them can ever be
mined. More coins are added where its change does not reach.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.db import Row
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import fees
from app.domain.payments.coin_selection import Choice, InsufficientCoins, Spendable
from app.domain.payments.payment import Payment
from app.domain.payments.requesting import CONSOLIDATION
from app.domain.refusals import Conflict
from app.money import DUST, NOTHING, Koinu, show

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING


def largest_fee(payment: Payment) -> Koinu:
    """Return what a signed payment may cost: an exact fee stays, and so does that of a transaction which pays nobody."""
    if payment.explicit_fee or payment.kind == CONSOLIDATION:
        return payment.fee or NOTHING
    return Koinu(max(payment.fee or 0, fees.FeeTerms.of(fees.Policy(), max_fee=payment.max_fee).most))


def priced(payment: Payment, fee: Koinu, version: int | None = None) -> Payment:
    """Return a signed payment with another fee, of another `version`: its account bears the difference, or its outputs do."""
    payment = replace(payment, version_id=version or payment.version_id)
    before = payment.fee or NOTHING
    if fee == before:
        return payment
    if not payment.deducts:
        total = Koinu((payment.paid or 0) + fee)
        return replace(payment, fee=fee, reserved=total, repriced=payment.repriced + 1)
    deducted = Koinu(
        payment.amount - (payment.paid or 0) + fee - before
    )  # of what it left over none is an output's
    amounts = fees.deduct(
        [output.amount for output in payment.outputs], [output.share for output in payment.outputs], deducted
    )
    outputs = tuple(replace(output, paid=paid) for output, paid in zip(payment.outputs, amounts, strict=True))
    return replace(payment, fee=fee, paid=Koinu(sum(amounts)), outputs=outputs)


def set_aside(before: Payment, now: Payment) -> Entry | None:
    """Return the movement of what the higher fee takes from what the account can spend; None where nothing moves."""
    more = now.reserved - before.reserved
    account = now.owner.id
    postings = (Posting(account, AVAILABLE, -more), Posting(account, OUTGOING, more))
    return now.entry("repriced", postings, now.repriced) if more else None


def renamed(payment: Payment, txid: bytes) -> Payment:
    """Return the payment as it goes on under another txid, at the same price."""
    return replace(payment, txid=txid, former=payment.txid)


def paid_rows(carried: Iterable[Payment]) -> list[Row]:
    """Return what each output of these gets, as rows of payment_outputs."""
    return [
        {"account_id": payment.owner.id, "payment_id": payment.id, "number": number, "paid": output.paid}
        for payment in carried
        for number, output in enumerate(payment.outputs)
    ]


_P2PKH = bytes(25)


class LimitTooLow(Conflict):
    """it needs a fee of {needed}, and at most {limit} may be paid: wait, or void it and pay again with a higher max_fee"""  # noqa: D400, D415  after what the node says


class TooLittleMoney(Conflict):
    """it needs a fee of {needed}, and the account has {available} for what is missing: bring it more"""  # noqa: D400, D415


class NotHigher(Conflict):
    """The fee is what the node asks for by now."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A transaction of ours that no block holds, as it was signed last.

    `first` is the number of the first that was signed for its payments; `refused` says that the node does not take its fee.
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
    """What may be spent on a replacement: what each account can spend in koinu, and free coins.

    The `spare` coins are spent by nothing; the largest come first.
    """

    spendable: Mapping[int, int]
    spare: Sequence[Spendable]
    policy: fees.Policy


def rooms(stuck: Stuck, spendable: Mapping[int, int]) -> list[int]:
    """Return by how much each payment's fee may grow: within its limit, and as far as its account has the money."""
    rest = dict(spendable)
    rooms_left = []
    for payment in stuck.payments:
        room = largest_fee(payment) - (payment.fee or 0)
        if not payment.deducts:
            room = max(0, min(room, rest.get(payment.owner.id, 0)))
            rest[payment.owner.id] = rest.get(payment.owner.id, 0) - room
        rooms_left.append(room)
    return rooms_left


def choose(stuck: Stuck, held: Sequence[Spendable], means: Means, *, built_upon: bool) -> Choice:
    """Choose the coins, the fee and the change.

    It spends the coins `held` in any case. It needs change where another transaction is `built_upon` it.

    Raises LimitTooLow, TooLittleMoney, NotHigher or InsufficientCoins where that cannot be, or BelowDust.
    """
    most = min(_borne(stuck) + sum(rooms(stuck, means.spendable)), fees.HIGHEST_FEE)
    terms = fees.FeeTerms(means.policy, Koinu(most))
    for count in range(len(means.spare) + 1):
        coins = (*held, *means.spare[:count])
        choice = _with_change(stuck, coins, terms) or (
            None if built_upon else _without_change(stuck, coins, terms)
        )
        if choice is not None:
            if stuck.refused and choice.fee <= stuck.fee:
                raise NotHigher
            return choice
    raise InsufficientCoins(available=show(sum(coin.amount for coin in held)), needed="more")


def carried(stuck: Stuck, fee: Koinu, spendable: Mapping[int, int]) -> tuple[Payment, ...]:
    """Return its payments when it costs so much."""
    each = fees.reapportion(
        [payment.fee or Koinu(0) for payment in stuck.payments], fee, rooms(stuck, spendable)
    )
    return tuple(priced(payment, share) for payment, share in zip(stuck.payments, each, strict=True))


def _with_change(stuck: Stuck, coins: tuple[Spendable, ...], terms: fees.FeeTerms) -> Choice | None:
    fee = _fee(stuck, terms, fees.size(len(coins), [*_scripts(stuck), _P2PKH]))
    amounts = _amounts(stuck, fee)
    change = sum(coin.amount for coin in coins) - sum(amounts) - fee
    return Choice(coins, amounts, Koinu(change), fee) if change >= DUST else None


def _without_change(stuck: Stuck, coins: tuple[Spendable, ...], terms: fees.FeeTerms) -> Choice | None:
    """Leave over what is too small for change, as far as the fee may be that much; outputs that bear the fee get no less for it."""
    least = _fee(stuck, terms, fees.size(len(coins), _scripts(stuck)))
    over = sum(coin.amount for coin in coins) - sum(_amounts(stuck, least)) - least
    exact = any(payment.deducts for payment in stuck.payments)
    if over < 0 or (over and exact) or least + over > terms.most or not stuck.payments[0].outputs:
        return None
    return Choice(coins, _amounts(stuck, Koinu(least + over)), Koinu(0), Koinu(least + over))


def _fee(stuck: Stuck, terms: fees.FeeTerms, size: int) -> Koinu:
    """Return what it is to cost: where the node refused it, at least what that asks for; never less than it did."""
    least = max(fees.fee(size, terms.policy.floor) if stuck.refused else 0, stuck.fee)
    if least > terms.most:
        raise _too_little(stuck, least, terms.most)
    return Koinu(max(terms.asked(size), least))


def _too_little(stuck: Stuck, needed: int, most: Koinu) -> Conflict:
    limit = min(sum(map(largest_fee, stuck.payments)), fees.HIGHEST_FEE)
    if needed > limit:
        return LimitTooLow(needed=show(needed), limit=show(limit))
    return TooLittleMoney(needed=show(needed), available=show(most - _borne(stuck)))


def _borne(stuck: Stuck) -> int:
    """What its payments have set aside for the fee: not that of this version, where a block held another one for a while."""
    return sum(payment.fee or 0 for payment in stuck.payments)


def _amounts(stuck: Stuck, fee: Koinu) -> tuple[Koinu, ...]:
    """Return what the outputs get when it costs so much: less only where they bear the fee, and then there is one payment."""
    payments = stuck.payments
    if len(payments) == 1 and payments[0].deducts:
        payments = (priced(payments[0], fee),)
    return tuple(output.paid or output.amount for payment in payments for output in payment.outputs)


def _scripts(stuck: Stuck) -> list[bytes]:
    return [output.script for payment in stuck.payments for output in payment.outputs]
