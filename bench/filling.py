"""Databases with many rows in them, written by SQL: accounts, their invoices, addresses and balances."""

import hashlib

import sqlalchemy as sa

from app.chain.keys import Keyring
from app.db import Db
from app.domain import base58, scripts
from app.domain.networks import REGTEST

STRIDE = 1_000
"""Key indexes of an account, so that invoices of all accounts can be derived from one xpub without meeting."""
TOTAL = 1_000_000_000
WORDS = "abandon " * 11 + "about"

_FILL = """
    INSERT INTO accounts (id, foreign_id, xpub, address, next_index)
    SELECT n, 'shop-' || n, '{xpub}', 'address-' || n, n * {stride} + {each} FROM generate_series(0, {accounts} - 1) AS n;

    INSERT INTO balances (account_id, asset, available, seq)
    SELECT n, 'DOGE', n, 0 FROM generate_series(0, {accounts} - 1) AS n;

    INSERT INTO addresses (script, account_id, branch, index, purpose)
    SELECT '\\x76a914' || substr(sha256(int8send(n / {each} * {stride} + n % {each})), 1, 20) || '\\x88ac',
        n / {each}, 0, n / {each} * {stride} + n % {each}, 'invoice'
    FROM generate_series(0, {accounts}::bigint * {each} - 1) AS n;

    INSERT INTO invoices (account_id, index, address, items, total, due, required_confirmations, token)
    SELECT n / {each}, n / {each} * {stride} + n % {each}, 'invoice-' || n, '[]', {total}, {total}, 6, 'token'
    FROM generate_series(0, {accounts}::bigint * {each} - 1) AS n;
"""


async def fill(db: Db, accounts: int, each: int) -> None:
    """Write accounts `shop-0`, `shop-1`, ... with `each` invoices; only `name` makes their addresses real ones."""
    [key] = Keyring(REGTEST, WORDS).account_xpubs(0, 1)
    text = _FILL.format(xpub=key.xpub, stride=STRIDE, accounts=accounts, each=each, total=TOTAL)
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.text("SET LOCAL synchronous_commit = off"))
    for statement in filter(str.strip, text.split(";")):
        await db.execute(sa.text(statement))


async def name(db: Db, account: int) -> str:
    """Give the account's first invoice its real address, which is too slow to do for all, and return it."""
    address = base58.encode(bytes([REGTEST.p2pkh]) + script(account * STRIDE)[3:23])
    named = sa.text("UPDATE invoices SET address = :address WHERE account_id = :account AND index = :index")
    await db.execute(named, {"address": address, "account": account, "index": account * STRIDE})
    return address


def script(index: int) -> bytes:
    """Return the script of the invoice with this key index; no key spends it."""
    return scripts.p2pkh(hashlib.sha256(index.to_bytes(8, "big")).digest()[:20])
