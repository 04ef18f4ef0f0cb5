"""Limits on the payments of an account or a key: how much at once, how much a day, to whom, and what waits for approval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import NOW, api_keys, payees, payment_limits, payments
from app.domain import accounts
from app.domain.access import ApiKey, key_payees
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Forbidden, Invalid, Refusal
from app.money import MAX_MONEY, NOTHING, Koinu, show

DAY: Final = timedelta(hours=24)
MOST_PAYEES: Final = key_payees.MOST_PAYEES
LONGEST_DELAY_SECONDS: Final = 90 * 86_400
AMOUNTS: Final = ("per_payment", "per_day", "approve_above")


class AbovePaymentLimit(Forbidden):
    """A payment of {whose} is at most {most} DOGE, and this one is {amount}."""

    code: ClassVar[str | None] = "above-limit"


class AboveDailyLimit(Forbidden):
    """The payments of {whose} are at most {most} DOGE in 24 hours: {left} are left, and {amount} are asked for."""

    code: ClassVar[str | None] = "above-limit"


class UnknownPayee(Forbidden):
    """{address} is not in the list of {whose} payees, or not for long enough."""

    code: ClassVar[str | None] = "above-limit"


@dataclass(frozen=True, slots=True)
class Terms:
    """The most of one payment, of all in 24 hours, and above what a payment waits for approval; in koinu, 0: no limit."""

    per_payment: Koinu = NOTHING
    per_day: Koinu = NOTHING
    approve_above: Koinu = NOTHING

    def __post_init__(self) -> None:
        """Refuse what is no amount."""
        for name in AMOUNTS:
            if not 0 <= getattr(self, name) <= MAX_MONEY:
                raise Invalid(reason=f"{name} is from 0 to {show(MAX_MONEY)} DOGE.", field=name)


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The limits of an account. `payees` are the addresses that it may pay, once listed for `payee_delay`; None: all."""

    foreign_id: str
    terms: Terms = field(default_factory=Terms)
    payees: tuple[str, ...] | None = None
    payee_delay_seconds: int = 0


async def fetch(db: Db, foreign_id: str) -> AccountLimits:
    """Return the account's limits, or refuse with NoSuchAccount."""
    account = await accounts.fetch(db, foreign_id)
    rows = await bulk.fetch_all(
        db, sa.select(payment_limits).where(payment_limits.c.account_id == account.id)
    )
    if not rows:
        return AccountLimits(foreign_id)
    listed = sa.select(payees.c.address).where(payees.c.account_id == account.id)
    known = (await db.scalars(listed.order_by(payees.c.address).limit(MOST_PAYEES))).all()
    row = rows[0]
    return AccountLimits(
        foreign_id, _terms(row), tuple(known) if row["only_payees"] else None, row["payee_delay_seconds"]
    )


async def put(db: Db, order: AccountLimits) -> AccountLimits | Refusal:
    """Give an account these limits in place of those before. A payee that stays listed keeps its time."""
    owners = await accounts.owners(db, [order.foreign_id])
    if order.foreign_id not in owners:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    number = owners[order.foreign_id].id
    await accounts.lock(db, [order.foreign_id])
    values: dict[str, Any] = {name: getattr(order.terms, name) for name in AMOUNTS}
    values |= {"only_payees": order.payees is not None, "payee_delay_seconds": order.payee_delay_seconds}
    row = insert(payment_limits).values(account_id=number, **values)
    await db.execute(row.on_conflict_do_update(index_elements=["account_id"], set_=values))
    wanted = sorted(set(order.payees or ()))
    of_account = payees.c.account_id == number
    await db.execute(
        sa.delete(payees).where(of_account, payees.c.address != sa.all_(sa.literal(wanted, bulk.TEXTS)))
    )
    if wanted:
        rows = [{"account_id": number, "address": address} for address in wanted]
        await db.execute(insert(payees).values(rows).on_conflict_do_nothing())
    return await fetch(db, order.foreign_id)


async def _put_all(db: Db, orders: Sequence[AccountLimits]) -> list[AccountLimits | Refusal]:
    await accounts.lock(db, [order.foreign_id for order in orders])  # all at once, and so in their order
    return [await put(db, order) for order in orders]


