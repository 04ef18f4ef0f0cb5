"""A wait for an idempotency key is limited, and no other wait of its transaction."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import idempotency
from app.domain.idempotency import Claim

KNOWN, NEW = (Claim("POST", key, bytes(32)) for key in ("known", "new"))


@pytest.mark.parametrize("claims", [[KNOWN], [KNOWN, NEW], [NEW]], ids=["known", "both", "new"])
async def test_after_keys_are_claimed_locks_are_waited_for_as_ever(
    engine: AsyncEngine, claims: list[Claim]
) -> None:
    async with engine.begin() as db:
        await idempotency.claim(db, "transfer", {KNOWN: "1"})

    async with engine.begin() as db:
        answers = await idempotency.claim(db, "transfer", dict.fromkeys(claims, "2"))
        limit = await db.scalar(sa.text("SHOW lock_timeout"))

    assert answers == ({KNOWN: "1"} if KNOWN in claims else {})
    assert limit == "0"
