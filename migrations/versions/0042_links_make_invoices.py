"""Pay links make invoices, which know the link that they come from.

The two indexes are built while nobody writes invoices: no invoice is in them, so that takes one look at each.
"""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE IF NOT EXISTS links (
            id text NOT NULL,
            account_id bigint NOT NULL,
            items text NOT NULL,
            fiat_currency text DEFAULT '' NOT NULL,
            amount bigint,
            open_amount boolean NOT NULL,
            once boolean NOT NULL,
            required_confirmations integer NOT NULL,
            reference text DEFAULT '' NOT NULL,
            metadata text DEFAULT '{}' NOT NULL,
            return_url text DEFAULT '' NOT NULL,
            cancel_url text DEFAULT '' NOT NULL,
            expires timestamp with time zone,
            state text DEFAULT 'open' NOT NULL,
            created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT links_pkey PRIMARY KEY (id),
            CONSTRAINT links_state_check CHECK (state IN ('open', 'closed')),
            CONSTRAINT links_amount_check CHECK (amount > 0 OR open_amount)
        )"""
    )
    op.execute("CREATE INDEX IF NOT EXISTS links_account_idx ON links (account_id, created, id)")
    op.execute("ALTER TABLE invoices ADD COLUMN IF NOT EXISTS link text")
    op.execute(
        "CREATE INDEX IF NOT EXISTS invoices_link_idx ON invoices (link, index) WHERE link IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX IF NOT EXISTS invoices_link_open_idx ON invoices (link) "
        "WHERE link IS NOT NULL AND NOT (expired OR cancelled OR settled)"
    )
