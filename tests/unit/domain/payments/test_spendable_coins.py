"""Spendable coins are read by indexes, however many coins and addresses an account has."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.payments import PaymentNeed, coin_selection, spendable_coins
from app.money import COIN
from tests import plans

ACCOUNT, COINS, EACH = 1, 4_000, 200
"""Of the account; `EACH` is how many addresses got them."""
ADDRESSES = """
    INSERT INTO addresses (script, account_id, branch, index, purpose)
    SELECT int8send(n), 1, 0, n, 'deposit' FROM generate_series(0, 199) AS n
"""
DEPOSITS = """
    INSERT INTO deposits (account_id, txid, vout, branch, index, amount, required_confirmations, state, height,
        confirm_height, mined_count, clawback_debt)
    SELECT 1, sha256(int8send(n)), 0, 0, n % 200, n * 100000000::bigint, 1, 'confirmed', 1, 1, 1, 0
    FROM generate_series(1, 4000) AS n
"""
FREE = """
    INSERT INTO coins (txid, vout, account_id, branch, index, amount, coinbase, height)
    SELECT txid, vout, account_id, branch, index, amount, false, height FROM deposits
"""


async def test_an_accounts_coins_and_their_scripts_are_read_by_their_keys(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        for statement in (ADDRESSES, DEPOSITS, FREE):
            await db.execute(sa.text(statement))
        await db.execute(sa.text("ANALYZE addresses, deposits, coins"))

    async with engine.begin() as db, plans.watched(db) as seen:
        read = await spendable_coins.of_accounts(db, [PaymentNeed(ACCOUNT, 2_000 * COIN)])

    [plan] = [plan for plan in seen if "addresses" in plan]
    assert "Seq Scan" not in plan
    assert "Join Filter" not in plan
    assert {coin.amount for coin in read.coins} >= {COIN, 2_000 * COIN, 2_001 * COIN, COINS * COIN}
    assert len(read.coins) == coin_selection.LARGEST + coin_selection.SMALLEST + 2 * coin_selection.NEAREST
    scripts = {coin.amount: read.paths[coin.outpoint].script for coin in read.coins}
    assert scripts == {amount: (amount // COIN % EACH).to_bytes(8, "big") for amount in scripts}
