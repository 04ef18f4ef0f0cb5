"""Requests for payments: they are checked, and their money is set aside at once. The sender does the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import COLD_STORAGE, NOW, addresses, payment_outputs, payments
from app.domain import accounts, batch, dogecoin, ledger, outbox, payment_limits, rates
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.dogecoin import Network
from app.domain.ledger import InsufficientFunds
from app.domain.owner import NoSuchAccount, Owner
from app.domain.payment_limits import Allowance, Asked
from app.domain.payments import fees
from app.domain.payments.payment import COLD, Payment, request_events
from app.domain.payments.payment_rows import by_ids, load
from app.domain.refusals import Invalid, Refusal
from app.money import DUST, MAX_MONEY, NOTHING, Koinu, show

PAYEES: Final = 250
"""The most outputs of one payment: they fit into one transaction, and their count into one byte."""
PAYOUT: Final = "payout"
"""The kind of the payments that an account's payout settings ask for."""
CONSOLIDATION: Final = "consolidation"
"""The kind that pays nobody: it merges coins of ours, and only its fee leaves."""
_UNLIMITED: Final = (CONSOLIDATION, COLD)
"""Kinds that limits do not concern: they pay nobody else."""


@dataclass(frozen=True, slots=True)
class Payee:
    """An output. Its `share` of the fee is in `fees.PERCENT`, 0 where the payer bears the fee.

    `field` is the prefix of its fields' names in the request.
    """

    address: str
    script: bytes
    amount: Koinu
    share: int = 0
    field: str = ""

    @classmethod
    def of(cls, network: Network, field: str, address: str, amount: Koinu, share: int = 0) -> "Payee":
        """Check an output. Raises Invalid, which names the field."""
        try:
            script = dogecoin.to_script(network, address)
        except dogecoin.BadAddress as error:
            raise Invalid(reason=str(error), field=f"{field}to") from None
        if not DUST <= amount <= MAX_MONEY:
            raise Invalid(
                reason=f"An amount is from {show(DUST)} to {show(MAX_MONEY)} DOGE.", field=f"{field}amount"
            )
        return cls(address, script, amount, share, field)


@dataclass(frozen=True, slots=True)
class PayOrder:
    """A request for a payment. A fee of zero counts as not named (GigaWallet).

    `batch` lets it share a transaction; None: as the account says. `invoice` is the (account, index) of the
    invoice that a refund gives back. `seconds` is how long an unsent transaction of `paytx` may wait. `asked_by` is
    the caller; of a payout the one who has set its address.
    """

    foreign_id: str
    payees: tuple[Payee, ...]
    kind: str = "pay"
    explicit_fee: Koinu = NOTHING
    max_fee: Koinu = NOTHING
    batch: bool | None = None
    reference: str = ""
    invoice: tuple[int, int] | None = None
    seconds: int | None = None
    asked_by: str = ""

    def __post_init__(self) -> None:
        """Refuse what could never be paid."""
        if not (self.kind != CONSOLIDATION) <= len(self.payees) <= PAYEES:
            raise Invalid(reason=f"A payment has from 1 to {PAYEES} outputs.", field="pay")
        if self.amount > MAX_MONEY:
            raise Invalid(reason=f"A payment is at most {show(MAX_MONEY)} DOGE.", field="pay")
        for name in ("explicit_fee", "max_fee"):
            if getattr(self, name) < 0:
                raise Invalid(reason=f"{name} is not below zero.", field=name)
        if self.explicit_fee > self.max_fee > 0:
            raise Invalid(reason="explicit_fee is above max_fee.", field="explicit_fee")
        fees.checked_shares(self.shares)
        if self.largest_fee < self.least_fee:
            raise fees.above_limit(self.least_fee, self.largest_fee).about(
                "explicit_fee" if self.explicit_fee else "max_fee"
            )

    @property
    def amount(self) -> Koinu:
        """The sum of the outputs, before a fee is taken out of them."""
        return Koinu(sum(payee.amount for payee in self.payees))

    @property
    def limited(self) -> int:
        """What counts against limits: the outputs, and the fee that the request itself names."""
        return self.amount + self.explicit_fee

    @property
    def borne(self) -> Koinu:
        """The part of the amount that its account bears: what goes to cold storage stays its customers'."""
        return NOTHING if self.kind == COLD else self.amount

    @property
    def shares(self) -> Sequence[int]:
        """Each output's share of the fee."""
        return [payee.share for payee in self.payees]

    @property
    def deducts(self) -> bool:
        """Whether the fee comes out of the outputs."""
        return any(self.shares)

    @property
    def largest_fee(self) -> Koinu:
        """What the fee may be at most."""
        return fees.FeeTerms.of(fees.Policy(), self.explicit_fee, self.max_fee).most

    @property
    def least_fee(self) -> Koinu:
        """The fee of the smallest transaction that pays this: one input and no change."""
        return fees.fee(fees.size(1, [payee.script for payee in self.payees]), fees.MINED_RATE)


class Reservation(NamedTuple):
    """An accepted order, its account, what is set aside for it, in koinu, and whether it `waits` for approval."""

    order: PayOrder
    owner: Owner
    reserved: int
    waits: bool


