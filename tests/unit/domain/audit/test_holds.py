"""The audit of holds and escrows: nothing is wrong with a right ledger, and each change by hand is named."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.domain import holds
from app.domain.audit import holds as audit_of_holds
from app.domain.escrows import End, NewEscrow, locking, settlement
from app.domain.holds import Capture, NewHold, Release, release
from tests import funding, scenario
from tests.funding import GOLD

WITHOUT_TRIGGERS = "SET session_replication_role = replica"
"""A change of history by hand has to switch its triggers off first."""


async def busy(engine: AsyncEngine) -> None:
    """Make holds and escrows in all states.

    Holds 1 to 4 are held, released in part and held, captured, converted; escrows 1 to 4 are ended and
    locked.
    """
    await funding.fund(engine, {"alice": 100_000, "bob": 0}, GOLD)
    async with engine.begin() as db:
        await holds.place(db, [NewHold("alice", GOLD, 10) for _ in range(4)])
    async with engine.begin() as db:
        await release.release(db, [Release(2, 4)])
    async with engine.begin() as db:
        await holds.capture(db, [Capture(3, "bob", 4)])
    async with engine.begin() as db:
        orders = [NewEscrow(f"order {n}", "alice", "bob", GOLD, 10, fee=1) for n in range(3)]
        await locking.lock(db, [*orders, NewEscrow("order 3", "alice", "bob", GOLD, 8, hold=4)])
    async with engine.begin() as db:
        ends = [End(1, "RELEASED"), End(2, "REFUNDED"), End(3, "DISPUTED"), End(3, "RESOLVED", 6, 4)]
        await settlement.end(db, ends, scenario.INSTALLATION)


async def test_books_that_are_right_are_found_right_also_in_small_slices(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(engine)
    checked = {
        "held is what holds and escrows keep": 3,
        "holds equal their entries": 4,
        "escrows equal their entries": 4,
    }

    for size in (5_000, 1):
        monkeypatch.setattr(audit_of_holds, "SLICE", size)
        report = await audit.run(engine)

        assert report.ok, [finding for finding in report.findings if not finding.ok]
        assert {
            finding.name: finding.checked for finding in report.findings if finding.name in checked
        } == checked


@pytest.mark.parametrize(("statement", "detail"), [
    ("UPDATE balances SET held = held + 1 WHERE account_id = 0", "held of account 0 in gold differs"),
    ("UPDATE holds SET remaining = 999 WHERE id = 1", "hold 1 differs from what was posted for it"),
    ("UPDATE holds SET amount = 1001 WHERE id = 2", "hold 2 differs from what was posted for it"),
    ("UPDATE holds SET captured = 401 WHERE id = 3", "hold 3 differs from what was posted for it"),
    ("UPDATE holds SET movements = 2 WHERE id = 2", "hold 2 differs from what was posted for it"),
    ("UPDATE entries SET key = 'gone' WHERE key = 'hold:2:1'", "hold 2 differs from what was posted for it"),
    ("DELETE FROM holds WHERE id = 1", "held of account 0 in gold differs from its holds"),
    ("UPDATE escrows SET amount = 801 WHERE id = 4", "escrow 4 differs from what was posted for it"),
    ("UPDATE escrows SET to_seller = 899 WHERE id = 1", "escrow 1 differs from what was posted for it"),
    ("UPDATE escrows SET to_seller = 400, to_buyer = 500 WHERE id = 3", "escrow 3 differs from what was"),
    ("UPDATE escrows SET state = 'LOCKED' WHERE id = 2", "escrow 2 differs from what was posted for it"),
    ("UPDATE escrows SET state = 'RELEASED' WHERE id = 4", "escrow 4 differs from what was posted for it"),
])  # fmt: skip
async def test_what_was_changed_by_hand_is_found_and_named(
    engine: AsyncEngine, statement: str, detail: str
) -> None:
    await busy(engine)
    async with engine.begin() as db:
        await db.execute(sa.text(WITHOUT_TRIGGERS))
        await db.execute(sa.text(statement))

    report = await audit.run(engine)

    assert not report.ok
    assert any(finding.detail.startswith(detail) for finding in report.findings), report.findings


@pytest.mark.parametrize(
    "change",
    [
        "holds SET amount = amount + 1",
        "holds SET account_id = 1",
        "holds SET asset = 'DOGE'",
        "escrows SET seller_id = 7",
        "escrows SET fee = amount",
        "escrows SET amount = amount + 1",
        "escrows SET order_id = order_id || 'x'",
    ],
)
async def test_what_was_agreed_is_fixed_in_the_database(engine: AsyncEngine, change: str) -> None:
    await busy(engine)
    async with engine.begin() as db:
        with pytest.raises(DBAPIError, match="cannot be changed"):
            await db.execute(sa.text(f"UPDATE {change}"))
