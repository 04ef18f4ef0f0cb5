"""Replacements: a transaction that the node refuses for its fee is signed again, with all that is built on it; one pays, once.

Each version of a transaction shares a coin with every other, or stands on what does: a block can hold only one of them.
The coins stay marked with the first, so that they are free again only when all versions are dead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import payment_outputs, transaction_inputs, transactions
from app.db.tables import payments as payment_rows
from app.domain import ledger, outbox
from app.domain.dogecoin import Outpoint
from app.domain.payments import fee_bumps, signing_queue, spendable_coins
from app.domain.payments.broadcast import AFTER_REASON
from app.domain.payments.coin_selection import Spendable
from app.domain.payments.fee_bumps import Stuck
from app.domain.payments.payment import Payment, payment_event
from app.domain.payments.payment import load as load_payments
from app.domain.payments.signing_queue import ChangeKey, PaymentTaken, Signed
from app.domain.payments.spendable_coins import Path
from app.domain.refusals import Conflict

SPARE: Final = 20
"""Coins that a replacement may spend besides."""
_UNMINED: Final = ("signed", "sent")
WANTED: Final = sa.select(transactions.c.id).where(
    transactions.c.outbid, transactions.c.pays, transactions.c.sends
)
"""Transactions that the node has refused for their fee; of all versions of one only the last is sent."""


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
        """Say whether another one spends its change."""
        return any(coin.outpoint.txid == stuck.txid for other in self.stuck for coin in other.coins)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A transaction that takes the place of a stuck one, and its payments as it carries them."""

    stuck: Stuck
    payments: tuple[Payment, ...]
    signed: Signed


async def wanted(db: Db) -> Plan | None:
    """Lock the oldest that is WANTED, with all of ours that stands on it; None where there is none.

    From here on it is wanted no more, whatever comes of it, until the node refuses it again.
    """
    number = await db.scalar(WANTED.order_by(transactions.c.id).limit(1))
    if number is None:
        return None
    family = await bulk.fetch_all(db, _STANDING_ON, {"number": number})
    firsts = sorted({row["first"] for row in family})
    ours = payment_rows.c.transaction_id == sa.any_(sa.literal(firsts, bulk.BIGINTS))
    carried = await load_payments(db, ours, lock=True)
    locked = {row["id"]: row for row in await bulk.fetch_all(db, _LOCK, {"firsts": firsts})}
    await db.execute(sa.update(transactions).where(transactions.c.id == number).values(outbid=False))
    if not locked[number]["outbid"] or locked[number]["state"] not in _UNMINED:
        return None  # another sender was first, or a block
    return await _plan(db, _last([locked[row["id"]] for row in family]), carried)


def _last(rows: Sequence[Row]) -> list[Row]:
    """Take one of the versions that stand there for the same payments: the last that is sent, for twins may be sent together."""
    in_turn = sorted(rows, key=lambda row: (row["sends"], row["id"]))
    last = {(row["replaces"] or row["id"], row["pays"]): row for row in in_turn}
    return sorted(last.values(), key=lambda row: row["id"])


def check(plan: Plan) -> None:
    """Refuse with NotOurs where not all of it is ours to send again, or some of it is being cancelled or decided by a block."""
    for stuck in plan.stuck:
        if not stuck.coins or any(
            payment.state not in ("PROCESSING", "BROADCAST") for payment in stuck.payments
        ):
            raise NotOurs


async def note(db: Db, stuck: Stuck, why: str) -> None:
    """Say beside what the node said what would help."""
    rows = [
        {
            "account_id": payment.owner.id,
            "id": payment.id,
            "error": payment.error.split(AFTER_REASON)[0] + AFTER_REASON + why,
        }
        for payment in stuck.payments
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)


async def store(db: Db, replacements: Sequence[Replacement]) -> None:
    """Keep the new bytes, and set aside what the higher fees take; from here on these are sent instead of all other versions.

    Raises CoinTaken or PaymentTaken where somebody else was first.
    """
    await db.execute(_STOP, {"firsts": [replacement.stuck.first for replacement in replacements]})
    numbers = await signing_queue.insert(db, [replacement.signed for replacement in replacements])
    for replacement in replacements:
        await _spend(db, numbers[replacement.signed.txid], replacement)
    pairs = [
        (
            was,
            replace(now, version_id=numbers[replacement.signed.txid], txid=replacement.signed.txid, error=""),
        )
        for replacement in replacements
        for was, now in zip(replacement.stuck.payments, replacement.payments, strict=True)
    ]
    await _reprice(db, [now for _, now in pairs])
    await signing_queue.move_change(db, [replacement.signed for replacement in replacements])
    entries = [entry for was, now in pairs if (entry := fee_bumps.set_aside(was, now)) is not None]
    events = [payment_event(now, "PAYMENT_REPLACED") for _, now in pairs]
    outcomes = await outbox.post_and_emit(db, entries, events, [now.owner for _, now in pairs])
    if not all(isinstance(outcome, ledger.Posted) for outcome in outcomes):
        raise PaymentTaken  # the money went elsewhere meanwhile


