"""Idempotency keys: claimed before the effect, in its transaction, and committed with it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, bulk, copy
from app.db.tables import STATEMENT_NOW, idempotency
from app.domain.refusals import Conflict, Refusal

WAIT_SECONDS = 5
"""How long a request waits for another with the same key."""
LIFETIME = timedelta(hours=48)
"""How long a key answers. Clients are promised 24 hours."""


class Claim(NamedTuple):
    """A key, and the request that uses it: `fingerprint` is a hash of method, path and canonical body."""

    scope: str
    key: str
    fingerprint: bytes


class KeyReused(Conflict):
    """This Idempotency-Key was used for another request."""

    code: ClassVar[str | None] = "key-reused"


class SameKey(Exception):
    """A batch has one key for two requests: run them one by one, since the first may be refused."""


class StillRunning(Conflict):
    """Another request with this Idempotency-Key is still running."""


async def claim(
    db: Db, kind: str, claims: Mapping[Claim, str | None], wait_seconds: float = WAIT_SECONDS
) -> dict[Claim, str | Refusal]:
    """Take the keys that are new, each with the id of its resource where that is known.

    Returns the other claims, each with the id that the key made, or with a refusal. Waits for another
    transaction that has taken one of the keys, at most half of `wait_seconds`: the group commit runs a batch
    that waited too long again, request by request, and runs a batch again as a whole if the other transaction
    commits. Raises SameKey where one key is claimed for two requests.
    """
    if not claims:
        return {}
    await limit_waits(db, wait_seconds)
    earlier = await claim_without_limit(db, kind, claims)
    await limit_waits_no_more(db)
    return earlier


async def limit_waits(db: Db, wait_seconds: float) -> None:
    """Limit how long this transaction waits for others, to half of `wait_seconds`."""
    await bulk.execute(db, _waiting(int(wait_seconds * 500)))


async def limit_waits_no_more(db: Db) -> None:
    """Have it wait as ever: a request without a key may be in the batch."""
    await bulk.execute(db, _waiting(0))


async def claim_without_limit(
    db: Db, kind: str, claims: Mapping[Claim, str | None]
) -> dict[Claim, str | Refusal]:
    """Do what `claim` does in a transaction that has limited its waits."""
    known = await _known(db, claims)
    fresh = {claim: resource_id for claim, resource_id in claims.items() if claim[:2] not in known}
    if len({claim[:2] for claim in fresh}) < len(fresh):
        raise SameKey
    if fresh:
        await _take(db, kind, fresh)
    return {claim: _answer(claim, known[claim[:2]]) for claim in claims if claim not in fresh}


async def fulfil(db: Db, made: Mapping[Claim, str]) -> None:
    """Write which resource each key made."""
    if made:
        rows = [
            {"scope": claim.scope, "key": claim.key, "resource_id": resource_id}
            for claim, resource_id in made.items()
        ]
        await bulk.update(db, idempotency, _KEY, rows)


async def release(db: Db, claims: Sequence[Claim]) -> None:
    """Delete keys that this transaction took and whose requests were refused."""
    if claims:
        await bulk.execute(db, _DELETE, bulk.columns(_KEY, [claim[:2] for claim in claims]))


async def delete_expired(db: Db, limit: int = 1000) -> int:
    """Delete up to `limit` keys that are older than `LIFETIME`; return how many."""
    old = (
        sa.select(idempotency.c.scope, idempotency.c.key)
        .where(idempotency.c.created < STATEMENT_NOW - LIFETIME)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = sa.delete(idempotency).where(sa.tuple_(*idempotency.primary_key).in_(old))
    return (await db.execute(deleted)).rowcount


_KEY: Final = ("scope", "key")
_input: Final = bulk.unnested(idempotency, _KEY)
_DELETE: Final = Prepared(
    sa.delete(idempotency).where(idempotency.c.scope == _input.c.scope, idempotency.c.key == _input.c.key)
)
_COLUMNS: Final = (*_KEY, "fingerprint", "kind", "resource_id")
# Nearly all keys are neighbours in the index: compared with two arrays they are found in one scan of it.
_CLAIMED: Final = sa.and_(
    idempotency.c.scope == sa.any_(sa.bindparam("scopes", type_=bulk.TEXTS)),
    idempotency.c.key == sa.any_(sa.bindparam("keys", type_=bulk.TEXTS)),
)
_SELECT: Final = sa.select(*(idempotency.c[name] for name in (*_KEY, "fingerprint", "resource_id")))
_KNOWN: Final = Prepared(_SELECT.where(_CLAIMED))
_WAIT: Final = "SET LOCAL lock_timeout = %d"
"""A statement of its own: a distributed engine tells it to the server that waits. It takes no parameter."""


@cache
def _waiting(milliseconds: int) -> Prepared:
    return Prepared(sa.text(_WAIT % milliseconds))


class Taken(NamedTuple):
    """The request of a taken key, and what it made; None only in the transaction that takes it."""

    fingerprint: bytes
    resource_id: str | None


async def _known(db: Db, claims: Iterable[Claim]) -> dict[tuple[str, str], Taken]:
    """Return the keys that are taken."""
    keys = {"scopes": list({claim.scope for claim in claims}), "keys": [claim.key for claim in claims]}
    rows = await bulk.fetch_values(db, _KNOWN, keys)
    return {(scope, key): Taken(fingerprint, resource_id) for scope, key, fingerprint, resource_id in rows}


async def _take(db: Db, kind: str, claims: Mapping[Claim, str | None]) -> None:
    """Write the keys in sorted order: two batches in different orders would deadlock.

    It waits for a transaction that has taken one of the keys. If that commits, this one fails (SQLSTATE
    23505), and is run again.
    """
    rows = [
        (scope, key, fingerprint.hex(), kind, resource_id)
        for (scope, key, fingerprint), resource_id in claims.items()
    ]
    predicted = all(resource_id is not None for resource_id in claims.values())
    columns = _COLUMNS if predicted else _COLUMNS[:-1]
    await copy.insert(db, idempotency, columns, [row[: len(columns)] for row in sorted(rows)])


def _answer(claim: Claim, taken: Taken) -> str | Refusal:
    if taken.fingerprint != claim.fingerprint:
        return KeyReused(field="Idempotency-Key")
    return StillRunning(field="Idempotency-Key") if taken.resource_id is None else taken.resource_id
