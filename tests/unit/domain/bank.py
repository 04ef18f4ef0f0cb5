"""A bank for tests: accounts that hold gold (two decimals) without a chain, and orders between them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import TREASURY, balances, outbox
from app.domain import accounts, ledger, transfers
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Bucket, Entry, NewAsset, Posting
from app.domain.refusals import Refusal
from app.domain.transfers import Payee, Transfer, TransferOrder
from tests import scenario

GOLD = "gold"


async def opened(engine: AsyncEngine, *names: str, gold: int = 100) -> None:
    """Open the accounts with so much gold each, in hundredths; nothing of it counts as told."""
    await scenario.make_ready(engine, len(names) + 3)
    async with engine.begin() as db:
        made = await accounts.put(db, [AccountOrder(name, {}) for name in names], REGTEST)
        await ledger.create(db, [NewAsset(GOLD, "Gold", 2), NewAsset("gems", "Gems", 0)])
        entries = [issued(scenario.accepted(account).id, gold) for account in made] if gold else []
        await ledger.post(db, entries)
        await db.execute(sa.delete(outbox))


def issued(account: int, amount: int, asset: str = GOLD) -> Entry:
    lines = (
        Posting(TREASURY, Bucket.AVAILABLE, -amount, asset),
        Posting(account, Bucket.AVAILABLE, amount, asset),
    )
    return Entry("TOPUP", ("test", "1"), f"issued:{asset}:{account}", lines)


def order(payer: str, payee: str, amount: int | str = 1, key: str = "", asset: str = GOLD) -> TransferOrder:
    return TransferOrder(key or f"{payer}>{payee}:{amount}", payer, (Payee(payee, amount),), asset)


async def make(engine: AsyncEngine, *orders: TransferOrder) -> Sequence[Transfer | Refusal]:
    async with engine.begin() as db:
        return await transfers.make(db, orders)


async def gold(engine: AsyncEngine, *names: str, asset: str = GOLD) -> list[int]:
    """What each can spend."""
    async with engine.connect() as db:
        owners = await accounts.owners(db, names)
        return [(await ledger.balance(db, owners[name].id, asset)).available for name in names]


async def all_gold(engine: AsyncEngine) -> int:
    """What there is of gold, and that nobody has less than nothing."""
    async with engine.connect() as db:
        amounts = list(await db.scalars(sa.select(balances.c.available).where(balances.c.asset == GOLD)))
    assert min(amounts) >= 0
    return sum(amounts)
