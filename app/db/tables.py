"""Tables and indexes. Amounts are in koinu or the asset's smallest unit; hashes in internal byte order.

Where there are several cells, each has all of them in its schema, but for those of `SHARED`: these lie in `common`, once.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

OPEN_ESCROWS: Final = ("LOCKED", "DISPUTED")
"""The states in which the money is locked."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

WORLD: Final = -1
"""The chain outside: deposits come from it, payments go to it."""
NETWORK_FEES: Final = -2
CLAWBACK: Final = -3
"""What deposits that a reorg undid, and unknown spends of our coins, still owe (negative)."""
TREASURY: Final = -4
"""Issues the operator's credits, and never DOGE."""
COLD_STORAGE: Final = -5
"""What lies in cold storage, negative: customers have it, and none of our coins is it."""
CLEARING: Final = -6
"""What accounts of this cell have given to those of other cells, less what they got; over all cells it is nothing."""
WITHOUT_BALANCE: Final = frozenset({TREASURY, CLEARING})
"""They have no balance rows, so no two transactions wait for each other there."""
NOBODY: Final = -9
"""The account of events that concern no account (SYS_*)."""

Amount = sa.BigInteger
Time = sa.DateTime(timezone=True)
SHARED: Final = (
    "account_names",
    "api_keys",
    "assets",
    "audit_log",
    "currencies",
    "grant_links",
    "key_grants",
    "key_payees",
    "rates",
)
"""What all cells of an installation have together."""
NOW = sa.func.clock_timestamp()
NEVER = sa.literal_column("'infinity'::timestamptz", sa.DateTime(timezone=True))
STATEMENT_NOW = sa.func.statement_timestamp()
"""When the statement began: the same for all of its rows, so that an index can find what is older."""
RARELY_ANALYZED: Final = {"autovacuum_analyze_scale_factor": 1}
"""For tables whose rows are found by their keys, however many there are.

Counting them anew at each tenth more took 5 % of a processor under load.
"""
UPDATED_OFTEN: Final = {"fillfactor": 80, **RARELY_ANALYZED}
"""For rows that change all the time: pages have room for new versions of rows, and no index is written."""
APPEND_ONLY: Final = {
    "autovacuum_vacuum_insert_scale_factor": 0,
    "autovacuum_vacuum_insert_threshold": 20_000,
    "autovacuum_freeze_min_age": 0,
    **RARELY_ANALYZED,
}
"""For rows that stay as they are until they are deleted.

Vacuum marks their pages as visible to all and frozen, once for ever; by default it waits until a fifth more
are there. After a checkpoint it writes each page whole to the log: under bulks of transfers that took five
times as long.
"""


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="", **options)


def _amount(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, Amount, nullable=False, server_default="0", **options)


def _created() -> sa.Column[Any]:
    return sa.Column("created", Time, nullable=False, server_default=NOW)


def _index(name: str, *columns: Any, where: str) -> sa.Index:
    """Index the rows of which `where` is true."""
    return sa.Index(name, *columns, postgresql_where=sa.text(where))


# ---------------------------------------------------------------- the installation

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    # Random: distinguishes this history of the database from others that began with the same dump.
    sa.Column("epoch", sa.Text, nullable=False),
    _amount("sent"),  # transactions up to this id may have been sent, also those that are not here
    _amount("restores"),  # how often this history, or one before it, began again
    # The database that was last compared with what was sent; null: none ever was.
    sa.Column("compared", sa.Text),
    sa.Column("behind", sa.Text),  # why it may be older than what was sent and given out; null: it is not
    # The fingerprint of the seed of all keys; null until there was a seed.
    sa.Column("seed", sa.Text),
    # The oldest migration whose program can use this schema; what contracts the schema raises it.
    sa.Column("usable_since", sa.Text, nullable=False, server_default="0090"),
    # Which cell this is, of how many: its numbers are congruent to it. Both never change.
    sa.Column("cell", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("cells", sa.SmallInteger, nullable=False, server_default="1"),
    sa.CheckConstraint("id = 1", name="single"),
    sa.CheckConstraint("cell >= 0 AND cell < cells", name="cell"),
)

# ---------------------------------------------------------------- who may use the merchant's API

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),  # SHA-256 of its secret, which is stored nowhere
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("accounts", ARRAY(sa.Text), nullable=False, server_default="{}"),  # all, if there is no prefix
    _text("prefix"),  # of the foreign_ids of its accounts
    _text("description"),
    sa.Column("requests_per_second", sa.Integer),  # null: as the settings say
    _amount("per_payment"),  # limits of its payments; 0: none
    _amount("per_day"),
    _amount("approve_above"),
    sa.Column("only_payees", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("payee_delay_seconds", sa.BigInteger, nullable=False, server_default="0"),
    _created(),
    sa.Column("expires", Time),
    sa.Column("last_used", Time),  # to the minute
    sa.Column("revoked", Time),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
    sa.CheckConstraint("cardinality(scopes) > 0", name="scopes"),
    sa.CheckConstraint("prefix = '' OR cardinality(accounts) = 0", name="reach"),
)

