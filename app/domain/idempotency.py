"""Idempotency keys: claimed before the effect, in its transaction, and committed with it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk, copy
from app.db.tables import STATEMENT_NOW, idempotency
from app.domain.refusals import Conflict, Refusal

WAIT_SECONDS = 5
"""How long a request waits for another with the same key."""
KEPT = timedelta(hours=48)
"""How long a key answers; clients are promised 24 hours."""


class Claim(NamedTuple):
    """Who uses which key for what: `fingerprint` is a hash of method, path and canonical body."""

    scope: str
    key: str
    fingerprint: bytes


class KeyReused(Conflict):
    """This Idempotency-Key was used for another request."""

    code: ClassVar[str | None] = "key-reused"


class SameKey(Exception):
    """A batch has one key for two requests: run them one by one, as the first may be refused and leave the key."""


class StillRunning(Conflict):
    """Another request with this Idempotency-Key is still running."""


async def claim(
    db: Db, kind: str, claims: Mapping[Claim, str | None], wait_seconds: float = WAIT_SECONDS
) -> dict[Claim, str | Refusal]:
    """Take the keys, each with what it is to make where that is known. Returns only the claims that are not fresh: with the id of what the key made, or a refusal.

    Waits for a transaction that holds one of the keys until it ends, at most half of `wait_seconds`: the API
    runs a batch that waited too long again, item by item, and one for which the other was first as a whole.
    Raises SameKey where one key is claimed for two requests.
    """
    if not claims:
        return {}
    known = await _known(db, claims, wait_seconds / 2)
    fresh = {one: resource_id for one, resource_id in claims.items() if one[:2] not in known}
    if len({one[:2] for one in fresh}) < len(fresh):
        raise SameKey
    await _take(db, kind, fresh)
    return {one: _answer(one, known[one[:2]]) for one in claims if one not in fresh}


async def fulfil(db: Db, made: Mapping[Claim, str]) -> None:
    """Write what each key made."""
    if made:
        given = [
            {"scope": claim.scope, "key": claim.key, "resource_id": resource_id}
            for claim, resource_id in made.items()
        ]
        await bulk.update(db, idempotency, ("scope", "key"), given)


async def release(db: Db, claims: Sequence[Claim]) -> None:
    """Take keys back that this transaction took and whose request was refused."""
    if claims:
        await db.execute(_FORGET, bulk.columns(_KEY, [one[:2] for one in claims]))


async def forget_old(db: Db, limit: int = 1000) -> int:
    """Delete up to `limit` keys that are older than `KEPT`; returns how many."""
    old = (
        sa.select(idempotency.c.scope, idempotency.c.key)
        .where(idempotency.c.created < STATEMENT_NOW - KEPT)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (
        await db.execute(sa.delete(idempotency).where(sa.tuple_(*idempotency.primary_key).in_(old)))
    ).rowcount


_KEY: Final = ("scope", "key")
_GIVEN: Final = bulk.unnested(idempotency, _KEY)
_FORGET: Final = sa.delete(idempotency).where(
    sa.and_(idempotency.c.scope == _GIVEN.c.scope, idempotency.c.key == _GIVEN.c.key)
)
_TAKEN: Final = (*_KEY, "fingerprint", "kind", "resource_id")
# Nearly all keys lie side by side in the index: asked for as two arrays they are found in one walk, not each by its own.
_SOUGHT: Final = sa.and_(
    idempotency.c.scope == sa.any_(sa.bindparam("scopes", type_=bulk.TEXTS)),
    idempotency.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)),
)
_FOUND: Final = sa.select(*(idempotency.c[name] for name in (*_KEY, "fingerprint", "resource_id"))).where(
    _SOUGHT
)
_WAIT: Final = sa.select(
    sa.func.set_config("lock_timeout", sa.bindparam("wait", type_=sa.Text), sa.true()),
    sa.exists().where(_SOUGHT),
)
_WAIT_NO_MORE: Final = sa.text("SET LOCAL lock_timeout = 0")


class Taken(NamedTuple):
    """For what a key was taken, and what it made: nothing yet only in the transaction that takes it."""

    fingerprint: bytes
    resource_id: str | None


async def _known(db: Db, claims: Iterable[Claim], wait_seconds: float) -> dict[tuple[str, str], Taken]:
    """Return what is known of the keys; nobody is waited for longer than so from here on."""
    sought = {"scopes": list({one.scope for one in claims}), "keys": [one.key for one in claims]}
    _, some = (await db.execute(_WAIT, {**sought, "wait": str(int(wait_seconds * 1000))})).one()
    rows = await db.execute(_FOUND, sought) if some else ()
    return {(scope, key): Taken(fingerprint, resource_id) for scope, key, fingerprint, resource_id in rows}


async def _take(db: Db, kind: str, claims: Mapping[Claim, str | None]) -> None:
    """Write the keys in sorted order: shuffled keys in two batches deadlock.

    A key that another transaction holds is waited for. If that one commits, this one fails (SQLSTATE 23505),
    to be done again.
    """
    rows = [
        (scope, key, fingerprint.hex(), kind, resource_id)
        for (scope, key, fingerprint), resource_id in claims.items()
    ]
    foretold = all(resource_id is not None for resource_id in claims.values())
    if rows:
        columns = _TAKEN if foretold else _TAKEN[:-1]
        await copy.insert(db, idempotency, columns, [row[: len(columns)] for row in sorted(rows)])
    await db.execute(_WAIT_NO_MORE)


def _answer(claim: Claim, taken: Taken) -> str | Refusal:
    """Say what a claim comes to that is not fresh."""
    if taken.fingerprint != claim.fingerprint:
        return KeyReused(field="Idempotency-Key")
    return StillRunning(field="Idempotency-Key") if taken.resource_id is None else taken.resource_id
