"""A database with a million rows in each table, written by SQL: nearly all are one account's, and all alike.

So an index finds too many rows for the common value, and a filter's other value is rare or in no row.
"""

import sqlalchemy as sa

from app.chain.keys import Keyring
from app.db import Db
from app.domain import outbox
from app.domain.dogecoin import REGTEST
from bench import filling

ASSETS = 1_000
SHOP = "shop-0"
"""This account has a million of everything; account n is `shop-n`."""
RARE = 3
"""How many of the oldest rows differ from the others."""
START = "timestamptz '2026-01-01Z'"
"""When the first row was made; each other a second later."""

_FILL = f"""
    INSERT INTO accounts (id, foreign_id, xpub, address, next_index)
    SELECT n, 'shop-' || n, :xpub, 'address-' || n, CASE n WHEN 0 THEN :rows ELSE 0 END
    FROM generate_series(0, :rows - 1) AS n;

    INSERT INTO assets (code, name, decimals)
    SELECT 'COIN_' || n, 'Coin', 2 FROM generate_series(1, :assets - 1) AS n;

    INSERT INTO balances (account_id, asset, available, seq)
    SELECT n, 'DOGE', n, CASE WHEN n < 2 THEN :rows ELSE 1 END FROM generate_series(0, :rows - 1) AS n
    UNION ALL SELECT 0, 'COIN_' || n, 1, 1 FROM generate_series(1, :assets - 1) AS n;

    INSERT INTO addresses (script, account_id, branch, index, purpose)
    SELECT '\\x76a914' || substr(sha256(int8send(branch * :rows + n)), 1, 20) || '\\x88ac', 0, branch, n,
        CASE branch WHEN 0 THEN 'invoice' WHEN 1 THEN 'change' ELSE 'account' END
    FROM generate_series(0, 2) AS branch,
        generate_series(0, CASE branch WHEN 2 THEN 0 ELSE :rows - 1 END) AS n;

    INSERT INTO invoices (account_id, index, address, items, total, due, required_confirmations, token,
        reference, cancelled, created)
    SELECT 0, n, 'invoice-' || n, '[]', 9, 9, 6, 't', CASE WHEN n < :rare THEN 'rare' ELSE 'same' END,
        n < :rare, {START} + make_interval(secs => n)
    FROM generate_series(0, :rows - 1) AS n;

    INSERT INTO deposits (account_id, txid, vout, branch, index, invoice, amount, required_confirmations,
        state, height, mined_count, created)
    SELECT 0, sha256(int8send(n)), 0, 0, n, n, 9, 6, 'confirmed', 1, 1, {START} + make_interval(secs => n)
    FROM generate_series(0, :rows - 1) AS n;

    INSERT INTO payments (account_id, id, kind, state, amount, reserved, explicit_fee, max_fee)
    SELECT 0, n, 'pay', 'FAILED', 9, 0, 0, 1 FROM generate_series(1, :rows) AS n;

    INSERT INTO payment_outputs (account_id, payment_id, number, address, script, amount, share)
    SELECT 0, n, 0, 'payee', '', 9, 0 FROM generate_series(1, :rows) AS n;

    INSERT INTO entries (id, kind, cause_type, cause_id, reference, key, created) OVERRIDING SYSTEM VALUE
    SELECT n, 'TRANSFER', 'transfer', n, CASE WHEN n <= :rare THEN 'rare' ELSE 'same' END, n,
        {START} + make_interval(secs => n)
    FROM generate_series(1, :rows) AS n;

    INSERT INTO postings (account_id, asset, seq, entry_id, bucket, amount, available, incoming, held,
        outgoing, created)
    SELECT side, 'DOGE', n, n, 'available', 2 * side - 1, 9, 0, 0, 0, {START} + make_interval(secs => n)
    FROM generate_series(0, 1) AS side, generate_series(1, :rows) AS n;

    INSERT INTO postings (account_id, asset, seq, entry_id, bucket, amount, available, incoming, held,
        outgoing, created)
    SELECT 0, 'COIN_' || n, 1, n, 'available', 1, 1, 0, 0, 0, {START}
    FROM generate_series(1, :assets - 1) AS n;

    INSERT INTO holds (account_id, id, asset, amount, remaining, state)
    SELECT 0, n, 'DOGE', 9, CASE WHEN n <= :rare THEN 9 ELSE 0 END,
        CASE WHEN n <= :rare THEN 'HELD' ELSE 'RELEASED' END
    FROM generate_series(1, :rows) AS n;

    INSERT INTO escrows (account_id, seller_id, id, order_id, asset, amount, fee, state, to_seller)
    SELECT n % 2 * 2, n % 2 * 2 + 1, n, 'order-' || n, 'DOGE', 9, 0,
        CASE WHEN n <= :rare THEN 'LOCKED' ELSE 'RELEASED' END, CASE WHEN n <= :rare THEN 0 ELSE 9 END
    FROM generate_series(1, :rows) AS n;

    INSERT INTO events (account_id, sequence, position, foreign_id, event_id, type, message, created)
    SELECT 0, n, n, 'shop-0', 'event-' || n, CASE WHEN n <= :rare THEN 'ACC_CREATED' ELSE 'INV_CREATED' END,
        '{{"id":"' || repeat('x', 400) || '"}}', {START} + make_interval(secs => n)
    FROM generate_series(1, :rows) AS n;

    INSERT INTO sequencer (account_id, last) VALUES ({outbox.POSITIONS}, :rows)
    ON CONFLICT (account_id) DO UPDATE SET last = excluded.last;

    INSERT INTO webhook_endpoints (id, url, types, secret, state, position) OVERRIDING SYSTEM VALUE
    SELECT n, 'https://shop.example/hook', '{{ALL}}', 's', CASE n WHEN 1 THEN 'active' ELSE 'deleted' END, 0
    FROM generate_series(1, :rows) AS n;

    INSERT INTO deliveries (endpoint_id, position, state, attempts)
    SELECT 1, n, CASE WHEN n <= :rare THEN 'failed' ELSE 'delivered' END, 1
    FROM generate_series(1, :rows) AS n;

    INSERT INTO audit_log (at, actor, action, foreign_id, before, after)
    SELECT {START} + make_interval(secs => n), CASE WHEN n <= :rare THEN 'key:1' ELSE 'token' END,
        CASE WHEN n <= :rare THEN 'key.create' ELSE 'account.change' END, '{SHOP}', 'null', '{{"name":"Wow"}}'
    FROM generate_series(1, :rows) AS n;

    INSERT INTO attempts (endpoint_id, position, number, at, status, milliseconds, response)
    SELECT 1, n, 1, {START}, 200, 9, 'ok' FROM generate_series(1, :rows) AS n
"""


async def fill(db: Db, rows: int) -> None:
    """Write `rows` rows into each table that a list reads, and few assets."""
    [key] = Keyring(REGTEST, filling.WORDS).account_xpubs(0, 1)
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.text("SET LOCAL synchronous_commit = off"))
    values = {"xpub": f"'{key.xpub}'", "rows": rows, "assets": ASSETS, "rare": RARE}
    filled = _FILL
    for name, value in values.items():
        filled = filled.replace(f":{name}", str(value))
    driver = (await db.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(filled)