key_payees = sa.Table(
    "key_payees",
    metadata,
    sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("since", Time, nullable=False, server_default=NOW),
)

key_grants = sa.Table(
    "key_grants",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),  # SHA-256 of the code that its plugin exchanges
    _text("name"),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("accounts", ARRAY(sa.Text), nullable=False, server_default="{}"),
    _text("prefix"),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("challenge", sa.Text, nullable=False),  # PKCE: of the secret that the plugin has
    _text("granted_by"),
    sa.Column("key_id", sa.BigInteger),  # the key that the code was exchanged for, once
    sa.Column("expires", Time, nullable=False, index=True),
    _created(),
    sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
)

grant_links = sa.Table(
    "grant_links",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),  # SHA-256 of what the link has
    sa.Column("request", sa.LargeBinary, nullable=False),  # SHA-256 of the only request that it grants
    sa.Column("grant_digest", sa.LargeBinary),  # the grant that it was used for, once
    sa.Column("expires", Time, nullable=False, index=True),
    _created(),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", Time, nullable=False, server_default=NOW),
    sa.Column("actor", sa.Text, nullable=False),  # as `key:7`, `token` or `command line`
    _text("actor_name"),  # what the key is described as; of a command the user of the system
    sa.Column("action", sa.Text, nullable=False),  # as `key.create`
    _text("foreign_id"),  # of the account that it concerns
    _text("subject"),  # the id of what was changed
    _text("request_id"),
    sa.Column("before", sa.Text, nullable=False),  # JSON as it is shown
    sa.Column("after", sa.Text, nullable=False),
    sa.Index("audit_log_at_idx", "at", "id"),
    sa.Index("audit_log_actor_idx", "actor", "at", "id"),
    sa.Index("audit_log_actor_action_idx", "actor", "action", "at", "id"),
    sa.Index("audit_log_action_idx", "action", "at", "id"),
    _index("audit_log_foreign_id_idx", "foreign_id", "at", "id", where="foreign_id <> ''"),
)

audits = sa.Table(
    "audits",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("ended", Time, nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # what is wrong, or was not looked at
    sa.CheckConstraint("id = 1", name="single"),
)

# ---------------------------------------------------------------- prices in money

Rate = sa.Numeric(30, 12)
"""What one DOGE is worth in a currency, exactly."""

currencies = sa.Table(
    "currencies",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),  # ISO 4217
    sa.Column("position", sa.SmallInteger, nullable=False),  # 0: money is valued in it
    sa.Column("max_age_seconds", sa.Integer, nullable=False),  # a rate that is older counts no more
)

rates = sa.Table(
    "rates",
    metadata,
    sa.Column("pair", sa.Text, primary_key=True),  # DOGE-EUR
    sa.Column("at", Time, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("value", Rate, nullable=False),
    sa.CheckConstraint("value > 0", name="value"),
    sa.Index("rates_at_idx", "at", "pair", "source"),
    postgresql_with=APPEND_ONLY,
)


def _quote() -> tuple[sa.Column[Any], ...]:
    """Return columns for what a DOGE was worth then; null where no rate was known."""
    return sa.Column("fiat_currency", sa.Text), sa.Column("rate", Rate), sa.Column("rate_at", Time)


# ---------------------------------------------------------------- accounts and their addresses

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),  # the BIP44 account number
    sa.Column("foreign_id", sa.Text, nullable=False),
    sa.Column("xpub", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),  # of the account key: the wire's id
    sa.Column("next_index", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("next_change", sa.BigInteger, nullable=False, server_default="0"),
    _text("payout_address"),
    _amount("payout_threshold"),
    _text("payout_frequency"),
    _text("name"),
    _text("vendor_name"),
    _text("vendor_icon"),
    _text("vendor_address"),
    _text("vendor_url"),
    _amount("accept_unconfirmed_below"),
    sa.Column("batch", sa.Boolean, nullable=False, server_default="false"),
    # When the last payout was, or when the payout's terms were set.
    sa.Column("payout_since", Time, nullable=False, server_default=NOW),
    sa.Column("payout_after", Time),  # no payout before: the last one failed
    _text("payout_by"),  # the caller who has set the payout address, as `key:7` or `token`
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    _created(),
    sa.CheckConstraint("id >= 0", name="id"),
    sa.CheckConstraint("state IN ('open', 'closed')", name="state"),
    # Includes what every request asks of a name, so that PostgreSQL need not read the wide row.
    sa.UniqueConstraint(
        "foreign_id", name="accounts_foreign_id_key", postgresql_include=["id", "address", "state"]
    ),
    # Byte by byte: finds the accounts whose names begin alike, whatever the database's language is.
    sa.Index("accounts_prefix_idx", "foreign_id", postgresql_ops={"foreign_id": "text_pattern_ops"}),
    _index("accounts_payout_idx", "id", where="payout_address <> ''"),
    _index("accounts_closed_idx", "id", where="state = 'closed'"),
)