async def _load(db: Db, names: Sequence[str]) -> dict[str, AccountLimits]:
    return {name: await fetch(db, name) for name in names}


async def _before(db: Db, orders: Sequence[AccountLimits], _: Installation) -> list[Shown | None]:
    """Lock the accounts, and return their limits as they are."""
    known = await accounts.lock(db, [order.foreign_id for order in orders])
    names = [order.foreign_id for order in orders]
    return [limits_shown(await fetch(db, name)) if name in known else None for name in names]


def limits_shown(limits: AccountLimits) -> dict[str, Any]:
    """Return the limits as the API shows them."""
    return {
        "foreign_id": limits.foreign_id,
        **amounts_shown(limits.terms),
        **payees_shown(limits.payees, limits.payee_delay_seconds),
    }


def amounts_shown(terms: Terms) -> dict[str, str]:
    """Return the amounts of an account's limits, or of a key's, as the API shows them."""
    return {name: show(getattr(terms, name)) for name in AMOUNTS}


def payees_shown(payees: Sequence[str] | None, delay_seconds: int) -> dict[str, Any]:
    """Return whom an account or a key may pay, as the API shows it."""
    return {"payees": None if payees is None else list(payees), "payee_delay_seconds": delay_seconds}


def _name(limits: AccountLimits) -> str:
    return limits.foreign_id


PUT: Final = Command(
    "limits", plain(_put_all), plain(_load), _name, audited=Audited(limits_shown, _name, _before)
)


class Asked(NamedTuple):
    """A payment that is asked for: by which caller, for which account, how much counts, and who gets it."""

    caller: str
    account_id: int
    amount: int
    addresses: Sequence[str]


@dataclass(slots=True)
class Ceiling:
    """The limits of one account or key, and what is left of its day."""

    whose: str
    terms: Terms
    left: int = 0

    def objection(self, amount: int) -> Refusal | None:
        """Return why a payment is too much, if it is."""
        if 0 < self.terms.per_payment < amount:
            return AbovePaymentLimit(whose=self.whose, most=show(self.terms.per_payment), amount=show(amount))
        if self.terms.per_day and amount > self.left:
            most, left = show(self.terms.per_day), show(max(0, self.left))
            return AboveDailyLimit(whose=self.whose, most=most, left=left, amount=show(amount))
        return None


@dataclass(slots=True)
class Allowance:
    """What a batch of payments may still take, one payment after the other; empty where there are no limits."""

    ceilings: dict[str, Ceiling] = field(default_factory=dict)
    listed: dict[str, frozenset[str]] = field(default_factory=dict)
    """The payees of those that may not pay all."""

    def objection(self, asked: Asked) -> Refusal | None:
        """Return why the payment may not be made, if so."""
        for name in (_of_account(asked.account_id), asked.caller):
            unknown = set(asked.addresses) - self.listed[name] if name in self.listed else set()
            if unknown:
                return UnknownPayee(address=min(unknown), whose=f"{self.ceilings[name].whose}'s")
        objections = (ceiling.objection(asked.amount) for ceiling in self._of(asked))
        return next((objection for objection in objections if objection), None)

    def take(self, asked: Asked) -> bool:
        """Count the payment, and say whether it has to wait for approval."""
        waits = False
        for ceiling in self._of(asked):
            ceiling.left -= asked.amount
            waits |= 0 < ceiling.terms.approve_above < asked.amount
        return waits

    def _of(self, asked: Asked) -> list[Ceiling]:
        names = (_of_account(asked.account_id), asked.caller)
        return [self.ceilings[name] for name in names if name in self.ceilings]


async def lock_keys(db: Db, callers: Iterable[str]) -> dict[str, Row]:
    """Lock the keys among the callers, so that two payments at once do not both take what is left; by caller."""
    numbers = sorted({number for caller in callers if (number := ApiKey.number_in(caller)) is not None})
    if not numbers:
        return {}
    wanted = api_keys.c.id == sa.any_(sa.literal(numbers, bulk.BIGINTS))
    limited = sa.or_(api_keys.c.only_payees, *(api_keys.c[name] > 0 for name in AMOUNTS))
    rows = await bulk.fetch_all(
        db, sa.select(api_keys).where(wanted, limited).order_by(api_keys.c.id).with_for_update(key_share=True)
    )
    return {f"key:{row['id']}": row for row in rows}


