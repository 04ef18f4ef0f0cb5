
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% cannot be changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    foreign_id text NOT NULL,
    xpub text NOT NULL,
    address text NOT NULL,
    next_index bigint DEFAULT '0'::bigint NOT NULL,
    next_change bigint DEFAULT '0'::bigint NOT NULL,
    payout_address text DEFAULT ''::text NOT NULL,
    payout_threshold bigint DEFAULT '0'::bigint NOT NULL,
    payout_frequency text DEFAULT ''::text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    vendor_name text DEFAULT ''::text NOT NULL,
    vendor_icon text DEFAULT ''::text NOT NULL,
    vendor_address text DEFAULT ''::text NOT NULL,
    vendor_url text DEFAULT ''::text NOT NULL,
    accept_unconfirmed_below bigint DEFAULT '0'::bigint NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payout_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payout_after timestamp with time zone,
    batch boolean DEFAULT false NOT NULL,
    CONSTRAINT accounts_id_check CHECK ((id >= 0)),
    CONSTRAINT accounts_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text])))
);

CREATE TABLE public.addresses (
    script bytea NOT NULL,
    account_id bigint NOT NULL,
    branch smallint NOT NULL,
    index bigint NOT NULL,
    purpose text NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT addresses_purpose_check CHECK ((purpose = ANY (ARRAY['invoice'::text, 'deposit'::text, 'change'::text, 'account'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='1');

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.assets (
    code text NOT NULL,
    name text NOT NULL,
    decimals smallint NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.attempts (
    endpoint_id bigint NOT NULL,
    "position" bigint NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    status integer,
    milliseconds integer NOT NULL,
    response text NOT NULL
);

CREATE TABLE public.balances (
    account_id bigint NOT NULL,
    asset text NOT NULL,
    available bigint DEFAULT '0'::bigint NOT NULL,
    incoming bigint DEFAULT '0'::bigint NOT NULL,
    held bigint DEFAULT '0'::bigint NOT NULL,
    outgoing bigint DEFAULT '0'::bigint NOT NULL,
    seq bigint DEFAULT '0'::bigint NOT NULL,
    updated timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT balances_floor_check CHECK (((account_id < 0) OR ((available >= 0) AND (incoming >= 0) AND (held >= 0) AND (outgoing >= 0))))
)
WITH (fillfactor='80', autovacuum_analyze_scale_factor='1');

CREATE TABLE public.blocks (
    height integer NOT NULL,
    hash bytea NOT NULL,
    previous bytea NOT NULL,
    "time" bigint NOT NULL,
    chainwork numeric(78,0) NOT NULL
);

CREATE TABLE public.chain_state (
    id smallint NOT NULL,
    height integer NOT NULL,
    hash bytea NOT NULL,
    start_height integer NOT NULL,
    rescan_height integer,
    payments_paused text,
    owned numeric(38,0) DEFAULT '0'::numeric NOT NULL,
    kept numeric(38,0) DEFAULT '0'::numeric NOT NULL,
    reorg_top integer,
    CONSTRAINT chain_state_single_check CHECK ((id = 1))
);

CREATE TABLE public.coins (
    txid bytea NOT NULL,
    vout integer NOT NULL,
    account_id bigint NOT NULL,
    branch smallint NOT NULL,
    index bigint NOT NULL,
    amount bigint NOT NULL,
    coinbase boolean NOT NULL,
    height integer,
    spent_height integer,
    spent_by bytea,
    spends integer DEFAULT 0 NOT NULL,
    change boolean DEFAULT false NOT NULL,
    transaction_id bigint,
    CONSTRAINT coins_height_check CHECK (((height IS NOT NULL) OR (spent_height IS NULL))),
    CONSTRAINT coins_spent_check CHECK (((spent_height IS NULL) = (spent_by IS NULL)))
);

CREATE TABLE public.cursors (
    name text NOT NULL,
    "position" bigint NOT NULL
);

CREATE TABLE public.deliveries (
    endpoint_id bigint NOT NULL,
    "position" bigint NOT NULL,
    state text DEFAULT 'due'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    claimed_until timestamp with time zone,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    CONSTRAINT deliveries_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'failed'::text])))
);

CREATE TABLE public.deposits (
    account_id bigint NOT NULL,
    txid bytea NOT NULL,
    vout integer NOT NULL,
    branch smallint NOT NULL,
    index bigint NOT NULL,
    invoice bigint,
    amount bigint NOT NULL,
    required_confirmations integer NOT NULL,
    state text NOT NULL,
    height integer,
    confirm_height integer,
    round integer NOT NULL,
    owed bigint DEFAULT '0'::bigint NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT deposits_height_check CHECK (((state = 'undone'::text) = (height IS NULL))),
    CONSTRAINT deposits_state_check CHECK ((state = ANY (ARRAY['incoming'::text, 'confirmed'::text, 'undone'::text])))
);

CREATE TABLE public.entries (
    id bigint NOT NULL,
    kind text NOT NULL,
    cause_type text NOT NULL,
    cause_id text NOT NULL,
    reference_type text DEFAULT ''::text NOT NULL,
    reference text DEFAULT ''::text NOT NULL,
    key text NOT NULL,
    metadata text DEFAULT '{}'::text NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='1');

ALTER TABLE public.entries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.escrows (
    account_id bigint NOT NULL,
    id bigint NOT NULL,
    order_id text NOT NULL,
    seller_id bigint NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    hold_id bigint,
    state text DEFAULT 'LOCKED'::text NOT NULL,
    to_seller bigint DEFAULT '0'::bigint NOT NULL,
    to_buyer bigint DEFAULT '0'::bigint NOT NULL,
    reference_type text DEFAULT ''::text NOT NULL,
    reference text DEFAULT ''::text NOT NULL,
    metadata text DEFAULT '{}'::text NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT escrows_amount_check CHECK (((amount > 0) AND ((fee >= 0) AND (fee <= amount)))),
    CONSTRAINT escrows_parts_check CHECK (((to_seller >= 0) AND (to_buyer >= 0) AND (((amount - to_seller) - to_buyer) >= 0))),
    CONSTRAINT escrows_sides_check CHECK ((account_id <> seller_id)),
    CONSTRAINT escrows_state_check CHECK ((state = ANY (ARRAY['LOCKED'::text, 'RELEASED'::text, 'REFUNDED'::text, 'DISPUTED'::text, 'RESOLVED'::text])))
);

ALTER TABLE public.escrows ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.escrows_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.events (
    account_id bigint NOT NULL,
    sequence bigint NOT NULL,
    "position" bigint NOT NULL,
    foreign_id text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    message text NOT NULL,
    created timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='1');

CREATE TABLE public.holds (
    account_id bigint NOT NULL,
    id bigint NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    remaining bigint NOT NULL,
    captured bigint DEFAULT '0'::bigint NOT NULL,
    state text DEFAULT 'HELD'::text NOT NULL,
    moves integer DEFAULT 0 NOT NULL,
    reference_type text DEFAULT ''::text NOT NULL,
    reference text DEFAULT ''::text NOT NULL,
    expires timestamp with time zone,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT holds_held_check CHECK (((state = 'HELD'::text) = (remaining > 0))),
    CONSTRAINT holds_remaining_check CHECK (((remaining >= 0) AND (captured >= 0) AND ((remaining + captured) <= amount))),
    CONSTRAINT holds_state_check CHECK ((state = ANY (ARRAY['HELD'::text, 'RELEASED'::text, 'CAPTURED'::text, 'CONVERTED'::text, 'EXPIRED'::text])))
);

ALTER TABLE public.holds ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.holds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    kind text NOT NULL,
    thing text,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='1');

CREATE TABLE public.invoices (
    account_id bigint NOT NULL,
    index bigint NOT NULL,
    address text NOT NULL,
    items text NOT NULL,
    total bigint NOT NULL,
    due bigint NOT NULL,
    required_confirmations integer NOT NULL,
    token text NOT NULL,
    reference text DEFAULT ''::text NOT NULL,
    metadata text DEFAULT '{}'::text NOT NULL,
    received bigint DEFAULT '0'::bigint NOT NULL,
    confirmed bigint DEFAULT '0'::bigint NOT NULL,
    detected boolean DEFAULT false NOT NULL,
    settled boolean DEFAULT false NOT NULL,
    unsettled boolean DEFAULT false NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expired boolean DEFAULT false NOT NULL,
    cancelled boolean DEFAULT false NOT NULL,
    late boolean DEFAULT false NOT NULL,
    settled_inside bigint DEFAULT '0'::bigint NOT NULL,
    refunded_inside bigint DEFAULT '0'::bigint NOT NULL,
    expires timestamp with time zone,
    CONSTRAINT invoices_inside_check CHECK ((((settled_inside >= 0) AND (settled_inside <= confirmed)) AND (refunded_inside >= 0))),
    CONSTRAINT invoices_received_check CHECK (((confirmed >= 0) AND (received >= confirmed))),
    CONSTRAINT invoices_total_check CHECK (((total > 0) AND (due > 0) AND (due <= total)))
)
WITH (autovacuum_analyze_scale_factor='1');

CREATE TABLE public.leases (
    name text NOT NULL,
    holder text NOT NULL,
    expires timestamp with time zone NOT NULL
);

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    foreign_id text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    message text NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payment_outputs (
    account_id bigint NOT NULL,
    payment_id bigint NOT NULL,
    number integer NOT NULL,
    address text NOT NULL,
    script bytea NOT NULL,
    amount bigint NOT NULL,
    share bigint NOT NULL,
    paid bigint,
    CONSTRAINT payment_outputs_amount_check CHECK ((amount > 0))
);

CREATE TABLE public.payments (
    account_id bigint NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    reserved bigint NOT NULL,
    explicit_fee bigint NOT NULL,
    max_fee bigint NOT NULL,
    paid bigint,
    fee bigint,
    transaction_id bigint,
    batch boolean DEFAULT false NOT NULL,
    invoice_account bigint,
    invoice_index bigint,
    reference text DEFAULT ''::text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    expires timestamp with time zone,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    owed bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT payments_amount_check CHECK ((((amount > 0) OR ((amount = 0) AND (kind = 'consolidation'::text))) AND (reserved >= 0))),
    CONSTRAINT payments_kind_check CHECK ((kind = ANY (ARRAY['pay'::text, 'paytx'::text, 'payout'::text, 'refund'::text, 'consolidation'::text]))),
    CONSTRAINT payments_signed_check CHECK (((transaction_id IS NULL) = (fee IS NULL))),
    CONSTRAINT payments_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'PROCESSING'::text, 'BROADCAST'::text, 'CONFIRMED'::text, 'FAILED'::text, 'CANCELLING'::text, 'VOIDED'::text])))
);

