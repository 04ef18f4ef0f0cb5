"""The schema of the first release, what it starts with, and what the database itself refuses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db import cell_ddl

revision = "0001"
down_revision = None


REFUSE_CHANGE = """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% cannot be changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$"""
# Entries and postings are history: a mistake is corrected by a reversing entry.
APPEND_ONLY = (
    """CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER invoices_fixed BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN ((OLD.items, OLD.total, OLD.due, OLD.address) IS DISTINCT FROM (NEW.items, NEW.total, NEW.due, NEW.address))
    EXECUTE FUNCTION refuse_change()""",
)

# The sequencer's row of the smallest number counts positions; the others count an account's events.
POSITIONS = "INSERT INTO sequencer (account_id, last) VALUES (-9223372036854775808, {cell})"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("foreign_id", sa.Text(), nullable=False),
        sa.Column("xpub", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("next_index", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_change", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payout_address", sa.Text(), server_default="", nullable=False),
        sa.Column("payout_threshold", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payout_frequency", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_name", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_icon", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_address", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_url", sa.Text(), server_default="", nullable=False),
        sa.Column("accept_unconfirmed_below", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("accounts_state_check")),
        sa.CheckConstraint("id >= 0", name=op.f("accounts_id_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_pkey")),
        sa.UniqueConstraint("foreign_id", name=op.f("accounts_foreign_id_key")),
    )
    op.create_table(
        "addresses",
        sa.Column("script", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.SmallInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "purpose IN ('invoice', 'deposit', 'change', 'account')", name=op.f("addresses_purpose_check")
        ),
        sa.PrimaryKeyConstraint("script", name=op.f("addresses_pkey")),
        sa.UniqueConstraint(
            "account_id", "branch", "index", name=op.f("addresses_account_id_branch_index_key")
        ),
    )
    cell_ddl.shared(_make_assets)
    op.create_table(
        "attempts",
        sa.Column("endpoint_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id", "position", "number", name=op.f("attempts_pkey")),
    )
    op.create_table(
        "balances",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("available", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("incoming", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("outgoing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "updated", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "account_id < 0 OR (available >= 0 AND incoming >= 0 AND held >= 0 AND outgoing >= 0)",
            name=op.f("balances_floor_check"),
        ),
        sa.PrimaryKeyConstraint("account_id", "asset", name=op.f("balances_pkey")),
    )
    op.create_table(
        "blocks",
        sa.Column("height", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("chainwork", sa.Numeric(precision=78, scale=0), nullable=False),
        sa.PrimaryKeyConstraint("height", name=op.f("blocks_pkey")),
        sa.UniqueConstraint("hash", name=op.f("blocks_hash_key")),
    )
    op.create_table(
        "chain_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("start_height", sa.Integer(), nullable=False),
        sa.Column("rescan_height", sa.Integer(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("chain_state_single_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("chain_state_pkey")),
    )
    op.create_table(
        "coins",
        sa.Column("txid", sa.LargeBinary(), nullable=False),
        sa.Column("vout", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("branch", sa.SmallInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("coinbase", sa.Boolean(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("spent_height", sa.Integer(), nullable=True),
        sa.Column("spent_by", sa.LargeBinary(), nullable=True),
        sa.Column("spends", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("height IS NOT NULL OR spent_height IS NULL", name=op.f("coins_height_check")),
        sa.CheckConstraint("(spent_height IS NULL) = (spent_by IS NULL)", name=op.f("coins_spent_check")),
        sa.PrimaryKeyConstraint("txid", "vout", name=op.f("coins_pkey")),
    )
    op.create_index("coins_height_idx", "coins", ["height"], unique=False)
    op.create_index(
        "coins_spent_height_idx",
        "coins",
        ["spent_height"],
        unique=False,
        postgresql_where=sa.text("spent_height IS NOT NULL"),
    )
    op.create_index(
        "coins_unspent_idx",
        "coins",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("spent_height IS NULL"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("cursors_pkey")),
    )
    op.create_table(
        "deliveries",
        sa.Column("endpoint_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('due', 'delivered', 'failed')", name=op.f("deliveries_state_check")),
        sa.PrimaryKeyConstraint("endpoint_id", "position", name=op.f("deliveries_pkey")),
    )
    op.create_index(
        "deliveries_due_idx",
        "deliveries",
        ["endpoint_id", "next"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_table(
        "deposits",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("txid", sa.LargeBinary(), nullable=False),
        sa.Column("vout", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("branch", sa.SmallInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("invoice", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("required_confirmations", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("confirm_height", sa.Integer(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("(state = 'undone') = (height IS NULL)", name=op.f("deposits_height_check")),
        sa.CheckConstraint("state IN ('incoming', 'confirmed', 'undone')", name=op.f("deposits_state_check")),
        sa.PrimaryKeyConstraint("account_id", "txid", "vout", name=op.f("deposits_pkey")),
    )
    op.create_index(
        "deposits_due_idx",
        "deposits",
        ["confirm_height"],
        unique=False,
        postgresql_where=sa.text("state = 'incoming'"),
    )
    op.create_index(
        "deposits_height_idx",
        "deposits",
        ["height"],
        unique=False,
        postgresql_where=sa.text("height IS NOT NULL"),
    )
    op.create_index(
        "deposits_invoice_idx",
        "deposits",
        ["account_id", "invoice"],
        unique=False,
        postgresql_where=sa.text("invoice IS NOT NULL"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause_type", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("reference_type", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("entries_pkey")),
        sa.UniqueConstraint("key", name=op.f("entries_key_key")),
    )
    op.create_table(
        "events",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("foreign_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sequence", name=op.f("events_pkey")),
        sa.UniqueConstraint("position", name=op.f("events_position_key")),
    )
    op.create_index("events_foreign_id_position_idx", "events", ["foreign_id", "position"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("thing", sa.Text(), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("idempotency_pkey")),
    )
    op.create_index(op.f("idempotency_created_idx"), "idempotency", ["created"], unique=False)
    op.create_table(
        "invoices",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("required_confirmations", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("confirmed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("detected", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("settled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("unsettled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("confirmed >= 0 AND received >= confirmed", name=op.f("invoices_received_check")),
        sa.CheckConstraint("total > 0 AND due > 0 AND due <= total", name=op.f("invoices_total_check")),
        sa.PrimaryKeyConstraint("account_id", "index", name=op.f("invoices_pkey")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("leases_pkey")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("foreign_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
    )
    op.create_table(
        "postings",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("incoming", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("outgoing", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "bucket IN ('available', 'incoming', 'held', 'outgoing')", name=op.f("postings_bucket_check")
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("postings_amount_check")),
        sa.PrimaryKeyConstraint("account_id", "asset", "seq", name=op.f("postings_pkey")),
    )
    op.create_index(op.f("postings_entry_id_idx"), "postings", ["entry_id"], unique=False)
    op.create_table(
        "ready_keys",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("xpub", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("ready_keys_pkey")),
    )
    op.create_table(
        "sequencer",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("sequencer_pkey")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.BigInteger(), cell_ddl.identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("foreign_id", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("webhook_endpoints_state_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_endpoints_pkey")),
        sa.UniqueConstraint("name", name=op.f("webhook_endpoints_name_key")),
    )
    cell = cell_ddl.cell()
    for statement in (REFUSE_CHANGE, *APPEND_ONLY, POSITIONS.format(cell=cell.number)):
        op.execute(statement)
    if cell.cells > 1:
        cell_ddl.shared(lambda: op.execute(REFUSE_CHANGE))


def _make_assets() -> None:
    op.create_table(
        "assets",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("assets_pkey")),
    )
    op.execute("INSERT INTO assets (code, name, decimals) VALUES ('DOGE', 'Dogecoin', 8)")
