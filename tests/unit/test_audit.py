import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from tests import world
from tests.world import Chain, doge

SESSION = "SET session_replication_role = replica"
"""Whoever changes history by hand has to switch its triggers off first."""


async def paid(engine: AsyncEngine) -> None:
    await world.open_account(engine)
    invoice = await world.invoice(engine, value=10)
    chain = await Chain(engine).start()
    await chain.mine((invoice.address, doge(4)))
    await chain.deepen(5)
    await chain.mine((invoice.address, doge(7)))


async def test_books_that_are_right_are_found_right(engine: AsyncEngine) -> None:
    await paid(engine)

    report = await audit.run(engine)

    assert report.ok
    assert [(finding.name, finding.checked) for finding in report.findings] == [
        ("entries balance", 3),
        ("balances equal their postings", 2),
        ("invoices equal their deposits", 1),
        ("customers, coins and world agree", 1),
    ]
    [total] = report.totals
    assert (total.customers, total.coins, total.difference, report.height) == (doge(11), doge(11), 0, 7)


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ("UPDATE postings SET amount = amount + 1 WHERE account_id = 0 AND seq = 1", "entry 1 sums to 1"),
        ("DELETE FROM postings WHERE entry_id = 2", "entry 2 sums to nothing"),
        ("UPDATE balances SET available = available + 1 WHERE account_id = 0", "balance of account 0 in DOGE"),
        ("UPDATE invoices SET received = received + 1", "differs from its deposits"),
        ("UPDATE coins SET amount = amount - 5 WHERE height = 1", "DOGE: ownership differs from custody by 5"),
    ],
)
async def test_a_row_that_was_changed_by_hand_is_named(engine: AsyncEngine, statement: str, detail: str) -> None:
    await paid(engine)
    async with engine.begin() as db:
        await db.execute(sa.text(SESSION))
        await db.execute(sa.text(statement))

    report = await audit.run(engine)

    assert not report.ok
    assert detail in "; ".join(finding.detail for finding in report.findings)