ALTER TABLE public.payments ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.payments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.postings (
    account_id bigint NOT NULL,
    asset text NOT NULL,
    seq bigint NOT NULL,
    entry_id bigint NOT NULL,
    bucket text NOT NULL,
    amount bigint NOT NULL,
    available bigint NOT NULL,
    incoming bigint NOT NULL,
    held bigint NOT NULL,
    outgoing bigint NOT NULL,
    created timestamp with time zone NOT NULL,
    CONSTRAINT postings_amount_check CHECK ((amount <> 0)),
    CONSTRAINT postings_bucket_check CHECK ((bucket = ANY (ARRAY['available'::text, 'incoming'::text, 'held'::text, 'outgoing'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='1');

CREATE TABLE public.ready_keys (
    number bigint NOT NULL,
    xpub text NOT NULL,
    address text NOT NULL
);

CREATE TABLE public.seals (
    number bigint NOT NULL,
    first_entry bigint NOT NULL,
    last_entry bigint NOT NULL,
    entries bigint NOT NULL,
    hash bytea NOT NULL,
    marks bytea NOT NULL,
    treasury jsonb NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.sequencer (
    account_id bigint NOT NULL,
    last bigint NOT NULL
);

CREATE TABLE public.transaction_inputs (
    txid bytea NOT NULL,
    vout integer NOT NULL,
    transaction_id bigint NOT NULL,
    amount bigint NOT NULL
);

CREATE TABLE public.transactions (
    id bigint NOT NULL,
    txid bytea NOT NULL,
    raw bytea NOT NULL,
    fee bigint NOT NULL,
    replaces bigint,
    sends boolean NOT NULL,
    state text NOT NULL,
    height integer,
    confirm_height integer,
    conflict_height integer,
    round integer DEFAULT 0 NOT NULL,
    ancestors integer DEFAULT 1 NOT NULL,
    tried timestamp with time zone,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT transactions_height_check CHECK (((state = ANY (ARRAY['mined'::text, 'settled'::text])) = (height IS NOT NULL))),
    CONSTRAINT transactions_state_check CHECK ((state = ANY (ARRAY['signed'::text, 'sent'::text, 'mined'::text, 'settled'::text, 'dead'::text])))
);

ALTER TABLE public.transactions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.transactions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.watched_inputs (
    txid bytea NOT NULL,
    vout integer NOT NULL,
    by bytea NOT NULL,
    height integer
);

CREATE TABLE public.webhook_backlogs (
    id bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    "position" bigint NOT NULL,
    until bigint NOT NULL,
    again boolean NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.webhook_backlogs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_backlogs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_endpoints (
    id bigint NOT NULL,
    name text,
    url text NOT NULL,
    types text[] NOT NULL,
    foreign_id text,
    secret text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    "position" bigint NOT NULL,
    created timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    previous_secret text DEFAULT ''::text NOT NULL,
    previous_until timestamp with time zone,
    legacy_base64_message boolean DEFAULT false NOT NULL,
    failing_since timestamp with time zone,
    disabled_reason text DEFAULT ''::text NOT NULL,
    CONSTRAINT webhook_endpoints_state_check CHECK ((state = ANY (ARRAY['active'::text, 'disabled'::text, 'deleted'::text])))
);

ALTER TABLE public.webhook_endpoints ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_endpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

INSERT INTO public.accounts VALUES
	(1, 'bob', 'tpubDC6Z6isS14U4tgGJT9wjU8nZLhxMHfggqybvXG6Z9okHx5pbgLw2Zw65u5Lg7XmY4RyEWqmcP1GVZAVwSoxXP4LkA8SMVvmqRsLMi5W2Rva', 'mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn', 2, 1, '', 0, '', '', '', '', '', '', 0, 'open', '2026-11-29 12:28:22.291668+00', '2026-11-29 12:28:22.291668+00', NULL, false),
	(4, 'carol', 'tpubDC6Z6isS14U522qs1adFH3LYqovWTXmLfWfTgEPumNm2TDYS6PPUtWmfS2uP1fu4SBytwCvq8FANUN6XMNcLruyLGK9HaEQu7ZdZAZPDNfg', 'n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5', 0, 0, '', 0, '', 'Carol', '', '', '', '', 0, 'open', '2026-11-29 12:28:22.431463+00', '2026-11-29 12:28:22.435535+00', NULL, false),
	(5, 'platform', 'tpubDC6Z6isS14U52sCRz3EviyzgvHhbtCfQyLHXrUnM4T4abdk2gbkVwSWLw1B1vnoUFKGhuz5v5yUu3TyMTBwBLVYFkJxVpBYt2mTnvmLprnt', 'miqQshjnmTDknL8BN8q4YeRes7VTk8uLCr', 0, 0, '', 0, '', '', '', '', '', '', 0, 'open', '2026-11-29 12:28:24.234051+00', '2026-11-29 12:28:24.234051+00', NULL, false),
	(0, 'alice', 'tpubDC6Z6isS14U4qTHQFSimfkeQbbwh5nPfu4D2xbCNLWahJmzawEgNAFMd4DQsvspHgWYNdRi998Q2YbgzrPyAk6oh7aBd8Xjm4SWpJ19PtT7', 'mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv', 1, 4, '', 0, '', '', '', '', '', '', 0, 'open', '2026-11-29 12:28:22.241226+00', '2026-11-29 12:28:22.241226+00', NULL, false),
	(2, 'shibe-shop', 'tpubDC6Z6isS14U4wFNxJVwUXfkXRd8AKVFRheEevMj2E1JMCv5UqmNGy8AuDSfaHLTag7di9QaSFmikguScLEajMwcGpS7NuRCzUXhWfCtvE2w', 'mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK', 4, 1, 'mfaHAYujhUts17T5fhdANG7NTDJDoKioVK', 100000000000, '', 'Much Shop', 'Shibe', '', '', 'https://shop.example', 0, 'open', '2026-11-29 12:28:22.312955+00', '2026-11-29 12:28:22.382978+00', NULL, false),
	(3, 'gone', 'tpubDC6Z6isS14U4xT77Z7ozBPpRW2yJy3yF7rvFBqoM7o1cxMPDCb16MDzC9sVwnNy2Mw2gFCKnHigJCFx9wCKxDTFo2itVtLqsKNqDjiS2dtt', 'morhmYkAu6cAwnubzND6tv1nULM9hgMtoN', 0, 0, '', 0, '', '', '', '', '', '', 0, 'closed', '2026-11-29 12:28:22.349017+00', '2026-11-29 12:28:22.349017+00', NULL, false),
	(6, 'dave', 'tpubDC6Z6isS14U56APhBwTnYUhw4F4mi2d2BJtcdufS5Cy93WQGLfF4BC1d3LFZiuRqsBpkCNTE1PYxTH1N5kdbCVDa9Y65wq21uRWxf3XAj8p', 'mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH', 1, 0, '', 0, '', '', '', '', '', '', 0, 'open', '2026-11-29 12:28:27.189522+00', '2026-11-29 12:28:27.189522+00', NULL, false);

INSERT INTO public.addresses VALUES
	('\x76a914b3306db3a51fe55f0dd4922f21d0d0fbf7d0f6ca88ac', 0, 2, 0, 'account', '2026-11-29 12:28:22.250811+00'),
	('\x76a91492c3d9038dc96f78cf2bcc23adf47d3494ffe28c88ac', 1, 2, 0, 'account', '2026-11-29 12:28:22.29562+00'),
	('\x76a9149144181deb9027385ae332375c58819d80925c2488ac', 2, 2, 0, 'account', '2026-11-29 12:28:22.318423+00'),
	('\x76a9145b7d3328dc75181d2b3c165c7034fc0d12d2d4f188ac', 3, 2, 0, 'account', '2026-11-29 12:28:22.350463+00'),
	('\x76a914ed6594ea1d8c83cf202423dfdcb38ac0f68e273588ac', 4, 2, 0, 'account', '2026-11-29 12:28:22.433766+00'),
	('\x76a91472ff52774fb655535d1090ac88c2626bf557dbbc88ac', 2, 0, 0, 'invoice', '2026-11-29 12:28:22.655938+00'),
	('\x76a9148347debc6440dc2e771e1e1c293fa64dbdbe13a288ac', 2, 0, 1, 'invoice', '2026-11-29 12:28:22.691275+00'),
	('\x76a91419f18a8b050dfe0a6c9378e28029ffee827d1dd788ac', 2, 0, 2, 'invoice', '2026-11-29 12:28:22.717115+00'),
	('\x76a91417ec5d3a6881c196e4661b16823b3cfeeeccc87d88ac', 2, 0, 3, 'invoice', '2026-11-29 12:28:22.753489+00'),
	('\x76a9145911867cc94d958f1b0ac196d083501f330355da88ac', 1, 0, 0, 'invoice', '2026-11-29 12:28:22.777792+00'),
	('\x76a914a560821be9df84c493504e3872b1548f0bc76b4788ac', 0, 0, 0, 'deposit', '2026-11-29 12:28:22.846093+00'),
	('\x76a914a20d6915ec9e8217ceec968b52b7dbd9044d0e0e88ac', 1, 0, 1, 'deposit', '2026-11-29 12:28:22.855536+00'),
	('\x76a91424660d7b444c6d806350d20a59fad5d747f3ec6d88ac', 5, 2, 0, 'account', '2026-11-29 12:28:24.239312+00'),
	('\x76a914781e3bb3f7ce882202eea91ac2bd9ab4167c5b3788ac', 0, 1, 0, 'change', '2026-11-29 12:28:24.505606+00'),
	('\x76a9146dcc1812f04530e6bb05d87dbc87c64a0d74664e88ac', 0, 1, 1, 'change', '2026-11-29 12:28:25.701393+00'),
	('\x76a91489a89becf746240038d9919cdcfa0257f4de89b488ac', 0, 1, 2, 'change', '2026-11-29 12:28:26.431237+00'),
	('\x76a91497f62a226a89c813968085af21e7cad9ddf9261288ac', 0, 1, 3, 'change', '2026-11-29 12:28:26.632191+00'),
	('\x76a914c8be3385d13ea4d8b1e8a5d422a0c213d717d28888ac', 2, 1, 0, 'change', '2026-11-29 12:28:26.759149+00'),
	('\x76a914714bf1b4afc0ed2ad62157a9c3c51e26a9d52c1788ac', 6, 2, 0, 'account', '2026-11-29 12:28:27.191121+00'),
	('\x76a914f1c08f967e86e1f4290f0341ae96fe77fe66e09388ac', 6, 0, 0, 'deposit', '2026-11-29 12:28:27.202652+00'),
	('\x76a91469d9d42c4ecc97acefdcf0eaaa9364175f730cae88ac', 1, 1, 0, 'change', '2026-11-29 12:28:28.293538+00');

INSERT INTO public.alembic_version VALUES
	('0014');

INSERT INTO public.assets VALUES
	('DOGE', 'Dogecoin', 8, '2026-11-29 12:28:20.329429+00'),
	('gold_coins', 'Gold coins', 0, '2026-11-29 12:28:22.396847+00');

INSERT INTO public.attempts VALUES
	(1, 8, 1, '2026-11-29 12:28:22.726859+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 8, 1, '2026-11-29 12:28:22.730847+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 9, 1, '2026-11-29 12:28:22.731149+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 9, 1, '2026-11-29 12:28:22.731681+00', NULL, 4, 'no connection (Connection refused)'),
	(1, 10, 1, '2026-11-29 12:28:22.789086+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 10, 1, '2026-11-29 12:28:22.78944+00', NULL, 9, 'no connection (Connection refused)'),
	(1, 11, 1, '2026-11-29 12:28:22.815231+00', NULL, 13, 'no connection (Connection refused)'),
	(2, 11, 1, '2026-11-29 12:28:22.81579+00', NULL, 13, 'no connection (Connection refused)'),
	(1, 12, 1, '2026-11-29 12:28:22.872691+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 12, 1, '2026-11-29 12:28:22.872924+00', NULL, 6, 'no connection (Connection refused)'),
	(1, 13, 1, '2026-11-29 12:28:22.892489+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 13, 1, '2026-11-29 12:28:22.892695+00', NULL, 6, 'no connection (Connection refused)'),
	(1, 19, 1, '2026-11-29 12:28:23.261331+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 14, 1, '2026-11-29 12:28:23.260898+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 15, 1, '2026-11-29 12:28:23.280896+00', NULL, 6, 'no connection (Connection refused)'),
	(1, 20, 1, '2026-11-29 12:28:23.281341+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 16, 1, '2026-11-29 12:28:23.305041+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 21, 1, '2026-11-29 12:28:23.305434+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 17, 1, '2026-11-29 12:28:23.317223+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 22, 1, '2026-11-29 12:28:23.317532+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 23, 1, '2026-11-29 12:28:23.352601+00', NULL, 34, 'no connection (Connection refused)'),
	(2, 18, 1, '2026-11-29 12:28:23.351306+00', NULL, 37, 'no connection (Connection refused)'),
	(2, 19, 1, '2026-11-29 12:28:23.410045+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 25, 1, '2026-11-29 12:28:23.41106+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 20, 1, '2026-11-29 12:28:23.422532+00', NULL, 10, 'no connection (Connection refused)'),
	(1, 26, 1, '2026-11-29 12:28:23.423131+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 21, 1, '2026-11-29 12:28:23.442813+00', NULL, 16, 'no connection (Connection refused)'),
	(1, 27, 1, '2026-11-29 12:28:23.443148+00', NULL, 16, 'no connection (Connection refused)'),
	(2, 22, 1, '2026-11-29 12:28:23.471285+00', NULL, 9, 'no connection (Connection refused)'),
	(1, 49, 1, '2026-11-29 12:28:23.471722+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 23, 1, '2026-11-29 12:28:23.491112+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 24, 1, '2026-11-29 12:28:23.51245+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 25, 1, '2026-11-29 12:28:23.538819+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 26, 1, '2026-11-29 12:28:23.553741+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 27, 1, '2026-11-29 12:28:23.564441+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 28, 1, '2026-11-29 12:28:23.580557+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 29, 1, '2026-11-29 12:28:23.589823+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 30, 1, '2026-11-29 12:28:23.614093+00', NULL, 14, 'no connection (Connection refused)'),
	(2, 31, 1, '2026-11-29 12:28:23.65044+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 32, 1, '2026-11-29 12:28:23.676351+00', NULL, 10, 'no connection (Connection refused)'),
	(1, 53, 1, '2026-11-29 12:28:23.676698+00', NULL, 20, 'no connection (Connection refused)'),
	(2, 33, 1, '2026-11-29 12:28:23.699293+00', NULL, 9, 'no connection (Connection refused)'),
	(1, 54, 1, '2026-11-29 12:28:23.709816+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 34, 1, '2026-11-29 12:28:23.733325+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 55, 1, '2026-11-29 12:28:23.733745+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 35, 1, '2026-11-29 12:28:23.748006+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 36, 1, '2026-11-29 12:28:23.767657+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 37, 1, '2026-11-29 12:28:23.788756+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 38, 1, '2026-11-29 12:28:23.80358+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 39, 1, '2026-11-29 12:28:23.821992+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 40, 1, '2026-11-29 12:28:23.839925+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 41, 1, '2026-11-29 12:28:23.857315+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 42, 1, '2026-11-29 12:28:23.876878+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 43, 1, '2026-11-29 12:28:23.891294+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 44, 1, '2026-11-29 12:28:23.90795+00', NULL, 12, 'no connection (Connection refused)'),
	(2, 45, 1, '2026-11-29 12:28:23.966014+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 46, 1, '2026-11-29 12:28:23.97919+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 47, 1, '2026-11-29 12:28:24.001745+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 48, 1, '2026-11-29 12:28:24.029738+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 49, 1, '2026-11-29 12:28:24.043122+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 50, 1, '2026-11-29 12:28:24.056227+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 51, 1, '2026-11-29 12:28:24.077374+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 52, 1, '2026-11-29 12:28:24.091788+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 53, 1, '2026-11-29 12:28:24.112667+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 54, 1, '2026-11-29 12:28:24.126967+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 55, 1, '2026-11-29 12:28:24.14678+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 56, 1, '2026-11-29 12:28:24.16033+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 57, 1, '2026-11-29 12:28:24.176383+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 58, 1, '2026-11-29 12:28:24.190219+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 59, 1, '2026-11-29 12:28:24.20608+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 60, 1, '2026-11-29 12:28:24.215809+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 61, 1, '2026-11-29 12:28:24.228576+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 62, 1, '2026-11-29 12:28:24.250361+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 63, 1, '2026-11-29 12:28:24.281489+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 64, 1, '2026-11-29 12:28:24.345051+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 65, 1, '2026-11-29 12:28:24.379444+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 66, 1, '2026-11-29 12:28:24.397424+00', NULL, 24, 'no connection (Connection refused)'),
	(2, 67, 1, '2026-11-29 12:28:24.428879+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 68, 1, '2026-11-29 12:28:24.449825+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 69, 1, '2026-11-29 12:28:24.528197+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 70, 1, '2026-11-29 12:28:24.577581+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 71, 1, '2026-11-29 12:28:24.59664+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 107, 1, '2026-11-29 12:28:25.742605+00', NULL, 11, 'no connection (Connection refused)'),
	(2, 119, 1, '2026-11-29 12:28:26.738653+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 127, 1, '2026-11-29 12:28:26.990679+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 136, 1, '2026-11-29 12:28:27.478683+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 72, 1, '2026-11-29 12:28:24.609924+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 80, 1, '2026-11-29 12:28:24.838853+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 88, 1, '2026-11-29 12:28:25.248659+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 91, 1, '2026-11-29 12:28:25.319235+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 106, 1, '2026-11-29 12:28:25.723651+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 118, 1, '2026-11-29 12:28:26.727596+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 73, 1, '2026-11-29 12:28:24.621685+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 77, 1, '2026-11-29 12:28:24.739198+00', NULL, 13, 'no connection (Connection refused)'),
	(2, 93, 1, '2026-11-29 12:28:25.376124+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 98, 1, '2026-11-29 12:28:25.485627+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 103, 1, '2026-11-29 12:28:25.618622+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 120, 1, '2026-11-29 12:28:26.7949+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 123, 1, '2026-11-29 12:28:26.899906+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 131, 1, '2026-11-29 12:28:27.207387+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 140, 1, '2026-11-29 12:28:27.524981+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 74, 1, '2026-11-29 12:28:24.653028+00', NULL, 11, 'no connection (Connection refused)'),
	(2, 83, 1, '2026-11-29 12:28:25.054917+00', NULL, 29, 'no connection (Connection refused)'),
	(2, 87, 1, '2026-11-29 12:28:25.217368+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 90, 1, '2026-11-29 12:28:25.285666+00', NULL, 21, 'no connection (Connection refused)'),
	(2, 92, 1, '2026-11-29 12:28:25.336028+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 102, 1, '2026-11-29 12:28:25.598604+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 115, 1, '2026-11-29 12:28:26.48095+00', NULL, 14, 'no connection (Connection refused)'),
	(2, 116, 1, '2026-11-29 12:28:26.67727+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 119, 1, '2026-11-29 12:28:26.677682+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 121, 1, '2026-11-29 12:28:26.827035+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 122, 1, '2026-11-29 12:28:26.874984+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 122, 1, '2026-11-29 12:28:26.875439+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 129, 1, '2026-11-29 12:28:27.037705+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 139, 1, '2026-11-29 12:28:27.511504+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 75, 1, '2026-11-29 12:28:24.688823+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 89, 1, '2026-11-29 12:28:25.265352+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 99, 1, '2026-11-29 12:28:25.50661+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 117, 1, '2026-11-29 12:28:26.701257+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 124, 1, '2026-11-29 12:28:26.91324+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 10, 2, '2026-11-29 12:28:27.537454+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 141, 1, '2026-11-29 12:28:27.537795+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 76, 1, '2026-11-29 12:28:24.706247+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 85, 1, '2026-11-29 12:28:25.144513+00', NULL, 11, 'no connection (Connection refused)'),
	(2, 94, 1, '2026-11-29 12:28:25.39251+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 109, 1, '2026-11-29 12:28:25.816588+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 113, 1, '2026-11-29 12:28:26.452341+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 128, 1, '2026-11-29 12:28:27.021323+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 78, 1, '2026-11-29 12:28:24.767014+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 82, 1, '2026-11-29 12:28:24.955769+00', NULL, 29, 'no connection (Connection refused)'),
	(2, 100, 1, '2026-11-29 12:28:25.526678+00', NULL, 13, 'no connection (Connection refused)'),
	(2, 104, 1, '2026-11-29 12:28:25.642619+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 108, 1, '2026-11-29 12:28:25.782675+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 111, 1, '2026-11-29 12:28:26.082302+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 132, 1, '2026-11-29 12:28:27.440573+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 137, 1, '2026-11-29 12:28:27.487792+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 79, 1, '2026-11-29 12:28:24.796202+00', NULL, 17, 'no connection (Connection refused)'),
	(2, 81, 1, '2026-11-29 12:28:24.876855+00', NULL, 15, 'no connection (Connection refused)'),
	(2, 86, 1, '2026-11-29 12:28:25.182646+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 95, 1, '2026-11-29 12:28:25.412463+00', NULL, 20, 'no connection (Connection refused)'),
	(2, 97, 1, '2026-11-29 12:28:25.469758+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 110, 1, '2026-11-29 12:28:26.068683+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 135, 1, '2026-11-29 12:28:27.466392+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 8, 2, '2026-11-29 12:28:27.560152+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 84, 1, '2026-11-29 12:28:25.108176+00', NULL, 20, 'no connection (Connection refused)'),
	(2, 96, 1, '2026-11-29 12:28:25.4609+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 101, 1, '2026-11-29 12:28:25.576494+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 114, 1, '2026-11-29 12:28:26.468895+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 125, 1, '2026-11-29 12:28:26.926688+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 133, 1, '2026-11-29 12:28:27.449772+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 138, 1, '2026-11-29 12:28:27.502415+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 142, 1, '2026-11-29 12:28:27.546006+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 105, 1, '2026-11-29 12:28:25.713117+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 112, 1, '2026-11-29 12:28:26.435102+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 126, 1, '2026-11-29 12:28:26.973065+00', NULL, 7, 'no connection (Connection refused)'),
	(2, 130, 1, '2026-11-29 12:28:27.053464+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 134, 1, '2026-11-29 12:28:27.457052+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 143, 1, '2026-11-29 12:28:27.621327+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 144, 1, '2026-11-29 12:28:27.629024+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 12, 2, '2026-11-29 12:28:27.887409+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 13, 2, '2026-11-29 12:28:27.887904+00', NULL, 4, 'no connection (Connection refused)'),
	(1, 20, 2, '2026-11-29 12:28:27.90231+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 17, 2, '2026-11-29 12:28:27.958186+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 11, 2, '2026-11-29 12:28:27.971271+00', NULL, 11, 'no connection (Connection refused)'),
	(1, 22, 2, '2026-11-29 12:28:27.971533+00', NULL, 10, 'no connection (Connection refused)'),
	(2, 145, 1, '2026-11-29 12:28:27.998153+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 146, 1, '2026-11-29 12:28:28.00593+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 9, 2, '2026-11-29 12:28:28.015626+00', NULL, 6, 'no connection (Connection refused)'),
	(1, 12, 2, '2026-11-29 12:28:28.081971+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 10, 2, '2026-11-29 12:28:28.093048+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 11, 2, '2026-11-29 12:28:28.108378+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 8, 2, '2026-11-29 12:28:28.115729+00', NULL, 9, 'no connection (Connection refused)'),
	(1, 19, 2, '2026-11-29 12:28:28.155079+00', NULL, 4, 'no connection (Connection refused)'),
	(1, 9, 2, '2026-11-29 12:28:28.294915+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 13, 2, '2026-11-29 12:28:28.295286+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 26, 2, '2026-11-29 12:28:28.307971+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 27, 2, '2026-11-29 12:28:28.308583+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 28, 2, '2026-11-29 12:28:28.319724+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 49, 2, '2026-11-29 12:28:28.329384+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 147, 1, '2026-11-29 12:28:28.329622+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 148, 1, '2026-11-29 12:28:28.343306+00', NULL, 5, 'no connection (Connection refused)'),
	(1, 26, 2, '2026-11-29 12:28:28.350388+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 149, 1, '2026-11-29 12:28:28.350731+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 32, 2, '2026-11-29 12:28:28.360831+00', NULL, 1, 'no connection (Connection refused)'),
	(1, 53, 2, '2026-11-29 12:28:28.361037+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 21, 2, '2026-11-29 12:28:28.370651+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 31, 2, '2026-11-29 12:28:28.384481+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 150, 1, '2026-11-29 12:28:28.398455+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 14, 2, '2026-11-29 12:28:28.41203+00', NULL, 1, 'no connection (Connection refused)'),
	(1, 54, 2, '2026-11-29 12:28:28.42402+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 151, 1, '2026-11-29 12:28:28.424411+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 30, 2, '2026-11-29 12:28:28.43634+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 25, 2, '2026-11-29 12:28:28.672548+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 29, 2, '2026-11-29 12:28:28.67298+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 23, 2, '2026-11-29 12:28:28.67881+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 25, 2, '2026-11-29 12:28:28.688956+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 55, 2, '2026-11-29 12:28:28.689354+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 44, 2, '2026-11-29 12:28:28.69908+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 20, 2, '2026-11-29 12:28:28.714861+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 33, 2, '2026-11-29 12:28:28.728511+00', NULL, 1, 'no connection (Connection refused)');
INSERT INTO public.attempts VALUES
	(2, 23, 2, '2026-11-29 12:28:28.733852+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 16, 2, '2026-11-29 12:28:28.741437+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 22, 2, '2026-11-29 12:28:28.747885+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 39, 2, '2026-11-29 12:28:28.754701+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 41, 2, '2026-11-29 12:28:28.76092+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 27, 2, '2026-11-29 12:28:28.769417+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 15, 2, '2026-11-29 12:28:28.77599+00', NULL, 3, 'no connection (Connection refused)'),
	(1, 21, 2, '2026-11-29 12:28:28.776369+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 24, 2, '2026-11-29 12:28:28.794647+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 34, 2, '2026-11-29 12:28:28.804299+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 46, 2, '2026-11-29 12:28:29.025459+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 37, 2, '2026-11-29 12:28:29.031601+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 19, 2, '2026-11-29 12:28:29.038468+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 40, 2, '2026-11-29 12:28:29.047235+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 18, 2, '2026-11-29 12:28:29.055356+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 45, 2, '2026-11-29 12:28:29.065818+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 59, 2, '2026-11-29 12:28:29.07576+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 36, 2, '2026-11-29 12:28:29.083808+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 53, 2, '2026-11-29 12:28:29.089952+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 48, 2, '2026-11-29 12:28:29.096117+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 42, 2, '2026-11-29 12:28:29.106129+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 68, 2, '2026-11-29 12:28:29.112617+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 64, 2, '2026-11-29 12:28:29.118849+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 38, 2, '2026-11-29 12:28:29.124894+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 58, 2, '2026-11-29 12:28:29.135499+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 63, 2, '2026-11-29 12:28:29.139968+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 35, 2, '2026-11-29 12:28:29.153879+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 60, 2, '2026-11-29 12:28:29.166712+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 66, 2, '2026-11-29 12:28:29.394709+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 49, 2, '2026-11-29 12:28:29.409788+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 67, 2, '2026-11-29 12:28:29.416382+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 47, 2, '2026-11-29 12:28:29.435486+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 52, 2, '2026-11-29 12:28:29.444868+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 70, 2, '2026-11-29 12:28:29.457704+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 57, 2, '2026-11-29 12:28:29.84025+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 97, 2, '2026-11-29 12:28:30.376134+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 86, 2, '2026-11-29 12:28:30.631685+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 109, 2, '2026-11-29 12:28:31.208292+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 111, 2, '2026-11-29 12:28:31.69957+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 43, 2, '2026-11-29 12:28:29.477614+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 54, 2, '2026-11-29 12:28:29.554592+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 74, 2, '2026-11-29 12:28:29.868862+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 91, 2, '2026-11-29 12:28:30.117001+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 90, 2, '2026-11-29 12:28:30.384952+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 93, 2, '2026-11-29 12:28:30.672258+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 125, 2, '2026-11-29 12:28:31.718893+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 119, 2, '2026-11-29 12:28:31.975729+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 131, 2, '2026-11-29 12:28:32.224995+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 55, 2, '2026-11-29 12:28:29.490361+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 77, 2, '2026-11-29 12:28:29.609801+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 81, 2, '2026-11-29 12:28:29.888583+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 98, 2, '2026-11-29 12:28:30.134263+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 102, 2, '2026-11-29 12:28:30.398174+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 106, 2, '2026-11-29 12:28:30.615111+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 123, 2, '2026-11-29 12:28:31.468648+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 135, 2, '2026-11-29 12:28:32.238131+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 127, 2, '2026-11-29 12:28:32.269822+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 78, 2, '2026-11-29 12:28:29.506067+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 80, 2, '2026-11-29 12:28:29.57526+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 73, 2, '2026-11-29 12:28:30.139563+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 85, 2, '2026-11-29 12:28:30.365897+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 94, 2, '2026-11-29 12:28:30.699927+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 120, 2, '2026-11-29 12:28:31.456378+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 122, 2, '2026-11-29 12:28:32.265028+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 51, 2, '2026-11-29 12:28:29.51884+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 56, 2, '2026-11-29 12:28:29.835087+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 84, 2, '2026-11-29 12:28:30.370005+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 89, 2, '2026-11-29 12:28:30.621922+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 99, 2, '2026-11-29 12:28:30.923499+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 108, 2, '2026-11-29 12:28:31.204668+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 129, 2, '2026-11-29 12:28:32.244519+00', NULL, 6, 'no connection (Connection refused)'),
	(2, 75, 2, '2026-11-29 12:28:29.529166+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 83, 2, '2026-11-29 12:28:29.855034+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 88, 2, '2026-11-29 12:28:30.65739+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 92, 2, '2026-11-29 12:28:30.948218+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 110, 2, '2026-11-29 12:28:31.218228+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 114, 2, '2026-11-29 12:28:31.70674+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 141, 2, '2026-11-29 12:28:32.502952+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 50, 2, '2026-11-29 12:28:29.541402+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 65, 2, '2026-11-29 12:28:29.597629+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 72, 2, '2026-11-29 12:28:29.862025+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 87, 2, '2026-11-29 12:28:30.108804+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 95, 2, '2026-11-29 12:28:30.663092+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 104, 2, '2026-11-29 12:28:30.962673+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 121, 2, '2026-11-29 12:28:31.712884+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 118, 2, '2026-11-29 12:28:31.966652+00', NULL, 4, 'no connection (Connection refused)'),
	(1, 122, 2, '2026-11-29 12:28:32.21206+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 134, 2, '2026-11-29 12:28:32.21249+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 133, 2, '2026-11-29 12:28:32.508964+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 61, 2, '2026-11-29 12:28:29.586283+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 62, 2, '2026-11-29 12:28:29.847543+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 103, 2, '2026-11-29 12:28:30.6456+00', NULL, 5, 'no connection (Connection refused)'),
	(2, 100, 2, '2026-11-29 12:28:30.935353+00', NULL, 4, 'no connection (Connection refused)'),
	(2, 107, 2, '2026-11-29 12:28:31.213063+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 116, 2, '2026-11-29 12:28:31.694141+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 115, 2, '2026-11-29 12:28:31.960474+00', NULL, 1, 'no connection (Connection refused)'),
	(1, 119, 2, '2026-11-29 12:28:31.960942+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 128, 2, '2026-11-29 12:28:32.498922+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 69, 2, '2026-11-29 12:28:29.606368+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 71, 2, '2026-11-29 12:28:29.882054+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 79, 2, '2026-11-29 12:28:30.129886+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 105, 2, '2026-11-29 12:28:30.688547+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 113, 2, '2026-11-29 12:28:31.447633+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 130, 2, '2026-11-29 12:28:32.218303+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 76, 2, '2026-11-29 12:28:29.875429+00', NULL, 3, 'no connection (Connection refused)'),
	(2, 82, 2, '2026-11-29 12:28:30.124798+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 96, 2, '2026-11-29 12:28:30.15206+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 101, 2, '2026-11-29 12:28:30.683555+00', NULL, 0, 'no connection (Connection refused)'),
	(2, 117, 2, '2026-11-29 12:28:31.441702+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 126, 2, '2026-11-29 12:28:31.725793+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 112, 2, '2026-11-29 12:28:31.982364+00', NULL, 8, 'no connection (Connection refused)'),
	(2, 124, 2, '2026-11-29 12:28:32.231692+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 132, 2, '2026-11-29 12:28:32.729826+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 140, 2, '2026-11-29 12:28:32.737021+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 145, 2, '2026-11-29 12:28:32.746949+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 143, 2, '2026-11-29 12:28:32.759116+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 139, 2, '2026-11-29 12:28:32.76817+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 144, 2, '2026-11-29 12:28:32.777038+00', NULL, 46, 'no connection (Connection refused)'),
	(2, 146, 2, '2026-11-29 12:28:32.829222+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 136, 2, '2026-11-29 12:28:32.837455+00', NULL, 9, 'no connection (Connection refused)'),
	(2, 142, 2, '2026-11-29 12:28:32.852216+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 137, 2, '2026-11-29 12:28:32.860923+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 138, 2, '2026-11-29 12:28:32.875224+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 147, 2, '2026-11-29 12:28:33.097201+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 148, 2, '2026-11-29 12:28:33.101056+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 150, 2, '2026-11-29 12:28:33.318852+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 151, 2, '2026-11-29 12:28:33.324311+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 149, 2, '2026-11-29 12:28:33.546321+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 152, 1, '2026-11-29 12:29:23.314753+00', NULL, 2, 'no connection (Connection refused)'),
	(2, 152, 1, '2026-11-29 12:29:23.315174+00', NULL, 2, 'no connection (Connection refused)'),
	(1, 152, 2, '2026-11-29 12:29:28.423502+00', NULL, 1, 'no connection (Connection refused)'),
	(2, 152, 2, '2026-11-29 12:29:28.850303+00', NULL, 4, 'no connection (Connection refused)');

INSERT INTO public.balances VALUES
	(4, 'DOGE', 200000000, 0, 0, 0, 1, '2026-11-29 12:28:23.827917+00'),
	(4, 'gold_coins', 61, 0, 9, 0, 4, '2026-11-29 12:28:24.204852+00'),
	(5, 'DOGE', 50000000, 0, 0, 0, 1, '2026-11-29 12:28:24.248045+00'),
	(3, 'DOGE', 0, 0, 0, 0, 0, '2026-11-29 12:28:26.864224+00'),
	(3, 'gold_coins', 0, 0, 0, 0, 0, '2026-11-29 12:28:26.864274+00'),
	(0, 'DOGE', 50099356000, 0, 3500000000, 0, 58, '2026-11-29 12:28:27.343813+00'),
	(-2, 'DOGE', 870000, 0, 0, 0, 4, '2026-11-29 12:28:27.343813+00'),
	(2, 'DOGE', 4849774000, 0, 0, 0, 15, '2026-11-29 12:28:27.343813+00'),
	(-1, 'DOGE', -68600000000, 0, 0, 0, 15, '2026-11-29 12:28:27.908452+00'),
	(6, 'DOGE', 0, 0, 0, 0, 5, '2026-11-29 12:28:27.908452+00'),
	(-3, 'DOGE', -4500000000, 0, 0, 0, 1, '2026-11-29 12:28:27.908452+00'),
	(1, 'DOGE', 13299774000, 0, 0, 1100226000, 14, '2026-11-29 12:28:28.309591+00');

INSERT INTO public.blocks VALUES
	(1, '\xf9b8bd297125e8c32f11b905c307aee923814353e7ae083c24b3581eb7a16737', '\xa573e91c1772076c0d40f70e4408c83a31705f296ae6e7629d4adcb5a360213d', 1795955301, 4),
	(2, '\x7abcc014354462afec1bea43a5951e1d00a11b1e1af3f2b57b6971ef8d7c244f', '\xf9b8bd297125e8c32f11b905c307aee923814353e7ae083c24b3581eb7a16737', 1795955302, 6),
	(3, '\x605a5026d56797b515a5739d200b83e1da243ac2284835cffb9afd87fc18956f', '\x7abcc014354462afec1bea43a5951e1d00a11b1e1af3f2b57b6971ef8d7c244f', 1795955302, 8),
	(4, '\xedc4bb23982db00da588ac9f9637ca606254e3b74d61d2744f8a8bf330c2189e', '\x605a5026d56797b515a5739d200b83e1da243ac2284835cffb9afd87fc18956f', 1795955303, 10),
	(5, '\xcd77f0d5039fbd196adef9be27a2aacdc343fc2b260dfb0659ca09cc7bf8d8b4', '\xedc4bb23982db00da588ac9f9637ca606254e3b74d61d2744f8a8bf330c2189e', 1795955303, 12),
	(6, '\xec8626e4d4e6952117bc6e8cec1d591106d7afb9184990ee314c7d2144e7a141', '\xcd77f0d5039fbd196adef9be27a2aacdc343fc2b260dfb0659ca09cc7bf8d8b4', 1795955303, 14),
	(7, '\xcd107c702249b0f846489c0457725d856d1cf72bd68159df4352c618ace3864a', '\xec8626e4d4e6952117bc6e8cec1d591106d7afb9184990ee314c7d2144e7a141', 1795955303, 16),
	(8, '\x86557b4154df7daeb2ecd21f7691c07020d03487da95d5589f79002e1c1c591f', '\xcd107c702249b0f846489c0457725d856d1cf72bd68159df4352c618ace3864a', 1795955304, 18),
	(9, '\x1b02543dd27b13212802b660e1e09fbe3359bc147381c05f722124e7b4496842', '\x86557b4154df7daeb2ecd21f7691c07020d03487da95d5589f79002e1c1c591f', 1795955304, 20),
	(10, '\x8347986b1a71e89105df773e6b7d2c3cc0e8f92afe1beb51d72ef71aecb7d31c', '\x1b02543dd27b13212802b660e1e09fbe3359bc147381c05f722124e7b4496842', 1795955304, 22),
	(11, '\xb1e0d9314f8e1cd3dab9116dbee7eaa813342cb90c0b07a2556b814311fe5a02', '\x8347986b1a71e89105df773e6b7d2c3cc0e8f92afe1beb51d72ef71aecb7d31c', 1795955304, 24),
	(12, '\xf2def99772a288adf2e1a046dbc108841e59710cd5a125a8619a9d9140333ee0', '\xb1e0d9314f8e1cd3dab9116dbee7eaa813342cb90c0b07a2556b814311fe5a02', 1795955304, 26),
	(13, '\x354375fb726ce64f5e1f7c228341ea7f399d61abab9b9c3686d3a0181a3105e0', '\xf2def99772a288adf2e1a046dbc108841e59710cd5a125a8619a9d9140333ee0', 1795955304, 28),
	(14, '\x1ecb4bd59676b9ba365f02bb91a9b5ba0a8c2d665e8676eab04693a08905a2ff', '\x354375fb726ce64f5e1f7c228341ea7f399d61abab9b9c3686d3a0181a3105e0', 1795955305, 30),
	(15, '\x7e8d4a71bb94feb4f7c21522161ee249229dad0013c14cc8f439394eb434c79b', '\x1ecb4bd59676b9ba365f02bb91a9b5ba0a8c2d665e8676eab04693a08905a2ff', 1795955305, 32),
	(16, '\x0ea304ab7fde053cc95d76c22d13296b938672c6fe4bbe9070c677e384d3ffbb', '\x7e8d4a71bb94feb4f7c21522161ee249229dad0013c14cc8f439394eb434c79b', 1795955305, 34),
	(17, '\x8636534c9131be899a164f6f819b9d8ea1f88c3ac8e64dd723f6a7755b8890b2', '\x0ea304ab7fde053cc95d76c22d13296b938672c6fe4bbe9070c677e384d3ffbb', 1795955305, 36),
	(18, '\x3bf823f939c47f233690cf7308d2d6db7a3109b4a2ddb2fd1d7b18d2ad29a0b2', '\x8636534c9131be899a164f6f819b9d8ea1f88c3ac8e64dd723f6a7755b8890b2', 1795955305, 38),
	(19, '\x5dc2a2638843a783b9a4a184bcab8a667294273e0d4f75efd34c8a1698cb2e92', '\x3bf823f939c47f233690cf7308d2d6db7a3109b4a2ddb2fd1d7b18d2ad29a0b2', 1795955305, 40),
	(20, '\x0b24ce85d0215cf698745783b6f1f6669144aba5509aed1058960c5aa1808d0c', '\x5dc2a2638843a783b9a4a184bcab8a667294273e0d4f75efd34c8a1698cb2e92', 1795955306, 42),
	(21, '\x52216f43d5d6fc4d93c76663e329eb174924333e6f7229cdeaa4f8179f2884fc', '\x0b24ce85d0215cf698745783b6f1f6669144aba5509aed1058960c5aa1808d0c', 1795955306, 44),
	(22, '\x8599b2aa60ba60d57520fb9105ab64f72c40c5db1c56158660c1c513b66d5bc0', '\x52216f43d5d6fc4d93c76663e329eb174924333e6f7229cdeaa4f8179f2884fc', 1795955306, 46),
	(23, '\xe0fc81bfb9ac89e2066be65826437050f4d6eac36da8541673430e375f22ec52', '\x8599b2aa60ba60d57520fb9105ab64f72c40c5db1c56158660c1c513b66d5bc0', 1795955306, 48),
	(24, '\x09fa5f6bb36fb205320a2e7631f395574979bf85144058face3c2651bf6c66ac', '\xe0fc81bfb9ac89e2066be65826437050f4d6eac36da8541673430e375f22ec52', 1795955306, 50),
	(25, '\xf1510c6a250c4d477ff0215eca2747e18467654b60ddf48e6234ff34f3bd31e4', '\x09fa5f6bb36fb205320a2e7631f395574979bf85144058face3c2651bf6c66ac', 1795955306, 52),
	(26, '\x36db0c5db8773941b1118aec7c03691db27978704200399a45bcf02ede0a0d5a', '\xf1510c6a250c4d477ff0215eca2747e18467654b60ddf48e6234ff34f3bd31e4', 1795955307, 54),
	(27, '\x22ad49668398ba45e689f6b362d98163aa50c46fa8554c6f16043b764d087d93', '\x36db0c5db8773941b1118aec7c03691db27978704200399a45bcf02ede0a0d5a', 1795955307, 56),
	(28, '\x764103399237ebeff279e1a4beae0bdde4def9ecba14142afa52360c26bb2f2d', '\x22ad49668398ba45e689f6b362d98163aa50c46fa8554c6f16043b764d087d93', 1795955307, 58),
	(29, '\xeb539490d51a3fd8ac46d67a5c18879db99f61c812b38f2046c1a604ce4fc254', '\x764103399237ebeff279e1a4beae0bdde4def9ecba14142afa52360c26bb2f2d', 1795955307, 60),
	(30, '\xe4a1b8a4bd331e10084d8ad3dfca1b72f2faf3fed4bd12f1f290a853d8838a3f', '\xeb539490d51a3fd8ac46d67a5c18879db99f61c812b38f2046c1a604ce4fc254', 1795955307, 62),
	(31, '\x38fd98f8158bfdf610f9a370d9beb98198e36f668d74d64f5387babc41dee4f4', '\xe4a1b8a4bd331e10084d8ad3dfca1b72f2faf3fed4bd12f1f290a853d8838a3f', 1795955307, 64),
	(32, '\xca0ddf9148ecef1d47ade1486535f8eeb34d9f7b76448e280163557dceeb6fcc', '\x38fd98f8158bfdf610f9a370d9beb98198e36f668d74d64f5387babc41dee4f4', 1795955308, 66),
	(33, '\x803fc549b5631fbc92aff4a32ac061a0d8fa54b618adebd27f96fc19bca6ab40', '\xca0ddf9148ecef1d47ade1486535f8eeb34d9f7b76448e280163557dceeb6fcc', 1795955308, 68),
	(34, '\x4c3bd5215f4d501aeca946e977be957d47d577d309a0ebc1a614fa7f1d3bb39c', '\x803fc549b5631fbc92aff4a32ac061a0d8fa54b618adebd27f96fc19bca6ab40', 1795955308, 70),
	(35, '\xe7123f3d704cc2a170c3ba01656d411c1af14d2c6375765a8d03b5dd49cb9d1d', '\x4c3bd5215f4d501aeca946e977be957d47d577d309a0ebc1a614fa7f1d3bb39c', 1795955308, 72),
	(36, '\x00b816ef94a80f882adf4ccf8d8cc50a61288c47a1842f00f9996759d2d59a69', '\xe7123f3d704cc2a170c3ba01656d411c1af14d2c6375765a8d03b5dd49cb9d1d', 1795955308, 74),
	(37, '\xa902a089c8376f95e60fcaf7e17b97b30359ccbba640302d4aba4cf555d3eb0a', '\x00b816ef94a80f882adf4ccf8d8cc50a61288c47a1842f00f9996759d2d59a69', 1795955308, 76),
	(38, '\x7016708ebbb37128c9768266b58c1ff532ca14c9132ffaa54b3ca731e31631cf', '\xa902a089c8376f95e60fcaf7e17b97b30359ccbba640302d4aba4cf555d3eb0a', 1795955309, 78),
	(39, '\x6d5eed5beff35d463003ae595cc1e566c1fa4748c874ceb5e08b1174de863192', '\x7016708ebbb37128c9768266b58c1ff532ca14c9132ffaa54b3ca731e31631cf', 1795955309, 80),
	(40, '\xa1ea83d0282459822d5f25ad4d9614670ca1018323bf7d902e1c6bd27a81d1fc', '\x6d5eed5beff35d463003ae595cc1e566c1fa4748c874ceb5e08b1174de863192', 1795955309, 82),
	(41, '\x8f0385f75a5e749a25a2cee77f9fc22128a5551b5f0a427f0bad88604b2d32c0', '\xa1ea83d0282459822d5f25ad4d9614670ca1018323bf7d902e1c6bd27a81d1fc', 1795955309, 84),
	(42, '\xf18969dd0ca11e7248569ad900a033d994f6892e66bee3521a82f3383f115ed9', '\x8f0385f75a5e749a25a2cee77f9fc22128a5551b5f0a427f0bad88604b2d32c0', 1795955309, 86),
	(43, '\xc54585f79d1145f6c9ac976b0f777f628a9b30da0ffdacfb251f63c0295811af', '\xf18969dd0ca11e7248569ad900a033d994f6892e66bee3521a82f3383f115ed9', 1795955309, 88),
	(44, '\x5bfd5424ac402f838f6f3c1773d690a38fcfd150e012c180b364c8e32231d9c5', '\xc54585f79d1145f6c9ac976b0f777f628a9b30da0ffdacfb251f63c0295811af', 1795955310, 90),
	(45, '\x01ecc260deb7aa3bc6123c94402c20d8b4720113bb8044d32a8cf4189c14b596', '\x5bfd5424ac402f838f6f3c1773d690a38fcfd150e012c180b364c8e32231d9c5', 1795955310, 92),
	(46, '\x446ba5e7d60bfa94e5f42a0d59d339bcbd2f7605a9aa358518ec23273d7574da', '\x01ecc260deb7aa3bc6123c94402c20d8b4720113bb8044d32a8cf4189c14b596', 1795955310, 94),
	(47, '\x5c88c298b3ab0948db65b4046058b068089acab0a11cbda798726a16944bfe94', '\x446ba5e7d60bfa94e5f42a0d59d339bcbd2f7605a9aa358518ec23273d7574da', 1795955310, 96),
	(48, '\x3b8fcdad1f66554123c3756fce312e3607a63dc54cb8484ee0a17b95621e9f61', '\x5c88c298b3ab0948db65b4046058b068089acab0a11cbda798726a16944bfe94', 1795955310, 98),
	(49, '\x26c50ad03b292c69df2f1f85beac88e003d87ca80e1e948cb23a5413cf8bd20f', '\x3b8fcdad1f66554123c3756fce312e3607a63dc54cb8484ee0a17b95621e9f61', 1795955310, 100),
	(50, '\x119a2429b19c11af3bcf6cd28e3b8a201fbe8260286058a472e768cf92f0381a', '\x26c50ad03b292c69df2f1f85beac88e003d87ca80e1e948cb23a5413cf8bd20f', 1795955311, 102),
	(51, '\xfa3f239ce602b24d2523d0ca7981be13df5bb388740373aabb77b60ffcdf7e0a', '\x119a2429b19c11af3bcf6cd28e3b8a201fbe8260286058a472e768cf92f0381a', 1795955311, 104),
	(52, '\x9cfecdd15e78f11fbedbd9679beb0bd5b69cc75d6a64e57ef43d4cd3ed54359c', '\xfa3f239ce602b24d2523d0ca7981be13df5bb388740373aabb77b60ffcdf7e0a', 1795955311, 106),
	(53, '\x1a169ef84e71a174684ef07ce24f9278122c0f9debe995706a5fd68cea1a4580', '\x9cfecdd15e78f11fbedbd9679beb0bd5b69cc75d6a64e57ef43d4cd3ed54359c', 1795955311, 108),
	(54, '\xfd6e9955327bf15d5734b4854979d15e45a2c9b7d933491f8fb4d08109545ac4', '\x1a169ef84e71a174684ef07ce24f9278122c0f9debe995706a5fd68cea1a4580', 1795955311, 110),
	(55, '\x41a203c168b21c9c8c2a5e4861f4447b6a644920df9770e93b075beaac5a9a74', '\xfd6e9955327bf15d5734b4854979d15e45a2c9b7d933491f8fb4d08109545ac4', 1795955311, 112),
	(56, '\xeb3631ded8a78be851728762d53a6202f83a5b9c2a5d76c6dbc07e68fef547e7', '\x41a203c168b21c9c8c2a5e4861f4447b6a644920df9770e93b075beaac5a9a74', 1795955312, 114),
	(57, '\xff69093e0d41e81ce27f8c9ecc16869d78c69b450cb5a837b7da618a1db0af98', '\xeb3631ded8a78be851728762d53a6202f83a5b9c2a5d76c6dbc07e68fef547e7', 1795955312, 116),
	(58, '\xdb6e1a49fc61b45fdc47f49a5f07a9e74828c38b58c1b2d3b9e6469329bcaf33', '\xff69093e0d41e81ce27f8c9ecc16869d78c69b450cb5a837b7da618a1db0af98', 1795955312, 118),
	(59, '\x341bc02ac3b3e0feb7a901fba2f9d74b3e903256e5a447c4ce9b980275baf9bd', '\xdb6e1a49fc61b45fdc47f49a5f07a9e74828c38b58c1b2d3b9e6469329bcaf33', 1795955312, 120),
	(60, '\x5e84b15545c40a6b3d617f9686a8629eab5743564fed82e517580cbe42439b96', '\x341bc02ac3b3e0feb7a901fba2f9d74b3e903256e5a447c4ce9b980275baf9bd', 1795955312, 122),
	(61, '\x38b1a33fac80e3bd1c9e94f08d5c85d13590fda97c2b356f82f22cbfc3c0760e', '\x5e84b15545c40a6b3d617f9686a8629eab5743564fed82e517580cbe42439b96', 1795955312, 124),
	(62, '\x2f0b5c74497ec8ce0b3fd1299c2b32cb7e6c3f3d5d53d98fa26f19e8bfcf40f1', '\x38b1a33fac80e3bd1c9e94f08d5c85d13590fda97c2b356f82f22cbfc3c0760e', 1795955313, 126),
	(63, '\xbb6f76f74d27b0fcfcccaab904ad18da0eb02ba68de6e4848028ff8fc8414cc4', '\x2f0b5c74497ec8ce0b3fd1299c2b32cb7e6c3f3d5d53d98fa26f19e8bfcf40f1', 1795955313, 128),
	(64, '\xa9bd5ac6eec61ebfb568456b82435910380fb0267d66a09f7778aeac8ca0b178', '\xbb6f76f74d27b0fcfcccaab904ad18da0eb02ba68de6e4848028ff8fc8414cc4', 1795955313, 130),
	(65, '\xe43a10ae881ca10793b7f01b1e81512c3cf05815757bb6e764ac620695904a7a', '\xa9bd5ac6eec61ebfb568456b82435910380fb0267d66a09f7778aeac8ca0b178', 1795955313, 132),
	(66, '\x1713b406d6bae222b642c46de14694338c09aa27544f7b86206b273c5a362e31', '\xe43a10ae881ca10793b7f01b1e81512c3cf05815757bb6e764ac620695904a7a', 1795955313, 134),
	(67, '\xe96f21fb9325296f01b9142e2d3f8591d2ec4ac8f79d36b826b519c08f5cd266', '\x1713b406d6bae222b642c46de14694338c09aa27544f7b86206b273c5a362e31', 1795955313, 136),
	(68, '\xb8d6b918033d8e40c1793dd8ef91dbbb8260def7bd6c9f4c9b3646cecc6b7e94', '\xe96f21fb9325296f01b9142e2d3f8591d2ec4ac8f79d36b826b519c08f5cd266', 1795955314, 138),
	(69, '\xd3d401bf4383a8ae58c38a4d3f53252394c3bb2305f6d6f60d3fdad5d88cfcea', '\xb8d6b918033d8e40c1793dd8ef91dbbb8260def7bd6c9f4c9b3646cecc6b7e94', 1795955314, 140),
	(70, '\xda9c4419c8eaf010476504b513719eaafefe3b9d3a32cc282535a4bf49797c3d', '\xd3d401bf4383a8ae58c38a4d3f53252394c3bb2305f6d6f60d3fdad5d88cfcea', 1795955314, 142),
	(71, '\xdadf6350497f566ede761066786e560a8a0da9250b8e2ea3a4ba2473fd96d041', '\xda9c4419c8eaf010476504b513719eaafefe3b9d3a32cc282535a4bf49797c3d', 1795955314, 144),
	(72, '\x7651070c63ca5cef1904367a933448ab7052e088552c9a3ab14ed73a6a629475', '\xdadf6350497f566ede761066786e560a8a0da9250b8e2ea3a4ba2473fd96d041', 1795955314, 146),
	(73, '\x6b97c88c391694e6a8afd4169933b9220f757386f81e7181cff7ff01328e2ef3', '\x7651070c63ca5cef1904367a933448ab7052e088552c9a3ab14ed73a6a629475', 1795955314, 148),
	(74, '\xd53340bad228509191761475ae7f244a0ddabd1c16dc8223bf0a841ab75dab0b', '\x6b97c88c391694e6a8afd4169933b9220f757386f81e7181cff7ff01328e2ef3', 1795955315, 150),
	(75, '\xe0859454ca5ece7f61439423d4ef478f984f44061e5800c6251b3c12f0f74ab2', '\xd53340bad228509191761475ae7f244a0ddabd1c16dc8223bf0a841ab75dab0b', 1795955315, 152),
	(76, '\xab19ea0db7a8111d436ab37f2544b96661d78bddd9529e5c4f00b6eea77f8f14', '\xe0859454ca5ece7f61439423d4ef478f984f44061e5800c6251b3c12f0f74ab2', 1795955315, 154),
	(77, '\x85cdab1c4f441bde69c1572ea062162717b883286763a15ef168b2a9bd0cae1f', '\xab19ea0db7a8111d436ab37f2544b96661d78bddd9529e5c4f00b6eea77f8f14', 1795955315, 156),
	(78, '\x690a20b25c1e7326306532a3ec0c9eb7068f274aad53f25cdbb77598d1b6cc9c', '\x85cdab1c4f441bde69c1572ea062162717b883286763a15ef168b2a9bd0cae1f', 1795955315, 158),
	(79, '\x111f1393b3914d8eef2c2ff6286d1e67d75fa1b467cc54a10b3e4f8aebefa7a1', '\x690a20b25c1e7326306532a3ec0c9eb7068f274aad53f25cdbb77598d1b6cc9c', 1795955315, 160),
	(80, '\x1ecac6c452e150da3eda9205c35dc15b158bce00320ff867a8aca188f149bf74', '\x111f1393b3914d8eef2c2ff6286d1e67d75fa1b467cc54a10b3e4f8aebefa7a1', 1795955316, 162),
	(81, '\x9d34f6d72b75cfea1a3682a9953c47b0e9d52e29e14a9ae596946fb5e960388d', '\x1ecac6c452e150da3eda9205c35dc15b158bce00320ff867a8aca188f149bf74', 1795955316, 164),
	(82, '\xc2c6f308c2b026767975d1186627c43ad155f38b3c8debecccda2ca94c67873c', '\x9d34f6d72b75cfea1a3682a9953c47b0e9d52e29e14a9ae596946fb5e960388d', 1795955316, 166),
	(83, '\x310dd3f12516ea15c07c855e3e20d91cc87988e0c88fbdc5b5349dbfdf341209', '\xc2c6f308c2b026767975d1186627c43ad155f38b3c8debecccda2ca94c67873c', 1795955316, 168),
	(84, '\xe84295327c52bc431c1d3c6fdec2146f4152f2e95058c5c0a6df25c51f3a8aa1', '\x310dd3f12516ea15c07c855e3e20d91cc87988e0c88fbdc5b5349dbfdf341209', 1795955316, 170),
	(85, '\x59f59f31569604764ca2438404c0add8a7002f9e63e3b24796b561db3ed175d1', '\xe84295327c52bc431c1d3c6fdec2146f4152f2e95058c5c0a6df25c51f3a8aa1', 1795955316, 172),
	(86, '\x4e8f0017d80b6c4d11173b260472e5990b3d0e524cdbd9690e9fe9f1f09de1a1', '\x59f59f31569604764ca2438404c0add8a7002f9e63e3b24796b561db3ed175d1', 1795955317, 174),
	(87, '\xc75ad2def766e4c76db09494599a1265a306a8ea5118a52cf302f889531df528', '\x4e8f0017d80b6c4d11173b260472e5990b3d0e524cdbd9690e9fe9f1f09de1a1', 1795955317, 176),
	(88, '\x9e7d11d49d461e9cfefc1f1a474bb4e5d6bb5d0f6ee68576ad72fd0925e5d496', '\xc75ad2def766e4c76db09494599a1265a306a8ea5118a52cf302f889531df528', 1795955317, 178),
	(89, '\x8d28cd4ee59b506d1bad8df29e3eb515c3c29259c48f7b903623c4f3e008f5c4', '\x9e7d11d49d461e9cfefc1f1a474bb4e5d6bb5d0f6ee68576ad72fd0925e5d496', 1795955317, 180),
	(90, '\x24dfa02de00618225b9190322f63cfdf4196de9f674ea9e7e4f6cca08c06ddaa', '\x8d28cd4ee59b506d1bad8df29e3eb515c3c29259c48f7b903623c4f3e008f5c4', 1795955317, 182),
	(91, '\xc0159538fbab77fb423556d422eeb716f698272e09cc12acafc3cd73dabbe0cc', '\x24dfa02de00618225b9190322f63cfdf4196de9f674ea9e7e4f6cca08c06ddaa', 1795955317, 184),
	(92, '\x10a3fad4be85301e42d26bbbdcf837f882fff5f045aac56f986ea84f72dc1107', '\xc0159538fbab77fb423556d422eeb716f698272e09cc12acafc3cd73dabbe0cc', 1795955318, 186),
	(93, '\x7f482abd4a511190f0ea7669c4272fdb98715078fed9479f45e70c9343bb261e', '\x10a3fad4be85301e42d26bbbdcf837f882fff5f045aac56f986ea84f72dc1107', 1795955318, 188),
	(94, '\xb21c594e8a67fc89b558b9bc9fb42f253823bcb5e2c16c65868729e612741499', '\x7f482abd4a511190f0ea7669c4272fdb98715078fed9479f45e70c9343bb261e', 1795955318, 190),
	(95, '\x2c3d0e9a019bd77a88a5ec2c8a3d8eab0eb2b21382178450b4ce10260310b028', '\xb21c594e8a67fc89b558b9bc9fb42f253823bcb5e2c16c65868729e612741499', 1795955318, 192),
	(96, '\x5eca237e4cf4c715891903de89e115f7169c27059e72ffa8581a9114cd2ecd87', '\x2c3d0e9a019bd77a88a5ec2c8a3d8eab0eb2b21382178450b4ce10260310b028', 1795955318, 194),
	(97, '\x628ab81360cda4a1bd6f35ec94e0336a2c7a89d419e4de18874bd034353358b8', '\x5eca237e4cf4c715891903de89e115f7169c27059e72ffa8581a9114cd2ecd87', 1795955318, 196),
	(98, '\xecb071c21defdfba9008494990c09bf46a0951e011ea3340c3b66e20e4039a41', '\x628ab81360cda4a1bd6f35ec94e0336a2c7a89d419e4de18874bd034353358b8', 1795955319, 198),
	(99, '\x6d5afce6cc5be8e3ee4cdec768903fee07707ad29b8873d596665baab5d7fdf3', '\xecb071c21defdfba9008494990c09bf46a0951e011ea3340c3b66e20e4039a41', 1795955319, 200),
	(100, '\xc2ebb02ebe233ff1964d0e023ca2e5aab8fcaef1a5b8feaf388fe245a6df023c', '\x6d5afce6cc5be8e3ee4cdec768903fee07707ad29b8873d596665baab5d7fdf3', 1795955319, 202),
	(101, '\x6618a94de061f33c2f5016308aaaa5425bf8bae78e692a36715d5367f92ecc96', '\xc2ebb02ebe233ff1964d0e023ca2e5aab8fcaef1a5b8feaf388fe245a6df023c', 1795955319, 204),
	(102, '\x967ec79161b776dbb879df10c493a1b8dd675f3820662fa7f7e2fe7f0a86bd1d', '\x6618a94de061f33c2f5016308aaaa5425bf8bae78e692a36715d5367f92ecc96', 1795955319, 206),
	(103, '\x588d652f5e1f6d98d00509d90a967cd11c674ed62f50812886b1b1a4c04e13a0', '\x967ec79161b776dbb879df10c493a1b8dd675f3820662fa7f7e2fe7f0a86bd1d', 1795955319, 208),
	(104, '\x84d6d96839914a963fc8000f3821860fbde1a54e9ef8785418f12b1958c37ae8', '\x588d652f5e1f6d98d00509d90a967cd11c674ed62f50812886b1b1a4c04e13a0', 1795955320, 210),
	(105, '\x020b1709878bbb4ffb48898b0d0fa525a7360fb9092fcafb9cdb50dc6c58ca08', '\x84d6d96839914a963fc8000f3821860fbde1a54e9ef8785418f12b1958c37ae8', 1795955320, 212),
	(106, '\x5476e00730ed47b866f8e1c8d9badf8b8d4639b8735a7d10e6acc76e0e9c94d6', '\x020b1709878bbb4ffb48898b0d0fa525a7360fb9092fcafb9cdb50dc6c58ca08', 1795955320, 214),
	(107, '\xafc38556c3be53c8bc397d0c22cc617d5d5181b5f2288d0035f04abb995f64d7', '\x5476e00730ed47b866f8e1c8d9badf8b8d4639b8735a7d10e6acc76e0e9c94d6', 1795955320, 216),
	(108, '\x520fe14e45dd29e611e8e807cbd678671c94082ebdc2f70ee3d248fd2b264534', '\xafc38556c3be53c8bc397d0c22cc617d5d5181b5f2288d0035f04abb995f64d7', 1795955320, 218),
	(109, '\x6a4696c287c820187a615ec7be9766fcb17c9fbf952a20eed8714ebd35af843c', '\x520fe14e45dd29e611e8e807cbd678671c94082ebdc2f70ee3d248fd2b264534', 1795955320, 220),
	(110, '\xc04bfda4394870d6badc2b02326124bcf5733c1b6f117ace42e8fbf764beba6d', '\x6a4696c287c820187a615ec7be9766fcb17c9fbf952a20eed8714ebd35af843c', 1795955321, 222),
	(111, '\x9e6c94999c2afe974ff32c09141ffafc294a242816b0889e4f5b2aafe668f61f', '\xc04bfda4394870d6badc2b02326124bcf5733c1b6f117ace42e8fbf764beba6d', 1795955321, 224),
	(112, '\xa598d2c7dcef5a76b44a5c243727aae28a8118de223ac56cb54301928bb683be', '\x9e6c94999c2afe974ff32c09141ffafc294a242816b0889e4f5b2aafe668f61f', 1795955321, 226),
	(113, '\x80a5083060df0f9d1fda5ca7703148cfa6e28be30ec281fbe898716305f67790', '\xa598d2c7dcef5a76b44a5c243727aae28a8118de223ac56cb54301928bb683be', 1795955321, 228),
	(114, '\x39181e968e0b2b8b18e635bc9506b14c24b32119443a6beb39455a5efeac3d9d', '\x80a5083060df0f9d1fda5ca7703148cfa6e28be30ec281fbe898716305f67790', 1795955321, 230),
	(115, '\xdb07b82e5c078ec1fe140a43fdc599b76f7d6d755c7cabb2219863c46baae5bb', '\x39181e968e0b2b8b18e635bc9506b14c24b32119443a6beb39455a5efeac3d9d', 1795955321, 232),
	(116, '\x06b392d5a723455c6d678cd5cbb44649e3be6b110b69906bef38ae41546ca02e', '\xdb07b82e5c078ec1fe140a43fdc599b76f7d6d755c7cabb2219863c46baae5bb', 1795955322, 234),
	(117, '\x06d974091ceacd853d900d4aa034afb7b3c06271c809b11ced108803d8cbf3bd', '\x06b392d5a723455c6d678cd5cbb44649e3be6b110b69906bef38ae41546ca02e', 1795955322, 236),
	(118, '\x047bfe1d0433af57ab8eea9b01cd18450ab537ed235fe35189a2ebf97eb0e7df', '\x06d974091ceacd853d900d4aa034afb7b3c06271c809b11ced108803d8cbf3bd', 1795955322, 238),
	(119, '\x1334b2aea474dab4f98c001d0c7dcd7415e3cd047991f943bc90cbbf39057e89', '\x047bfe1d0433af57ab8eea9b01cd18450ab537ed235fe35189a2ebf97eb0e7df', 1795955322, 240),
	(120, '\x9c48b10bfa1881312a26e770985e7e83839e4d6d1a21cdab529443d755382602', '\x1334b2aea474dab4f98c001d0c7dcd7415e3cd047991f943bc90cbbf39057e89', 1795955322, 242),
	(121, '\x8242fedd3df2a9fa28ee2e2298198472b84824bab51a807dfb55b07618e2fe77', '\x9c48b10bfa1881312a26e770985e7e83839e4d6d1a21cdab529443d755382602', 1795955322, 244),
	(122, '\x08f84bdac435a0a0c92709f21a72158d92ed1025778eee7fe27f046ee779efc7', '\x8242fedd3df2a9fa28ee2e2298198472b84824bab51a807dfb55b07618e2fe77', 1795955323, 246),
	(123, '\x4f83e8ad1d1f3535f9049d3dba6c257a7698ba55fc39bcad7e0401eddfec65e5', '\x08f84bdac435a0a0c92709f21a72158d92ed1025778eee7fe27f046ee779efc7', 1795955323, 248);

INSERT INTO public.chain_state VALUES
	(1, 123, '\x4f83e8ad1d1f3535f9049d3dba6c257a7698ba55fc39bcad7e0401eddfec65e5', 100, NULL, NULL, 68599130000, 68599130000, NULL);

INSERT INTO public.coins VALUES
	('\x0a928f2cf0d15ae4ace6a49f2cdbd9f9695e940b255be864cb3c541199423aea', 0, 2, 0, 0, 2500000000, false, 101, NULL, NULL, 0, false, NULL),
	('\x190565aed4d8825e95ee180926fa8a23461158ddbdbfa7512cf5deee305b5e89', 0, 0, 0, 0, 2500000000, false, 101, NULL, NULL, 0, false, NULL),
	('\x9e1926db1dc06e0850f2363a7a444d17e01bc5b7e47ad1e108da2281a5517a47', 0, 0, 0, 0, 2300000000, false, 101, NULL, NULL, 0, false, NULL),
	('\xd29c7b5c97f92954b5c9ff2e63e97eaa36420f2ae669f4bbab9fdffae555eaf3', 0, 0, 0, 0, 2200000000, false, 101, NULL, NULL, 0, false, NULL),
	('\xfffdea77cdfbbdfcd9d9b2566b93d1e93427b9d0c78ffe8c04e48c7138f59914', 0, 0, 0, 0, 2400000000, false, 101, NULL, NULL, 0, false, NULL),
	('\x94bc2868f2b9b0d1cde673138df1a9c43613ad8e9dc27138cce089f740530b92', 0, 0, 0, 0, 50000000000, false, 101, 107, '\xd51789540fc5b651b970fe8006297ba1ca8c7a405cd80d8f4337ea83ca86c14d', 1, false, 1),
	('\xd51789540fc5b651b970fe8006297ba1ca8c7a405cd80d8f4337ea83ca86c14d', 1, 0, 1, 0, 45999774000, false, 107, NULL, NULL, 0, true, NULL),
	('\x53936e27f8ec104c4e1fa365fd505a6bf2f8aa6872f52033af3ab093b221156c', 1, 0, 1, 1, 499774000, false, 113, NULL, NULL, 0, true, NULL),
	('\x71fb6fb91ec85cda4520f8f32d871260ead8f909456124fd22b2e5605d969cd1', 0, 0, 0, 0, 2000000000, false, 101, 113, '\x53936e27f8ec104c4e1fa365fd505a6bf2f8aa6872f52033af3ab093b221156c', 1, false, 2),
	('\xbfa0f1b1cf7f3eaf26a80f2b5d17bd9c0fa8851bc5790dcece7cac9c081746db', 1, 0, 1, 2, 1399774000, false, NULL, NULL, NULL, 0, true, NULL),
	('\x327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac', 0, 0, 0, 0, 2100000000, false, 101, 114, '\x6c6f086032070379cf0cfd46195a8a23fff462e87584798ac002cea6e74ec83b', 1, false, 3),
	('\x5f00bd2aaa559b17117caa00a429ced05a6524fdaf95f29dada84ec51aa0076c', 0, 2, 0, 1, 600000000, false, 101, 114, '\xbb8b9c59d66921343203051ba1f87dc25a8611ef421cde3f5a5af3e3c4597c71', 1, false, 5),
	('\x6c6f086032070379cf0cfd46195a8a23fff462e87584798ac002cea6e74ec83b', 0, 0, 1, 3, 2099808000, false, 114, NULL, NULL, 0, true, NULL),
	('\xbb8b9c59d66921343203051ba1f87dc25a8611ef421cde3f5a5af3e3c4597c71', 1, 2, 1, 0, 99774000, false, 114, NULL, NULL, 0, true, NULL),
	('\x35587e70125165acb8a455ec24b28eaf74b0cc42a9ec650512997507851f4c4d', 0, 6, 0, 0, 5000000000, false, NULL, NULL, NULL, 0, false, NULL),
	('\x17203bf40af614fbb83443e092fc18ccbf2d02d68b887bb92e7a9c58d727847d', 1, 1, 1, 0, 6899774000, false, NULL, NULL, NULL, 0, true, NULL),
	('\x36e3ff9c31a73d6d6498a9bb2be91f3de5cee730be505ea1b8e421d363c1671f', 0, 1, 0, 1, 8000000000, false, 101, NULL, NULL, 0, false, 6);

INSERT INTO public.cursors VALUES
	('first start', 0),
	('webhooks', 152);

INSERT INTO public.deliveries VALUES
	(2, 10, 'due', 2, '2026-11-29 12:33:48.707767+00', NULL, '2026-11-29 12:28:22.776577+00', 2),
	(2, 9, 'due', 2, '2026-11-29 12:33:11.247887+00', NULL, '2026-11-29 12:28:22.718252+00', 2),
	(1, 27, 'due', 2, '2026-11-29 12:33:30.860516+00', NULL, '2026-11-29 12:28:23.229372+00', 2),
	(1, 13, 'due', 2, '2026-11-29 12:33:11.520192+00', NULL, '2026-11-29 12:28:22.849725+00', 2),
	(1, 152, 'due', 2, '2026-11-29 12:34:49.273082+00', NULL, '2026-11-29 12:29:23.31174+00', 2),
	(2, 12, 'due', 2, '2026-11-29 12:32:59.090433+00', NULL, '2026-11-29 12:28:22.796852+00', 2),
	(2, 152, 'due', 2, '2026-11-29 12:34:50.214324+00', NULL, '2026-11-29 12:29:23.311823+00', 2),
	(2, 17, 'due', 2, '2026-11-29 12:33:21.288811+00', NULL, '2026-11-29 12:28:23.229271+00', 2),
	(1, 22, 'due', 2, '2026-11-29 12:33:52.795016+00', NULL, '2026-11-29 12:28:23.229316+00', 2),
	(2, 11, 'due', 2, '2026-11-29 12:33:53.852408+00', NULL, '2026-11-29 12:28:22.796836+00', 2),
	(1, 12, 'due', 2, '2026-11-29 12:32:58.097881+00', NULL, '2026-11-29 12:28:22.796846+00', 2),
	(1, 8, 'due', 2, '2026-11-29 12:33:18.457168+00', NULL, '2026-11-29 12:28:22.71792+00', 2),
	(1, 11, 'due', 2, '2026-11-29 12:33:29.742375+00', NULL, '2026-11-29 12:28:22.796677+00', 2),
	(1, 19, 'due', 2, '2026-11-29 12:33:23.727869+00', NULL, '2026-11-29 12:28:23.229283+00', 2),
	(2, 26, 'due', 2, '2026-11-29 12:33:22.336314+00', NULL, '2026-11-29 12:28:23.229364+00', 2),
	(1, 49, 'due', 2, '2026-11-29 12:33:36.814366+00', NULL, '2026-11-29 12:28:23.229578+00', 2),
	(1, 53, 'due', 2, '2026-11-29 12:33:33.668224+00', NULL, '2026-11-29 12:28:23.667621+00', 2),
	(1, 26, 'due', 2, '2026-11-29 12:33:14.137454+00', NULL, '2026-11-29 12:28:23.229351+00', 2),
	(2, 21, 'due', 2, '2026-11-29 12:33:47.783926+00', NULL, '2026-11-29 12:28:23.229311+00', 2),
	(2, 31, 'due', 2, '2026-11-29 12:33:18.476931+00', NULL, '2026-11-29 12:28:23.229406+00', 2),
	(1, 54, 'due', 2, '2026-11-29 12:33:09.68068+00', NULL, '2026-11-29 12:28:23.667681+00', 2),
	(2, 32, 'due', 2, '2026-11-29 12:33:42.783914+00', NULL, '2026-11-29 12:28:23.229415+00', 2),
	(2, 30, 'due', 2, '2026-11-29 12:33:21.27197+00', NULL, '2026-11-29 12:28:23.229393+00', 2),
	(2, 14, 'due', 2, '2026-11-29 12:33:50.62826+00', NULL, '2026-11-29 12:28:23.229248+00', 2),
	(1, 23, 'due', 2, '2026-11-29 12:33:45.059268+00', NULL, '2026-11-29 12:28:23.229326+00', 2),
	(2, 20, 'due', 2, '2026-11-29 12:33:36.204176+00', NULL, '2026-11-29 12:28:23.229301+00', 2),
	(1, 55, 'due', 2, '2026-11-29 12:33:45.106546+00', NULL, '2026-11-29 12:28:23.667701+00', 2),
	(1, 25, 'due', 2, '2026-11-29 12:33:29.522619+00', NULL, '2026-11-29 12:28:23.229341+00', 2),
	(2, 29, 'due', 2, '2026-11-29 12:33:41.461767+00', NULL, '2026-11-29 12:28:23.229387+00', 2),
	(2, 16, 'due', 2, '2026-11-29 12:32:59.04932+00', NULL, '2026-11-29 12:28:23.229265+00', 2),
	(2, 44, 'due', 2, '2026-11-29 12:33:19.143966+00', NULL, '2026-11-29 12:28:23.229532+00', 2),
	(2, 25, 'due', 2, '2026-11-29 12:33:23.997823+00', NULL, '2026-11-29 12:28:23.229346+00', 2),
	(2, 23, 'due', 2, '2026-11-29 12:33:26.072792+00', NULL, '2026-11-29 12:28:23.22933+00', 2),
	(2, 33, 'due', 2, '2026-11-29 12:33:10.411237+00', NULL, '2026-11-29 12:28:23.229424+00', 2),
	(2, 22, 'due', 2, '2026-11-29 12:33:12.905666+00', NULL, '2026-11-29 12:28:23.22932+00', 2),
	(2, 39, 'due', 2, '2026-11-29 12:32:59.006667+00', NULL, '2026-11-29 12:28:23.229489+00', 2),
	(2, 41, 'due', 2, '2026-11-29 12:33:45.1665+00', NULL, '2026-11-29 12:28:23.229506+00', 2),
	(2, 27, 'due', 2, '2026-11-29 12:33:18.844219+00', NULL, '2026-11-29 12:28:23.229376+00', 2),
	(1, 21, 'due', 2, '2026-11-29 12:33:49.922303+00', NULL, '2026-11-29 12:28:23.229307+00', 2),
	(2, 34, 'due', 2, '2026-11-29 12:33:55.181422+00', NULL, '2026-11-29 12:28:23.229432+00', 2),
	(2, 24, 'due', 2, '2026-11-29 12:33:09.889224+00', NULL, '2026-11-29 12:28:23.229336+00', 2),
	(2, 15, 'due', 2, '2026-11-29 12:33:00.474644+00', NULL, '2026-11-29 12:28:23.229257+00', 2),
	(2, 37, 'due', 2, '2026-11-29 12:33:50.666154+00', NULL, '2026-11-29 12:28:23.229453+00', 2),
	(2, 19, 'due', 2, '2026-11-29 12:33:15.463982+00', NULL, '2026-11-29 12:28:23.229288+00', 2),
	(2, 46, 'due', 2, '2026-11-29 12:33:10.230098+00', NULL, '2026-11-29 12:28:23.22955+00', 2),
	(2, 40, 'due', 2, '2026-11-29 12:33:52.73017+00', NULL, '2026-11-29 12:28:23.229497+00', 2),
	(2, 18, 'due', 2, '2026-11-29 12:33:13.24544+00', NULL, '2026-11-29 12:28:23.229277+00', 2),
	(2, 45, 'due', 2, '2026-11-29 12:33:20.073049+00', NULL, '2026-11-29 12:28:23.229541+00', 2),
	(2, 59, 'due', 2, '2026-11-29 12:33:32.088633+00', NULL, '2026-11-29 12:28:23.667737+00', 2),
	(2, 36, 'due', 2, '2026-11-29 12:33:50.303211+00', NULL, '2026-11-29 12:28:23.229443+00', 2),
	(2, 53, 'due', 2, '2026-11-29 12:33:02.197487+00', NULL, '2026-11-29 12:28:23.667669+00', 2),
	(2, 48, 'due', 2, '2026-11-29 12:33:23.186718+00', NULL, '2026-11-29 12:28:23.22957+00', 2),
	(2, 42, 'due', 2, '2026-11-29 12:33:44.393461+00', NULL, '2026-11-29 12:28:23.229516+00', 2),
	(2, 78, 'due', 2, '2026-11-29 12:33:20.507157+00', NULL, '2026-11-29 12:28:24.102304+00', 2),
	(2, 38, 'due', 2, '2026-11-29 12:33:35.29011+00', NULL, '2026-11-29 12:28:23.229463+00', 2),
	(2, 63, 'due', 2, '2026-11-29 12:33:40.104596+00', NULL, '2026-11-29 12:28:23.776901+00', 2),
	(2, 58, 'due', 2, '2026-11-29 12:33:24.781209+00', NULL, '2026-11-29 12:28:23.667731+00', 2),
	(2, 35, 'due', 2, '2026-11-29 12:33:10.378357+00', NULL, '2026-11-29 12:28:23.229186+00', 2),
	(2, 60, 'due', 2, '2026-11-29 12:33:40.571304+00', NULL, '2026-11-29 12:28:23.724249+00', 2),
	(2, 47, 'due', 2, '2026-11-29 12:33:05.172692+00', NULL, '2026-11-29 12:28:23.229561+00', 2),
	(2, 49, 'due', 2, '2026-11-29 12:33:58.6129+00', NULL, '2026-11-29 12:28:23.229586+00', 2),
	(2, 67, 'due', 2, '2026-11-29 12:33:09.523853+00', NULL, '2026-11-29 12:28:23.867229+00', 2),
	(2, 52, 'due', 2, '2026-11-29 12:33:08.733287+00', NULL, '2026-11-29 12:28:23.229615+00', 2),
	(2, 55, 'due', 2, '2026-11-29 12:33:08.528732+00', NULL, '2026-11-29 12:28:23.667711+00', 2),
	(2, 43, 'due', 2, '2026-11-29 12:33:43.232181+00', NULL, '2026-11-29 12:28:23.229524+00', 2),
	(2, 51, 'due', 2, '2026-11-29 12:33:47.282126+00', NULL, '2026-11-29 12:28:23.229609+00', 2),
	(2, 50, 'due', 2, '2026-11-29 12:33:38.473049+00', NULL, '2026-11-29 12:28:23.229595+00', 2),
	(2, 54, 'due', 2, '2026-11-29 12:33:32.359313+00', NULL, '2026-11-29 12:28:23.667693+00', 2),
	(2, 61, 'due', 2, '2026-11-29 12:33:08.792722+00', NULL, '2026-11-29 12:28:23.724295+00', 2),
	(2, 75, 'due', 2, '2026-11-29 12:33:22.838862+00', NULL, '2026-11-29 12:28:24.066738+00', 2),
	(2, 80, 'due', 2, '2026-11-29 12:33:06.270328+00', NULL, '2026-11-29 12:28:24.137986+00', 2),
	(2, 57, 'due', 2, '2026-11-29 12:33:16.253604+00', NULL, '2026-11-29 12:28:23.667724+00', 2),
	(2, 77, 'due', 2, '2026-11-29 12:33:29.187513+00', NULL, '2026-11-29 12:28:24.102292+00', 2),
	(2, 62, 'due', 2, '2026-11-29 12:33:44.328222+00', NULL, '2026-11-29 12:28:23.776824+00', 2),
	(2, 56, 'due', 2, '2026-11-29 12:33:23.609329+00', NULL, '2026-11-29 12:28:23.667718+00', 2),
	(2, 76, 'due', 2, '2026-11-29 12:33:15.930823+00', NULL, '2026-11-29 12:28:24.102241+00', 2),
	(2, 74, 'due', 2, '2026-11-29 12:33:22.897873+00', NULL, '2026-11-29 12:28:24.066678+00', 2),
	(2, 72, 'due', 2, '2026-11-29 12:33:13.922336+00', NULL, '2026-11-29 12:28:24.021812+00', 2),
	(2, 81, 'due', 2, '2026-11-29 12:33:40.980217+00', NULL, '2026-11-29 12:28:24.138031+00', 2),
	(2, 91, 'due', 2, '2026-11-29 12:33:35.329068+00', NULL, '2026-11-29 12:28:24.297008+00', 2),
	(2, 82, 'due', 2, '2026-11-29 12:33:35.679842+00', NULL, '2026-11-29 12:28:24.138041+00', 2),
	(2, 87, 'due', 2, '2026-11-29 12:33:56.052288+00', NULL, '2026-11-29 12:28:24.240865+00', 2),
	(2, 79, 'due', 2, '2026-11-29 12:33:49.245136+00', NULL, '2026-11-29 12:28:24.102315+00', 2),
	(2, 73, 'due', 2, '2026-11-29 12:33:08.252328+00', NULL, '2026-11-29 12:28:24.0219+00', 2),
	(2, 90, 'due', 2, '2026-11-29 12:33:07.017868+00', NULL, '2026-11-29 12:28:24.297002+00', 2),
	(2, 96, 'due', 2, '2026-11-29 12:33:26.427712+00', NULL, '2026-11-29 12:28:24.495727+00', 2),
	(2, 89, 'due', 2, '2026-11-29 12:33:37.295242+00', NULL, '2026-11-29 12:28:24.296993+00', 2),
	(2, 97, 'due', 2, '2026-11-29 12:33:53.426871+00', NULL, '2026-11-29 12:28:24.495797+00', 2),
	(2, 94, 'due', 2, '2026-11-29 12:33:26.696647+00', NULL, '2026-11-29 12:28:24.361188+00', 2),
	(2, 106, 'due', 2, '2026-11-29 12:33:06.710733+00', NULL, '2026-11-29 12:28:25.7011+00', 2),
	(2, 88, 'due', 2, '2026-11-29 12:33:43.974329+00', NULL, '2026-11-29 12:28:24.296946+00', 2),
	(2, 107, 'due', 2, '2026-11-29 12:33:51.777941+00', NULL, '2026-11-29 12:28:25.701125+00', 2),
	(2, 105, 'due', 2, '2026-11-29 12:33:19.567842+00', NULL, '2026-11-29 12:28:25.701042+00', 2),
	(2, 108, 'due', 2, '2026-11-29 12:33:38.961957+00', NULL, '2026-11-29 12:28:25.76002+00', 2),
	(2, 8, 'due', 2, '2026-11-29 12:33:33.969497+00', NULL, '2026-11-29 12:28:22.718232+00', 2),
	(1, 10, 'due', 2, '2026-11-29 12:33:32.599125+00', NULL, '2026-11-29 12:28:22.77652+00', 2),
	(1, 20, 'due', 2, '2026-11-29 12:33:27.017224+00', NULL, '2026-11-29 12:28:23.229293+00', 2),
	(2, 64, 'due', 2, '2026-11-29 12:33:24.311318+00', NULL, '2026-11-29 12:28:23.831195+00', 2),
	(2, 83, 'due', 2, '2026-11-29 12:33:08.454002+00', NULL, '2026-11-29 12:28:24.198954+00', 2),
	(2, 85, 'due', 2, '2026-11-29 12:33:40.534945+00', NULL, '2026-11-29 12:28:24.199022+00', 2),
	(2, 93, 'due', 2, '2026-11-29 12:33:06.366632+00', NULL, '2026-11-29 12:28:24.297231+00', 2),
	(2, 92, 'due', 2, '2026-11-29 12:33:18.233613+00', NULL, '2026-11-29 12:28:24.297017+00', 2),
	(2, 109, 'due', 2, '2026-11-29 12:33:16.076922+00', NULL, '2026-11-29 12:28:25.812985+00', 2),
	(2, 123, 'due', 2, '2026-11-29 12:33:44.935008+00', NULL, '2026-11-29 12:28:26.863817+00', 2),
	(2, 125, 'due', 2, '2026-11-29 12:33:21.443541+00', NULL, '2026-11-29 12:28:26.863832+00', 2),
	(2, 126, 'due', 2, '2026-11-29 12:33:54.225537+00', NULL, '2026-11-29 12:28:26.863838+00', 2),
	(1, 122, 'due', 2, '2026-11-29 12:33:53.959594+00', NULL, '2026-11-29 12:28:26.863758+00', 2),
	(2, 131, 'due', 2, '2026-11-29 12:33:57.579441+00', NULL, '2026-11-29 12:28:27.203188+00', 2),
	(2, 124, 'due', 2, '2026-11-29 12:33:54.16772+00', NULL, '2026-11-29 12:28:26.863824+00', 2),
	(2, 122, 'due', 2, '2026-11-29 12:33:03.125052+00', NULL, '2026-11-29 12:28:26.863806+00', 2),
	(2, 127, 'due', 2, '2026-11-29 12:33:02.762675+00', NULL, '2026-11-29 12:28:26.905625+00', 2),
	(2, 145, 'due', 2, '2026-11-29 12:33:34.187493+00', NULL, '2026-11-29 12:28:27.947168+00', 2),
	(2, 146, 'due', 2, '2026-11-29 12:33:06.908628+00', NULL, '2026-11-29 12:28:27.947241+00', 2),
	(2, 68, 'due', 2, '2026-11-29 12:33:32.425122+00', NULL, '2026-11-29 12:28:23.867244+00', 2),
	(2, 70, 'due', 2, '2026-11-29 12:33:33.815115+00', NULL, '2026-11-29 12:28:23.991964+00', 2),
	(2, 65, 'due', 2, '2026-11-29 12:33:28.642037+00', NULL, '2026-11-29 12:28:23.831281+00', 2),
	(2, 95, 'due', 2, '2026-11-29 12:33:40.377446+00', NULL, '2026-11-29 12:28:24.361238+00', 2),
	(2, 99, 'due', 2, '2026-11-29 12:33:28.870064+00', NULL, '2026-11-29 12:28:24.616596+00', 2),
	(2, 130, 'due', 2, '2026-11-29 12:33:12.477533+00', NULL, '2026-11-29 12:28:27.011663+00', 2),
	(2, 129, 'due', 2, '2026-11-29 12:33:04.435092+00', NULL, '2026-11-29 12:28:27.011639+00', 2),
	(2, 128, 'due', 2, '2026-11-29 12:33:19.597945+00', NULL, '2026-11-29 12:28:27.011596+00', 2),
	(2, 147, 'due', 2, '2026-11-29 12:33:30.194239+00', NULL, '2026-11-29 12:28:28.288472+00', 2),
	(2, 148, 'due', 2, '2026-11-29 12:33:18.355359+00', NULL, '2026-11-29 12:28:28.288621+00', 2),
	(2, 149, 'due', 2, '2026-11-29 12:33:20.506182+00', NULL, '2026-11-29 12:28:28.288651+00', 2),
	(2, 66, 'due', 2, '2026-11-29 12:33:01.390797+00', NULL, '2026-11-29 12:28:23.867175+00', 2),
	(1, 9, 'due', 2, '2026-11-29 12:33:42.325222+00', NULL, '2026-11-29 12:28:22.718245+00', 2),
	(2, 13, 'due', 2, '2026-11-29 12:33:25.595991+00', NULL, '2026-11-29 12:28:22.849802+00', 2),
	(2, 28, 'due', 2, '2026-11-29 12:33:30.717393+00', NULL, '2026-11-29 12:28:23.229382+00', 2),
	(2, 69, 'due', 2, '2026-11-29 12:33:07.881614+00', NULL, '2026-11-29 12:28:23.900119+00', 2),
	(2, 98, 'due', 2, '2026-11-29 12:33:18.061377+00', NULL, '2026-11-29 12:28:24.495812+00', 2),
	(2, 100, 'due', 2, '2026-11-29 12:33:53.452866+00', NULL, '2026-11-29 12:28:24.715227+00', 2),
	(2, 150, 'due', 2, '2026-11-29 12:33:45.951209+00', NULL, '2026-11-29 12:28:28.3252+00', 2),
	(2, 71, 'due', 2, '2026-11-29 12:33:28.421949+00', NULL, '2026-11-29 12:28:23.992029+00', 2),
	(2, 102, 'due', 2, '2026-11-29 12:33:46.38987+00', NULL, '2026-11-29 12:28:25.19587+00', 2),
	(2, 103, 'due', 2, '2026-11-29 12:33:49.710294+00', NULL, '2026-11-29 12:28:25.195885+00', 2),
	(2, 101, 'due', 2, '2026-11-29 12:33:11.696382+00', NULL, '2026-11-29 12:28:25.195807+00', 2),
	(2, 104, 'due', 2, '2026-11-29 12:33:46.849004+00', NULL, '2026-11-29 12:28:25.195898+00', 2),
	(2, 117, 'due', 2, '2026-11-29 12:33:46.655078+00', NULL, '2026-11-29 12:28:26.670443+00', 2),
	(2, 116, 'due', 2, '2026-11-29 12:33:51.191419+00', NULL, '2026-11-29 12:28:26.670372+00', 2),
	(2, 121, 'due', 2, '2026-11-29 12:33:37.357666+00', NULL, '2026-11-29 12:28:26.823628+00', 2),
	(1, 119, 'due', 2, '2026-11-29 12:33:58.559089+00', NULL, '2026-11-29 12:28:26.670468+00', 2),
	(2, 115, 'due', 2, '2026-11-29 12:33:20.774862+00', NULL, '2026-11-29 12:28:26.47511+00', 2),
	(2, 118, 'due', 2, '2026-11-29 12:33:08.078831+00', NULL, '2026-11-29 12:28:26.670457+00', 2),
	(2, 119, 'due', 2, '2026-11-29 12:33:18.215054+00', NULL, '2026-11-29 12:28:26.670558+00', 2),
	(2, 132, 'due', 2, '2026-11-29 12:33:33.62825+00', NULL, '2026-11-29 12:28:27.430103+00', 2),
	(2, 140, 'due', 2, '2026-11-29 12:33:44.716394+00', NULL, '2026-11-29 12:28:27.430195+00', 2),
	(2, 84, 'due', 2, '2026-11-29 12:33:10.558774+00', NULL, '2026-11-29 12:28:24.199008+00', 2),
	(2, 134, 'due', 2, '2026-11-29 12:33:42.8326+00', NULL, '2026-11-29 12:28:27.430161+00', 2),
	(2, 139, 'due', 2, '2026-11-29 12:33:57.214994+00', NULL, '2026-11-29 12:28:27.43019+00', 2),
	(2, 135, 'due', 2, '2026-11-29 12:33:22.89384+00', NULL, '2026-11-29 12:28:27.430168+00', 2),
	(2, 141, 'due', 2, '2026-11-29 12:33:22.516205+00', NULL, '2026-11-29 12:28:27.430201+00', 2),
	(2, 133, 'due', 2, '2026-11-29 12:33:22.222182+00', NULL, '2026-11-29 12:28:27.430152+00', 2),
	(2, 136, 'due', 2, '2026-11-29 12:33:47.744215+00', NULL, '2026-11-29 12:28:27.430174+00', 2),
	(2, 142, 'due', 2, '2026-11-29 12:33:51.354042+00', NULL, '2026-11-29 12:28:27.430206+00', 2),
	(2, 137, 'due', 2, '2026-11-29 12:33:47.189483+00', NULL, '2026-11-29 12:28:27.430179+00', 2),
	(2, 138, 'due', 2, '2026-11-29 12:33:26.574408+00', NULL, '2026-11-29 12:28:27.430185+00', 2),
	(2, 151, 'due', 2, '2026-11-29 12:33:38.490647+00', NULL, '2026-11-29 12:28:28.366332+00', 2),
	(2, 143, 'due', 2, '2026-11-29 12:33:08.824023+00', NULL, '2026-11-29 12:28:27.612404+00', 2),
	(2, 86, 'due', 2, '2026-11-29 12:33:56.679851+00', NULL, '2026-11-29 12:28:24.240795+00', 2),
	(2, 110, 'due', 2, '2026-11-29 12:33:11.680384+00', NULL, '2026-11-29 12:28:26.057718+00', 2),
	(2, 144, 'due', 2, '2026-11-29 12:33:51.497716+00', NULL, '2026-11-29 12:28:27.612456+00', 2),
	(2, 113, 'due', 2, '2026-11-29 12:33:17.555572+00', NULL, '2026-11-29 12:28:26.424354+00', 2),
	(2, 120, 'due', 2, '2026-11-29 12:33:48.638618+00', NULL, '2026-11-29 12:28:26.791207+00', 2),
	(2, 111, 'due', 2, '2026-11-29 12:33:50.479311+00', NULL, '2026-11-29 12:28:26.057783+00', 2),
	(2, 114, 'due', 2, '2026-11-29 12:33:31.242727+00', NULL, '2026-11-29 12:28:26.424377+00', 2),
	(2, 112, 'due', 2, '2026-11-29 12:33:10.753752+00', NULL, '2026-11-29 12:28:26.424274+00', 2);

INSERT INTO public.deposits VALUES
	(2, '\x0a928f2cf0d15ae4ace6a49f2cdbd9f9695e940b255be864cb3c541199423aea', 0, 0, 0, 0, 2500000000, 2, 'confirmed', 101, 102, 1, 0, '2026-11-29 12:28:23.176928+00'),
	(0, '\x190565aed4d8825e95ee180926fa8a23461158ddbdbfa7512cf5deee305b5e89', 0, 0, 0, NULL, 2500000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177379+00'),
	(0, '\x327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac', 0, 0, 0, NULL, 2100000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177457+00'),
	(1, '\x36e3ff9c31a73d6d6498a9bb2be91f3de5cee730be505ea1b8e421d363c1671f', 0, 0, 1, NULL, 8000000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177466+00'),
	(2, '\x5f00bd2aaa559b17117caa00a429ced05a6524fdaf95f29dada84ec51aa0076c', 0, 0, 1, 1, 600000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177473+00'),
	(0, '\x71fb6fb91ec85cda4520f8f32d871260ead8f909456124fd22b2e5605d969cd1', 0, 0, 0, NULL, 2000000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.17748+00'),
	(0, '\x94bc2868f2b9b0d1cde673138df1a9c43613ad8e9dc27138cce089f740530b92', 0, 0, 0, NULL, 50000000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177485+00'),
	(0, '\x9e1926db1dc06e0850f2363a7a444d17e01bc5b7e47ad1e108da2281a5517a47', 0, 0, 0, NULL, 2300000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177489+00'),
	(0, '\xd29c7b5c97f92954b5c9ff2e63e97eaa36420f2ae669f4bbab9fdffae555eaf3', 0, 0, 0, NULL, 2200000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177494+00'),
	(0, '\xfffdea77cdfbbdfcd9d9b2566b93d1e93427b9d0c78ffe8c04e48c7138f59914', 0, 0, 0, NULL, 2400000000, 6, 'confirmed', 101, 106, 1, 0, '2026-11-29 12:28:23.177498+00'),
	(6, '\x35587e70125165acb8a455ec24b28eaf74b0cc42a9ec650512997507851f4c4d', 0, 0, 0, NULL, 5000000000, 6, 'undone', NULL, NULL, 1, 4500000000, '2026-11-29 12:28:27.381163+00');

INSERT INTO public.entries OVERRIDING SYSTEM VALUE VALUES
	(1, 'TOPUP', 'request', 'opening:4:gold_coins', '', '', 'transfer:opening:4:gold_coins', '{}', '2026-11-29 12:28:22.497603+00'),
	(2, 'DEPOSIT', 'deposit', 'ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a:0', 'invoice', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'deposit:ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(3, 'DEPOSIT', 'deposit', '6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f:0', 'invoice', 'msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t', 'deposit:6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(4, 'DEPOSIT', 'deposit', '920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(5, 'DEPOSIT', 'deposit', '1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336:0', 'address', 'mvHopuc3EgNhgp6SVbNTuM5GAJsG22AH24', 'deposit:1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(6, 'DEPOSIT', 'deposit', 'd19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:d19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(7, 'DEPOSIT', 'deposit', 'ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(8, 'DEPOSIT', 'deposit', 'f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(9, 'DEPOSIT', 'deposit', '477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(10, 'DEPOSIT', 'deposit', '1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(11, 'DEPOSIT', 'deposit', '895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519:0:1:incoming', '{}', '2026-11-29 12:28:23.150325+00'),
	(12, 'DEPOSIT_CONFIRMED', 'deposit', 'ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a:0', 'invoice', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'deposit:ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(13, 'DEPOSIT_CONFIRMED', 'deposit', '895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(14, 'DEPOSIT_CONFIRMED', 'deposit', 'ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(15, 'DEPOSIT_CONFIRMED', 'deposit', 'd19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:d19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(16, 'DEPOSIT_CONFIRMED', 'deposit', '920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(17, 'DEPOSIT_CONFIRMED', 'deposit', '477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(18, 'DEPOSIT_CONFIRMED', 'deposit', 'f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(19, 'DEPOSIT_CONFIRMED', 'deposit', '1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff:0', 'address', 'mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY', 'deposit:1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(20, 'DEPOSIT_CONFIRMED', 'deposit', '1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336:0', 'address', 'mvHopuc3EgNhgp6SVbNTuM5GAJsG22AH24', 'deposit:1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(21, 'DEPOSIT_CONFIRMED', 'deposit', '6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f:0', 'invoice', 'msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t', 'deposit:6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f:0:1:confirmed', '{}', '2026-11-29 12:28:23.150325+00'),
	(22, 'PAYFROM', 'invoice', 'moduRosm6FfTfLHoPH76ovGV3vGztkfgKw', 'invoice', 'moduRosm6FfTfLHoPH76ovGV3vGztkfgKw', 'payfrom:moduRosm6FfTfLHoPH76ovGV3vGztkfgKw:200000000', '{}', '2026-11-29 12:28:23.652343+00'),
	(23, 'TRANSFER', 'request', 'admin:game-7', 'game', '7', 'transfer:admin:game-7', '{"round":3}', '2026-11-29 12:28:23.693335+00'),
	(24, 'TRANSFER', 'request', 'admin:payday:0', '', '', 'transfer:admin:payday:0', '{}', '2026-11-29 12:28:23.732315+00'),
	(25, 'REVERSAL', 'transfer', '23', 'game', '7', 'reverse:23', '{}', '2026-11-29 12:28:23.795269+00'),
	(26, 'TRANSFER', 'request', 'admin:split', '', '', 'transfer:admin:split', '{}', '2026-11-29 12:28:23.827917+00'),
	(27, 'SPEND', 'request', 'admin:spend', '', '', 'transfer:admin:spend', '{}', '2026-11-29 12:28:23.856528+00'),
	(28, 'HOLD', 'hold', '1', '', '', 'hold:1:0', '{}', '2026-11-29 12:28:23.91278+00'),
	(29, 'HOLD', 'hold', '2', '', '', 'hold:2:0', '{}', '2026-11-29 12:28:23.980423+00'),
	(30, 'HOLD', 'hold', '3', '', '', 'hold:3:0', '{}', '2026-11-29 12:28:24.033128+00'),
	(31, 'HOLD_CAPTURE', 'hold', '2', '', '', 'hold:2:1', '{}', '2026-11-29 12:28:24.065273+00'),
	(32, 'HOLD_RELEASE', 'hold', '2', '', '', 'hold:2:2', '{}', '2026-11-29 12:28:24.065273+00'),
	(33, 'ESCROW_LOCK', 'escrow', '1', 'order', 'o-1', 'escrow:1:LOCKED', '{}', '2026-11-29 12:28:24.108853+00'),
	(34, 'HOLD_RELEASE', 'hold', '3', '', '', 'hold:3:1', '{}', '2026-11-29 12:28:24.16473+00'),
	(35, 'ESCROW_LOCK', 'escrow', '2', 'order', 'o-2', 'escrow:2:LOCKED', '{}', '2026-11-29 12:28:24.16473+00'),
	(36, 'ESCROW_LOCK', 'escrow', '3', 'order', 'o-3', 'escrow:3:LOCKED', '{}', '2026-11-29 12:28:24.204852+00'),
	(37, 'ESCROW_RELEASE', 'escrow', '1', 'order', 'o-1', 'escrow:1:RELEASED', '{}', '2026-11-29 12:28:24.248045+00'),
	(38, 'PAYMENT_REQUESTED', 'payment', '1', 'payment', 'wd-1', 'payment:1:requested:1', '{}', '2026-11-29 12:28:24.424142+00'),
	(39, 'PAYMENT_SIGNED', 'payment', '1', 'payment', 'wd-1', 'payment:1:signed:1', '{}', '2026-11-29 12:28:24.582335+00'),
	(40, 'PAYMENT_CONFIRMED', 'payment', '1', 'payment', 'wd-1', 'payment:1:confirmed:1', '{}', '2026-11-29 12:28:25.062992+00'),
	(41, 'PAYMENT_REQUESTED', 'payment', '2', '', '', 'payment:2:requested:1', '{}', '2026-11-29 12:28:25.651521+00'),
	(42, 'PAYMENT_SIGNED', 'payment', '2', '', '', 'payment:2:signed:1', '{}', '2026-11-29 12:28:25.719883+00'),
	(43, 'PAYMENT_REQUESTED', 'payment', '3', '', '', 'payment:3:requested:1', '{}', '2026-11-29 12:28:26.378763+00'),
	(44, 'PAYMENT_SIGNED', 'payment', '3', '', '', 'payment:3:signed:1', '{}', '2026-11-29 12:28:26.455202+00'),
	(45, 'PAYMENT_REQUESTED', 'payment', '4', 'payment', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'payment:4:requested:1', '{}', '2026-11-29 12:28:26.635894+00'),
	(46, 'PAYMENT_SIGNED', 'payment', '4', 'payment', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'payment:4:signed:1', '{}', '2026-11-29 12:28:26.771913+00'),
	(47, 'REFUND', 'invoice', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'invoice', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'refund:mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu:100000000', '{}', '2026-11-29 12:28:26.849057+00'),
	(48, 'DEPOSIT', 'deposit', '4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0', 'address', 'n3ZDpeg3LiHENnUuT3skZh6pe4jNMehSpy', 'deposit:4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0:1:incoming', '{}', '2026-11-29 12:28:27.343813+00'),
	(49, 'PAYMENT_CONFIRMED', 'payment', '2', '', '', 'payment:2:confirmed:1', '{}', '2026-11-29 12:28:27.343813+00'),
	(50, 'PAYMENT_VOIDED', 'payment', '3', '', '', 'payment:3:voided:1', '{}', '2026-11-29 12:28:27.343813+00'),
	(51, 'PAYMENT_CONFIRMED', 'payment', '4', 'payment', 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', 'payment:4:confirmed:1', '{}', '2026-11-29 12:28:27.343813+00'),
	(52, 'DEPOSIT_CONFIRMED', 'deposit', '4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0', 'address', 'n3ZDpeg3LiHENnUuT3skZh6pe4jNMehSpy', 'deposit:4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0:1:confirmed', '{}', '2026-11-29 12:28:27.343813+00'),
	(53, 'TRANSFER', 'request', 'admin:dave-gone', '', '', 'transfer:admin:dave-gone', '{}', '2026-11-29 12:28:27.579128+00'),
	(54, 'DEPOSIT_UNDONE', 'deposit', '4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0', 'address', 'n3ZDpeg3LiHENnUuT3skZh6pe4jNMehSpy', 'deposit:4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835:0:1:undone', '{}', '2026-11-29 12:28:27.908452+00'),
	(55, 'PAYMENT_REQUESTED', 'payment', '5', '', '', 'payment:5:requested:1', '{}', '2026-11-29 12:28:28.269458+00'),
	(56, 'PAYMENT_SIGNED', 'payment', '5', '', '', 'payment:5:signed:1', '{}', '2026-11-29 12:28:28.309591+00');

INSERT INTO public.escrows VALUES
	(4, 3, 'o-3', 1, 'gold_coins', 9, 0, NULL, 'LOCKED', 0, 0, '', '', '{}', '2026-11-29 12:28:24.202097+00'),
	(0, 1, 'o-1', 2, 'DOGE', 2000000000, 50000000, NULL, 'RELEASED', 1950000000, 0, '', '', '{}', '2026-11-29 12:28:24.103587+00'),
	(0, 2, 'o-2', 2, 'DOGE', 2500000000, 0, 3, 'DISPUTED', 0, 0, '', '', '{}', '2026-11-29 12:28:24.158688+00');

INSERT INTO public.events VALUES
	(0, 1, 1, 'alice', '68fe0d60c76d42756898ef812b26e3c6', 'ACC_CREATED', '{"id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:22.241226+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.253902+00'),
	(1, 1, 2, 'bob', '318237aa82af5a6a4544dad24c6111ba', 'ACC_CREATED', '{"id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:22.291668+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.300043+00'),
	(2, 1, 3, 'shibe-shop', '237311015ec57c539e2133d5d7d23d0e', 'ACC_CREATED', '{"id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:22.312955+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.319346+00'),
	(3, 1, 4, 'gone', '9040f2a374e4ff80b0b7f1088ac1908d', 'ACC_CREATED', '{"id":"morhmYkAu6cAwnubzND6tv1nULM9hgMtoN","foreign_id":"gone","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:22.349017+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.351575+00'),
	(2, 2, 5, 'shibe-shop', '9b9ef7f86e068749ed490f2fc476309f', 'ACC_UPDATED', '{"id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","payout_address":"mfaHAYujhUts17T5fhdANG7NTDJDoKioVK","payout_threshold":"1000","payout_frequency":"","name":"Much Shop","state":"open","created":"2026-11-29T12:28:22.312955+00:00","vendor_name":"Shibe","vendor_icon":"","vendor_address":"","vendor_url":"https://shop.example","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.384577+00'),
	(4, 1, 6, 'carol', '62bc6fdfbcf9f92daedf1b48eb23b6aa', 'ACC_CREATED', '{"id":"n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5","foreign_id":"carol","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"Carol","state":"open","created":"2026-11-29T12:28:22.431463+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:22.435869+00'),
	(4, 2, 7, 'carol', '517eeb134b9f8ea8640fc7fef19e13dd', 'TRANSFER_RECEIVED', '{"account_id":"n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5","foreign_id":"carol","transfer":1,"type":"TOPUP","from":"treasury","to":"carol","amount":"100","asset":"gold_coins","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:22.497603+00:00","balance":{"available":"100","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:22.526219+00'),
	(2, 3, 8, 'shibe-shop', '80345d00b09bc640039db9ce5b222494', 'INV_CREATED', '{"id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","items":[{"type":"item","name":"Treat","sku":"","description":"","value":"24.89","quantity":1,"image_link":""}],"required_confirmations":2,"created":"2026-11-29T12:28:22.665983+00:00","total":"24.89","total_incoming":"0","total_confirmed":"0","pay_to_address":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","part_payment_detected":false,"total_payment_detected":false,"total_payment_confirmed":false,"payment_unconfirmed":false,"estimate_seconds_to_confirm":0,"token":"qQw0FtFEvXsK4QuNumdJ2Q","state":"unpaid","reference":"order-1","metadata":{"cart":7},"overpaid":"0","expires":null,"late":false,"refunded":"0"}', '2026-11-29 12:28:22.66866+00'),
	(2, 4, 9, 'shibe-shop', 'bd54dd0f7f80e1fc38065dacdc51ff4e', 'INV_CREATED', '{"id":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","account":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","items":[{"type":"item","name":"Treat","sku":"","description":"","value":"10","quantity":1,"image_link":""}],"required_confirmations":6,"created":"2026-11-29T12:28:22.692610+00:00","total":"10","total_incoming":"0","total_confirmed":"0","pay_to_address":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","part_payment_detected":false,"total_payment_detected":false,"total_payment_confirmed":false,"payment_unconfirmed":false,"estimate_seconds_to_confirm":0,"token":"GI3bdwGV8ici1516vpDIKA","state":"unpaid","reference":"order-2","metadata":{},"overpaid":"0","expires":null,"late":false,"refunded":"0"}', '2026-11-29 12:28:22.693582+00'),
	(2, 5, 10, 'shibe-shop', '7540e473cde9abe8fe22e25ee1249eb8', 'INV_CREATED', '{"id":"mht8YRdTkAMyskjietwABrp7CNaVw7axAd","account":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","items":[{"type":"item","name":"Treat","sku":"","description":"","value":"3","quantity":1,"image_link":""}],"required_confirmations":6,"created":"2026-11-29T12:28:22.720145+00:00","total":"3","total_incoming":"0","total_confirmed":"0","pay_to_address":"mht8YRdTkAMyskjietwABrp7CNaVw7axAd","part_payment_detected":false,"total_payment_detected":false,"total_payment_confirmed":false,"payment_unconfirmed":false,"estimate_seconds_to_confirm":0,"token":"MoBEqtU1dINCnQfFqsV-vQ","state":"unpaid","reference":"order-3","metadata":{},"overpaid":"0","expires":"2026-11-29T12:29:22.710531+00:00","late":false,"refunded":"0"}', '2026-11-29 12:28:22.723681+00'),
	(2, 6, 11, 'shibe-shop', '22dd9ec708bd2e35f8fce80fd434317c', 'INV_CREATED', '{"id":"mhhSzLV3BV46K2dQ1JvX62PpfoQAtwa9EH","account":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","items":[{"type":"item","name":"Treat","sku":"","description":"","value":"4","quantity":1,"image_link":""}],"required_confirmations":6,"created":"2026-11-29T12:28:22.754042+00:00","total":"4","total_incoming":"0","total_confirmed":"0","pay_to_address":"mhhSzLV3BV46K2dQ1JvX62PpfoQAtwa9EH","part_payment_detected":false,"total_payment_detected":false,"total_payment_confirmed":false,"payment_unconfirmed":false,"estimate_seconds_to_confirm":0,"token":"5Yf2B-QVNXdoQJYEzTzoSg","state":"unpaid","reference":"order-4","metadata":{},"overpaid":"0","expires":null,"late":false,"refunded":"0"}', '2026-11-29 12:28:22.754894+00'),
	(1, 2, 12, 'bob', '2dffd1ab040461e27a23f6753bd1f288', 'INV_CREATED', '{"id":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","account":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","items":[{"type":"item","name":"Treat","sku":"","description":"","value":"2","quantity":1,"image_link":""}],"required_confirmations":6,"created":"2026-11-29T12:28:22.780668+00:00","total":"2","total_incoming":"0","total_confirmed":"0","pay_to_address":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","part_payment_detected":false,"total_payment_detected":false,"total_payment_confirmed":false,"payment_unconfirmed":false,"estimate_seconds_to_confirm":0,"token":"LktHLsKS4PvrWJiOya3jWg","state":"unpaid","reference":"","metadata":{},"overpaid":"0","expires":null,"late":false,"refunded":"0"}', '2026-11-29 12:28:22.782742+00'),
	(2, 7, 13, 'shibe-shop', '0399ee2a2ec44f48ff9830923d5d8ffc', 'INV_CANCELLED', '{"invoice_id":"mhhSzLV3BV46K2dQ1JvX62PpfoQAtwa9EH","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"4","total_incoming":"0","total_confirmed":"0"}', '2026-11-29 12:28:22.816362+00'),
	(0, 8, 35, 'alice', '232bea7496f83b34427af8bcbf00c085', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"d19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"20","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193494+00'),
	(0, 2, 14, 'alice', '4bf0e81b56f903fcb5ecf61a957cd834', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","height":101,"block_hash":"96cc2ef967535d71362a698ee7baf85b42a5aa8a3016502f3cf361e04da91866","connected":true,"txids":["920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94","d19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71","ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32","f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2","477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e","1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff","895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519"]}', '2026-11-29 12:28:23.193362+00'),
	(0, 3, 15, 'alice', '6b1f33d14d8a47e8d43554507296b8ef', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"0","incoming_balance":"635","outgoing_balance":"0"}', '2026-11-29 12:28:23.193441+00'),
	(1, 3, 16, 'bob', 'fdf6b8964ebf9365676afc098a183ab8', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","height":101,"block_hash":"96cc2ef967535d71362a698ee7baf85b42a5aa8a3016502f3cf361e04da91866","connected":true,"txids":["1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336"]}', '2026-11-29 12:28:23.193446+00'),
	(1, 4, 17, 'bob', '1041aa5aeefed197bc8c37f2ad5b3ca1', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"0","incoming_balance":"80","outgoing_balance":"0"}', '2026-11-29 12:28:23.19345+00'),
	(2, 8, 18, 'shibe-shop', 'faff6ef68bdf3096e785178853ae7a6c', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","height":101,"block_hash":"96cc2ef967535d71362a698ee7baf85b42a5aa8a3016502f3cf361e04da91866","connected":true,"txids":["ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a","6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f"]}', '2026-11-29 12:28:23.193454+00'),
	(2, 9, 19, 'shibe-shop', '851f39e6d8a5f7888d95151890416782', 'INV_BALANCE_CHANGED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"0"}', '2026-11-29 12:28:23.193456+00'),
	(2, 10, 20, 'shibe-shop', '3293f254c404f3b9272f64cda86f212e', 'INV_TOTAL_PAYMENT_DETECTED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"0"}', '2026-11-29 12:28:23.193458+00'),
	(2, 11, 21, 'shibe-shop', '6457b7708eb63c13d279f16a5f8323dd', 'INV_OVER_PAYMENT_DETECTED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"0","overpayment_incoming":"0.11","overpayment_confirmed":"0"}', '2026-11-29 12:28:23.19346+00'),
	(2, 12, 22, 'shibe-shop', 'b858e10dba161fa7b32503f5b03174e1', 'INV_BALANCE_CHANGED', '{"invoice_id":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"10","total_incoming":"6","total_confirmed":"0"}', '2026-11-29 12:28:23.193462+00'),
	(2, 13, 23, 'shibe-shop', 'c82e40e820a583da162763febaeb440c', 'INV_PART_PAYMENT_DETECTED', '{"invoice_id":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"10","total_incoming":"6","total_confirmed":"0"}', '2026-11-29 12:28:23.193466+00'),
	(2, 14, 24, 'shibe-shop', 'e20a41d5a6b01f17b544b6095c266ade', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"0","incoming_balance":"31","outgoing_balance":"0"}', '2026-11-29 12:28:23.193468+00'),
	(2, 15, 25, 'shibe-shop', 'de55fc56ab4503974db898a05731cddb', 'INV_BALANCE_CHANGED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"25"}', '2026-11-29 12:28:23.193471+00'),
	(2, 16, 26, 'shibe-shop', 'caa9d3331748495a6ae32ef49d9557c5', 'INV_TOTAL_PAYMENT_CONFIRMED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"25"}', '2026-11-29 12:28:23.193472+00'),
	(2, 17, 27, 'shibe-shop', '97532c149b687442be495138f49e2597', 'INV_OVER_PAYMENT_CONFIRMED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"25","overpayment_incoming":"0.11","overpayment_confirmed":"0.11"}', '2026-11-29 12:28:23.193475+00'),
	(2, 18, 28, 'shibe-shop', '810b918fe75d9e46dd0e73947d60bd12', 'DEPOSIT_CONFIRMED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","txid":"ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a","vout":0,"address":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","invoice":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","amount":"25","confirmations":2,"required_confirmations":2,"state":"confirmed"}', '2026-11-29 12:28:23.193477+00'),
	(2, 19, 29, 'shibe-shop', 'dd559339b08e38ca7bbf87d15dce020b', 'ACC_PAYMENT', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","direction":"in","kind":"invoice","reference":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","amount":"25","fee":"0","txid":"ea3a429911543ccb64e85b250b945e69f9d9db2c9fa4e6ace45ad1f02c8f920a"}', '2026-11-29 12:28:23.193479+00'),
	(2, 20, 30, 'shibe-shop', '48f672b73c07fc68f31389310502518d', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"25","incoming_balance":"6","outgoing_balance":"0"}', '2026-11-29 12:28:23.193481+00'),
	(0, 4, 31, 'alice', '19752231e3fa907422bae29ca2838fa8', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"25","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193483+00'),
	(0, 5, 32, 'alice', '55213503b2d6c97cc877a3d9ddc40489', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"25","fee":"0","txid":"895e5b30eedef52c51a7bfbddd581146238afa260918ee955e82d8d4ae650519"}', '2026-11-29 12:28:23.193485+00'),
	(0, 6, 33, 'alice', '28d425826c9858ac1fba0ffe70a175e0', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"21","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193489+00'),
	(0, 7, 34, 'alice', 'a353f52c321f6f4bf853a3837ff0d012', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"21","fee":"0","txid":"ac2176150609c8c371df2c6074646eb40393cdeb13bc782ee325c39588817e32"}', '2026-11-29 12:28:23.193492+00'),
	(0, 9, 36, 'alice', '3e2a8b6c725004215cfad759d9fb8a9c', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"20","fee":"0","txid":"d19c965d60e5b222fd24614509f9d8ea6012872df3f82045da5cc81eb96ffb71"}', '2026-11-29 12:28:23.193862+00'),
	(0, 10, 37, 'alice', 'ee1847514aaec1aedc4d8644c3f795cd', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"500","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193865+00'),
	(0, 11, 38, 'alice', 'a3d4591f485ed08bdc246bfc7c30214b', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"500","fee":"0","txid":"920b5340f789e0cc3871c29d8ead1336c4a9f18d1373e6cdd1b0b9f26828bc94"}', '2026-11-29 12:28:23.193867+00'),
	(0, 12, 39, 'alice', '2b637cc5e29338f15d129d9d6b59e5a3', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"23","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193869+00'),
	(0, 13, 40, 'alice', '3bfc9dc5c5609cc7d961100e466849af', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"23","fee":"0","txid":"477a51a58122da08e1d17ae4b7c51be0174d447a3a36f250086ec01ddb26199e"}', '2026-11-29 12:28:23.193872+00'),
	(0, 14, 41, 'alice', '970a9f644ea8678efbce3329c46645bd', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"22","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193875+00'),
	(0, 15, 42, 'alice', 'e580e02dceb286817cd8a555d534b1ed', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"22","fee":"0","txid":"f3ea55e5fadf9fabbbf469e62a0f4236aa7ee9632effc9b55429f9975c7b9cd2"}', '2026-11-29 12:28:23.193877+00'),
	(0, 16, 43, 'alice', 'add449c884c10c455b1a4d5f461e8619', 'DEPOSIT_CONFIRMED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","txid":"1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff","vout":0,"address":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","invoice":"","amount":"24","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193879+00'),
	(0, 17, 44, 'alice', '25693a285703e9a10bb329b23750bab3', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"in","kind":"deposit","reference":"mvbPQDUtBQNYbJkrJnEK3wMMXekec6NVzY","amount":"24","fee":"0","txid":"1499f538718ce4048cfe8fc7d0b92734e9d1936b56b2d9d9fcbdfbcd77eafdff"}', '2026-11-29 12:28:23.193881+00'),
	(0, 18, 45, 'alice', '43829508e58bd2dc4ba33a38bf14f5c9', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"635","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.193882+00'),
	(1, 5, 46, 'bob', 'a82bbcafd3e8546f99498f19eb4fca81', 'DEPOSIT_CONFIRMED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","txid":"1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336","vout":0,"address":"mvHopuc3EgNhgp6SVbNTuM5GAJsG22AH24","invoice":"","amount":"80","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193885+00'),
	(1, 6, 47, 'bob', 'b974eda3ceca16338e0897383414ea02', 'ACC_PAYMENT', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","direction":"in","kind":"deposit","reference":"mvHopuc3EgNhgp6SVbNTuM5GAJsG22AH24","amount":"80","fee":"0","txid":"1f67c163d321e4b8a15e50be30e7cee53d1fe92bbba998646d3da7319cffe336"}', '2026-11-29 12:28:23.193886+00'),
	(1, 7, 48, 'bob', 'bca8a4ab3aaeac4ff84021eb8e9f6a84', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"80","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.193888+00'),
	(2, 21, 49, 'shibe-shop', '8dfe90cc64997ff283be40c7e287c718', 'INV_BALANCE_CHANGED', '{"invoice_id":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"10","total_incoming":"6","total_confirmed":"6"}', '2026-11-29 12:28:23.19389+00'),
	(2, 22, 50, 'shibe-shop', '983bb44029b621bbe2228cb6182ce8cb', 'DEPOSIT_CONFIRMED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","txid":"6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f","vout":0,"address":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","invoice":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","amount":"6","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:23.193894+00'),
	(2, 23, 51, 'shibe-shop', '659b22693e97bf292d9ecc4da27f9f9f', 'ACC_PAYMENT', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","direction":"in","kind":"invoice","reference":"msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t","amount":"6","fee":"0","txid":"6c07a01ac54ea8ad9df295affd24655ad0ce29a400aa7c11179b55aa2abd005f"}', '2026-11-29 12:28:23.193896+00'),
	(2, 24, 52, 'shibe-shop', '5c25e09a3cd1ba6e97fdc3f7baa38d10', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"31","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.193924+00'),
	(4, 4, 69, 'carol', 'bce67bb02d546f74a735cdd378b22c2e', 'TRANSFER_SENT', '{"account_id":"n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5","foreign_id":"carol","transfer":27,"type":"SPEND","from":"carol","to":"treasury","amount":"30","asset":"gold_coins","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.856528+00:00","balance":{"available":"70","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.866657+00'),
	(0, 59, 115, 'alice', '7f0a1ca9338ec4a89f03a4647077836f', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"493.99322","incoming_balance":"0","outgoing_balance":"22.00452"}', '2026-11-29 12:28:26.460369+00'),
	(2, 37, 121, 'shibe-shop', 'a83ff729a30c813a1173c3f03ac721a5', 'PAYMENT_SENT', '{"payment_id":4,"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"5","deduct_fee_percent":"0"}],"total":"5.00226","txid":"717c59c4e3f35a5a3fde1c42ef11865ac27df8a11b050332342169d6599c8bbb","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:26.813347+00'),
	(2, 38, 122, 'shibe-shop', 'f4445dde78c0ac59a228525726c876ee', 'INV_PAYMENT_REFUNDED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"25","refunded":"6","amount":"1","to":"bob"}', '2026-11-29 12:28:26.851912+00'),
	(1, 18, 123, 'bob', '42045ddfa04e5f0bc1c356a4253f1762', 'ACC_PAYMENT', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","direction":"in","kind":"refund","reference":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","amount":"1","fee":"0","txid":""}', '2026-11-29 12:28:26.851926+00'),
	(1, 8, 53, 'bob', '211cd4d7b54e0fae662c3b689912a213', 'INV_BALANCE_CHANGED', '{"invoice_id":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","invoice_total":"2","total_incoming":"2","total_confirmed":"2"}', '2026-11-29 12:28:23.656666+00'),
	(1, 9, 54, 'bob', 'c39b4f4598907de218cbb36c0efcf0e9', 'INV_TOTAL_PAYMENT_DETECTED', '{"invoice_id":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","invoice_total":"2","total_incoming":"2","total_confirmed":"2"}', '2026-11-29 12:28:23.656695+00'),
	(1, 10, 55, 'bob', 'ce36a131884e0e6cdf81b59f1f01528f', 'INV_TOTAL_PAYMENT_CONFIRMED', '{"invoice_id":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","invoice_total":"2","total_incoming":"2","total_confirmed":"2"}', '2026-11-29 12:28:23.656698+00'),
	(1, 11, 56, 'bob', 'c9fd2a978db04a0f04cfea5f0e9aff6e', 'ACC_PAYMENT', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","direction":"in","kind":"payfrom","reference":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","amount":"2","fee":"0","txid":""}', '2026-11-29 12:28:23.6567+00'),
	(0, 19, 57, 'alice', '798464d2ee25f25d69a06e89558b4290', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"out","kind":"payfrom","reference":"moduRosm6FfTfLHoPH76ovGV3vGztkfgKw","amount":"2","fee":"0","txid":""}', '2026-11-29 12:28:23.656702+00'),
	(0, 20, 58, 'alice', '3f3d46858f8d10b27b8171aa859c991a', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"633","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.656704+00'),
	(1, 12, 59, 'bob', 'dadab07cbe8088904edf087b6b058b22', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"82","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.656706+00'),
	(1, 15, 64, 'bob', 'ff7aefe7e054383904e8333af4ae165d', 'TRANSFER_SENT', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","transfer":25,"type":"REVERSAL","from":"bob","to":"alice","amount":"2.5","asset":"DOGE","reference_type":"game","reference":"7","metadata":{},"created":"2026-11-29T12:28:23.795269+00:00","balance":{"available":"97","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.804898+00'),
	(0, 23, 65, 'alice', '53299c67e2c62bc3a16bbd0d9efe8826', 'TRANSFER_RECEIVED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","transfer":25,"type":"REVERSAL","from":"bob","to":"alice","amount":"2.5","asset":"DOGE","reference_type":"game","reference":"7","metadata":{},"created":"2026-11-29T12:28:23.795269+00:00","balance":{"available":"618","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.804934+00'),
	(0, 27, 72, 'alice', '104da88a5e0d813bfebe2ffd2cf90cc4', 'HOLD_CREATED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","amount":"10","hold":{"id":2,"foreign_id":"alice","asset":"DOGE","amount":"10","remaining":"10","captured":"0","state":"HELD","reference_type":"","reference":"","expires":null,"created":"2026-11-29T12:28:23.976314+00:00"},"balance":{"available":"595","incoming":"0","held":"20","outgoing":"0"}}', '2026-11-29 12:28:23.990658+00'),
	(0, 28, 73, 'alice', '49ab19bb392f688029d17529e6e60e1a', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"595","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.99068+00'),
	(0, 40, 96, 'alice', 'ad000c2d69e239cbaba6c85e8d212422', 'PAYMENT_REQUESTED', '{"payment_id":1,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"40","deduct_fee_percent":"0"}],"total":"41","txid":"","state":"PENDING","fee":"0"}', '2026-11-29 12:28:24.435024+00'),
	(0, 41, 97, 'alice', '4babd7bedebe251088b3aad242fbfd5d', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"out","kind":"payment","reference":"wd-1","amount":"40","fee":"0","txid":""}', '2026-11-29 12:28:24.435036+00'),
	(0, 42, 98, 'alice', 'b54fa63c1cbb0dba3d92628a47fc725b', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"515","incoming_balance":"0","outgoing_balance":"41"}', '2026-11-29 12:28:24.435046+00'),
	(0, 45, 101, 'alice', '8cc2b31f1ec881db83c39683f82e4b3d', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","height":107,"block_hash":"d7645f99bb4af035008d28f2b581515d7d61cc220c7d39bcc853bec35685c3af","connected":true,"txids":["4dc186ca83ea37438f0dd85c407a8ccaa17b290680fe70b951b6c50f548917d5"]}', '2026-11-29 12:28:25.167269+00'),
	(0, 46, 102, 'alice', '0a0b57cc59a7db554163850cd35d44b2', 'PAYMENT_ON_CHAIN', '{"payment_id":1,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"40","deduct_fee_percent":"0"}],"total":"40.00226","txid":"4dc186ca83ea37438f0dd85c407a8ccaa17b290680fe70b951b6c50f548917d5","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:25.167286+00'),
	(0, 47, 103, 'alice', '3ef1b37ac04d25335fef1fd0ed64c334', 'PAYMENT_CONFIRMED', '{"payment_id":1,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"40","deduct_fee_percent":"0"}],"total":"40.00226","txid":"4dc186ca83ea37438f0dd85c407a8ccaa17b290680fe70b951b6c50f548917d5","state":"CONFIRMED","fee":"0.00226"}', '2026-11-29 12:28:25.167291+00'),
	(0, 48, 104, 'alice', '386cf28637ec46c9584e285124fba17a', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"515.99774","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:25.167307+00'),
	(0, 21, 60, 'alice', '4806a78bcdd00a54f3f0d57df782f005', 'TRANSFER_SENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","transfer":23,"type":"TRANSFER","from":"alice","to":"bob","amount":"12.5","asset":"DOGE","reference_type":"game","reference":"7","metadata":{"round":3},"created":"2026-11-29T12:28:23.693335+00:00","balance":{"available":"620.5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.707444+00'),
	(1, 13, 61, 'bob', 'ec573d436cbd579322652e83dbd4fa56', 'TRANSFER_RECEIVED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","transfer":23,"type":"TRANSFER","from":"alice","to":"bob","amount":"12.5","asset":"DOGE","reference_type":"game","reference":"7","metadata":{"round":3},"created":"2026-11-29T12:28:23.693335+00:00","balance":{"available":"94.5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.707459+00'),
	(0, 22, 62, 'alice', 'ebb051e3a1d1ad268440568e108a2867', 'TRANSFER_SENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","transfer":24,"type":"TRANSFER","from":"alice","to":"bob","amount":"5","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.732315+00:00","balance":{"available":"615.5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.744787+00'),
	(1, 14, 63, 'bob', 'e6bafc07d2495e49d85e31f4dda172eb', 'TRANSFER_RECEIVED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","transfer":24,"type":"TRANSFER","from":"alice","to":"bob","amount":"5","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.732315+00:00","balance":{"available":"99.5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.744807+00'),
	(0, 25, 70, 'alice', 'c88b128c9eb4228772c40c50ef6755db', 'HOLD_CREATED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","amount":"10","hold":{"id":1,"foreign_id":"alice","asset":"DOGE","amount":"10","remaining":"10","captured":"0","state":"HELD","reference_type":"","reference":"","expires":"2026-11-30T12:28:23.903717+00:00","created":"2026-11-29T12:28:23.903717+00:00"},"balance":{"available":"605","incoming":"0","held":"10","outgoing":"0"}}', '2026-11-29 12:28:23.923088+00'),
	(0, 26, 71, 'alice', 'cfd9433e30ccc37a6b843d4001d7755d', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"605","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:23.923097+00'),
	(0, 31, 76, 'alice', '76de989325cd79e1bb9dde8438dea818', 'HOLD_CAPTURED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","amount":"4","from":"alice","to":"shibe-shop","hold":{"id":2,"foreign_id":"alice","asset":"DOGE","amount":"10","remaining":"0","captured":"4","state":"CAPTURED","reference_type":"","reference":"","expires":null,"created":"2026-11-29T12:28:23.976314+00:00"},"balance":{"available":"571","incoming":"0","held":"40","outgoing":"0"}}', '2026-11-29 12:28:24.07289+00'),
	(2, 25, 77, 'shibe-shop', '06e0d4935c7fb713f9e32824c382513b', 'HOLD_CAPTURED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","amount":"4","from":"alice","to":"shibe-shop","hold":{"id":2,"foreign_id":"alice","asset":"DOGE","amount":"10","remaining":"0","captured":"4","state":"CAPTURED","reference_type":"","reference":"","expires":null,"created":"2026-11-29T12:28:23.976314+00:00"},"balance":{"available":"35","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:24.072904+00'),
	(0, 32, 78, 'alice', '90a635a535a90c692ef7b44b207b16bc', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"571","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.073122+00'),
	(2, 26, 79, 'shibe-shop', 'ddc3e48572e4e641c4711ee21f8afc88', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"35","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.073126+00'),
	(0, 33, 80, 'alice', 'c1b8d0f35b437c31af45f61bc58993dd', 'ESCROW_LOCKED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","escrow":{"id":1,"order_id":"o-1","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"20","fee":"0.5","hold":null,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.103587+00:00"},"balance":{"available":"551","incoming":"0","held":"60","outgoing":"0"}}', '2026-11-29 12:28:24.116271+00'),
	(2, 27, 81, 'shibe-shop', 'dfa020c8de055b5c6a42c067ab3c3c1e', 'ESCROW_LOCKED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","escrow":{"id":1,"order_id":"o-1","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"20","fee":"0.5","hold":null,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.103587+00:00"}}', '2026-11-29 12:28:24.116285+00'),
	(0, 34, 82, 'alice', 'cd5a98b3adb3e6228af79044b7803849', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"551","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.116291+00'),
	(0, 39, 94, 'alice', 'a9c1755a7e3bea5a069bc1334cdc566d', 'ESCROW_DISPUTED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","escrow":{"id":2,"order_id":"o-2","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"25","fee":"0","hold":3,"state":"DISPUTED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.158688+00:00"}}', '2026-11-29 12:28:24.289122+00'),
	(2, 31, 95, 'shibe-shop', '00336110a859e4a82d485c265a7a4015', 'ESCROW_DISPUTED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","escrow":{"id":2,"order_id":"o-2","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"25","fee":"0","hold":3,"state":"DISPUTED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.158688+00:00"}}', '2026-11-29 12:28:24.289134+00'),
	(0, 49, 105, 'alice', 'bb020d5a9668ede1964125a9b4046aa9', 'PAYMENT_REQUESTED', '{"payment_id":2,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"15","deduct_fee_percent":"0"}],"total":"16","txid":"","state":"PENDING","fee":"0"}', '2026-11-29 12:28:25.669059+00'),
	(0, 50, 106, 'alice', '97b21ecff859931ee92245fc56f801e0', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"out","kind":"payment","reference":"2","amount":"15","fee":"0","txid":""}', '2026-11-29 12:28:25.669077+00'),
	(0, 51, 107, 'alice', 'ee319556d13c7f8002fd20863970e238', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"499.99774","incoming_balance":"0","outgoing_balance":"16"}', '2026-11-29 12:28:25.669082+00'),
	(0, 53, 109, 'alice', 'd365fe5b6a1038453a455e9a24ab55b2', 'PAYMENT_SENT', '{"payment_id":2,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"15","deduct_fee_percent":"0"}],"total":"15.00226","txid":"6c1521b293b03aaf3320f57268aaf8f26b5a50fd65a31f4e4c10ecf8276e9353","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:25.802086+00'),
	(2, 36, 120, 'shibe-shop', 'f0bb7ab31983db945e7f42a88e5ed3bf', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"49.49774","incoming_balance":"0","outgoing_balance":"5.00226"}', '2026-11-29 12:28:26.775688+00'),
	(0, 24, 66, 'alice', 'd29296fba9eeb6ee50c23ae9cf4ce39b', 'TRANSFER_SENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","transfer":26,"type":"TRANSFER","from":"alice","to":[{"account":"bob","amount":"1"},{"account":"carol","amount":"2"}],"amount":"3","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.827917+00:00","balance":{"available":"615","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.837873+00'),
	(1, 16, 67, 'bob', '94370821d9269de0251790a84e5ace65', 'TRANSFER_RECEIVED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","transfer":26,"type":"TRANSFER","from":"alice","to":"bob","amount":"1","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.827917+00:00","balance":{"available":"98","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.837887+00'),
	(4, 3, 68, 'carol', '63fbc5b2cf23a9c3909afe88fd0864f8', 'TRANSFER_RECEIVED', '{"account_id":"n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5","foreign_id":"carol","transfer":26,"type":"TRANSFER","from":"alice","to":"carol","amount":"2","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:23.827917+00:00","balance":{"available":"2","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:23.837892+00'),
	(0, 29, 74, 'alice', 'dca620c546206897ef9ef696fbdc7149', 'HOLD_CREATED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","amount":"30","hold":{"id":3,"foreign_id":"alice","asset":"DOGE","amount":"30","remaining":"30","captured":"0","state":"HELD","reference_type":"","reference":"","expires":null,"created":"2026-11-29T12:28:24.027689+00:00"},"balance":{"available":"565","incoming":"0","held":"50","outgoing":"0"}}', '2026-11-29 12:28:24.040708+00'),
	(0, 30, 75, 'alice', '0f7147c79571a83b75fffb2a42cfa455', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"565","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.040742+00'),
	(0, 56, 112, 'alice', 'b36466bba4742d6797cd8a105e547d61', 'PAYMENT_REQUESTED', '{"payment_id":3,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"7","deduct_fee_percent":"0"}],"total":"8","txid":"","state":"PENDING","fee":"0"}', '2026-11-29 12:28:26.39877+00'),
	(0, 57, 113, 'alice', '976ddcb3ba4ee04ade710a52641d6fb8', 'ACC_PAYMENT', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","direction":"out","kind":"payment","reference":"3","amount":"7","fee":"0","txid":""}', '2026-11-29 12:28:26.398785+00'),
	(0, 58, 114, 'alice', 'c4e86ee2405df7668b24e6bc2477f9b6', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"492.99548","incoming_balance":"0","outgoing_balance":"23.00226"}', '2026-11-29 12:28:26.398833+00'),
	(0, 35, 83, 'alice', '060697443372df8d3dc1d6f3ed5c2a09', 'ESCROW_LOCKED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","escrow":{"id":2,"order_id":"o-2","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"25","fee":"0","hold":3,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.158688+00:00"},"balance":{"available":"556","incoming":"0","held":"55","outgoing":"0"}}', '2026-11-29 12:28:24.171795+00'),
	(2, 28, 84, 'shibe-shop', '8cf29b04f88e093801650bf6c4ed925f', 'ESCROW_LOCKED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","escrow":{"id":2,"order_id":"o-2","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"25","fee":"0","hold":3,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.158688+00:00"}}', '2026-11-29 12:28:24.171806+00'),
	(0, 36, 85, 'alice', 'afbbe42287c89a72f26dcd39bcdc141a', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"556","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.17181+00'),
	(4, 5, 86, 'carol', '6d61db9f0e1bed3c91f4697bb261f722', 'ESCROW_LOCKED', '{"account_id":"n3AC8Y9jXvBwutjWt68ppuJEC8mjpipCF5","foreign_id":"carol","escrow":{"id":3,"order_id":"o-3","buyer":"carol","seller":"bob","asset":"gold_coins","amount":"9","fee":"0","hold":null,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.202097+00:00"},"balance":{"available":"61","incoming":"0","held":"9","outgoing":"0"}}', '2026-11-29 12:28:24.210841+00'),
	(1, 17, 87, 'bob', 'cc23c6d8c55e7b3359700e09477c3ab0', 'ESCROW_LOCKED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","escrow":{"id":3,"order_id":"o-3","buyer":"carol","seller":"bob","asset":"gold_coins","amount":"9","fee":"0","hold":null,"state":"LOCKED","to_seller":"0","to_buyer":"0","to_platform":"0","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.202097+00:00"}}', '2026-11-29 12:28:24.210856+00'),
	(5, 1, 88, 'platform', 'c4b22e348281286ef3b67b38dc275a5f', 'ACC_CREATED', '{"id":"miqQshjnmTDknL8BN8q4YeRes7VTk8uLCr","foreign_id":"platform","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:24.234051+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:24.241681+00'),
	(0, 37, 89, 'alice', '586c0de6749a162d15ef81d40fd4e363', 'ESCROW_RELEASED', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","escrow":{"id":1,"order_id":"o-1","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"20","fee":"0.5","hold":null,"state":"RELEASED","to_seller":"19.5","to_buyer":"0","to_platform":"0.5","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.103587+00:00"},"balance":{"available":"556","incoming":"0","held":"35","outgoing":"0"}}', '2026-11-29 12:28:24.265774+00'),
	(2, 29, 90, 'shibe-shop', 'f3266033b16fa70057181368c8bc0e72', 'ESCROW_RELEASED', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","escrow":{"id":1,"order_id":"o-1","buyer":"alice","seller":"shibe-shop","asset":"DOGE","amount":"20","fee":"0.5","hold":null,"state":"RELEASED","to_seller":"19.5","to_buyer":"0","to_platform":"0.5","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:24.103587+00:00"},"balance":{"available":"54.5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:24.265793+00'),
	(0, 38, 91, 'alice', '2f95fe79b9729c4168001c7c6a1e777c', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"556","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.265796+00'),
	(2, 30, 92, 'shibe-shop', 'e00a687211377113016c4c989aad5998', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"54.5","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.265799+00'),
	(5, 2, 93, 'platform', '6d8f4654ff3061353d12bafb94f84872', 'ACC_BALANCE_CHANGE', '{"account_id":"miqQshjnmTDknL8BN8q4YeRes7VTk8uLCr","foreign_id":"platform","current_balance":"0.5","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:24.265809+00'),
	(0, 43, 99, 'alice', '99cddcfe111f601fc53d232b09083bc5', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"515.99774","incoming_balance":"0","outgoing_balance":"40.00226"}', '2026-11-29 12:28:24.595267+00'),
	(0, 44, 100, 'alice', '80dfa0557e1d1d8ed4a93a7275138d1d', 'PAYMENT_SENT', '{"payment_id":1,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"40","deduct_fee_percent":"0"}],"total":"40.00226","txid":"4dc186ca83ea37438f0dd85c407a8ccaa17b290680fe70b951b6c50f548917d5","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:24.681976+00'),
	(0, 52, 108, 'alice', '714e0188ed876ae9afe01eefb7d3eff8', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"500.99548","incoming_balance":"0","outgoing_balance":"15.00226"}', '2026-11-29 12:28:25.726829+00'),
	(2, 32, 116, 'shibe-shop', '37eb2fd3dfd95246677c88a13a6ad5cd', 'PAYMENT_REQUESTED', '{"payment_id":4,"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"5","deduct_fee_percent":"0"}],"total":"6","txid":"","state":"PENDING","fee":"0"}', '2026-11-29 12:28:26.646994+00'),
	(2, 33, 117, 'shibe-shop', 'de1d94b1f8f5de1d7689ed61f49cf63c', 'ACC_PAYMENT', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","direction":"out","kind":"payment","reference":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","amount":"5","fee":"0","txid":""}', '2026-11-29 12:28:26.647011+00'),
	(2, 34, 118, 'shibe-shop', 'fc2988f236fd0c675eea8b0e82e17eff', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"48.5","incoming_balance":"0","outgoing_balance":"6"}', '2026-11-29 12:28:26.647017+00'),
	(2, 35, 119, 'shibe-shop', 'a86857fdb6891627f11f6bf32f489605', 'INV_PAYMENT_REFUNDED', '{"invoice_id":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"24.89","total_incoming":"25","total_confirmed":"25","refunded":"5","amount":"5","to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3"}', '2026-11-29 12:28:26.647421+00'),
	(0, 60, 128, 'alice', '8d591f0c164f9108a87f61be7b644e3e', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","height":114,"block_hash":"9d3dacfe5e5a4539eb6b3a441921b3244cb10695bc35e6188b2b0b8e961e1839","connected":true,"txids":["3bc84ee7a6ce02c08a798475e862f4ff238a5a1946fd0ccf7903073260086f6c"]}', '2026-11-29 12:28:26.983841+00'),
	(2, 41, 129, 'shibe-shop', '6cdfef17bdba32aceef304cb4557d1a6', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","height":114,"block_hash":"9d3dacfe5e5a4539eb6b3a441921b3244cb10695bc35e6188b2b0b8e961e1839","connected":true,"txids":["717c59c4e3f35a5a3fde1c42ef11865ac27df8a11b050332342169d6599c8bbb"]}', '2026-11-29 12:28:26.983854+00'),
	(0, 54, 110, 'alice', 'c5a30ab3440023b24c436ff95a5853b7', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","height":113,"block_hash":"9077f605637198e8fb81c20ee38be2a6cf483170a75cda1f9d0fdf603008a580","connected":true,"txids":["6c1521b293b03aaf3320f57268aaf8f26b5a50fd65a31f4e4c10ecf8276e9353"]}', '2026-11-29 12:28:26.043396+00'),
	(0, 55, 111, 'alice', 'd6dc17e4eb80108826339716a5ac0cd3', 'PAYMENT_ON_CHAIN', '{"payment_id":2,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"15","deduct_fee_percent":"0"}],"total":"15.00226","txid":"6c1521b293b03aaf3320f57268aaf8f26b5a50fd65a31f4e4c10ecf8276e9353","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:26.043419+00'),
	(2, 39, 124, 'shibe-shop', '82739e3d8d971502d5e2db8fe701c4dc', 'ACC_PAYMENT', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","direction":"out","kind":"refund","reference":"mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu","amount":"1","fee":"0","txid":""}', '2026-11-29 12:28:26.851931+00'),
	(1, 19, 125, 'bob', '4b7d0009ddf7a02f4d6214a06be339a7', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"99","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:26.851934+00'),
	(2, 40, 126, 'shibe-shop', 'd4ac09a20705f6e8a621b7e6dadd6021', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"48.49774","incoming_balance":"0","outgoing_balance":"5.00226"}', '2026-11-29 12:28:26.851967+00'),
	(3, 2, 127, 'gone', 'e99db7455ccaed24e2421b1c50839e09', 'ACC_CLOSED', '{"id":"morhmYkAu6cAwnubzND6tv1nULM9hgMtoN","foreign_id":"gone","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"closed","created":"2026-11-29T12:28:22.349017+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:26.873187+00'),
	(6, 7, 143, 'dave', '1d35124a9bfaf383c03819c31039e150', 'TRANSFER_SENT', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","transfer":53,"type":"TRANSFER","from":"dave","to":"bob","amount":"45","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:27.579128+00:00","balance":{"available":"5","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:27.583823+00'),
	(1, 20, 144, 'bob', 'bc12088ca93545a23ec5a46715dcd2bf', 'TRANSFER_RECEIVED', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","transfer":53,"type":"TRANSFER","from":"dave","to":"bob","amount":"45","asset":"DOGE","reference_type":"","reference":"","metadata":{},"created":"2026-11-29T12:28:27.579128+00:00","balance":{"available":"144","incoming":"0","held":"0","outgoing":"0"}}', '2026-11-29 12:28:27.583832+00'),
	(2, 42, 130, 'shibe-shop', 'b0e04215e3398f143a1450738041e27a', 'PAYMENT_ON_CHAIN', '{"payment_id":4,"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"5","deduct_fee_percent":"0"}],"total":"5.00226","txid":"717c59c4e3f35a5a3fde1c42ef11865ac27df8a11b050332342169d6599c8bbb","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:26.983866+00'),
	(6, 1, 131, 'dave', '9bd581947a3cfc04137269fdf2ce4afa', 'ACC_CREATED', '{"id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","payout_address":"","payout_threshold":"0","payout_frequency":"","name":"","state":"open","created":"2026-11-29T12:28:27.189522+00:00","vendor_name":"","vendor_icon":"","vendor_address":"","vendor_url":"","accept_unconfirmed_below":"0","batch":false}', '2026-11-29 12:28:27.191859+00'),
	(6, 2, 132, 'dave', '25e68fd96a334ed57e79562e83e73b68', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","height":116,"block_hash":"555cfd965ff389ce35313a6289227933abd8754e8ca47dccf13f1a2019b81ce1","connected":true,"txids":["4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835"]}', '2026-11-29 12:28:27.400169+00'),
	(6, 3, 133, 'dave', '51888733932c9ca4907d7126d9c6b918', 'ACC_BALANCE_CHANGE', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","current_balance":"0","incoming_balance":"50","outgoing_balance":"0"}', '2026-11-29 12:28:27.40018+00'),
	(0, 61, 134, 'alice', '681b7dc43d609bc083810acf74c157e4', 'PAYMENT_CONFIRMED', '{"payment_id":2,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"15","deduct_fee_percent":"0"}],"total":"15.00226","txid":"6c1521b293b03aaf3320f57268aaf8f26b5a50fd65a31f4e4c10ecf8276e9353","state":"CONFIRMED","fee":"0.00226"}', '2026-11-29 12:28:27.400183+00'),
	(0, 62, 135, 'alice', 'ebc0191f7b41e61635289c718b4ea54a', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"493.99322","incoming_balance":"0","outgoing_balance":"7.00226"}', '2026-11-29 12:28:27.400185+00'),
	(0, 63, 136, 'alice', '75a3aad704803ad5be874ba2fada903e', 'PAYMENT_VOIDED', '{"payment_id":3,"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"7","deduct_fee_percent":"0"}],"total":"7.00226","txid":"db4617089cac7ccece0d79c51b85a80f9cbd175d2b0fa826af3e7fcfb1f1a0bf","state":"VOIDED","fee":"0.00226"}', '2026-11-29 12:28:27.400187+00'),
	(0, 64, 137, 'alice', '7d14b56b73872e227e60088605d07309', 'ACC_BALANCE_CHANGE', '{"account_id":"mwrRGGHg45VCrjhJKhLWaghYGLZRy4P2Rv","foreign_id":"alice","current_balance":"500.99356","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:27.400189+00'),
	(2, 43, 138, 'shibe-shop', '429ca76b8fa69c9fa02b08b97d8e76e9', 'PAYMENT_CONFIRMED', '{"payment_id":4,"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"5","deduct_fee_percent":"0"}],"total":"5.00226","txid":"717c59c4e3f35a5a3fde1c42ef11865ac27df8a11b050332342169d6599c8bbb","state":"CONFIRMED","fee":"0.00226"}', '2026-11-29 12:28:27.400192+00'),
	(2, 44, 139, 'shibe-shop', '40ac9aa2549340d3bc72130391c16cbb', 'ACC_BALANCE_CHANGE', '{"account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","current_balance":"48.49774","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:27.400194+00'),
	(6, 4, 140, 'dave', '6e2415877bd761689a25d7bc8275b5c3', 'DEPOSIT_CONFIRMED', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","txid":"4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835","vout":0,"address":"n3ZDpeg3LiHENnUuT3skZh6pe4jNMehSpy","invoice":"","amount":"50","confirmations":6,"required_confirmations":6,"state":"confirmed"}', '2026-11-29 12:28:27.400196+00'),
	(6, 5, 141, 'dave', '9d45623e9e9633da4a3d93e40c46158c', 'ACC_PAYMENT', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","direction":"in","kind":"deposit","reference":"n3ZDpeg3LiHENnUuT3skZh6pe4jNMehSpy","amount":"50","fee":"0","txid":"4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835"}', '2026-11-29 12:28:27.400198+00'),
	(6, 6, 142, 'dave', 'cc9849a7377d317aa3bbc5bee61ce174', 'ACC_BALANCE_CHANGE', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","current_balance":"50","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:27.4002+00'),
	(6, 8, 145, 'dave', '56dcd3801cf60c2f7ce544ee12fe0cf9', 'ACC_CHAIN_ACTIVITY', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","height":116,"block_hash":"555cfd965ff389ce35313a6289227933abd8754e8ca47dccf13f1a2019b81ce1","connected":false,"txids":["4d4c1f85077599120565eca942ccb074af8eb224ec55a4b8ac655112707e5835"]}', '2026-11-29 12:28:27.929231+00'),
	(6, 9, 146, 'dave', 'b09a5254aed66ab45882abfb100f02b9', 'ACC_BALANCE_CHANGE', '{"account_id":"mqr1dRY2K9orm2rJviDwWTGgNYYG8oXxTH","foreign_id":"dave","current_balance":"0","incoming_balance":"0","outgoing_balance":"0"}', '2026-11-29 12:28:27.929896+00'),
	(1, 21, 147, 'bob', '84b998501f10c103ca1af1231523b6f3', 'PAYMENT_REQUESTED', '{"payment_id":5,"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"11","deduct_fee_percent":"0"}],"total":"12","txid":"","state":"PENDING","fee":"0"}', '2026-11-29 12:28:28.271759+00'),
	(1, 22, 148, 'bob', '88e609fc078238ead195d83543c047c3', 'ACC_PAYMENT', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","direction":"out","kind":"payment","reference":"5","amount":"11","fee":"0","txid":""}', '2026-11-29 12:28:28.271785+00'),
	(1, 23, 149, 'bob', '40b9c6855ae4c047be6d74b49a7d2b44', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"132","incoming_balance":"0","outgoing_balance":"12"}', '2026-11-29 12:28:28.271796+00'),
	(1, 24, 150, 'bob', 'add2db8fb398cf6e933555f9d4320d71', 'ACC_BALANCE_CHANGE', '{"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","current_balance":"132.99774","incoming_balance":"0","outgoing_balance":"11.00226"}', '2026-11-29 12:28:28.313919+00'),
	(1, 25, 151, 'bob', '426fc03f952ee8396a161aace4e57edd', 'PAYMENT_SENT', '{"payment_id":5,"account_id":"mttyZoHEaUBpTNSapx8VD2UfNFP7fVzybn","foreign_id":"bob","pay_to":[{"to":"mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3","amount":"11","deduct_fee_percent":"0"}],"total":"11.00226","txid":"7d8427d7589c7a2eb97b888bd6022dbfcc18fc92e04334b8fb14f60af43b2017","state":"BROADCAST","fee":"0.00226"}', '2026-11-29 12:28:28.354666+00'),
	(2, 45, 152, 'shibe-shop', 'f6ed54f508d65ee40c0178ad7368a74a', 'INV_EXPIRED', '{"invoice_id":"mht8YRdTkAMyskjietwABrp7CNaVw7axAd","account_id":"mtm3r8wyLSqCborALC6Xs5UtwXG7uMWLxK","foreign_id":"shibe-shop","invoice_total":"3","total_incoming":"0","total_confirmed":"0"}', '2026-11-29 12:29:23.302302+00');

INSERT INTO public.holds VALUES
	(0, 1, 'DOGE', 1000000000, 1000000000, 0, 'HELD', 0, '', '', '2026-11-30 12:28:23.903717+00', '2026-11-29 12:28:23.903717+00'),
	(0, 2, 'DOGE', 1000000000, 0, 400000000, 'CAPTURED', 2, '', '', NULL, '2026-11-29 12:28:23.976314+00'),
	(0, 3, 'DOGE', 3000000000, 0, 0, 'CONVERTED', 1, '', '', NULL, '2026-11-29 12:28:24.027689+00');

INSERT INTO public.idempotency VALUES
	('admin', 'open-carol', '\x019860e12d2ef246407fc233854fa4efd145cb73db3fec890408db4540a183da', 'account', '4', '2026-11-29 12:28:22.419006+00'),
	('admin', 'payfrom-1', '\x4e3fa9e0ee905eb6509c0600b739e3eff9ddade279e5cadefa3e82d7b1e2688b', 'payfrom', '22', '2026-11-29 12:28:23.634219+00'),
	('admin', 'game-7', '\x9596773fc1d96053799ebd73b56ad57d4fbeef5707bfea4f2b50a098d1e688db', 'transfer', 'transfer:admin:game-7', '2026-11-29 12:28:23.666422+00'),
	('admin', 'payday:0', '\xd9bec6410b69b6322b73f512c0b97158dc3130f7d2a01f164033d1eb8dd16fa9', 'transfer', 'transfer:admin:payday:0', '2026-11-29 12:28:23.719783+00'),
	('admin', 'back-7', '\x5e8dfd867a1325ba623a7404e950d622c8e27455dd2d0bea50310e79b7db0e43', 'reversal', '25', '2026-11-29 12:28:23.760546+00'),
	('admin', 'split', '\xb1f91f5be0ee8f1eff71451bd5cdbc5d004b737f749877fc1a35d5405d1d73ed', 'transfer', 'transfer:admin:split', '2026-11-29 12:28:23.819713+00'),
	('admin', 'spend', '\x33dae3de47e03e7a345037d0fee611184cde4c9723a466bad515e1f0b0be609a', 'transfer', 'transfer:admin:spend', '2026-11-29 12:28:23.847023+00'),
	('admin', 'hold-1', '\x883d35dbbe7c5e777917ef3d03b059dfbbd4b7b6721a2c1eb443de6aa0068476', 'hold', '1', '2026-11-29 12:28:23.884718+00'),
	('admin', 'hold-2', '\xdda65c2acb617ae144272d1359eff2996920923884891d986c4390289d253447', 'hold', '2', '2026-11-29 12:28:23.971516+00'),
	('admin', 'hold-3', '\x21bfd3509f06fed2d09184298ab24aff738a6a7609c5dd65d29b501360f06fe8', 'hold', '3', '2026-11-29 12:28:24.002839+00'),
	('admin', 'cap-2', '\x50c7ed883d9ff20a816ce9d6f930cb0f573814e35f475ccad59a0e9333dce380', 'capture', '2', '2026-11-29 12:28:24.057616+00'),
	('admin', 'esc-1', '\x12387867844867e2903db9ba67b3f3404745a98a99b44ce05f0dfe3be08ab719', 'escrow', '1', '2026-11-29 12:28:24.092566+00'),
	('admin', 'esc-2', '\x4070fdec033d1edab47024392d5d29cbd1892744ce3e629e3aa70252f2a15818', 'escrow', '2', '2026-11-29 12:28:24.129111+00'),
	('admin', 'esc-3', '\x40a46dfe7a2af29fb5d4376f1f2c937c0918eac8e8bdc98d541a53d59f2dd9b7', 'escrow', '3', '2026-11-29 12:28:24.192805+00'),
	('admin', 'esc-1-r', '\x99ec4798d74ac046ebc3469d54aa8bf3719982178fc8e76a4b5980981260c2f0', 'escrow-end', '1', '2026-11-29 12:28:24.22047+00'),
	('admin', 'esc-2-d', '\xedb90a0b9e4f356a2cb586bf3776ecd2bffbe654b56bc434043ee584b3a2f17e', 'escrow-end', '2', '2026-11-29 12:28:24.278062+00'),
	('admin', 'wd-1', '\x3345892d046625098c4bdb66cf89ec63831c55e0574b439c2c2447bc487e89f1', 'payment', '1', '2026-11-29 12:28:24.380168+00'),
	('admin', 'wd-2', '\x57f813f6f6f3a4491fc0102f44eb911e9250136ff200240c92579d4b81ca6672', 'payment', '2', '2026-11-29 12:28:25.620416+00'),
	('admin', 'refund-1', '\x7b0d440b23c67aa749ce1726c3bc9e31506c852ba4c893c5a836b6cc0482c3e6', 'refundtoaddr', '4', '2026-11-29 12:28:26.588033+00'),
	('admin', 'refund-2', '\xd75183de297280adb1f2281cf4ab1f1510122d77546e3271200cba4fda8f18a7', 'refundtoacc', '47', '2026-11-29 12:28:26.842301+00'),
	('admin', 'dave-gone', '\x21cbc2bc0c8e12ee66f6c8a469a28b3a26e9c034952380c89fa06b1488d28522', 'transfer', 'transfer:admin:dave-gone', '2026-11-29 12:28:27.570332+00'),
	('admin', 'wd-3', '\x83d35592b9cc4f23331792b7bed07c223cf876cd41811bbb3cf5d321845e55af', 'payment', '5', '2026-11-29 12:28:28.260808+00');

INSERT INTO public.invoices VALUES
	(2, 3, 'mhhSzLV3BV46K2dQ1JvX62PpfoQAtwa9EH', '[{"type":"item","name":"Treat","sku":"","description":"","value":"4","quantity":1,"image_link":""}]', 400000000, 400000000, 6, '5Yf2B-QVNXdoQJYEzTzoSg', 'order-4', '{}', 0, 0, false, false, false, '2026-11-29 12:28:22.754042+00', false, true, false, 0, 0, NULL),
	(2, 1, 'msV6uoYSdRDiYUUvUH9FNCa6mD9wwytV6t', '[{"type":"item","name":"Treat","sku":"","description":"","value":"10","quantity":1,"image_link":""}]', 1000000000, 1000000000, 6, 'GI3bdwGV8ici1516vpDIKA', 'order-2', '{}', 600000000, 600000000, false, false, false, '2026-11-29 12:28:22.69261+00', false, false, false, 0, 0, NULL),
	(1, 0, 'moduRosm6FfTfLHoPH76ovGV3vGztkfgKw', '[{"type":"item","name":"Treat","sku":"","description":"","value":"2","quantity":1,"image_link":""}]', 200000000, 200000000, 6, 'LktHLsKS4PvrWJiOya3jWg', '', '{}', 200000000, 200000000, true, true, false, '2026-11-29 12:28:22.780668+00', false, false, false, 200000000, 0, NULL),
	(2, 0, 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', '[{"type":"item","name":"Treat","sku":"","description":"","value":"24.89","quantity":1,"image_link":""}]', 2489000000, 2489000000, 2, 'qQw0FtFEvXsK4QuNumdJ2Q', 'order-1', '{"cart":7}', 2500000000, 2500000000, true, true, false, '2026-11-29 12:28:22.665983+00', false, false, false, 0, 100000000, NULL),
	(2, 2, 'mht8YRdTkAMyskjietwABrp7CNaVw7axAd', '[{"type":"item","name":"Treat","sku":"","description":"","value":"3","quantity":1,"image_link":""}]', 300000000, 300000000, 6, 'MoBEqtU1dINCnQfFqsV-vQ', 'order-3', '{}', 0, 0, false, false, false, '2026-11-29 12:28:22.720145+00', true, false, false, 0, 0, '2026-11-29 12:29:22.710531+00');

INSERT INTO public.leases VALUES
	('send', 'home', '2026-11-29 12:31:29.023618+00'),
	('sequencer', 'home', '2026-11-29 12:31:29.27927+00'),
	('keys', 'home', '2026-11-29 12:31:28.034001+00'),
	('seals', 'home', '2026-11-29 12:31:28.150793+00'),
	('follow', 'home', '2026-11-29 12:31:28.472138+00');

INSERT INTO public.payment_outputs VALUES
	(0, 1, 0, 'mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3', '\x76a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac', 4000000000, 0, 4000000000),
	(0, 2, 0, 'mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3', '\x76a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac', 1500000000, 0, 1500000000),
	(0, 3, 0, 'mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3', '\x76a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac', 700000000, 0, 700000000),
	(2, 4, 0, 'mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3', '\x76a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac', 500000000, 0, 500000000),
	(1, 5, 0, 'mhiBKgBN4thq6Ergit1kkhbi5jYocn9an3', '\x76a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac', 1100000000, 0, 1100000000);

INSERT INTO public.payments VALUES
	(0, 1, 'pay', 'CONFIRMED', 4000000000, 4000226000, 0, 0, 4000000000, 226000, 1, false, NULL, NULL, 'wd-1', '', NULL, '2026-11-29 12:28:24.404145+00', 0),
	(0, 2, 'pay', 'CONFIRMED', 1500000000, 1500226000, 0, 0, 1500000000, 226000, 2, true, NULL, NULL, '', '', NULL, '2026-11-29 12:28:25.639469+00', 0),
	(0, 3, 'paytx', 'VOIDED', 700000000, 700226000, 0, 0, 700000000, 226000, 3, false, NULL, NULL, '', '', '2026-11-29 13:28:26.359611+00', '2026-11-29 12:28:26.364367+00', 0),
	(2, 4, 'refund', 'CONFIRMED', 500000000, 500226000, 0, 0, 500000000, 226000, 5, false, 2, 0, 'mr11C1rPSvSA83fs3BdAqMWNfm8zHQz4eu', '', NULL, '2026-11-29 12:28:26.6237+00', 0),
	(1, 5, 'pay', 'BROADCAST', 1100000000, 1100226000, 0, 0, 1100000000, 226000, 6, false, NULL, NULL, '', '', NULL, '2026-11-29 12:28:28.265155+00', 0);

INSERT INTO public.postings VALUES
	(-4, 'gold_coins', 1, 1, 'available', -100, 0, 0, 0, 0, '2026-11-29 12:28:22.497603+00'),
	(4, 'gold_coins', 1, 1, 'available', 100, 100, 0, 0, 0, '2026-11-29 12:28:22.497603+00'),
	(-1, 'DOGE', 1, 2, 'available', -2500000000, -2500000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 1, 2, 'incoming', 2500000000, 0, 2500000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 2, 3, 'available', -600000000, -3100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 2, 3, 'incoming', 600000000, 0, 3100000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 3, 4, 'available', -50000000000, -53100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 1, 4, 'incoming', 50000000000, 0, 50000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 4, 5, 'available', -8000000000, -61100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(1, 'DOGE', 1, 5, 'incoming', 8000000000, 0, 8000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 5, 6, 'available', -2000000000, -63100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 2, 6, 'incoming', 2000000000, 0, 52000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 6, 7, 'available', -2100000000, -65200000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 3, 7, 'incoming', 2100000000, 0, 54100000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 7, 8, 'available', -2200000000, -67400000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 4, 8, 'incoming', 2200000000, 0, 56300000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 8, 9, 'available', -2300000000, -69700000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 5, 9, 'incoming', 2300000000, 0, 58600000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 9, 10, 'available', -2400000000, -72100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 6, 10, 'incoming', 2400000000, 0, 61000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(-1, 'DOGE', 10, 11, 'available', -2500000000, -74600000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 7, 11, 'incoming', 2500000000, 0, 63500000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 3, 12, 'incoming', -2500000000, 0, 600000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 4, 12, 'available', 2500000000, 2500000000, 600000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 8, 13, 'incoming', -2500000000, 0, 61000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 9, 13, 'available', 2500000000, 2500000000, 61000000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 10, 14, 'incoming', -2100000000, 2500000000, 58900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 11, 14, 'available', 2100000000, 4600000000, 58900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 12, 15, 'incoming', -2000000000, 4600000000, 56900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 13, 15, 'available', 2000000000, 6600000000, 56900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 14, 16, 'incoming', -50000000000, 6600000000, 6900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 15, 16, 'available', 50000000000, 56600000000, 6900000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 16, 17, 'incoming', -2300000000, 56600000000, 4600000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 17, 17, 'available', 2300000000, 58900000000, 4600000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 18, 18, 'incoming', -2200000000, 58900000000, 2400000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 19, 18, 'available', 2200000000, 61100000000, 2400000000, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 20, 19, 'incoming', -2400000000, 61100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 21, 19, 'available', 2400000000, 63500000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(1, 'DOGE', 2, 20, 'incoming', -8000000000, 0, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(1, 'DOGE', 3, 20, 'available', 8000000000, 8000000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 5, 21, 'incoming', -600000000, 2500000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(2, 'DOGE', 6, 21, 'available', 600000000, 3100000000, 0, 0, 0, '2026-11-29 12:28:23.150325+00'),
	(0, 'DOGE', 22, 22, 'available', -200000000, 63300000000, 0, 0, 0, '2026-11-29 12:28:23.652343+00'),
	(1, 'DOGE', 4, 22, 'available', 200000000, 8200000000, 0, 0, 0, '2026-11-29 12:28:23.652343+00'),
	(0, 'DOGE', 23, 23, 'available', -1250000000, 62050000000, 0, 0, 0, '2026-11-29 12:28:23.693335+00'),
	(1, 'DOGE', 5, 23, 'available', 1250000000, 9450000000, 0, 0, 0, '2026-11-29 12:28:23.693335+00'),
	(0, 'DOGE', 24, 24, 'available', -500000000, 61550000000, 0, 0, 0, '2026-11-29 12:28:23.732315+00'),
	(1, 'DOGE', 6, 24, 'available', 500000000, 9950000000, 0, 0, 0, '2026-11-29 12:28:23.732315+00'),
	(1, 'DOGE', 7, 25, 'available', -250000000, 9700000000, 0, 0, 0, '2026-11-29 12:28:23.795269+00'),
	(0, 'DOGE', 25, 25, 'available', 250000000, 61800000000, 0, 0, 0, '2026-11-29 12:28:23.795269+00'),
	(0, 'DOGE', 26, 26, 'available', -300000000, 61500000000, 0, 0, 0, '2026-11-29 12:28:23.827917+00'),
	(1, 'DOGE', 8, 26, 'available', 100000000, 9800000000, 0, 0, 0, '2026-11-29 12:28:23.827917+00'),
	(4, 'DOGE', 1, 26, 'available', 200000000, 200000000, 0, 0, 0, '2026-11-29 12:28:23.827917+00'),
	(4, 'gold_coins', 2, 27, 'available', -30, 70, 0, 0, 0, '2026-11-29 12:28:23.856528+00'),
	(-4, 'gold_coins', 27, 27, 'available', 30, 0, 0, 0, 0, '2026-11-29 12:28:23.856528+00'),
	(0, 'DOGE', 27, 28, 'available', -1000000000, 60500000000, 0, 0, 0, '2026-11-29 12:28:23.91278+00'),
	(0, 'DOGE', 28, 28, 'held', 1000000000, 60500000000, 0, 1000000000, 0, '2026-11-29 12:28:23.91278+00'),
	(0, 'DOGE', 29, 29, 'available', -1000000000, 59500000000, 0, 1000000000, 0, '2026-11-29 12:28:23.980423+00'),
	(0, 'DOGE', 30, 29, 'held', 1000000000, 59500000000, 0, 2000000000, 0, '2026-11-29 12:28:23.980423+00'),
	(0, 'DOGE', 31, 30, 'available', -3000000000, 56500000000, 0, 2000000000, 0, '2026-11-29 12:28:24.033128+00'),
	(0, 'DOGE', 32, 30, 'held', 3000000000, 56500000000, 0, 5000000000, 0, '2026-11-29 12:28:24.033128+00'),
	(0, 'DOGE', 33, 31, 'held', -400000000, 56500000000, 0, 4600000000, 0, '2026-11-29 12:28:24.065273+00'),
	(2, 'DOGE', 7, 31, 'available', 400000000, 3500000000, 0, 0, 0, '2026-11-29 12:28:24.065273+00'),
	(0, 'DOGE', 34, 32, 'held', -600000000, 56500000000, 0, 4000000000, 0, '2026-11-29 12:28:24.065273+00'),
	(0, 'DOGE', 35, 32, 'available', 600000000, 57100000000, 0, 4000000000, 0, '2026-11-29 12:28:24.065273+00'),
	(0, 'DOGE', 42, 37, 'held', -2000000000, 55600000000, 0, 3500000000, 0, '2026-11-29 12:28:24.248045+00'),
	(0, 'DOGE', 36, 33, 'available', -2000000000, 55100000000, 0, 4000000000, 0, '2026-11-29 12:28:24.108853+00'),
	(0, 'DOGE', 37, 33, 'held', 2000000000, 55100000000, 0, 6000000000, 0, '2026-11-29 12:28:24.108853+00'),
	(0, 'DOGE', 38, 34, 'held', -3000000000, 55100000000, 0, 3000000000, 0, '2026-11-29 12:28:24.16473+00'),
	(0, 'DOGE', 39, 34, 'available', 3000000000, 58100000000, 0, 3000000000, 0, '2026-11-29 12:28:24.16473+00'),
	(0, 'DOGE', 40, 35, 'available', -2500000000, 55600000000, 0, 3000000000, 0, '2026-11-29 12:28:24.16473+00'),
	(0, 'DOGE', 41, 35, 'held', 2500000000, 55600000000, 0, 5500000000, 0, '2026-11-29 12:28:24.16473+00'),
	(4, 'gold_coins', 3, 36, 'available', -9, 61, 0, 0, 0, '2026-11-29 12:28:24.204852+00'),
	(4, 'gold_coins', 4, 36, 'held', 9, 61, 0, 9, 0, '2026-11-29 12:28:24.204852+00'),
	(0, 'DOGE', 43, 38, 'available', -4100000000, 51500000000, 0, 3500000000, 0, '2026-11-29 12:28:24.424142+00'),
	(0, 'DOGE', 44, 38, 'outgoing', 4100000000, 51500000000, 0, 3500000000, 4100000000, '2026-11-29 12:28:24.424142+00'),
	(-1, 'DOGE', 12, 48, 'available', -5000000000, -75600000000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(6, 'DOGE', 1, 48, 'incoming', 5000000000, 0, 5000000000, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(0, 'DOGE', 56, 49, 'outgoing', -1500226000, 49399322000, 0, 3500000000, 700226000, '2026-11-29 12:28:27.343813+00'),
	(-1, 'DOGE', 13, 49, 'available', 1500000000, -74100000000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(-2, 'DOGE', 2, 49, 'available', 226000, 452000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(0, 'DOGE', 57, 50, 'outgoing', -700226000, 49399322000, 0, 3500000000, 0, '2026-11-29 12:28:27.343813+00'),
	(0, 'DOGE', 58, 50, 'available', 700034000, 50099356000, 0, 3500000000, 0, '2026-11-29 12:28:27.343813+00'),
	(-2, 'DOGE', 3, 50, 'available', 192000, 644000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(2, 'DOGE', 15, 51, 'outgoing', -500226000, 4849774000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(-1, 'DOGE', 14, 51, 'available', 500000000, -73600000000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(-2, 'DOGE', 4, 51, 'available', 226000, 870000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(6, 'DOGE', 2, 52, 'incoming', -5000000000, 0, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(6, 'DOGE', 3, 52, 'available', 5000000000, 5000000000, 0, 0, 0, '2026-11-29 12:28:27.343813+00'),
	(6, 'DOGE', 4, 53, 'available', -4500000000, 500000000, 0, 0, 0, '2026-11-29 12:28:27.579128+00'),
	(1, 'DOGE', 10, 53, 'available', 4500000000, 14400000000, 0, 0, 0, '2026-11-29 12:28:27.579128+00'),
	(2, 'DOGE', 8, 37, 'available', 2000000000, 5500000000, 0, 0, 0, '2026-11-29 12:28:24.248045+00'),
	(2, 'DOGE', 9, 37, 'available', -50000000, 5450000000, 0, 0, 0, '2026-11-29 12:28:24.248045+00'),
	(5, 'DOGE', 1, 37, 'available', 50000000, 50000000, 0, 0, 0, '2026-11-29 12:28:24.248045+00'),
	(0, 'DOGE', 48, 41, 'available', -1600000000, 49999774000, 0, 3500000000, 0, '2026-11-29 12:28:25.651521+00'),
	(0, 'DOGE', 49, 41, 'outgoing', 1600000000, 49999774000, 0, 3500000000, 1600000000, '2026-11-29 12:28:25.651521+00'),
	(0, 'DOGE', 45, 39, 'outgoing', -99774000, 51500000000, 0, 3500000000, 4000226000, '2026-11-29 12:28:24.582335+00'),
	(0, 'DOGE', 46, 39, 'available', 99774000, 51599774000, 0, 3500000000, 4000226000, '2026-11-29 12:28:24.582335+00'),
	(0, 'DOGE', 47, 40, 'outgoing', -4000226000, 51599774000, 0, 3500000000, 0, '2026-11-29 12:28:25.062992+00'),
	(-1, 'DOGE', 11, 40, 'available', 4000000000, -70600000000, 0, 0, 0, '2026-11-29 12:28:25.062992+00'),
	(-2, 'DOGE', 1, 40, 'available', 226000, 226000, 0, 0, 0, '2026-11-29 12:28:25.062992+00'),
	(0, 'DOGE', 54, 44, 'outgoing', -99774000, 49299548000, 0, 3500000000, 2200452000, '2026-11-29 12:28:26.455202+00'),
	(0, 'DOGE', 55, 44, 'available', 99774000, 49399322000, 0, 3500000000, 2200452000, '2026-11-29 12:28:26.455202+00'),
	(2, 'DOGE', 10, 45, 'available', -600000000, 4850000000, 0, 0, 0, '2026-11-29 12:28:26.635894+00'),
	(2, 'DOGE', 11, 45, 'outgoing', 600000000, 4850000000, 0, 0, 600000000, '2026-11-29 12:28:26.635894+00'),
	(0, 'DOGE', 50, 42, 'outgoing', -99774000, 49999774000, 0, 3500000000, 1500226000, '2026-11-29 12:28:25.719883+00'),
	(0, 'DOGE', 51, 42, 'available', 99774000, 50099548000, 0, 3500000000, 1500226000, '2026-11-29 12:28:25.719883+00'),
	(0, 'DOGE', 52, 43, 'available', -800000000, 49299548000, 0, 3500000000, 1500226000, '2026-11-29 12:28:26.378763+00'),
	(0, 'DOGE', 53, 43, 'outgoing', 800000000, 49299548000, 0, 3500000000, 2300226000, '2026-11-29 12:28:26.378763+00'),
	(2, 'DOGE', 14, 47, 'available', -100000000, 4849774000, 0, 0, 500226000, '2026-11-29 12:28:26.849057+00'),
	(1, 'DOGE', 9, 47, 'available', 100000000, 9900000000, 0, 0, 0, '2026-11-29 12:28:26.849057+00'),
	(2, 'DOGE', 12, 46, 'outgoing', -99774000, 4850000000, 0, 0, 500226000, '2026-11-29 12:28:26.771913+00'),
	(2, 'DOGE', 13, 46, 'available', 99774000, 4949774000, 0, 0, 500226000, '2026-11-29 12:28:26.771913+00'),
	(6, 'DOGE', 5, 54, 'available', -500000000, 0, 0, 0, 0, '2026-11-29 12:28:27.908452+00'),
	(-3, 'DOGE', 1, 54, 'available', -4500000000, -4500000000, 0, 0, 0, '2026-11-29 12:28:27.908452+00'),
	(-1, 'DOGE', 15, 54, 'available', 5000000000, -68600000000, 0, 0, 0, '2026-11-29 12:28:27.908452+00'),
	(1, 'DOGE', 11, 55, 'available', -1200000000, 13200000000, 0, 0, 0, '2026-11-29 12:28:28.269458+00'),
	(1, 'DOGE', 12, 55, 'outgoing', 1200000000, 13200000000, 0, 0, 1200000000, '2026-11-29 12:28:28.269458+00'),
	(1, 'DOGE', 13, 56, 'outgoing', -99774000, 13200000000, 0, 0, 1100226000, '2026-11-29 12:28:28.309591+00'),
	(1, 'DOGE', 14, 56, 'available', 99774000, 13299774000, 0, 0, 1100226000, '2026-11-29 12:28:28.309591+00');

INSERT INTO public.ready_keys VALUES
	(7, 'tpubDC6Z6isS14U584NqhNBauGEFqAemS8EVUCmB5RZEtxaSr38JKVndpBnQEzJpGkHxKt186RPLPbiEUN57UF95a7tPyvWgxw88SFQ4H35UFo6', 'mx9fnC2zNmKxDwyiHxWWBc9W4UntREAHPP'),
	(8, 'tpubDC6Z6isS14U5AqkzpizLcecnQeRRfg8x2A9jofUFBRXwBQ5cB9YKk1unBxW8aMmKTvrvBZxv44cE42Vk4QxawTHoq4SqRRqNC59x6CgXEno', 'mrtbq1npKosRheP78VQ3qKUxVdz4F1iitF'),
	(9, 'tpubDC6Z6isS14U5DuW8hHSDEafrxnB188PuViZ7g2Yg6gqqgsBS42kZ9PmtnB84RrMFKLv86DK7aqC8ygLoBsm247e6wVou4zWuGwBJPYYG14w', 'n2ufw5ki3Fbhqk3De6xiPJ6unWex7BPCwc'),
	(10, 'tpubDC6Z6isS14U5FRhkwqxEPeAFvhiK8duf5iNBXBKzPtNmyznBYuY1pnP5JRgKvwwaYUg41ExdLWn7UsnpwtYaehmSvCuRaZUjeTooAH4DXm4', 'mrRS1fkJBeT57oraeYcZhJK5XspKyJsQJK'),
	(11, 'tpubDC6Z6isS14U5Kxvvq1t8CD9FvJ8QaFU5j94CpeCtG9a3mgpcJ9swW7axpySkoRDtgjk6L8jJLGJVitwMTJRQcvAD5NwyHUhQXM4XbCJJuGM', 'mjjE9vnXExPaF8mk5BmYAt336nGGajrbRM'),
	(12, 'tpubDC6Z6isS14U5Morr4FBXEHm25EkoWfZHrMDeVZudHqnaDcdJJ5bxsxLxHDVrb6hvkqZcRv8vzN1nCHn5BaEqvKn5Z1KAXawFEzSV9Uns751', 'mu7arxbhbEUpukXyotSycbvAeZnfPFiiVH'),
	(13, 'tpubDC6Z6isS14U5P6KMJEjsfopAqxo3JAUvAJ4sR8TVWxppxucVD9EngF4hm4LGcQnkgWD5ng8jZ9EZxCGL6zedLsP6RqSmu6cq5aKfEa9Z99m', 'mtQp6b1fYnFV56ASckR9HYM28cuYxwNG62'),
	(14, 'tpubDC6Z6isS14U5S9FM7AbjdicuSUybNURjP1XtrnRNb2QmqFd8mfpV3anv8e5uJVyLyUrCUMBm3zcpMHyBu3FRu4HfazuWnqo33Jv3avQadX8', 'n2nzxQbam7ciadNheCVPByZphitK6dcGWZ'),
	(15, 'tpubDC6Z6isS14U5UsfySoDDd1fTvWt1mcsWP31WcYYzZKEgokpjdxdcoVV2JM4r9PHE1mCtqehPGDPSF48DFg6gquXcwv6E5FuoU2Fj9D25mHq', 'mz5X4Zp7eUkLbC6oC6tirtx9kUNH6TC7fM'),
	(16, 'tpubDC6Z6isS14U5YQPEPrqKEUeNz861bWWVcphYf5fhyiUB452D1reknVbb6uJQZv3s1VV2qjuRLBSafxURXv8LM58x31TXTXF5pt3yUzEbcMq', 'mmYRnPKfNa17qoQd5iUffnc1Jd1hnLJg7B'),
	(17, 'tpubDC6Z6isS14U5ZdCXK364G7inYZ2Hf4dcpVWkKTP8FjY4rxNFWFjrHuumikhQMobLrRB4Px6HndGrgFXJz4uKnAUuCRkJZqzo8mu28iMuRcg', 'mjgd9ocjg3jkDJEpysVpv25ybfJPREzWms'),
	(18, 'tpubDC6Z6isS14U5cbD2HNGSUDVgB14r21PY4p6LfZdzkoUtzDiG8xcJWtuhtourdF3m1tf76KTRp6s5PS2e16MBPzzoDNhrgLw1AyKqArpZ8NY', 'mgbjZnKyTqT4qjVJSwUtpgRm5KoN9Go7wN'),
	(19, 'tpubDC6Z6isS14U5ekWxJfnBjpTS5UZZp8XqckRNtaC1gFHdLX7iNsk34arE2mwPHzmM9V2MRsn56fw6gaQ9L83HeTsDttb3f58teBNHTTRxRmk', 'mm7pdy7mfpJFRaa4ghSDbFvfwuitf3KDe4'),
	(20, 'tpubDC6Z6isS14U5j9G8HsSkAu3iygomvQDwV6tUuimTyGdb6gubqSCyZSEwA87AsTbzMbmAggLCmAteakbps3Hk2fBuM7esKR1tGegTmKad5ow', 'myFyMd61B118RYmKViFQk3ZqDhwJUDVx5J'),
	(21, 'tpubDC6Z6isS14U5mvpuo8y5oywVbZkiz8ffLp7FdFAnbWnzRMtiWhFZ3wc94Xi2Q9zbvkwZDwyUwQpTwWSQFnBpt7Y3MeXBm2AGmYKC5LQN5NX', 'mqgW2VTnF8xTLMdVddejma24ZHQNP2Cr1t'),
	(22, 'tpubDC6Z6isS14U5oh4SsdiDyHtbNiGirsTB7cBhdYvYNDizBBH2JTLVgcbtccZfgWm13kNWcUsvF3QzULQbWbfwoFu9s7au7x3s8NgYA2S8eXE', 'mgHn5t8mU1vi1xvw5ka9tRNDSUuGLTDyXn'),
	(23, 'tpubDC6Z6isS14U5rpuDGcLFW5uYRispgH8pcHMbTC5qwsamadLKHSGNKcwALaDNK3qqEk2SC2zBydhRBau1fY3UZNpfXny6Lda2qtvKGmbBzU7', 'myXJyLNXW2mSVaDCECFjpnuih5KFMfLs2J'),
	(24, 'tpubDC6Z6isS14U5sdn13ZwrprkdgeMMB7ewZVCZ3QdQZ1KyeA2xxi82bqCvfjGgdBBfF4CKd1cJkUdQUnvQR1FvhEDYL9mJxbNVReBwaMTHhLA', 'mxvBQp4JK85VDRzhZuhrM1EqxNxgcGaHuV');

INSERT INTO public.seals VALUES
	(1, 1, 56, 56, '\x488248553b93cc3361c004564c1f522f9dd8044886fda7a582d7374f8097e61f', '\xab14c8c63172128f09c2d29c585c6007853f6a587b8129b836fe96fee7b3b62cb6b8fce11c915a3119482615774f1c97b5c298c9e57a67acd7f356ec9f89aee23f82845b17544ff776298da79b6b218f3675864bfe23ac4d24ff87dccaf174234254c93f52dd0c5423d6b9cd65a1eabbf1b408d7c490996f237536be895cd3ba284b913af963e37a46bececb8e742ffb9f879d45b30f2f195a300feddd1b5ee775dd2fb505f949b6f591c80271febe67c867a9af0a97a7264d482f4d17463ad4713e2022528d410d70c63b22d4b5a6a5bb2661730d781bb603441bddef329e83a127a34c5271aa49ccca29a0b2c0e16eae02e9062d96757a77adcd14063f7c7ed557c02e4586656d34ee9a25368fb8996fb0c97e7a7c602b355ec1036429c82691140c32307074b4d01775259c6acce5f9aa24c3538fbd35fa32a50a69c977a5be3984c62707145e80a8cfcfac93de6adc330043c10792570c0115a454ba2e648a8b4330ec30bde9ed9845a7594e7d4e061e1c6ef9e2f36f989bad7884f3a79386b2d2ce7df6973ecc1835753895dea62cfb285f32a6e30d2ac95c2ef1b3e8cda9d0c518d36c4a69924293d7ba598979b0e2e9aa0dfec1a08197be5f48cd42bc', '{"gold_coins": -70}', '2026-11-29 12:30:27.073976+00');

INSERT INTO public.sequencer VALUES
	(-9223372036854775808, 152);

INSERT INTO public.transaction_inputs VALUES
	('\x94bc2868f2b9b0d1cde673138df1a9c43613ad8e9dc27138cce089f740530b92', 0, 1, 50000000000),
	('\x71fb6fb91ec85cda4520f8f32d871260ead8f909456124fd22b2e5605d969cd1', 0, 2, 2000000000),
	('\x327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac', 0, 3, 2100000000),
	('\x327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac', 0, 4, 2100000000),
	('\x5f00bd2aaa559b17117caa00a429ced05a6524fdaf95f29dada84ec51aa0076c', 0, 5, 600000000),
	('\x36e3ff9c31a73d6d6498a9bb2be91f3de5cee730be505ea1b8e421d363c1671f', 0, 6, 8000000000);

INSERT INTO public.transactions VALUES
	(1, '\xd51789540fc5b651b970fe8006297ba1ca8c7a405cd80d8f4337ea83ca86c14d', '\x010000000194bc2868f2b9b0d1cde673138df1a9c43613ad8e9dc27138cce089f740530b92000000006a47304402200551ebb24a7f9d6cfa637a009c56c945175bdde5d1af44c5ae5aaf8b480002e302204b34e66ae708c9aaf68c315337cc8009fb491d352d4f57cf2356057f48fb8ee00121039378da85e51d2931bb9f7e82f6336c3c00d8a2f2ed073bd16c9ab73088e92506ffffffff0200286bee000000001976a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac30d9ccb50a0000001976a914781e3bb3f7ce882202eea91ac2bd9ab4167c5b3788ac00000000', 226000, NULL, true, 'settled', 107, 112, NULL, 1, 1, '2026-11-29 12:28:24.671234+00', '2026-11-29 12:28:24.499938+00'),
	(2, '\x53936e27f8ec104c4e1fa365fd505a6bf2f8aa6872f52033af3ab093b221156c', '\x010000000171fb6fb91ec85cda4520f8f32d871260ead8f909456124fd22b2e5605d969cd1000000006b483045022100d0e51b507d24fe6c85f030704e8a5d64e2d026a67b7da063398f9ce4cb65448202203d76aa805cc4ad3411bd16d2642e64b4c7374c996fa68bc7f7cdd3fc71af1b5e0121039378da85e51d2931bb9f7e82f6336c3c00d8a2f2ed073bd16c9ab73088e92506ffffffff02002f6859000000001976a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac30f2c91d000000001976a9146dcc1812f04530e6bb05d87dbc87c64a0d74664e88ac00000000', 226000, NULL, true, 'settled', 113, 118, NULL, 1, 1, '2026-11-29 12:28:25.795001+00', '2026-11-29 12:28:25.699407+00'),
	(3, '\xbfa0f1b1cf7f3eaf26a80f2b5d17bd9c0fa8851bc5790dcece7cac9c081746db', '\x0100000001327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac000000006a4730440220597374467c3eee28c7dd0b545713d0da4caa6af544a962300ae2cf2dbb2809550220142d2671c74719535d2775563ad61b0942e70c380085b53b92c35bff8667c53e0121039378da85e51d2931bb9f7e82f6336c3c00d8a2f2ed073bd16c9ab73088e92506ffffffff020027b929000000001976a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac30db6e53000000001976a91489a89becf746240038d9919cdcfa0257f4de89b488ac00000000', 226000, NULL, false, 'dead', NULL, NULL, 114, 0, 1, NULL, '2026-11-29 12:28:26.429426+00'),
	(4, '\x6c6f086032070379cf0cfd46195a8a23fff462e87584798ac002cea6e74ec83b', '\x0100000001327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac000000006a47304402204b44c9393000c3131e3575ae4b0cb82830146cc880d7859e273cae93f0f6e6060220123c10e3f2ee3d1b2901f8d9eeaf54cf02a28666be5aebd445f6e3a9035154040121039378da85e51d2931bb9f7e82f6336c3c00d8a2f2ed073bd16c9ab73088e92506ffffffff010087287d000000001976a91497f62a226a89c813968085af21e7cad9ddf9261288ac00000000', 192000, 3, true, 'settled', 114, 119, NULL, 1, 1, '2026-11-29 12:28:26.731108+00', '2026-11-29 12:28:26.626614+00'),
	(5, '\xbb8b9c59d66921343203051ba1f87dc25a8611ef421cde3f5a5af3e3c4597c71', '\x01000000015f00bd2aaa559b17117caa00a429ced05a6524fdaf95f29dada84ec51aa0076c000000006a47304402200256d9ef4e5e9669dab73cbc14b43f0a15989e2c1f9bde4fb8b887d3a95e9fe3022019efb0b760100471fa938f33923cfc57aea0c87460c9e3456477b16ef062585c012102f6065a036c4c4d503dc4eef6910d7cbe2c76e0445224fd236738219060de52adffffffff020065cd1d000000001976a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac306ef205000000001976a914c8be3385d13ea4d8b1e8a5d422a0c213d717d28888ac00000000', 226000, NULL, true, 'settled', 114, 119, NULL, 1, 1, '2026-11-29 12:28:26.811171+00', '2026-11-29 12:28:26.757974+00'),
	(6, '\x17203bf40af614fbb83443e092fc18ccbf2d02d68b887bb92e7a9c58d727847d', '\x010000000136e3ff9c31a73d6d6498a9bb2be91f3de5cee730be505ea1b8e421d363c1671f000000006a4730440220280607644d05a5118755fe2152aa0046e5789a092a15ad2a7871e9150af094a3022009ed2ebb9de3754d8c3bae6be3438b100410cce7af53eda817c159bd4f49abfd012103b01fa80c2a034bc905df07bcf5409651ef153eb40bdbcf4f1acd71e82dcf4fb8ffffffff0200ab9041000000001976a914180fb3cd2ad370ceb4255c83b7b1d67fb5f65d9a88ac3032429b010000001976a91469d9d42c4ecc97acefdcf0eaaa9364175f730cae88ac00000000', 226000, NULL, true, 'sent', NULL, NULL, NULL, 0, 1, '2026-11-29 12:30:28.562013+00', '2026-11-29 12:28:28.292542+00');

INSERT INTO public.watched_inputs VALUES
	('\x58e52f32899eec960c10ce614a4d7c7e1364c3786cb84371e66050d7372c1512', 0, '\x94bc2868f2b9b0d1cde673138df1a9c43613ad8e9dc27138cce089f740530b92', 101),
	('\xfa05a5467eb5b316f7a8ea25725195b5de16fd3b92d8620fe051418c7fe36077', 0, '\x36e3ff9c31a73d6d6498a9bb2be91f3de5cee730be505ea1b8e421d363c1671f', 101),
	('\x9a0e6fe5befa310269f41d9e6744ef22a47ea31220a0e3130b38ab5455dcb9d1', 0, '\x327e818895c325e32e78bc13ebcd9303b46e6474602cdf71c3c80906157621ac', 101),
	('\x450933775c4c70e72d5efb1863b8637180991683ef40ebca580849f7a7e54012', 0, '\xfffdea77cdfbbdfcd9d9b2566b93d1e93427b9d0c78ffe8c04e48c7138f59914', 101),
	('\xa1bb374dd323004f9a939a86453eff70a2e585788f52ef3dc0313fe84f68208c', 0, '\xd29c7b5c97f92954b5c9ff2e63e97eaa36420f2ae669f4bbab9fdffae555eaf3', 101),
	('\x32b52378b440e5a6074bf9b6a8f4a7a63d17bf1c0e04901fe422808f0f1a6571', 0, '\x9e1926db1dc06e0850f2363a7a444d17e01bc5b7e47ad1e108da2281a5517a47', 101),
	('\x970ec923cabc2fabc577596e213a66c7583bb3705fadce18a62f56f11e956f60', 0, '\x5f00bd2aaa559b17117caa00a429ced05a6524fdaf95f29dada84ec51aa0076c', 101),
	('\x676100bb6ef96f8390914dcf3c3118ffb9501fc77cbc76178a0938e5f77cecdc', 0, '\x190565aed4d8825e95ee180926fa8a23461158ddbdbfa7512cf5deee305b5e89', 101),
	('\x70a5c4430a53a09009ed7f575d5e3cab61fe63996f24c0fe3bb69f6b5a1411d5', 0, '\x0a928f2cf0d15ae4ace6a49f2cdbd9f9695e940b255be864cb3c541199423aea', 101),
	('\xc5781de0661d62a3e680d4786daaf55898211bf1983b11674667c9fa34510c43', 0, '\x71fb6fb91ec85cda4520f8f32d871260ead8f909456124fd22b2e5605d969cd1', 101),
	('\x29116a3b95c5e0df9537bf60534669cd8d41a94b72f0aa10a92a508036cdc006', 0, '\x35587e70125165acb8a455ec24b28eaf74b0cc42a9ec650512997507851f4c4d', NULL);

INSERT INTO public.webhook_endpoints OVERRIDING SYSTEM VALUE VALUES
	(1, NULL, 'http://127.0.0.1:31130/hook', '{INV}', NULL, 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=', 'active', 7, '2026-11-29 12:28:22.576916+00', '', '', NULL, false, '2026-11-29 12:28:22.757314+00', ''),
	(2, NULL, 'http://127.0.0.1:31130/all', '{ALL}', NULL, 'whsec_yUC7Xo2EIDxPyIdHFcPdPxCgOaJtQD/TdqPyeGCd3Gk=', 'active', 7, '2026-11-29 12:28:22.627113+00', '', '', NULL, false, '2026-11-29 12:28:22.757314+00', '');

SELECT pg_catalog.setval('public.entries_id_seq', 56, true);

SELECT pg_catalog.setval('public.escrows_id_seq', 3, true);

SELECT pg_catalog.setval('public.holds_id_seq', 3, true);

SELECT pg_catalog.setval('public.outbox_id_seq', 152, true);

SELECT pg_catalog.setval('public.payments_id_seq', 5, true);

SELECT pg_catalog.setval('public.transactions_id_seq', 6, true);

SELECT pg_catalog.setval('public.webhook_backlogs_id_seq', 1, false);

SELECT pg_catalog.setval('public.webhook_endpoints_id_seq', 2, true);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_foreign_id_key UNIQUE (foreign_id) INCLUDE (id, address, state);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT addresses_account_id_branch_index_key UNIQUE (account_id, branch, index);

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT addresses_pkey PRIMARY KEY (script);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (endpoint_id, "position", number);

ALTER TABLE ONLY public.balances
    ADD CONSTRAINT balances_pkey PRIMARY KEY (account_id, asset);

ALTER TABLE ONLY public.blocks
    ADD CONSTRAINT blocks_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (height);

ALTER TABLE ONLY public.chain_state
    ADD CONSTRAINT chain_state_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.coins
    ADD CONSTRAINT coins_pkey PRIMARY KEY (txid, vout);

ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (endpoint_id, "position");

ALTER TABLE ONLY public.deposits
    ADD CONSTRAINT deposits_pkey PRIMARY KEY (account_id, txid, vout);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_key_key UNIQUE (key);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.escrows
    ADD CONSTRAINT escrows_order_id_key UNIQUE (order_id);

ALTER TABLE ONLY public.escrows
    ADD CONSTRAINT escrows_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (account_id, sequence);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_position_key UNIQUE ("position");

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, key);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (account_id, index);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_outputs
    ADD CONSTRAINT payment_outputs_pkey PRIMARY KEY (account_id, payment_id, number);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.postings
    ADD CONSTRAINT postings_pkey PRIMARY KEY (account_id, asset, seq);

ALTER TABLE ONLY public.ready_keys
    ADD CONSTRAINT ready_keys_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_last_entry_key UNIQUE (last_entry);

ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.sequencer
    ADD CONSTRAINT sequencer_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.transaction_inputs
    ADD CONSTRAINT transaction_inputs_pkey PRIMARY KEY (txid, vout, transaction_id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.transactions
    ADD CONSTRAINT transactions_txid_key UNIQUE (txid);

ALTER TABLE ONLY public.watched_inputs
    ADD CONSTRAINT watched_inputs_pkey PRIMARY KEY (txid, vout, by);

ALTER TABLE ONLY public.webhook_backlogs
    ADD CONSTRAINT webhook_backlogs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_name_key UNIQUE (name);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id);

CREATE INDEX accounts_closed_idx ON public.accounts USING btree (id) WHERE (state = 'closed'::text);

CREATE INDEX accounts_payout_idx ON public.accounts USING btree (id) WHERE (payout_address <> ''::text);

CREATE INDEX addresses_deposit_idx ON public.addresses USING btree (account_id, index) WHERE (purpose = 'deposit'::text);

CREATE INDEX coins_free_idx ON public.coins USING btree (amount) WHERE ((spent_height IS NULL) AND (transaction_id IS NULL));

CREATE INDEX coins_free_of_account_idx ON public.coins USING btree (account_id, amount) WHERE ((spent_height IS NULL) AND (transaction_id IS NULL));

CREATE INDEX coins_height_idx ON public.coins USING btree (height);

CREATE INDEX coins_spent_height_idx ON public.coins USING btree (spent_height) WHERE (spent_height IS NOT NULL);

CREATE INDEX coins_transaction_idx ON public.coins USING btree (transaction_id) WHERE (transaction_id IS NOT NULL);

CREATE INDEX deliveries_due_idx ON public.deliveries USING btree (endpoint_id, next) WHERE (state = 'due'::text);

CREATE INDEX deliveries_state_idx ON public.deliveries USING btree (endpoint_id, state, "position");

CREATE INDEX deposits_address_idx ON public.deposits USING btree (account_id, branch, index) WHERE (invoice IS NULL);

CREATE INDEX deposits_created_idx ON public.deposits USING btree (account_id, created);

CREATE INDEX deposits_due_idx ON public.deposits USING btree (confirm_height) WHERE (state = 'incoming'::text);

CREATE INDEX deposits_height_idx ON public.deposits USING btree (height) WHERE (height IS NOT NULL);

CREATE INDEX deposits_invoice_idx ON public.deposits USING btree (account_id, invoice) WHERE (invoice IS NOT NULL);

CREATE INDEX deposits_owed_idx ON public.deposits USING btree (account_id) WHERE (owed > 0);

CREATE INDEX entries_reference_idx ON public.entries USING btree (reference, id) WHERE (reference <> ''::text);

CREATE INDEX escrows_buyer_state_idx ON public.escrows USING btree (account_id, state, id);

CREATE UNIQUE INDEX escrows_id_idx ON public.escrows USING btree (id);

CREATE INDEX escrows_seller_idx ON public.escrows USING btree (seller_id, id);

CREATE INDEX escrows_seller_state_idx ON public.escrows USING btree (seller_id, state, id);

CREATE INDEX escrows_state_idx ON public.escrows USING btree (state, id);

CREATE INDEX holds_expires_idx ON public.holds USING btree (expires) WHERE ((state = 'HELD'::text) AND (expires IS NOT NULL));

CREATE UNIQUE INDEX holds_id_idx ON public.holds USING btree (id);

CREATE INDEX holds_state_idx ON public.holds USING btree (account_id, state, id);

CREATE INDEX idempotency_created_idx ON public.idempotency USING btree (created);

CREATE INDEX invoices_created_idx ON public.invoices USING btree (account_id, created);

CREATE INDEX invoices_expires_idx ON public.invoices USING btree (expires) WHERE ((expires IS NOT NULL) AND (NOT (expired OR cancelled OR settled)));

CREATE INDEX invoices_open_idx ON public.invoices USING btree (account_id) WHERE (NOT (expired OR cancelled OR settled));

CREATE INDEX invoices_reference_idx ON public.invoices USING btree (account_id, reference) WHERE (reference <> ''::text);

CREATE INDEX payments_cancelling_idx ON public.payments USING btree (id) WHERE (state = 'CANCELLING'::text);

CREATE INDEX payments_expires_idx ON public.payments USING btree (expires) WHERE ((expires IS NOT NULL) AND (state = ANY (ARRAY['PENDING'::text, 'PROCESSING'::text])));

CREATE INDEX payments_id_idx ON public.payments USING btree (id);

CREATE INDEX payments_invoice_idx ON public.payments USING btree (invoice_account, invoice_index) WHERE (invoice_index IS NOT NULL);

CREATE INDEX payments_owed_idx ON public.payments USING btree (account_id) WHERE (owed > 0);

CREATE INDEX payments_pending_idx ON public.payments USING btree (id) WHERE (state = 'PENDING'::text);

CREATE INDEX payments_transaction_idx ON public.payments USING btree (transaction_id) WHERE (transaction_id IS NOT NULL);

CREATE INDEX postings_entry_id_idx ON public.postings USING btree (entry_id);

CREATE INDEX transaction_inputs_transaction_id_idx ON public.transaction_inputs USING btree (transaction_id);

CREATE INDEX transactions_conflict_idx ON public.transactions USING btree (conflict_height) WHERE (conflict_height IS NOT NULL);

CREATE INDEX transactions_due_idx ON public.transactions USING btree (confirm_height) WHERE (state = 'mined'::text);

CREATE INDEX transactions_height_idx ON public.transactions USING btree (height) WHERE (height IS NOT NULL);

CREATE INDEX transactions_replaces_idx ON public.transactions USING btree (replaces);

CREATE INDEX transactions_unmined_idx ON public.transactions USING btree (tried) WHERE (state = ANY (ARRAY['signed'::text, 'sent'::text]));

CREATE INDEX watched_inputs_height_idx ON public.watched_inputs USING btree (height);

CREATE INDEX watched_inputs_nowhere_idx ON public.watched_inputs USING btree (txid, vout) WHERE (height IS NULL);

CREATE INDEX webhook_backlogs_endpoint_id_idx ON public.webhook_backlogs USING btree (endpoint_id);

CREATE INDEX webhook_endpoints_active_idx ON public.webhook_endpoints USING btree (foreign_id) WHERE (state = 'active'::text);

CREATE TRIGGER entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER escrows_fixed BEFORE UPDATE ON public.escrows FOR EACH ROW WHEN (((((((((((old.account_id IS DISTINCT FROM new.account_id) OR (old.seller_id IS DISTINCT FROM new.seller_id)) OR (old.order_id IS DISTINCT FROM new.order_id)) OR (old.asset IS DISTINCT FROM new.asset)) OR (old.amount IS DISTINCT FROM new.amount)) OR (old.fee IS DISTINCT FROM new.fee)) OR (old.hold_id IS DISTINCT FROM new.hold_id)) OR (old.reference_type IS DISTINCT FROM new.reference_type)) OR (old.reference IS DISTINCT FROM new.reference)) OR (old.metadata IS DISTINCT FROM new.metadata))) EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER holds_fixed BEFORE UPDATE ON public.holds FOR EACH ROW WHEN ((((((old.account_id IS DISTINCT FROM new.account_id) OR (old.asset IS DISTINCT FROM new.asset)) OR (old.amount IS DISTINCT FROM new.amount)) OR (old.reference_type IS DISTINCT FROM new.reference_type)) OR (old.reference IS DISTINCT FROM new.reference))) EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER invoices_fixed BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN (((((old.items IS DISTINCT FROM new.items) OR (old.total IS DISTINCT FROM new.total)) OR (old.due IS DISTINCT FROM new.due)) OR (old.address IS DISTINCT FROM new.address))) EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER postings_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.postings FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

