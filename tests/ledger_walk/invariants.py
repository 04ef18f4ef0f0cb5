"""Invariants of the ledger, each checked by a query of its own, and snapshots of what it stores."""

from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import CLEARING, TREASURY
from app.domain import audit, ledger

_VIOLATIONS: Final = f"""
    SELECT 'entry ' || e.id || ' does not balance' FROM entries e LEFT JOIN postings p ON p.entry_id = e.id
    GROUP BY e.id, p.asset HAVING sum(p.amount) IS DISTINCT FROM 0
    UNION ALL
    SELECT account_id || ' does not have of ' || asset || ' what was posted to ' || bucket FROM (
        SELECT account_id, asset, bucket, amount FROM postings WHERE account_id NOT IN ({TREASURY}, {CLEARING})
        UNION ALL SELECT account_id, asset, bucket, -amount FROM balances CROSS JOIN LATERAL (
            VALUES ('available', available), ('incoming', incoming), ('held', held), ('outgoing', outgoing)
        ) AS parts (bucket, amount)
    ) AS both_sides GROUP BY account_id, asset, bucket HAVING sum(amount) <> 0
    UNION ALL
    SELECT account_id || ' has less than nothing of ' || asset FROM (
        SELECT account_id, asset, least(available, incoming, held, outgoing) AS amount FROM balances
        UNION ALL SELECT account_id, asset, least(available, incoming, held, outgoing) FROM postings
    ) AS written WHERE account_id >= 0 AND amount < 0
    UNION ALL
    SELECT account_id || ' holds of ' || asset || ' other than its holds and escrows do' FROM (
        SELECT account_id, asset, held AS amount FROM balances
        UNION ALL SELECT account_id, asset, -remaining FROM holds WHERE state = 'HELD'
        UNION ALL SELECT account_id, asset, -amount FROM escrows WHERE state IN ('LOCKED', 'DISPUTED')
            AND NOT EXISTS (SELECT FROM counterparties WHERE counterparties.id = account_id)
    ) AS both_sides GROUP BY account_id, asset HAVING sum(amount) <> 0
"""
_TABLES: Final = (
    "accounts", "assets", "entries", "postings", "crossings", "counterparties", "holds", "escrows", "idempotency",
    "outbox",
)  # fmt: skip
_ALL: Final = " UNION ALL ".join(
    [f"SELECT '{name}' || CAST({name} AS text) AS row FROM {name}" for name in _TABLES]
    # A balance that was only locked has a row of zeros.
    + ["SELECT 'balances' || CAST(balances AS text) FROM balances WHERE seq > 0"]
)
_AMOUNTS: Final = """
    SELECT foreign_id, bucket, asset, amount FROM balances JOIN accounts ON id = account_id
    CROSS JOIN LATERAL (VALUES ('available', available), ('held', held)) AS parts (bucket, amount)
    WHERE amount <> 0
"""


async def check(db: Db) -> None:
    """Assert that nothing violates an invariant; seal all entries, and verify all seals."""
    assert (await db.execute(sa.text(_VIOLATIONS))).all() == []
    await ledger.seal(db, await ledger.last_entry(db))
    after: tuple[Any, ...] | None = ()
    while after is not None:
        checked = await audit.entries_equal_seals(db, after)
        assert not checked.fault, checked.fault
        after = checked.next


async def snapshot(db: Db) -> str:
    """Return a hash of all rows."""
    return str(
        await db.scalar(sa.text(f"SELECT md5(string_agg(row, '' ORDER BY row)) FROM ({_ALL}) AS rows"))
    )


async def amounts(db: Db) -> dict[tuple[str, str, str], int]:
    """Return what accounts have, by account, bucket and asset."""
    return {(row[0], row[1], row[2]): row[3] for row in await db.execute(sa.text(_AMOUNTS))}


async def states(db: Db) -> dict[tuple[str, int], tuple[int, str]]:
    """Return what remains of each hold and escrow, and its state."""
    rows = await db.execute(
        sa.text("""
            SELECT 'hold', id, remaining, state FROM holds
            UNION ALL SELECT 'escrow', id, amount, state FROM escrows
        """)
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}
