"""Sends what the hot wallet has above its ceiling to cold storage: a payment that is signed as any other.

The account of the platform bears the fee. The amount stays owed to customers: it goes from `cold_storage`, whose
balance is by so much below zero.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db
from app.db.tables import NOW, addresses, chain_state, cold_storage, payments
from app.domain import dogecoin, installation
from app.domain.cold.hot_wallet import hot
from app.domain.cold.target import Target
from app.domain.payments import COLD, LIVE, Payee, Payment, PayOrder, requesting, spendable_coins
from app.domain.refusals import Conflict, Refusal
from app.money import COIN, MAX_MONEY, Koinu

LEAST: Final = Koinu(100 * COIN)
"""The least that is worth a fee."""
TENTH: Final = 10
"""What is above the ceiling by less than a tenth of it stays: so that not every deposit causes a payment."""
INPUTS: Final = 100
"""The most coins that one payment is to spend; what more coins hold goes with the next."""
_PATIENCE: Final = timedelta(hours=1)
"""How long nothing is sent after a payment that failed: the next one would fail as well."""


class OwnAddress(Conflict):
    """{address} is an address of this installation: what is there is not cold."""


@dataclass(frozen=True, slots=True)
class ColdTerms:
    """What is above `ceiling` koinu goes to the `target`, once it is a tenth of that and `least`.

    `platform` is the foreign_id of who bears the fee.
    """

    ceiling: Koinu
    target: Target
    platform: str
    least: Koinu = LEAST

    @property
    def worthwhile(self) -> int:
        """By how many koinu the hot wallet must be above the ceiling."""
        return max(self.least, self.ceiling // TENTH)


async def switch_on(db: Db, terms: ColdTerms) -> None:
    """Note the ceiling, and the target; a key that was a target before goes on after its last address."""
    await switch_off(db)
    row = insert(cold_storage).values(target=terms.target.text, ceiling=terms.ceiling)
    await db.execute(row.on_conflict_do_update(index_elements=["target"], set_={"ceiling": terms.ceiling}))


async def switch_off(db: Db) -> None:
    """Note that there is no ceiling."""
    await db.execute(sa.update(cold_storage).where(cold_storage.c.ceiling > 0).values(ceiling=0))


async def is_due(db: Db, terms: ColdTerms) -> bool:
    """Say whether there is enough above the ceiling, and nothing on its way to cold storage yet."""
    return not await _is_busy(db) and await hot(db) - terms.ceiling >= terms.worthwhile


async def sweep(db: Db, terms: ColdTerms) -> Payment | Refusal | None:
    """Request the payment; None where it is not due any more, or may not be made now.

    Two that ask at once wait for each other here: the second finds the first one's payment.
    """
    if await installation.why_not_current(db) is not None or await _chain_is_unsettled(db):
        return None
    target = sa.select(cold_storage.c.next_index).where(cold_storage.c.target == terms.target.text)
    first = await db.scalar(target.with_for_update())
    if first is None or not await is_due(db, terms):
        return None
    amount = min(await hot(db) - terms.ceiling, await _spendable(db), MAX_MONEY)
    return None if amount < terms.least else await _request(db, terms, first, Koinu(amount))


async def _is_busy(db: Db) -> bool:
    """Say whether the last payment to cold storage is on its way, or failed a short time ago."""
    query = sa.select(payments.c.state, payments.c.created > NOW - _PATIENCE).where(payments.c.kind == COLD)
    last = (await db.execute(query.order_by(payments.c.id.desc()).limit(1))).first()
    return last is not None and (last[0] in LIVE or (last[0] == "FAILED" and last[1]))


async def _chain_is_unsettled(db: Db) -> bool:
    """Say whether payments are paused, or a reorg or a rescan goes on; no block comes until the transaction ends."""
    columns = (chain_state.c.payments_paused, chain_state.c.reorg_top, chain_state.c.rescan_height)
    row = (await db.execute(sa.select(*columns).with_for_update(read=True))).first()
    return row is None or any(column is not None for column in row)


async def _spendable(db: Db) -> int:
    """Return what the largest coins hold that can be spent now."""
    largest = await spendable_coins.largest(db, INPUTS)
    return sum(coin.amount for coin in largest.coins)


async def _request(db: Db, terms: ColdTerms, first: int, amount: Koinu) -> Payment | Refusal:
    index, script = terms.target.script_from(first)
    address = dogecoin.to_address(terms.target.network, script) or ""
    if await db.scalar(sa.select(sa.exists().where(addresses.c.script == script))):
        return OwnAddress(address=address)
    order = PayOrder(
        terms.platform, (Payee(address, script, amount),), kind=COLD, batch=False, reference=address
    )
    [made] = await requesting.request(db, [order])
    if terms.target.is_key and not isinstance(made, Refusal):
        used = sa.update(cold_storage).where(cold_storage.c.target == terms.target.text)
        await db.execute(used.values(next_index=index + 1))
    return made
