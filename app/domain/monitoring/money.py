"""Money: payments on their way, coins, and what the ledger says of all accounts together."""

from typing import Final

import sqlalchemy as sa

from app.db.tables import CLAWBACK, CLEARING, COLD_STORAGE, NETWORK_FEES, WORLD
from app.domain.cold import HOT_KOINU
from app.domain.monitoring.section import COUNTED, Section
from app.domain.payments import COLD, LIVE
from app.money import COIN, DOGE

# A payment on its way is found by the transactions that are, or by those that they replace.
PAYMENTS: Final = Section(
    "payments",
    sa.text(f"""
        WITH under_way AS (
            SELECT coalesce(replaces, id) AS id FROM transactions WHERE state IN ('signed', 'sent')
            UNION SELECT coalesce(replaces, id) FROM transactions WHERE state = 'mined'
        ), payment AS (
            (SELECT state, reserved, created FROM payments WHERE state = 'PENDING' LIMIT {COUNTED})
            UNION ALL (SELECT state, reserved, created FROM payments WHERE state = 'CANCELLING' LIMIT {COUNTED})
            UNION ALL (
                SELECT state, reserved, created FROM payments WHERE state = 'AWAITING_APPROVAL' LIMIT {COUNTED}
            )
            UNION ALL (
                SELECT state, reserved, created FROM payments JOIN under_way ON transaction_id = under_way.id
                WHERE state IN ('PROCESSING', 'BROADCAST') LIMIT {COUNTED}
            )
        )
        SELECT state, count(created) AS payments, coalesce(sum(reserved), 0) AS payments_koinu,
            coalesce(extract(epoch FROM clock_timestamp() - min(created)), 0) AS payments_oldest_seconds
        FROM unnest(ARRAY['AWAITING_APPROVAL', 'PENDING', 'PROCESSING', 'BROADCAST', 'CANCELLING']) AS state
        LEFT JOIN payment USING (state) GROUP BY state ORDER BY state
    """),  # noqa: S608  constants
    {
        "payments": "How many payments are in a state that is not their last.",
        "payments_koinu": "How much is set aside for them.",
        "payments_oldest_seconds": "How long ago the oldest of them was asked for.",
    },
    ("state",),
)

COINS: Final = Section(
    "coins",
    sa.text(f"""
        WITH coin AS (
            (
                SELECT 'free' AS state, amount FROM coins
                WHERE spent_height IS NULL AND transaction_id IS NULL LIMIT {COUNTED}
            ) UNION ALL (
                SELECT 'leaving', amount FROM transactions
                JOIN transaction_inputs ON transaction_inputs.transaction_id = transactions.id
                WHERE state IN ('signed', 'sent') LIMIT {COUNTED}
            )
        ), size AS (
            SELECT state, count(*) AS coins, sum(amount) AS coins_koinu,
                CASE WHEN amount < {COIN} THEN '1' WHEN amount < {100 * COIN} THEN '100'
                    WHEN amount < {10_000 * COIN} THEN '10000' ELSE 'more' END AS below
            FROM coin GROUP BY 1, 4
        )
        SELECT state, below, coalesce(coins, 0) AS coins, coalesce(coins_koinu, 0) AS coins_koinu
        FROM unnest(ARRAY['free', 'leaving']) AS state
        CROSS JOIN unnest(ARRAY['1', '100', '10000', 'more']) AS below
        LEFT JOIN size USING (state, below) ORDER BY state, below
    """),  # noqa: S608  constants
    {
        "coins": "How many coins are free, or leave in a transaction of ours that no block holds; "
        "`below` is their size in DOGE.",
        "coins_koinu": "What they are worth.",
    },
    ("state", "below"),
)

# What other cells are owed by this one is none of the system accounts' balances: it is in the last seal, and behind it.
_OWED: Final = f"""(
    SELECT coalesce(sum(part), 0) FROM (
        (SELECT (clearing ->> '{DOGE}')::numeric AS part FROM seals ORDER BY number DESC LIMIT 1)
        UNION ALL SELECT sum(amount) FROM postings WHERE account_id = {CLEARING} AND asset = '{DOGE}'
            AND seq > coalesce((SELECT max(last_entry) FROM seals), 0)
    ) AS parts
)"""  # noqa: S608  constants
LEDGER: Final = Section(
    "ledger",
    sa.text(f"""
        WITH system AS (
            SELECT account_id, available + incoming + outgoing AS amount FROM balances
            WHERE account_id IN ({WORLD}, {NETWORK_FEES}, {CLAWBACK}, {COLD_STORAGE}) AND asset = '{DOGE}'
        ), total AS (
            SELECT coalesce(sum(amount) FILTER (WHERE account_id = {CLAWBACK}), 0) AS clawback,
                coalesce(-sum(amount) FILTER (WHERE account_id = {COLD_STORAGE}), 0) AS cold,
                coalesce(-sum(amount), 0) - {_OWED} AS customers
            FROM system
        )
        SELECT customers AS customers_koinu, clawback AS clawback_koinu, cold AS cold_koinu,
            greatest(0, -clawback) AS insolvent_koinu,
            coalesce((SELECT liabilities - assets FROM chain_state), 0) AS reserve_difference_koinu,
            (SELECT count(*) FROM chain_state WHERE payments_paused IS NOT NULL) AS payments_paused,
            (SELECT count(*) FROM installation WHERE behind IS NOT NULL) AS database_behind,
            coalesce((SELECT max(id) FROM entries), 0) AS ledger_entries_last_id
        FROM total
    """),  # noqa: S608  constants
    {
        "customers_koinu": "What all accounts have together.",
        "clawback_koinu": "The balance of clawback.",
        "cold_koinu": "What lies in cold storage.",
        "insolvent_koinu": "By how much balances exceed the coins that there are.",
        "reserve_difference_koinu": "By how much blocks posted something else than they moved.",
        "payments_paused": "1 while payments are paused.",
        "database_behind": "1 while the database is or may be older than what was sent.",
        "ledger_entries_last_id": "The number of the last entry of the ledger.",
    },
)

# One payment to cold storage is on its way at a time: the last.
HOT_WALLET: Final = Section(
    "hot_wallet",
    sa.text(f"""
        WITH sweep AS (
            SELECT state, amount, created, state = ANY('{{{",".join(LIVE)}}}') AS lives
            FROM payments WHERE kind = '{COLD}' ORDER BY id DESC LIMIT 1
        )
        SELECT ({HOT_KOINU}) AS hot_koinu,
            (SELECT coalesce(max(ceiling), 0) FROM cold_storage) AS hot_ceiling_koinu,
            coalesce((SELECT amount FROM sweep WHERE lives), 0) AS cold_sweep_koinu,
            coalesce((SELECT extract(epoch FROM clock_timestamp() - created) FROM sweep WHERE lives), 0)
                AS cold_sweep_seconds,
            (SELECT count(*) FROM sweep WHERE state = 'FAILED') AS cold_sweep_failed
    """),  # noqa: S608  constants
    {
        "hot_koinu": "What remains in coins once all that is on its way has arrived or left.",
        "hot_ceiling_koinu": "Above what it goes to cold storage; 0: there is no ceiling.",
        "cold_sweep_koinu": "What is on its way to cold storage; 0: nothing is.",
        "cold_sweep_seconds": "How long ago that was asked for.",
        "cold_sweep_failed": "1 while the last payment to cold storage is one that failed.",
    },
)