# The accounts that are called otherwise than when they were opened. They stay where they were.
account_names = sa.Table(
    "account_names",
    metadata,
    sa.Column("foreign_id", sa.Text, primary_key=True),
    sa.Column("cell", sa.SmallInteger, nullable=False),
)

ready_keys = sa.Table(
    "ready_keys",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("xpub", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)

ELSEWHERE: Final = "elsewhere"
"""The purpose of an address of another cell's, of which this one has a coin: what it gets is that cell's."""

addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("script", sa.LargeBinary, primary_key=True),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    # BIP44: 0 receives, 1 is change; 2 is the account key itself.
    sa.Column("branch", sa.SmallInteger, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    _created(),
    sa.UniqueConstraint("account_id", "branch", "index"),
    _index("addresses_deposit_idx", "account_id", "index", where="purpose = 'deposit'"),
    _index("addresses_cold_idx", "account_id", "index", where="purpose = 'cold'"),
    sa.CheckConstraint(
        f"purpose IN ('invoice', 'deposit', 'change', 'account', 'cold', '{ELSEWHERE}')", name="purpose"
    ),
    postgresql_with=APPEND_ONLY,
)

# ---------------------------------------------------------------- invoices

INVOICE_STATES: Final = ("confirmed", "detected", "cancelled", "expired", "partial", "seen", "unpaid")
INVOICE_STATE: Final = """
CASE
    WHEN settled THEN 'confirmed'::text
    WHEN received >= due THEN 'detected'::text
    WHEN cancelled THEN 'cancelled'::text
    WHEN expired THEN 'expired'::text
    WHEN received > 0 THEN 'partial'::text
    WHEN seen > 0 THEN 'seen'::text
    ELSE 'unpaid'::text
END"""
"""The rule of `Invoice.state` in PostgreSQL's own spelling: Alembic compares it with that of the index."""

invoices = sa.Table(
    "invoices",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),  # of its address: m/.../0/index
    sa.Column("address", sa.Text, nullable=False),  # the wire's id
    sa.Column("items", sa.Text, nullable=False),  # JSON as it is shown
    sa.Column("total", Amount, nullable=False),
    sa.Column("due", Amount, nullable=False),  # the total less the payment tolerance: what counts as paid
    sa.Column("required_confirmations", sa.Integer, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    _text("reference"),
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    _text("return_url"),  # where the payer goes on in the shop
    _text("cancel_url"),
    # The price in money, in the smallest unit of the currency; null: it is priced in DOGE.
    sa.Column("fiat_total", Amount),
    *_quote(),  # by which it became DOGE
    sa.Column("rate_source", sa.Text),
    sa.Column("link", sa.Text),  # the pay link that it comes from
    # Until when payers get a new price in place of one whose time is over; null: never.
    sa.Column("renewable_until", Time),
    sa.Column("renews", sa.Text),  # the address of the first invoice, whose price this one renews
    sa.Column("renewed_by", sa.Text),  # of that first one: the address of the last that renews its price
    _amount("received"),  # in blocks, confirmed or not
    _amount("confirmed"),
    _amount("seen"),  # in transactions that wait for a block: the sum of its sightings
    _amount("acceptable"),  # the part of it that counts as confirmed (accept_unconfirmed_below)
    # INV_TOTAL_PAYMENT_DETECTED was emitted.
    sa.Column("detected", sa.Boolean, nullable=False, server_default="false"),
    # INV_TOTAL_PAYMENT_CONFIRMED was emitted.
    sa.Column("settled", sa.Boolean, nullable=False, server_default="false"),
    # INV_PAYMENT_UNCONFIRMED was emitted after that.
    sa.Column("confirmation_lost", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("expires", Time),
    sa.Column("expired", sa.Boolean, nullable=False, server_default="false"),  # INV_EXPIRED was emitted
    sa.Column("cancelled", sa.Boolean, nullable=False, server_default="false"),  # INV_CANCELLED was emitted
    sa.Column("late", sa.Boolean, nullable=False, server_default="false"),  # money came after either
    _amount(
        "confirmed_in_ledger"
    ),  # the part of received and confirmed that came in the ledger, not on the chain
    _amount("refunded_in_ledger"),  # to accounts; refunds to addresses are payments
    _created(),
    sa.CheckConstraint("total > 0 AND due > 0 AND due <= total", name="total"),
    sa.CheckConstraint("confirmed >= 0 AND received >= confirmed", name="received"),
    sa.CheckConstraint("acceptable >= 0 AND seen >= acceptable", name="seen"),
    sa.CheckConstraint(
        "confirmed_in_ledger BETWEEN 0 AND confirmed AND refunded_in_ledger >= 0", name="inside"
    ),
    _index("invoices_open_idx", "account_id", where="NOT (expired OR cancelled OR settled)"),
    sa.Index("invoices_created_idx", "account_id", "created"),
    _index("invoices_link_idx", "link", "index", where="link IS NOT NULL"),
    _index(
        "invoices_link_open_idx", "link", where="link IS NOT NULL AND NOT (expired OR cancelled OR settled)"
    ),
    _index("invoices_renews_idx", "renews", "index", where="renews IS NOT NULL"),
    sa.Index("invoices_state_idx", "account_id", sa.text(f"({INVOICE_STATE})"), "index"),
    _index(
        "invoices_reference_state_idx",
        "account_id",
        "reference",
        sa.text(f"({INVOICE_STATE})"),
        "index",
        where="reference <> ''",
    ),
    _index(
        "invoices_expires_idx",
        "expires",
        where="expires IS NOT NULL AND NOT (expired OR cancelled OR settled)",
    ),
    postgresql_with=RARELY_ANALYZED,
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("items", sa.Text, nullable=False),  # JSON as that of invoices
    _text("fiat_currency"),  # empty: the price is in DOGE
    sa.Column("amount", Amount),  # in koinu or the currency's smallest unit; null: the payer says how much
    sa.Column("open_amount", sa.Boolean, nullable=False),
    sa.Column("once", sa.Boolean, nullable=False),
    sa.Column("required_confirmations", sa.Integer, nullable=False),
    _text("reference"),
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    _text("return_url"),
    _text("cancel_url"),
    sa.Column("expires", Time),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    _created(),
    sa.CheckConstraint("state IN ('open', 'closed')", name="state"),
    sa.CheckConstraint("amount > 0 OR open_amount", name="amount"),
    sa.Index("links_account_idx", "account_id", "created", "id"),
)

dogeconnect_payments = sa.Table(
    "dogeconnect_payments",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),  # the invoice's id
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("txid", sa.LargeBinary, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    _text("refund"),  # the payer's address for refunds
    sa.Column("state", sa.Text, nullable=False),
    _text("reason"),  # why the node does not take it
    sa.Column("offer_at", Time),  # when the node is to be given it; null: never again
    _created(),
    sa.CheckConstraint("state IN ('stored', 'accepted', 'declined')", name="state"),
    _index("dogeconnect_payments_offer_at_idx", "offer_at", where="offer_at IS NOT NULL"),
)

# ---------------------------------------------------------------- the chain

blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("height", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("previous", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("chainwork", sa.Numeric(78, 0), nullable=False),
)

chain_state = sa.Table(
    "chain_state",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("start_height", sa.Integer, nullable=False),
    sa.Column("rescan_height", sa.Integer),  # the next block to read again, while a rescan runs
    # The tip's height when a reorg began, until the tip is as high again.
    sa.Column("reorg_top", sa.Integer),
    sa.Column("payments_paused", sa.Text),  # why nothing is signed or sent; null: payments go on
    # What blocks posted to customers and clawback, and by how much they changed our coins.
    sa.Column("liabilities", sa.Numeric(38, 0), nullable=False, server_default="0"),
    sa.Column("assets", sa.Numeric(38, 0), nullable=False, server_default="0"),
    sa.CheckConstraint("id = 1", name="single"),
)

deposits = sa.Table(
    "deposits",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("txid", sa.LargeBinary, primary_key=True),
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("branch", sa.SmallInteger, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("invoice", sa.BigInteger),  # the invoice's index, where the address is an invoice's
    sa.Column("amount", Amount, nullable=False),
    sa.Column("required_confirmations", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("height", sa.Integer),
    sa.Column("confirm_height", sa.Integer),
    # How often a block has contained it: part of its entries' keys.
    sa.Column("mined_count", sa.Integer, nullable=False),
    _amount("clawback_debt"),  # what it still owes clawback
    *_quote(),  # of the block that first held it
    _created(),
    sa.CheckConstraint("state IN ('incoming', 'confirmed', 'undone')", name="state"),
    sa.CheckConstraint("(state = 'undone') = (height IS NULL)", name="height"),
    _index("deposits_due_idx", "confirm_height", where="state = 'incoming'"),
    _index("deposits_height_idx", "height", where="height IS NOT NULL"),
    sa.Index("deposits_created_idx", "account_id", "created"),
    _index("deposits_address_idx", "account_id", "branch", "index", where="invoice IS NULL"),
    _index("deposits_owed_idx", "account_id", where="clawback_debt > 0"),
    _index("deposits_invoice_idx", "account_id", "invoice", where="invoice IS NOT NULL"),
)

coins = sa.Table(
    "coins",
    metadata,
    sa.Column("txid", sa.LargeBinary, primary_key=True),
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("branch", sa.SmallInteger, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("amount", Amount, nullable=False),
    sa.Column("coinbase", sa.Boolean, nullable=False),
    sa.Column("height", sa.Integer),  # null: its block was disconnected
    sa.Column("spent_height", sa.Integer),
    sa.Column("spent_by", sa.LargeBinary),
    # How often it was spent: part of the entries' keys.
    sa.Column("spend_count", sa.Integer, nullable=False, server_default="0"),
    # Change of a transaction of ours: no deposit.
    sa.Column("change", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("transaction_id", sa.BigInteger),  # the transaction of ours that is to spend it
    sa.CheckConstraint("(spent_height IS NULL) = (spent_by IS NULL)", name="spent"),
    sa.CheckConstraint("height IS NOT NULL OR spent_height IS NULL", name="height"),
    sa.Index("coins_height_idx", "height"),
    _index("coins_spent_height_idx", "spent_height", where="spent_height IS NOT NULL"),
    _index(
        "coins_free_of_account_idx",
        "account_id",
        "amount",
        where="spent_height IS NULL AND transaction_id IS NULL",
    ),
    _index("coins_free_idx", "amount", where="spent_height IS NULL AND transaction_id IS NULL"),
    _index("coins_transaction_idx", "transaction_id", where="transaction_id IS NOT NULL"),
)

watched_inputs = sa.Table(
    "watched_inputs",
    metadata,
    sa.Column("txid", sa.LargeBinary, primary_key=True),  # of a coinbase: zeros, and the block's height
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    # The transaction that spends it, and that a deposit depends on.
    sa.Column("spent_by", sa.LargeBinary, primary_key=True),
    # Of the block with that transaction; null: it was disconnected.
    sa.Column("height", sa.Integer, index=True),
    _index("watched_inputs_nowhere_idx", "txid", "vout", where="height IS NULL"),
)

sightings = sa.Table(
    "sightings",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("txid", sa.LargeBinary, primary_key=True),
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("branch", sa.SmallInteger, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("invoice", sa.BigInteger),  # the invoice's index, where the address is an invoice's
    sa.Column("amount", Amount, nullable=False),
    sa.Column("required_confirmations", sa.Integer, nullable=False),
    sa.Column("acceptable", sa.Boolean, nullable=False),  # it counts in the invoice's sum of that name
    sa.Column("state", sa.Text, nullable=False, server_default="seen"),
    sa.Column("ended", Time),  # when it was seen to have gone
    _created(),
    sa.CheckConstraint("state IN ('seen', 'double_spent', 'dropped')", name="state"),
    sa.CheckConstraint("(state = 'seen') = (ended IS NULL)", name="ended"),
    sa.CheckConstraint("amount > 0", name="amount"),
    sa.Index("sightings_txid_idx", "txid"),
    _index("sightings_seen_idx", "account_id", "created", "txid", "vout", where="state = 'seen'"),
    _index("sightings_invoice_idx", "account_id", "invoice", "created", where="invoice IS NOT NULL"),
    _index("sightings_ended_idx", "ended", where="ended IS NOT NULL"),
)

sighted_inputs = sa.Table(
    "sighted_inputs",
    metadata,
    sa.Column("txid", sa.LargeBinary, primary_key=True),
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    # The transaction of the sightings, which spends it.
    sa.Column("spent_by", sa.LargeBinary, primary_key=True, index=True),
)

# ---------------------------------------------------------------- money going out

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("amount", Amount, nullable=False),  # as requested, before a fee is deducted from it
    sa.Column("reserved", Amount, nullable=False),  # its part of the account's outgoing
    sa.Column("explicit_fee", Amount, nullable=False),  # 0: none was requested
    sa.Column("max_fee", Amount, nullable=False),
    sa.Column("paid", Amount),  # to the outputs, once signed
    sa.Column("fee", Amount),  # its share of the transaction's, once signed
    # How often the fee changed: part of the entries' keys.
    sa.Column("repriced", sa.Integer, nullable=False, server_default="0"),
    sa.Column("transaction_id", sa.BigInteger),  # the first transaction that was signed for it
    sa.Column("version_id", sa.BigInteger),  # the transaction whose fee it has, where that is another
    sa.Column("batch", sa.Boolean, nullable=False, server_default="false"),
    _amount("clawback_debt"),  # what it still owes clawback
    sa.Column("invoice_account", sa.BigInteger),  # of the invoice that it refunds
    sa.Column("invoice_index", sa.BigInteger),
    _text("reference"),
    _text("error"),
    sa.Column("expires", Time),
    _text("asked_by"),  # the caller, as `key:7` or `token`; of a payout who has set its address
    *_quote(),
    _created(),
    sa.CheckConstraint("kind IN ('pay', 'paytx', 'payout', 'refund', 'consolidation', 'cold')", name="kind"),
    sa.CheckConstraint(
        "state IN ('AWAITING_APPROVAL', 'PENDING', 'PROCESSING', 'BROADCAST', 'CONFIRMED', 'FAILED',"
        " 'CANCELLING', 'VOIDED')",
        name="state",
    ),
    sa.CheckConstraint(
        "(amount > 0 OR amount = 0 AND kind = 'consolidation') AND reserved >= 0", name="amount"
    ),
    sa.CheckConstraint("(transaction_id IS NULL) = (fee IS NULL)", name="signed"),
    sa.Index("payments_id_idx", "id"),
    _index("payments_awaiting_idx", "id", where="state = 'AWAITING_APPROVAL'"),
    _index("payments_cold_idx", "id", where="kind = 'cold'"),
    sa.Index("payments_day_idx", "account_id", "created"),
    sa.Index("payments_asked_by_idx", "asked_by", "created"),
    _index("payments_pending_idx", "id", where="state = 'PENDING'"),
    _index("payments_transaction_idx", "transaction_id", where="transaction_id IS NOT NULL"),
    _index("payments_cancelling_idx", "id", where="state = 'CANCELLING'"),
    _index("payments_owed_idx", "account_id", where="clawback_debt > 0"),
    _index(
        "payments_expires_idx", "expires", where="expires IS NOT NULL AND state IN ('PENDING', 'PROCESSING')"
    ),
    _index("payments_invoice_idx", "invoice_account", "invoice_index", where="invoice_index IS NOT NULL"),
)

cold_storage = sa.Table(
    "cold_storage",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),  # an address, or the xpub whose addresses are used
    sa.Column("next_index", sa.BigInteger, nullable=False, server_default="0"),  # of that xpub
    _amount("ceiling"),  # what is above goes there; 0: nothing does, it is another target's turn
    sa.CheckConstraint("ceiling >= 0", name="ceiling"),
)

payment_limits = sa.Table(
    "payment_limits",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    _amount("per_payment"),  # 0: no limit
    _amount("per_day"),
    _amount("approve_above"),
    sa.Column("only_payees", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("payee_delay_seconds", sa.BigInteger, nullable=False, server_default="0"),
)

payees = sa.Table(
    "payees",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("since", Time, nullable=False, server_default=NOW),
)

payment_outputs = sa.Table(
    "payment_outputs",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("payment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("script", sa.LargeBinary, nullable=False),
    sa.Column("amount", Amount, nullable=False),
    sa.Column("share", sa.BigInteger, nullable=False),  # of the fee, in 1/100,000,000 percent
    sa.Column("paid", Amount),
    sa.CheckConstraint("amount > 0", name="amount"),
)

transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("txid", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),  # signed: only these bytes are ever sent
    sa.Column("fee", Amount, nullable=False),
    # The first transaction of the same payments, which this one replaces or cancels.
    sa.Column("replaces", sa.BigInteger, index=True),
    sa.Column("pays", sa.Boolean, nullable=False, server_default="true"),  # false: it cancels
    sa.Column("broadcast_by_us", sa.Boolean, nullable=False),  # false for paytx: the caller sends it
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("height", sa.Integer),
    sa.Column("confirm_height", sa.Integer),
    sa.Column("conflict_height", sa.Integer),  # where another transaction spent one of its inputs
    # How often it was mined: part of the entries' keys.
    sa.Column("mined_count", sa.Integer, nullable=False, server_default="0"),
    # How many unmined ancestors it had when it was signed, itself included.
    sa.Column("ancestors", sa.Integer, nullable=False, server_default="1"),
    sa.Column("last_broadcast", Time),  # when it was last offered to the node
    sa.Column("underpriced", sa.Boolean, nullable=False, server_default="false"),  # the node refused its fee
    _created(),
    sa.CheckConstraint("state IN ('signed', 'sent', 'mined', 'settled', 'dead')", name="state"),
    sa.CheckConstraint("(state IN ('mined', 'settled')) = (height IS NOT NULL)", name="height"),
    _index("transactions_unmined_idx", "last_broadcast", where="state IN ('signed', 'sent')"),
    _index("transactions_underpriced_idx", "id", where="underpriced"),
    _index("transactions_due_idx", "confirm_height", where="state = 'mined'"),
    _index("transactions_height_idx", "height", where="height IS NOT NULL"),
    _index("transactions_conflict_idx", "conflict_height", where="conflict_height IS NOT NULL"),
)

transaction_inputs = sa.Table(
    "transaction_inputs",
    metadata,
    sa.Column("txid", sa.LargeBinary, primary_key=True),
    sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("transaction_id", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("amount", Amount, nullable=False),
)

# ---------------------------------------------------------------- the ledger

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("decimals", sa.SmallInteger, nullable=False),
    _created(),
)

balances = sa.Table(
    "balances",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("asset", sa.Text, primary_key=True),
    _amount("available"),
    _amount("incoming"),
    _amount("held"),
    _amount("outgoing"),
    sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("updated", Time, nullable=False, server_default=NOW),
    sa.CheckConstraint(
        "account_id < 0 OR (available >= 0 AND incoming >= 0 AND held >= 0 AND outgoing >= 0)", name="floor"
    ),
    postgresql_with=UPDATED_OFTEN,
)

# Entries and postings have no foreign keys: their one writer locks the rows that they refer to.
entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cause_type", sa.Text, nullable=False),
    sa.Column("cause_id", sa.Text, nullable=False),
    _text("reference_type"),
    _text("reference"),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    _created(),
    _index("entries_reference_idx", "reference", "id", where="reference <> ''"),
    postgresql_with=APPEND_ONLY,
)

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("asset", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("amount", Amount, nullable=False),
    sa.Column("available", Amount, nullable=False),  # the four buckets after it
    sa.Column("incoming", Amount, nullable=False),
    sa.Column("held", Amount, nullable=False),
    sa.Column("outgoing", Amount, nullable=False),
    sa.Column("created", Time, nullable=False),
    sa.CheckConstraint("amount <> 0", name="amount"),
    sa.CheckConstraint("bucket IN ('available', 'incoming', 'held', 'outgoing')", name="bucket"),
    postgresql_with=APPEND_ONLY,
)

# ---------------------------------------------------------------- money between cells

crossings = sa.Table(
    "crossings",
    metadata,
    sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),  # of another cell
    sa.Column("amount", Amount, nullable=False),  # what it got, or gave (negative)
    # The entry's number in the cell of whoever asked for it: the whole is known by it everywhere.
    sa.Column("transfer_id", sa.BigInteger, nullable=False),
    postgresql_with=APPEND_ONLY,
)

counterparties = sa.Table(
    "counterparties",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("foreign_id", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)

# ---------------------------------------------------------------- money set aside

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("amount", Amount, nullable=False),  # as it was set aside
    sa.Column("remaining", Amount, nullable=False),  # still held
    _amount("captured"),
    sa.Column("state", sa.Text, nullable=False, server_default="HELD"),
    # How often a part of it moved: part of the entries' keys.
    sa.Column("movements", sa.Integer, nullable=False, server_default="0"),
    _text("reference_type"),
    _text("reference"),
    sa.Column("expires", Time),
    _created(),
    sa.CheckConstraint("state IN ('HELD', 'RELEASED', 'CAPTURED', 'CONVERTED', 'EXPIRED')", name="state"),
    sa.CheckConstraint(
        "remaining >= 0 AND captured >= 0 AND remaining + captured <= amount", name="remaining"
    ),
    sa.CheckConstraint("(state = 'HELD') = (remaining > 0)", name="held"),
    sa.Index("holds_id_idx", "id", unique=True),
    sa.Index("holds_state_idx", "account_id", "state", "id"),
    _index("holds_expires_idx", "expires", where="state = 'HELD' AND expires IS NOT NULL"),
)

escrows = sa.Table(
    "escrows",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),  # the buyer's
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False, unique=True),  # one escrow an order
    sa.Column("seller_id", sa.BigInteger, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("amount", Amount, nullable=False),
    sa.Column("fee", Amount, nullable=False),  # the platform's, out of what the seller gets
    sa.Column("hold_id", sa.BigInteger),  # the hold that it was converted from
    sa.Column("state", sa.Text, nullable=False, server_default="LOCKED"),
    _amount("to_seller"),  # what each side got in the end; the platform got the rest
    _amount("to_buyer"),
    _text("reference_type"),
    _text("reference"),
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    _created(),
    sa.CheckConstraint("state IN ('LOCKED', 'RELEASED', 'REFUNDED', 'DISPUTED', 'RESOLVED')", name="state"),
    sa.CheckConstraint("amount > 0 AND fee BETWEEN 0 AND amount", name="amount"),
    sa.CheckConstraint(
        "to_seller >= 0 AND to_buyer >= 0 AND amount - to_seller - to_buyer >= 0", name="parts"
    ),
    sa.CheckConstraint("account_id <> seller_id", name="sides"),
    sa.Index("escrows_id_idx", "id", unique=True),
    sa.Index("escrows_buyer_state_idx", "account_id", "state", "id"),
    sa.Index("escrows_seller_state_idx", "seller_id", "state", "id"),
    sa.Index("escrows_sides_idx", "account_id", "seller_id", "state", "id"),
    sa.Index("escrows_state_idx", "state", "id"),
)

seals = sa.Table(
    "seals",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    # The seal covers the entries from this one to the last, both included.
    sa.Column("first_entry", sa.BigInteger, nullable=False),
    sa.Column("last_entry", sa.BigInteger, nullable=False, unique=True),
    sa.Column("entries", sa.BigInteger, nullable=False),  # how many there are
    # SHA-256 over the hash of the seal before and the hashes of the rows.
    sa.Column("hash", sa.LargeBinary, nullable=False),
    # The first 8 bytes of each row's hash: they show which row was changed.
    sa.Column("row_checksums", sa.LargeBinary, nullable=False),
    sa.Column("treasury", JSONB, nullable=False),  # the treasury's balance up to here, by asset
    sa.Column("clearing", JSONB, nullable=False, server_default="{}"),  # that of clearing
    _created(),
)

# Who posts shares the open gate; a seal waits until nobody shares those that were closed before.
seal_gates = sa.Table(
    "seal_gates",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Index("seal_gates_open_idx", "is_open", unique=True, postgresql_where=sa.text("is_open")),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("resource_id", sa.Text),  # its id; null only inside the transaction that makes it
    sa.Column("created", Time, nullable=False, server_default=NOW, index=True),
    postgresql_with=APPEND_ONLY,
)

# ---------------------------------------------------------------- events

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("foreign_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),  # JSON, rendered once
    _created(),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False, unique=True),
    sa.Column("foreign_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created", Time, nullable=False),
    postgresql_with=APPEND_ONLY,
)

sequencer = sa.Table(
    "sequencer",
    metadata,
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, unique=True),  # of its section in the configuration; null where made over HTTP
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("types", ARRAY(sa.Text), nullable=False),
    sa.Column("foreign_id", sa.Text),  # null: of every account
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="active"),
    # It gets events after this position, and those of its backlogs.
    sa.Column("position", sa.BigInteger, nullable=False),
    _created(),
    _text("description"),
    _text("previous_secret"),  # signs as well until previous_until
    sa.Column("previous_until", Time),
    sa.Column("legacy_base64_message", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("failing_since", Time),  # the first failure since the last success
    _text("disabled_reason"),
    sa.CheckConstraint("state IN ('active', 'disabled', 'deleted')", name="state"),
    sa.Index("webhook_endpoints_state_idx", "state", "id"),
    _index("webhook_endpoints_active_idx", "foreign_id", where="state = 'active'"),
)

webhook_backlogs = sa.Table(
    "webhook_backlogs",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("endpoint_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("position", sa.BigInteger, nullable=False),  # events up to here are done
    sa.Column("until", sa.BigInteger, nullable=False),  # the last event of the backlog
    sa.Column("redelivers", sa.Boolean, nullable=False),  # delivers again what was delivered before
    _created(),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("endpoint_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False, server_default="due"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next", Time, nullable=False, server_default=NOW),
    sa.Column("claimed_until", Time),
    _created(),
    sa.Column(
        "attempts_since_due", sa.Integer, nullable=False, server_default="0"
    ),  # attempts since it was last made due
    sa.CheckConstraint("state IN ('due', 'delivered', 'failed')", name="state"),
    _index("deliveries_due_idx", "endpoint_id", "next", where="state = 'due'"),
    sa.Index("deliveries_state_idx", "endpoint_id", "state", "position"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("endpoint_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("status", sa.Integer),  # null: no answer came
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("response", sa.Text, nullable=False),  # the head of the answer, or the error
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),  # events up to here were sent
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires", Time, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False, server_default=""),  # of the holder's loop, "" for none
)
