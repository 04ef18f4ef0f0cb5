"""The limits of a key's payments: they are seen, and changed while the key stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.db import Db
from app.domain import access
from app.domain.access import NoSuchKey, key_payees
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.payment_limits import AMOUNTS, Terms, amounts_shown, payees_shown
from app.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of a key. `payees` are the addresses that it may pay, once listed for `payee_delay`; None: all."""

    key_id: int
    terms: Terms = field(default_factory=Terms)
    payees: tuple[str, ...] | None = None
    payee_delay_seconds: int = 0


async def fetch(db: Db, key_id: int) -> KeyLimits:
    """Return the key's limits, or refuse with NoSuchKey."""
    key = await access.fetch(db, key_id)
    terms = Terms(*(getattr(key, name) for name in AMOUNTS))
    payees = await key_payees.listed(db, key_id) if key.only_payees else None
    return KeyLimits(key_id, terms, payees, key.payee_delay_seconds)


async def put(db: Db, order: KeyLimits) -> KeyLimits | Refusal:
    """Give a key these limits in place of those before. A payee that stays listed keeps its time."""
    await access.lock(db, [order.key_id])
    if str(order.key_id) not in await access.by_ids(db, [str(order.key_id)]):
        return NoSuchKey(id=order.key_id, field="id")
    limits = {name: int(getattr(order.terms, name)) for name in AMOUNTS}
    limits["payee_delay_seconds"] = order.payee_delay_seconds
    await access.limit(db, order.key_id, limits, order.payees)
    return await fetch(db, order.key_id)


async def _put_all(db: Db, orders: Sequence[KeyLimits]) -> list[KeyLimits | Refusal]:
    await access.lock(db, [order.key_id for order in orders])
    return [await put(db, order) for order in orders]


async def _load(db: Db, ids: Sequence[str]) -> dict[str, KeyLimits]:
    return {text: await fetch(db, int(text)) for text in ids}


async def _before(db: Db, orders: Sequence[KeyLimits], _: Installation) -> list[Shown | None]:
    """Lock the keys, and return their limits as they are."""
    await access.lock(db, [order.key_id for order in orders])
    known = await access.by_ids(db, [str(order.key_id) for order in orders])
    return [
        limits_shown(await fetch(db, order.key_id)) if str(order.key_id) in known else None
        for order in orders
    ]


def limits_shown(limits: KeyLimits) -> dict[str, Any]:
    """Return the limits as the API shows them."""
    return {
        "key_id": limits.key_id,
        **amounts_shown(limits.terms),
        **payees_shown(limits.payees, limits.payee_delay_seconds),
    }


def _id(limits: KeyLimits) -> str:
    return str(limits.key_id)


PUT: Final = Command(
    "key-limits", plain(_put_all), plain(_load), _id, audited=Audited(limits_shown, _id, _before)
)