async def _plan(db: Db, rows: Sequence[Row], carried: Sequence[Payment]) -> Plan:
    held = [await spendable_coins.of_transaction(db, row["id"]) for row in rows]
    inputs = await db.execute(_INPUTS, {"numbers": [row["id"] for row in rows]})
    count: dict[int, int] = {row.transaction_id: row.inputs for row in inputs}
    accounts = sorted({payment.owner.id for payment in carried})
    balances = await ledger.balances_of(db, accounts)
    spare = await spendable_coins.largest(db, SPARE)
    return Plan(
        stuck=[
            _stuck(row, spendable.coins if len(spendable.coins) == count[row["id"]] else (), carried)
            for row, spendable in zip(rows, held, strict=True)
        ],
        paths={outpoint: path for spendable in (*held, spare) for outpoint, path in spendable.paths.items()},
        spare=spare.coins,
        spendable={account: balance.available for account, balance in balances.items()},
        change_keys=await signing_queue.change_keys(db, accounts),
    )


def _stuck(row: Row, held: tuple[Spendable, ...], carried: Sequence[Payment]) -> Stuck:
    """Return it as it is; without coins where it is not ours to send, a block has decided, or one of them is not known."""
    ours = row["sends"] and row["pays"] and row["state"] in _UNMINED and row["conflict_height"] is None
    first = row["replaces"] or row["id"]
    return Stuck(
        id=row["id"],
        first=first,
        txid=bytes(row["txid"]),
        fee=row["fee"],
        ancestors=row["ancestors"],
        refused=row["outbid"],
        payments=tuple(payment for payment in carried if payment.transaction_id == first),
        coins=held if ours else (),
    )


async def _spend(db: Db, number: int, replacement: Replacement) -> None:
    """Note what it spends; what the stuck transaction did not is taken for its family."""
    before = set(replacement.stuck.coins)
    spent = replacement.signed.choice.coins
    await spendable_coins.share(db, number, [coin for coin in spent if coin in before])
    if added := [coin for coin in spent if coin not in before]:
        await spendable_coins.take(db, {number: added}, {number: replacement.stuck.first})


async def _reprice(db: Db, payments: Sequence[Payment]) -> None:
    """Write what each payment costs now, and what its outputs get."""
    rows = [
        {"account_id": payment.owner.id, "id": payment.id, "error": ""}
        | {name: getattr(payment, name) for name in ("paid", "fee", "reserved", "repriced", "version_id")}
        for payment in payments
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    if outputs := fee_bumps.paid_rows(payment for payment in payments if payment.deducts):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), outputs)


def _standing_on() -> sa.Select[tuple[int, int]]:
    """A transaction and all of ours in no block that stand on it, parents before children."""
    unmined = transactions.c.state.in_([sa.literal_column(f"'{state}'", sa.Text) for state in _UNMINED])
    columns = (transactions.c.id, sa.func.coalesce(transactions.c.replaces, transactions.c.id).label("first"))
    chain = (
        sa.select(*columns, transactions.c.txid)
        .where(transactions.c.id == sa.bindparam("number"))
        .cte("chain", recursive=True)
    )
    built = (
        sa.select(*columns, transactions.c.txid)
        .join(transaction_inputs, transaction_inputs.c.transaction_id == transactions.c.id)
        .join(chain, chain.c.txid == transaction_inputs.c.txid)
        .where(unmined)
    )
    whole = chain.union(built)
    return sa.select(whole.c.id, whole.c.first).order_by(whole.c.id)


_STANDING_ON: Final = _standing_on()
_INPUTS: Final = (
    sa.select(transaction_inputs.c.transaction_id, sa.func.count().label("inputs"))
    .where(transaction_inputs.c.transaction_id == sa.any_(sa.bindparam("numbers", type_=bulk.BIGINTS)))
    .group_by(transaction_inputs.c.transaction_id)
)
_FIRSTS: Final = sa.bindparam("firsts", type_=bulk.BIGINTS)
_VERSIONS: Final = sa.or_(transactions.c.id == sa.any_(_FIRSTS), transactions.c.replaces == sa.any_(_FIRSTS))
_LOCK: Final = (
    sa.select(transactions).where(_VERSIONS).order_by(transactions.c.id).with_for_update(key_share=True)
)
_STOP: Final = sa.update(transactions).where(_VERSIONS, transactions.c.pays).values(sends=False, outbid=False)
