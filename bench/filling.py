"""Databases with many rows in them, written by SQL: accounts, their invoices, addresses and balances."""

import hashlib
from collections.abc import Mapping

import sqlalchemy as sa

from app.chain.keys import Keyring
from app.db import Db, bulk
from app.domain import dogecoin
from app.domain.dogecoin import REGTEST

STRIDE = 1_000
"""Key indexes of an account: the invoices of all accounts come from one xpub, and no two have the same."""
TOTAL = 1_000_000_000
WORDS = "abandon " * 11 + "about"

_FILL = """
    INSERT INTO accounts (id, foreign_id, xpub, address, next_index)
    SELECT n, 'shop-' || n, '{xpub}', 'address-' || n, n * {stride} + {each}
    FROM generate_series(0, {accounts} - 1) AS n;

    INSERT INTO balances (account_id, asset, available, seq)
    SELECT n, 'DOGE', n, 0 FROM generate_series(0, {accounts} - 1) AS n;

    INSERT INTO addresses (script, account_id, branch, index, purpose)
    SELECT '\\x76a914' || substr(sha256(int8send(n / {each} * {stride} + n % {each})), 1, 20) || '\\x88ac',
        n / {each}, 0, n / {each} * {stride} + n % {each}, 'invoice'
    FROM generate_series(0, {accounts}::bigint * {each} - 1) AS n;
"""
_INVOICES = """
    INSERT INTO invoices (account_id, index, address, items, total, due, required_confirmations, token)
    SELECT n / {each}, n / {each} * {stride} + n % {each}, coalesce(named.address, 'invoice-' || n), :items,
        {total}, {total}, 6, 't'
    FROM generate_series(0, {accounts}::bigint * {each} - 1) AS n
    LEFT JOIN unnest(:indexes, :addresses) AS named (index, address)
        ON named.index = n / {each} * {stride} + n % {each}
"""


async def fill(db: Db, accounts: int, each: int, named: Mapping[int, str], items: str = "[]") -> None:
    """Write accounts `shop-0`, `shop-1`, ... with `each` invoices.

    All have the JSON text `items`. The invoices with the key indexes in `named` get these addresses, the others no real one: a million real
    ones take a minute.
    """
    [key] = Keyring(REGTEST, WORDS).account_xpubs(0, 1)
    values = {"xpub": key.xpub, "stride": STRIDE, "accounts": accounts, "each": each, "total": TOTAL}
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.text("SET LOCAL synchronous_commit = off"))
    for statement in filter(str.strip, _FILL.format(**values).split(";")):
        await db.execute(sa.text(statement))
    last = sa.text(_INVOICES.format(**values)).bindparams(
        sa.bindparam("indexes", type_=bulk.BIGINTS),
        sa.bindparam("addresses", type_=bulk.TEXTS),
        sa.bindparam("items", type_=sa.Text),
    )
    rows = {"indexes": list(named), "addresses": list(named.values()), "items": items}
    await db.execute(last, rows)


def address(index: int) -> str:
    """Return the address of the script of this key index."""
    return dogecoin.base58_encode(bytes([REGTEST.p2pkh]) + script(index)[3:23])


def script(index: int) -> bytes:
    """Return the script of the invoice with this key index; no key spends it."""
    return dogecoin.p2pkh(hashlib.sha256(index.to_bytes(8, "big")).digest()[:20])
