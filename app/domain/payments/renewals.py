"""Renewals: where a parent was mined under another txid, its child can never be mined and is signed again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import coins, transaction_inputs, transactions
from app.db.tables import payments as payment_rows
from app.domain import outbox
from app.domain.dogecoin import Outpoint
from app.domain.payments import fee_bumps, spendable_coins, versions
from app.domain.payments.coin_selection import Spendable, Tier
from app.domain.payments.payment import payment_event
from app.domain.payments.payment_rows import load as load_payments
from app.domain.payments.spendable_coins import CoinTaken, Path
from app.domain.payments.versions import Twin, first_of
from app.money import DUST, Koinu


@dataclass(frozen=True, slots=True)
class Renewal:
    """A transaction to be signed again: its number, that of its first version, and its bytes.

    `spends` has the coins that it is to spend now, by the outpoints that it spent. Its change, the output
    `change_vout`, gets what it spends more than before (`added`): its parent's other version has another fee.
    """

    id: int
    first: int
    raw: bytes
    change_vout: int | None
    added: Koinu
    spends: Mapping[Outpoint, Spendable]
    paths: Mapping[Outpoint, Path]


def _is_alive(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a block holds the transaction, or still may. The state is a literal, for the index."""
    return sa.and_(table.c.conflict_height.is_(None), table.c.state != sa.literal_column("'dead'", sa.Text))


def _same_payments(table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether two are versions of the same payments, or one and the same; written so that indexes help."""
    return sa.and_(
        sa.or_(table.c.id == first_of(other), table.c.replaces == first_of(other)),
        table.c.pays == other.c.pays,
    )


_parent, _twin, _version = (transactions.alias(name) for name in ("parent", "twin", "version"))
_PARENT_HAS_TWIN: Final = sa.exists().where(
    transaction_inputs.c.transaction_id == transactions.c.id,
    _parent.c.txid == transaction_inputs.c.txid,
    _parent.c.conflict_height.is_not(None),
    _same_payments(_twin, _parent),
    _is_alive(_twin),
)
_HAS_LIVING_VERSION: Final = sa.exists().where(_same_payments(_version, transactions), _is_alive(_version))
_PAYS: Final = sa.exists().where(
    payment_rows.c.transaction_id == first_of(transactions),
    transactions.c.id == versions.CURRENT,
    versions.has_state(payment_rows, "PROCESSING", "BROADCAST"),
)
BROKEN: Final = sa.select(transactions.c.id).where(
    transactions.c.conflict_height.is_not(None),
    versions.has_state(transactions, *versions.UNMINED),
    transactions.c.pays,
    _PARENT_HAS_TWIN,
    ~_HAS_LIVING_VERSION,
    _PAYS,
)
"""Transactions that a block excludes because it holds a twin of their parent, and without a living version.

Of several versions it is the one whose fee the payments bear. A payment that is being voided needs no
renewal.
"""
AT_ONCE: Final = 50


async def next_renewals(db: Db) -> list[Renewal]:
    """Return the BROKEN transactions that can be signed again, parents before children.

    All that they spend must exist, and be free or marked for their first version.
    """
    numbers = list(await db.scalars(BROKEN.order_by(transactions.c.id).limit(AT_ONCE)))
    renewals = [await _renewal(db, number) for number in numbers]
    return [renewal for renewal in renewals if renewal is not None]


async def _renewal(db: Db, number: int) -> Renewal | None:
    [row] = await bulk.fetch_all(db, _BROKEN, {"number": number})
    rows = await bulk.fetch_all(db, _INPUTS, {"number": number, "first": row["first"]})
    spends: dict[Outpoint, Spendable] = {}
    paths: dict[Outpoint, Path] = {}
    for spent in rows:
        coin = Spendable(Outpoint(bytes(spent["txid"]), spent["vout"]), Koinu(spent["amount"]), Tier.OWN)
        spends[Outpoint(bytes(spent["former_txid"]), spent["vout"])] = coin
        script = bytes(spent["script"])
        paths[coin.outpoint] = Path(spent["account_id"], spent["branch"], spent["index"], script)
    added = Koinu(sum(coin.amount for coin in spends.values()) - row["spent"])
    if len(spends) != row["inputs"] or (added and (row["change"] or 0) + added < DUST):
        return None
    return Renewal(number, row["first"], bytes(row["raw"]), row["change_vout"], added, spends, paths)


_BROKEN: Final = sa.text("""
    SELECT raw, coalesce(replaces, transactions.id) AS first, coins.vout AS change_vout,
        coins.amount AS change, input.count AS inputs, CAST(input.sum AS bigint) AS spent
    FROM transactions
    LEFT JOIN coins ON coins.txid = transactions.txid AND coins.change
    CROSS JOIN LATERAL (
        SELECT count(*), sum(amount) FROM transaction_inputs WHERE transaction_id = transactions.id
    ) AS input
    WHERE transactions.id = :number
""")
_INPUTS: Final = sa.text("""
    SELECT input.txid AS former_txid, coins.txid, vout, coins.amount, account_id, branch, index, script
    FROM transaction_inputs AS input
    JOIN coins USING (vout)
    JOIN addresses USING (account_id, branch, index)
    WHERE input.transaction_id = :number AND coins.spent_height IS NULL
      AND coins.txid = coalesce((
        SELECT version.txid FROM transactions AS parent
        JOIN transactions AS version ON version.pays = parent.pays
          AND coalesce(parent.replaces, parent.id) IN (version.id, version.replaces)
        WHERE parent.txid = input.txid AND version.conflict_height IS NULL AND version.state <> 'dead'
        ORDER BY version.height IS NULL, version.id DESC LIMIT 1
      ), input.txid)
      AND NOT EXISTS (
        SELECT FROM transactions AS spender
        WHERE spender.id = coins.transaction_id AND coalesce(spender.replaces, spender.id) <> :first
      )
""")
"""The coins that a transaction can spend now: of a parent of ours under the txid that can be mined."""


async def store(db: Db, renewal: Renewal, txid: bytes, raw: bytes) -> None:
    """Store what was signed again as a twin of the former transaction; its payments go on under the new txid.

    Raises CoinTaken where another transaction was first.
    """
    carried = await load_payments(db, payment_rows.c.transaction_id == renewal.first, lock=True)
    numbers = await versions.insert_twins(db, [Twin(renewal.id, txid, raw, "signed")])
    await _take(db, renewal.first, numbers[txid], list(renewal.spends.values()))
    await versions.copy_change(db, renewal.id, txid, renewal.added)
    changed = {"version_id": numbers[txid], "error": ""}
    rows = [{"account_id": payment.owner.id, "id": payment.id, **changed} for payment in carried]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    events = [payment_event(fee_bumps.with_txid(payment, txid), outbox.TXID_CHANGED) for payment in carried]
    await outbox.emit(db, events)


async def _take(db: Db, first: int, number: int, spent: Sequence[Spendable]) -> None:
    """Mark the coins for the first version. Until now they were marked for that, or free."""
    keys = [coin.outpoint._asdict() for coin in spent]
    key = bulk.rows(coins, ["txid", "vout"], keys)
    same = sa.and_(coins.c.txid == key.c.txid, coins.c.vout == key.c.vout, coins.c.spent_height.is_(None))
    locked = sa.select(coins.c.vout).join(key, same).order_by(coins.c.txid, coins.c.vout)
    if len((await db.execute(locked.with_for_update(key_share=True, of=coins))).all()) != len(spent):
        raise CoinTaken
    await bulk.update(db, coins, ("txid", "vout"), [{**row, "transaction_id": first} for row in keys])
    await spendable_coins.share(db, number, spent)
