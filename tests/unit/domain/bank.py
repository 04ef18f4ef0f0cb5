"""A bank for tests: accounts that hold gold (two decimals) without a chain, and orders between them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import accounts, assets, holdings, ledger, transfer_orders
from app.domain.accounts import Wish
from app.domain.assets import NewAsset
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.networks import REGTEST
from app.domain.refusals import Refusal
from app.domain.transfer_orders import Order, Payee
from app.domain.transfers import Transfer
from app.tables import TREASURY, balances, outbox
from tests import world

GOLD = "gold"


async def opened(engine: AsyncEngine, *names: str, gold: int = 100) -> None:
    """Open the accounts with so much gold each, in hundredths; nothing of it counts as told."""
    await world.make_ready(engine, len(names) + 3)
    async with engine.begin() as db:
        made = await accounts.put(db, [Wish(name, {}) for name in names], REGTEST)
        await assets.create(db, [NewAsset(GOLD, "Gold", 2), NewAsset("gems", "Gems", 0)])
        entries = [issued(world.accepted(account).id, gold) for account in made] if gold else []
        await ledger.post(db, entries)
        await db.execute(sa.delete(outbox))


def issued(account: int, amount: int, asset: str = GOLD) -> Entry:
    lines = (
        Posting(TREASURY, Bucket.AVAILABLE, -amount, asset),
        Posting(account, Bucket.AVAILABLE, amount, asset),
    )
    return Entry("TOPUP", ("test", "1"), f"issued:{asset}:{account}", lines)


def order(payer: str, payee: str, amount: int | str = 1, key: str = "", asset: str = GOLD) -> Order:
    return Order(key or f"{payer}>{payee}:{amount}", payer, (Payee(payee, amount),), asset)


async def make(engine: AsyncEngine, *orders: Order) -> Sequence[Transfer | Refusal]:
    async with engine.begin() as db:
        return await transfer_orders.make(db, orders)


async def gold(engine: AsyncEngine, *names: str, asset: str = GOLD) -> list[int]:
    """What each can spend."""
    async with engine.connect() as db:
        owners = await accounts.owners(db, names)
        return [(await holdings.balance(db, owners[name].id, asset)).available for name in names]


async def all_gold(engine: AsyncEngine) -> int:
    """What there is of gold, and that nobody has less than nothing."""
    async with engine.connect() as db:
        found = list(await db.scalars(sa.select(balances.c.available).where(balances.c.asset == GOLD)))
    assert min(found) >= 0
    return sum(found)
