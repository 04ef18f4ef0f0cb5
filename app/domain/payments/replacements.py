"""Replacements: a transaction that the node refuses for its fee is signed again, with all that stands on it.

All versions of a transaction share a coin, or stand on transactions that do: a block can hold only one of
them. The coins stay marked for the first version, so they are free again only when all versions are dead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import payment_outputs, transactions
from app.db.tables import payments as payment_rows
from app.domain import ledger, outbox
from app.domain.dogecoin import Outpoint
from app.domain.payments import fee_bumps, signing_queue, spendable_coins
from app.domain.payments.broadcast import AFTER_REASON
from app.domain.payments.coin_selection import Spendable, largest_first
from app.domain.payments.fee_bumps import Stuck
from app.domain.payments.payment import Payment, payment_event
from app.domain.payments.payment_rows import load as load_payments
from app.domain.payments.signing_queue import ChangeKey, PaymentTaken, Signed
from app.domain.payments.spendable_coins import Path
from app.domain.payments.versions import UNMINED
from app.domain.refusals import Conflict

SPARE: Final = 20
"""The most coins that a replacement may spend besides those of the former version."""
OUTBID: Final = sa.select(transactions.c.id).where(
    transactions.c.underpriced, transactions.c.pays, transactions.c.broadcast_by_us
)
"""Transactions that the node refused for their fee; of all versions of one only the last is sent."""


class NotOurs(Conflict):
    """something else than us sends or cancels it, or what stands on it: it is offered again"""  # noqa: D400, D415  after what the node says


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be signed again, parents first, and with which coins.

    `spendable` is what each account can spend, in koinu.
    """

    stuck: Sequence[Stuck]
    paths: Mapping[Outpoint, Path]
    spare: Sequence[Spendable]
    spendable: Mapping[int, int]
    change_keys: dict[int, ChangeKey]

    def is_built_upon(self, stuck: Stuck) -> bool:
        """Say whether another transaction of the plan spends its change."""
        return any(coin.outpoint.txid == stuck.txid for other in self.stuck for coin in other.coins)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A transaction that replaces a stuck one, and its payments as it carries them."""

    stuck: Stuck
    payments: tuple[Payment, ...]
    signed: Signed


async def next_plan(db: Db) -> Plan | None:
    """Lock the oldest OUTBID transaction, with all of ours that stand on it; None where there is none.

    From here on it does not count as underpriced, whatever comes of it, until the node refuses it again.
    """
    number = await db.scalar(OUTBID.order_by(transactions.c.id).limit(1))
    if number is None:
        return None
    family = await bulk.fetch_all(db, _FAMILY, {"number": number})
    firsts = sorted({row["first"] for row in family})
    of_family = payment_rows.c.transaction_id == sa.any_(sa.literal(firsts, bulk.BIGINTS))
    carried = await load_payments(db, of_family, lock=True)
    locked = {row["id"]: row for row in await bulk.fetch_all(db, _LOCK, {"firsts": firsts})}
    await db.execute(sa.update(transactions).where(transactions.c.id == number).values(underpriced=False))
    if not locked[number]["underpriced"] or locked[number]["state"] not in UNMINED:
        return None  # another sender was first, or a block
    return await _plan(db, _last_versions([locked[row["id"]] for row in family]), carried)


def _last_versions(rows: Sequence[Row]) -> list[Row]:
    """Return of several versions of the same payments the last that is sent: twins may be sent together."""
    ordered = sorted(rows, key=lambda row: (row["broadcast_by_us"], row["id"]))
    last = {(row["replaces"] or row["id"], row["pays"]): row for row in ordered}
    return sorted(last.values(), key=lambda row: row["id"])


def check(plan: Plan) -> None:
    """Raise NotOurs where we may not send a part of it, or where a part is being cancelled or in a block."""
    for stuck in plan.stuck:
        sent = all(payment.state in ("PROCESSING", "BROADCAST") for payment in stuck.payments)
        if not stuck.coins or not sent:
            raise NotOurs


async def note_reason(db: Db, stuck: Stuck, reason: str) -> None:
    """Write what would help after what the node said."""
    rows = [
        {
            "account_id": payment.owner.id,
            "id": payment.id,
            "error": payment.error.split(AFTER_REASON)[0] + AFTER_REASON + reason,
        }
        for payment in stuck.payments
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)


async def store(db: Db, replacements: Sequence[Replacement]) -> None:
    """Store the new bytes, and set aside what the higher fees need. Of all versions only these are sent now.

    Raises CoinTaken or PaymentTaken where another transaction was first.
    """
    await db.execute(_STOP, {"firsts": [replacement.stuck.first for replacement in replacements]})
    numbers = await signing_queue.insert_signed(db, [replacement.signed for replacement in replacements])
    pairs = []
    for replacement in replacements:
        signed = replacement.signed
        await _spend(db, numbers[signed.txid], replacement)
        for old, new in zip(replacement.stuck.payments, replacement.payments, strict=True):
            pairs.append((old, new._replace(version_id=numbers[signed.txid], txid=signed.txid, error="")))
    await _reprice(db, [new for _, new in pairs])
    await signing_queue.move_change(db, [replacement.signed for replacement in replacements])
    entries = [entry for old, new in pairs if (entry := fee_bumps.reprice_entry(old, new)) is not None]
    events = [payment_event(new, "PAYMENT_REPLACED") for _, new in pairs]
    outcomes = await outbox.post_and_emit(db, entries, events, [new.owner for _, new in pairs])
    if not all(isinstance(outcome, ledger.Posted) for outcome in outcomes):
        raise PaymentTaken  # the account's money was spent meanwhile


async def _plan(db: Db, rows: Sequence[Row], carried: Sequence[Payment]) -> Plan:
    spent = [await spendable_coins.of_transaction(db, row["id"]) for row in rows]
    inputs = await db.execute(_INPUTS, {"numbers": [row["id"] for row in rows]})
    counts: dict[int, int] = {row.transaction_id: row.inputs for row in inputs}
    accounts = sorted({payment.owner.id for payment in carried})
    balances = await ledger.balances_of(db, accounts)
    spare = await spendable_coins.largest(db, SPARE)
    return Plan(
        stuck=[
            _stuck(row, spendable.coins if len(spendable.coins) == counts[row["id"]] else (), carried)
            for row, spendable in zip(rows, spent, strict=True)
        ],
        paths={outpoint: path for spendable in (*spent, spare) for outpoint, path in spendable.paths.items()},
        spare=sorted(spare.coins, key=largest_first),
        spendable={account: balance.available for account, balance in balances.items()},
        change_keys=await signing_queue.change_keys(db, accounts),
    )


def _stuck(row: Row, coins: tuple[Spendable, ...], carried: Sequence[Payment]) -> Stuck:
    """Return the stuck transaction. It has no coins where we may not send it again.

    That is where the caller sends it, where a block has decided, or where one of its coins is not known.
    """
    is_ours = (
        row["broadcast_by_us"] and row["pays"] and row["state"] in UNMINED and row["conflict_height"] is None
    )
    first = row["replaces"] or row["id"]
    return Stuck(
        id=row["id"],
        first=first,
        txid=bytes(row["txid"]),
        fee=row["fee"],
        ancestors=row["ancestors"],
        refused=row["underpriced"],
        payments=tuple(payment for payment in carried if payment.transaction_id == first),
        coins=coins if is_ours else (),
    )


async def _spend(db: Db, number: int, replacement: Replacement) -> None:
    """Note what the replacement spends. Coins that the stuck transaction did not spend are taken."""
    former = set(replacement.stuck.coins)
    spent = replacement.signed.choice.coins
    await spendable_coins.share(db, number, [coin for coin in spent if coin in former])
    if added := [coin for coin in spent if coin not in former]:
        await spendable_coins.take(db, {number: added}, {number: replacement.stuck.first})


async def _reprice(db: Db, payments: Sequence[Payment]) -> None:
    """Write what each payment costs now, and what its outputs get."""
    names = ("paid", "fee", "reserved", "repriced", "version_id")
    rows = [
        {"account_id": payment.owner.id, "id": payment.id, "error": ""}
        | {name: getattr(payment, name) for name in names}
        for payment in payments
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    if outputs := fee_bumps.paid_rows(payment for payment in payments if payment.deducts):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), outputs)


_FAMILY: Final = sa.text("""
    WITH RECURSIVE family AS (
        SELECT id, coalesce(replaces, id) AS first, txid FROM transactions WHERE id = :number
      UNION
        SELECT child.id, coalesce(child.replaces, child.id), child.txid FROM family
        JOIN transaction_inputs AS input ON input.txid = family.txid
        JOIN transactions AS child ON child.id = input.transaction_id AND child.state IN ('signed', 'sent')
    )
    SELECT id, first FROM family ORDER BY id
""")
"""A transaction and all unmined ones of ours that stand on it, parents before children."""
_INPUTS: Final = sa.text("""
    SELECT transaction_id, count(*) AS inputs FROM transaction_inputs
    WHERE transaction_id = ANY (:numbers) GROUP BY transaction_id
""").bindparams(sa.bindparam("numbers", type_=bulk.BIGINTS))
_FIRSTS: Final = sa.bindparam("firsts", type_=bulk.BIGINTS)
_VERSIONS: Final = sa.or_(transactions.c.id == sa.any_(_FIRSTS), transactions.c.replaces == sa.any_(_FIRSTS))
_LOCK: Final = (
    sa.select(transactions).where(_VERSIONS).order_by(transactions.c.id).with_for_update(key_share=True)
)
_STOP: Final = (
    sa.update(transactions)
    .where(_VERSIONS, transactions.c.pays)
    .values(broadcast_by_us=False, underpriced=False)
)