async def allowance(db: Db, numbers: Sequence[int], keys: Mapping[str, Row]) -> Allowance:
    """Return what the accounts and keys may still pay. Their balances and rows are locked already."""
    limited = sa.select(payment_limits).where(
        payment_limits.c.account_id == sa.any_(sa.literal(list(numbers), bulk.BIGINTS))
    )
    rows = {row["account_id"]: row for row in await bulk.fetch_all(db, limited)}
    if not rows and not keys:
        return Allowance()
    ceilings = {_of_account(number): Ceiling("this account", _terms(row)) for number, row in rows.items()}
    ceilings |= {caller: Ceiling("this key", _terms(row)) for caller, row in keys.items()}
    for name, spent in (await _spent(db, rows, keys)).items():
        ceilings[name].left = -spent
    for ceiling in ceilings.values():
        ceiling.left += ceiling.terms.per_day
    return Allowance(ceilings, await _payees(db, rows, keys))


async def _spent(db: Db, rows: Mapping[int, Row], keys: Mapping[str, Row]) -> dict[str, int]:
    """Sum up what was asked for in the last 24 hours, and has not come back; by `_of_account` and by caller.

    What a key has asked for is summed up over all cells: whoever pays by it anywhere has locked it.
    """
    numbers = [number for number, row in rows.items() if row["per_day"]]
    callers = [caller for caller, row in keys.items() if row["per_day"]]
    sums: dict[str, int] = {}
    if numbers:
        for number, spent in await db.execute(_BY_ACCOUNTS, {"numbers": numbers}):
            sums[_of_account(number)] = int(spent)
    if callers:
        for caller, spent in await db.execute(_BY_KEYS, {"callers": callers}):
            sums[caller] = sums.get(caller, 0) + int(spent)
    return sums


_SINCE: Final = NOW - DAY
_COUNTED: Final = payments.c.amount + payments.c.explicit_fee
"""As `PayOrder.limited`. Whoever names a fee of a hundred DOGE, a hundred times, empties an account as well."""
_BY_ACCOUNTS: Final = (  # the function of _BY_KEYS counts the same
    sa.select(payments.c.account_id, sa.func.sum(_COUNTED))
    .where(payments.c.account_id == sa.any_(sa.bindparam("numbers", type_=bulk.BIGINTS)))
    .where(payments.c.created > _SINCE, payments.c.state.not_in(("FAILED", "VOIDED")))
    .where(payments.c.kind != "cold")
    .group_by(payments.c.account_id)
)
_OF_KEYS: Final = sa.func.spent_by_keys(sa.bindparam("callers", type_=bulk.TEXTS), _SINCE).table_valued(
    sa.column("caller", sa.Text), sa.column("spent", sa.Numeric)
)
_BY_KEYS: Final = sa.select(_OF_KEYS.c.caller, _OF_KEYS.c.spent)
"""With a row for each cell. A statement of its own, so it sees what was committed before the keys were locked."""


async def _payees(db: Db, rows: Mapping[int, Row], keys: Mapping[str, Row]) -> dict[str, frozenset[str]]:
    """Return whom those accounts and keys may pay that may not pay all; by `_of_account` and by caller."""
    of_accounts = {
        _of_account(number): await _listed(db, number, row["payee_delay_seconds"])
        for number, row in rows.items()
        if row["only_payees"]
    }
    of_keys = {
        caller: frozenset(await key_payees.listed(db, row["id"], row["payee_delay_seconds"]))
        for caller, row in keys.items()
        if row["only_payees"]
    }
    return of_accounts | of_keys


async def _listed(db: Db, number: int, delay_seconds: int) -> frozenset[str]:
    since = NOW - timedelta(seconds=delay_seconds)
    listed = sa.select(payees.c.address).where(payees.c.account_id == number, payees.c.since <= since)
    return frozenset((await db.scalars(listed.limit(MOST_PAYEES))).all())


def _of_account(number: int) -> str:
    return f"account:{number}"


def _terms(row: Row) -> Terms:
    return Terms(*(Koinu(row[name]) for name in AMOUNTS))
