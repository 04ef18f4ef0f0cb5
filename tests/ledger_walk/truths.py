"""What must be true of the ledger at every moment, each truth by a question of its own; and all that it says."""

from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import TREASURY
from app.domain import audit, ledger

_FALSE: Final = f"""
    SELECT 'entry ' || e.id || ' does not balance' FROM entries e LEFT JOIN postings p ON p.entry_id = e.id
    GROUP BY e.id, p.asset HAVING sum(p.amount) IS DISTINCT FROM 0
    UNION ALL
    SELECT account_id || ' does not have of ' || asset || ' what was posted to ' || bucket FROM (
        SELECT account_id, asset, bucket, amount FROM postings WHERE account_id <> {TREASURY}
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
    ) AS both_sides GROUP BY account_id, asset HAVING sum(amount) <> 0
"""
_KEPT: Final = ("accounts", "assets", "entries", "postings", "holds", "escrows", "idempotency", "outbox")
_ALL: Final = " UNION ALL ".join(
    [f"SELECT '{name}' || CAST({name} AS text) AS row FROM {name}" for name in _KEPT]
    + [
        "SELECT 'balances' || CAST(balances AS text) FROM balances WHERE seq > 0"
    ]  # who was looked at has a row of zeros
)
_SAID: Final = """
    SELECT foreign_id, bucket, asset, amount FROM balances JOIN accounts ON id = account_id
    CROSS JOIN LATERAL (VALUES ('available', available), ('held', held)) AS parts (bucket, amount) WHERE amount <> 0
"""


async def hold(db: Db) -> None:
    """Ask for what is false, seal what was written, and verify all seals."""
    assert (await db.execute(sa.text(_FALSE))).all() == []
    await ledger.seal(db, (await ledger.safe_horizon(db)).entry)
    after: tuple[Any, ...] | None = ()
    while after is not None:
        found = await audit.entries_equal_seals(db, after)
        assert not found.fault, found.fault
        after = found.next


async def everything(db: Db) -> str:
    """All that the database says, as a hash."""
    return str(
        await db.scalar(sa.text(f"SELECT md5(string_agg(row, '' ORDER BY row)) FROM ({_ALL}) AS rows"))
    )


async def money(db: Db) -> dict[tuple[str, str, str], int]:
    """Who has how much of what, by account, bucket and asset."""
    return {(row[0], row[1], row[2]): row[3] for row in await db.execute(sa.text(_SAID))}


async def states(db: Db) -> dict[tuple[str, int], tuple[int, str]]:
    """What is left of each hold and escrow, and its state."""
    asked = "SELECT 'hold', id, remaining, state FROM holds UNION ALL SELECT 'escrow', id, amount, state FROM escrows"
    return {(row[0], row[1]): (row[2], row[3]) for row in await db.execute(sa.text(asked))}
