"""Idempotency keys: claimed before the effect, in its transaction, and committed with it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app import db as bulk
from app.db import Db
from app.domain.refusals import Conflict, Refusal
from app.tables import STATEMENT_NOW, idempotency

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


class StillRunning(Conflict):
    """Another request with this Idempotency-Key is still running."""


async def claim(
    db: Db, kind: str, claims: Mapping[Claim, str | None], wait_seconds: float = WAIT_SECONDS
) -> dict[Claim, str | Refusal]:
    """Take the keys, each with what it is to make where that is known. Returns only the claims that are not fresh: with the id of what the key made, or a refusal.

    Waits for a transaction that holds one of the keys until it ends, at most half of `wait_seconds`:
    the edge runs a batch that waited too long again, item by item.
    """
    if not claims:
        return {}
    if await _insert(db, kind, claims, wait_seconds / 2) == len(claims):
        return {}
    rows = await db.execute(_FOUND, bulk.columns(_KEY, [one[:2] for one in claims]))
    found = {(row.scope, row.key): row for row in rows}
    answers = {one: _answer(one, found.get(one[:2])) for one in claims}
    return {one: answer for one, answer in answers.items() if answer is not None}


async def fulfil(db: Db, made: Mapping[Claim, str]) -> None:
    """Write what each key made."""
    if made:
        given = [{"scope": claim.scope, "key": claim.key, "thing": thing} for claim, thing in made.items()]
        await bulk.update(db, idempotency, ("scope", "key"), given)


async def forget(db: Db, claims: Sequence[Claim]) -> None:
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
    return (await db.execute(sa.delete(idempotency).where(sa.tuple_(*idempotency.primary_key).in_(old)))).rowcount


_KEY: Final = ("scope", "key")
_GIVEN: Final = bulk.unnested(idempotency, _KEY)
_SAME: Final = sa.and_(idempotency.c.scope == _GIVEN.c.scope, idempotency.c.key == _GIVEN.c.key)
_OURS: Final = sa.literal_column("idempotency.xmin = pg_current_xact_id()::xid", sa.Boolean).label("ours")
"""Whether this transaction wrote the row."""
_FOUND: Final = sa.select(idempotency, _OURS).join(_GIVEN, _SAME)
_FORGET: Final = sa.delete(idempotency).where(_SAME)
_TAKEN: Final = (*_KEY, "fingerprint", "thing", "kind")
_TAKE: Final = (
    insert(idempotency).from_select(_TAKEN, sa.select(bulk.unnested(idempotency, _TAKEN))).on_conflict_do_nothing()
)


async def _insert(db: Db, kind: str, claims: Mapping[Claim, str | None], wait_seconds: float) -> int:
    """Insert in sorted order: shuffled keys in two batches deadlock. One key twice with other bodies: the first wins.

    Returns how many were inserted.
    """
    rows = {one[:2]: (*one, claims[one], kind) for one in reversed([*claims])}
    await db.execute(sa.text(f"SET LOCAL lock_timeout = {int(wait_seconds * 1000)}"))
    taken = await db.execute(_TAKE, bulk.columns(_TAKEN, [rows[name] for name in sorted(rows)]))
    await db.execute(sa.text("SET LOCAL lock_timeout = 0"))
    return taken.rowcount


def _answer(claim: Claim, row: sa.Row[tuple[object, ...]] | None) -> str | Refusal | None:
    """Say what a claim comes to; None where it is fresh."""
    if row is not None and row.fingerprint != claim.fingerprint:
        return KeyReused(field="Idempotency-Key")
    if row is not None and row.ours:
        return None
    if row is None or row.thing is None:
        return StillRunning(field="Idempotency-Key")
    return str(row.thing)