async def request(db: Db, orders: Sequence[PayOrder]) -> list[Payment | Refusal]:
    """Accept payments in order, as far as each account's money goes.

    The money of an accepted payment is in `outgoing` at once.
    """
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    change = await _change_addresses(db, orders)
    keys = await payment_limits.lock_keys(db, [order.asked_by for order in orders])
    numbers = [owner.id for owner in owners.values()]
    stored = [COLD_STORAGE] if any(order.kind == COLD for order in orders) else []
    available = await ledger.lock_available(db, [*stored, *numbers])
    allowance = await payment_limits.allowance(
        db, numbers, keys
    )  # after the locks: it sums up what others took
    decided = batch.decide(
        orders,
        {name: available[owner.id] for name, owner in owners.items()},
        lambda order: order.foreign_id,
        lambda order, available: _allowed(
            order, _decide(order, owners.get(order.foreign_id), available, change), allowance
        ),
    )
    return batch.outcomes(decided, await _write(db, [step.effect for step in batch.accepted(decided)]))


REQUEST: Final = Command("payment", plain(request), plain(by_ids), lambda payment: str(payment.id), pays=True)


def _decide(
    order: PayOrder, owner: Owner | None, available: int | None, change: set[bytes]
) -> Step[int, Reservation] | Refusal:
    """Set aside the outputs and the highest fee, as far as the account has it.

    Where the fee is exact or comes out of the outputs, a remainder that is too small for change may leave
    too.
    """
    if owner is None or available is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    for payee in order.payees:
        if payee.script in change:
            return Invalid(reason="That is a change address of this installation.", field=f"{payee.field}to")
    exact = order.deducts or order.explicit_fee
    borne = 0 if order.deducts else order.largest_fee
    least = borne if exact else order.least_fee
    most = order.borne + borne + (DUST - 1 if exact else 0)
    if available < order.borne + least:
        has, needed = show(max(0, available)), show(order.borne + least)
        return InsufficientFunds(available=has, needed=needed, account=owner.foreign_id, wanted=show(most))
    taken = min(available, most)
    reserved = order.amount - order.borne + taken
    return Step(available - taken, Reservation(order, owner, reserved, waits=False))


def _allowed(
    order: PayOrder, decided: Step[int, Reservation] | Refusal, allowance: Allowance
) -> Step[int, Reservation] | Refusal:
    """Hold an order that the account has the money for against the limits."""
    if isinstance(decided, Refusal) or order.kind in _UNLIMITED:
        return decided
    addresses = [payee.address for payee in order.payees]
    asked = Asked(order.asked_by, decided.effect.owner.id, order.limited, addresses)
    refusal = allowance.objection(asked)
    if refusal is not None:
        return refusal
    return Step(decided.state, decided.effect._replace(waits=allowance.take(asked)))


async def _write(db: Db, accepted: Sequence[Reservation]) -> list[Payment]:
    """Insert the payments, set their money aside, and write the events of both."""
    if not accepted:
        return []
    ids = await bulk.new_ids(db, payments, len(accepted))
    now = await db.scalar(sa.select(NOW)) if any(order.seconds for order, *_ in accepted) else None
    sharing = await accounts.batching(db, [order.foreign_id for order, *_ in accepted if order.batch is None])
    pairs = list(zip(ids, accepted, strict=True))
    quote = rates.columns_of(await rates.of_now(db))
    rows = [_row(number, now, sharing, reservation) | quote for number, reservation in pairs]
    await bulk.insert(db, payments, rows)
    outputs = [row for number, (order, owner, *_) in pairs for row in _output_rows(number, order, owner)]
    if outputs:
        await bulk.insert(db, payment_outputs, outputs)
    made = await load(db, payments.c.id == sa.any_(sa.literal(ids, bulk.BIGINTS)))
    entries = [payment.set_aside("requested", payment.reserved) for payment in made]
    events = [event for payment in made for event in request_events(payment)]
    await outbox.post_and_emit(db, entries, events, [payment.owner for payment in made])
    return made


async def _change_addresses(db: Db, orders: Sequence[PayOrder]) -> set[bytes]:
    """Return which of the scripts are change addresses of ours: what we pay to those would be no deposit."""
    scripts = list({payee.script for order in orders for payee in order.payees})
    ours = sa.select(addresses.c.script).where(addresses.c.script == sa.any_(sa.literal(scripts, bulk.BYTES)))
    return {bytes(script) for script in await db.scalars(ours.where(addresses.c.purpose == "change"))}


def _row(number: int, now: datetime | None, sharing: set[str], reservation: Reservation) -> dict[str, Any]:
    order, owner, reserved, waits = reservation
    invoice_account, invoice_index = order.invoice or (None, None)
    names = ("kind", "amount", "explicit_fee", "max_fee", "reference", "asked_by")
    return {
        "account_id": owner.id,
        "id": number,
        "state": "AWAITING_APPROVAL" if waits else "PENDING",
        "reserved": reserved,
        **{name: getattr(order, name) for name in names},
        "batch": order.foreign_id in sharing if order.batch is None else order.batch,
        "expires": now + timedelta(seconds=order.seconds) if now and order.seconds else None,
        "invoice_account": invoice_account,
        "invoice_index": invoice_index,
    }


def _output_rows(payment_id: int, order: PayOrder, owner: Owner) -> list[dict[str, object]]:
    names = ("address", "script", "amount", "share")
    key = {"account_id": owner.id, "payment_id": payment_id}
    return [
        {**key, "number": number, **{name: getattr(payee, name) for name in names}}
        for number, payee in enumerate(order.payees)
    ]
