"""Verdicts on payments that wait: those of a batch are decided together, in order, under one lock order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.db.tables import entries, outbox, payments
from app.domain import approvals, dogecoin, payment_limits
from app.domain.approvals import NotWaiting, OwnPayment, Verdict
from app.domain.payment_limits import AccountLimits, Terms
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.domain.payments.payment_rows import NoSuchPayment
from app.domain.refusals import Refusal
from app.money import COIN, Koinu
from tests import funding, scenario

ADDRESS = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
Rule = Callable[[Db, Sequence[Verdict]], Awaitable[list[Payment | Refusal]]]
RULES: list[tuple[Rule, str, str]] = [
    (approvals.approve, "PENDING", "PAYMENT_APPROVED"),
    (approvals.reject, "VOIDED", "PAYMENT_REJECTED"),
]


async def waiting(engine: AsyncEngine) -> list[int]:
    """Three payments of a shop that wait for approval."""
    await scenario.make_ready(engine)
    await funding.fund(engine, {"shop": 1_000 * COIN})
    payees = (Payee.of(dogecoin.REGTEST, "", ADDRESS, Koinu(60 * COIN)),)
    async with engine.begin() as db:
        await payment_limits.put(db, AccountLimits("shop", Terms(approve_above=Koinu(COIN))))
        made = await requesting.request(db, [PayOrder("shop", payees, asked_by="key:1")] * 3)
    return [scenario.accepted(payment).id for payment in made]


def verdict(number: int, by: str = "key:2", account: str = "shop") -> Verdict:
    return Verdict(account, number, by)


async def states(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as db:
        return list(await db.scalars(sa.select(payments.c.state).order_by(payments.c.id)))


@pytest.mark.parametrize(("rule", "state", "event"), RULES)
async def test_verdicts_of_a_batch_are_decided_each_on_what_those_before_it_left(
    engine: AsyncEngine, rule: Rule, state: str, event: str
) -> None:
    first, second, third = await waiting(engine)
    verdicts = [
        verdict(third), verdict(first), verdict(third), verdict(second, by="key:1"),
        verdict(second, account="other"), verdict(third + 1),
    ]  # fmt: skip

    async with engine.begin() as db:
        decided = await rule(db, verdicts)

    refused = [type(outcome) for outcome in decided[2:]]
    assert [scenario.accepted(outcome).id for outcome in decided[:2]] == [third, first]
    assert refused == [NotWaiting, OwnPayment, NoSuchPayment, NoSuchPayment]
    assert await states(engine) == [state, "AWAITING_APPROVAL", state]
    async with engine.connect() as db:
        told = sa.select(sa.func.count()).where(outbox.c.type == event)
        voided = sa.select(sa.func.count()).where(entries.c.kind == "PAYMENT_VOIDED")
        assert (await db.scalar(told), await db.scalar(voided)) == (2, 2 if state == "VOIDED" else 0)


@pytest.mark.parametrize(("rule", "state", "event"), RULES)
async def test_who_decides_on_payments_locks_them_by_their_numbers(
    engine: AsyncEngine, rule: Rule, state: str, event: str
) -> None:
    first, second, _ = await waiting(engine)

    async def decide() -> None:
        async with engine.begin() as db:
            await rule(db, [verdict(second), verdict(first)])

    async def lock(db: Db, number: int) -> None:
        await db.execute(sa.select(payments.c.id).where(payments.c.id == number).with_for_update())

    async with engine.begin() as db:
        await lock(db, first)
        deciding = asyncio.create_task(decide())
        await scenario.until_someone_waits(engine)
        await lock(db, second)
    await deciding

    assert await states(engine) == [state, state, "AWAITING_APPROVAL"]
