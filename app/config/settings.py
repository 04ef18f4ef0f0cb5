"""The settings: one field a variable, with its default, its rule, and what it sets."""
# pydantic-settings in place of this package took 647 lines for 704 (0.92), because rules, sections and sentences
# stay ours, and its import took 0.12 s longer.

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.config import values
from app.config.sections import Callback, EventBus, Logger, Queue
from app.config.values import Bind, Rule
from app.events.address_filter import Network

# ruff: noqa: RUF009  each call of _variable makes a dataclasses.field

PREFIX: Final = "KENNEL_"


def _variable(default: str, rule: Rule[Any], *, secret: bool = False) -> Any:
    value = rule.read(default) if default else None
    metadata = {"default": default, "rule": rule, "secret": secret}
    return dataclasses.field(default=value, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field a variable: `home` is `KENNEL_HOME`, or `home` in the file. None is unset.

    The text below a field says what it sets; `make docs` writes it into docs/settings.md and .env.example.
    """

    home: Path = _variable("./.kennel", values.PATH)
    """The folder of the seed file, of the embedded database and of the test network."""
    network: str = _variable("regtest", values.one_of("main", "test", "regtest"))
    """The Dogecoin network. Coins have worth on `main` only."""
    roles: frozenset[str] = _variable(
        "http,follow,send,relay", values.some_of("http", "follow", "send", "relay")
    )
    """What this process does: `http` serves both APIs, `follow` follows the chain, `send` holds the seed
    and sends payments, `relay` sends webhooks and the other events."""
    log_level: str = _variable("info", values.one_of("debug", "info", "warning", "error"))
    """The lowest level of the lines in the log."""

    node_url: str | None = _variable("", values.url("http", "https"), secret=True)
    """The JSON-RPC of a Dogecoin Core node, `http://user:password@host:port`. Must be set on `main` and
    `test`. Unset on `regtest`: Kennel runs the built-in test network."""
    node_cookie: Path | None = _variable("", values.PATH)
    """The cookie file of the node, where the URL has no user and password."""
    node_zmq: str | None = _variable("", values.url("tcp", "ipc"))
    """The `zmqpubhashblock` of the node, `tcp://host:port`. Unset: Kennel only asks the node for new
    blocks."""
    poll_seconds: float = _variable("1", values.seconds(0.01, 3_600))
    """How often Kennel asks the node for new blocks while the node announces none."""

    devnet_bind: Bind = _variable("127.0.0.1:18332", values.BIND)
    """Where the test network serves JSON-RPC (user and password `kennel`)."""
    devnet_zmq_bind: Bind = _variable("127.0.0.1:28332", values.BIND)
    """Where the test network announces blocks."""
    devnet_block_seconds: float = _variable("5", values.seconds(0, 86_400))
    """The time between two blocks of the test network. 0: it makes a block only when it is asked to."""

    database_url: str | None = _variable("", values.DATABASE_URL, secret=True)
    """The PostgreSQL database, `postgresql://user:password@host:port/name`. Must be set on `main`. Unset,
    or with the word `embedded`: a PostgreSQL of Kennel's own runs in `KENNEL_HOME`."""
    database_pooler: str = _variable("none", values.one_of("none", "transaction"))
    """`transaction`: the URL leads to PgBouncer in transaction mode."""
    database_connections: int = _variable("40", values.whole(10, 1_000))
    """How many connections to the database this process opens at most: 80 at most with an embedded one.
    The connections of all processes must fit into the server's `max_connections`."""
    pg_bindir: Path | None = _variable("", values.PATH)
    """The folder of PostgreSQL's programs for the embedded database. Unset: the programs that are
    installed with Kennel, else the newest of the system."""

    admin_bind: Bind = _variable("127.0.0.1:8081", values.BIND)
    """Where the merchant's API listens."""
    public_bind: Bind = _variable("127.0.0.1:8082", values.BIND)
    """Where the payers' API listens."""
    public_url: str = _variable("http://127.0.0.1:8082", values.BASE_URL)
    """The URL by which payers reach the payers' API. Kennel answers to the name in it."""
    allowed_hosts: frozenset[str] | None = _variable("", values.HOST_NAMES)
    """More names by which callers reach Kennel: what a reverse proxy or another container sends as `Host`.
    `*`: any name. Addresses, `localhost`, the name of this machine and the names in the three settings
    above need no entry. All other names are refused with 403."""
    admin_connections: int = _variable("1000", values.whole(10, 100_000))
    """How many connections the merchant's API has at once. When all are taken, idle ones are closed for
    new ones."""
    public_connections: int = _variable("2000", values.whole(10, 100_000))
    """How many connections the payers' API has at once. When all are taken, idle ones are closed for new
    ones."""
    connections_per_address: int = _variable("200", values.whole(1, 100_000))
    """How many connections one public address (one /64 with IPv6) has to each API. Loopback and private
    addresses, where proxies are, have no such limit."""
    public_origins: frozenset[str] = _variable("*", values.ORIGINS)
    """The web sites whose scripts may read the payers' API (CORS), as `https://shop.example`. `*`: all. `none`:
    no other site. Images of it may be shown everywhere."""
    trusted_proxies: tuple[Network, ...] | None = _variable("", values.NETWORKS)
    """The networks of the reverse proxies before the payers' API. Only these are believed when they say in
    `X-Forwarded-For` for whom they ask, and so each payer has limits of their own. Unset: the limits go by the
    address that connects."""
    public_requests: int = _variable("1000", values.whole(1, 1_000_000))
    """How many requests a second the payers' API answers. More are refused with 503. After a quiet time the
    requests of four seconds may come at once."""
    requests_per_address: int = _variable("50", values.whole(1, 1_000_000))
    """How many requests a second one address (one /64 with IPv6) may send to the payers' API, likewise. More are
    refused with 429."""
    public_streams: int = _variable("1500", values.whole(1, 100_000))
    """How many payers may wait at once for a change of their invoice, at most three quarters of
    `KENNEL_PUBLIC_CONNECTIONS`. More are refused with 503."""
    streams_per_address: int = _variable("100", values.whole(1, 100_000))
    """How many of them may come from one address. More are refused with 429."""
    admin_token: str | None = _variable("", values.text(255), secret=True)
    """The bearer token of the merchant's API. Must be set on `main` and `test`, and where that API does
    not listen on loopback: there it has 16 characters or more."""
    auth: str = _variable("auto", values.one_of("auto", "required"))
    """`auto`: requests need the token where one is set. `required`: Kennel also refuses to start without
    one."""
    public_items: str = _variable("token", values.one_of("token", "open"))
    """Who sees the items of an invoice in the payers' API. `token`: who has the invoice's token. `open`:
    who knows its address."""

    shop_name: str | None = _variable("", values.text(80))
    """The shop's name on the checkout page, for accounts without a `vendor_name`."""
    shop_url: str | None = _variable("", values.url("http", "https"))
    """The shop's page, to which the checkout page leads back where neither an invoice nor its account has
    one."""
    shop_contact: str | None = _variable("", values.CONTACT)
    """Where a payer asks for help: a web page, or an address as `mailto:help@shop.example`. `{order}` in it
    stands for the order's number. Without `{order}` it is appended as `order`, or as the subject."""
    shop_logo: str | None = _variable("", values.PICTURE)
    """The picture of the shop, for accounts without a `vendor_icon`: a URL, or the picture itself as a `data:`
    URL."""
    shop_colour: str = _variable("c2a633", values.COLOUR)
    """The colour of the checkout page."""
    frame_origins: frozenset[str] | None = _variable("", values.ORIGINS)
    """The origins whose pages may show the checkout page in a frame, as `kennel.js` does. `*`: all. Unset:
    none."""
    image_origins: frozenset[str] | None = _variable("", values.ORIGINS)
    """The origins from which the checkout page may load the picture in an account's `vendor_icon`. Unset: it
    shows only pictures in `data:` URLs, so that no other site hears of a payer."""
    explorer_url: str | None = _variable("", values.url("http", "https"))
    """The page of a transaction, with `{txid}` in it. Unset: `https://dogechain.info/tx/{txid}` on `main`,
    and no links on the other networks."""

    confirmations: int = _variable("6", values.whole(1, 1_000))
    """How many confirmations a payment needs, where an invoice does not say otherwise."""
    max_reorg_blocks: int = _variable("240", values.whole(1, 1_000_000))
    """The deepest reorganisation of the chain that Kennel follows. After a deeper one nothing is credited
    until an operator has looked."""
    platform_account: str = _variable("platform", values.NEW_FOREIGN_ID)
    """The account of the platform's own money: it gets the fees of escrows and the DOGE of SPEND, and it
    bears what `kennel consolidate` costs and what `kennel cover` covers. It cannot be closed, and is no
    system account (`treasury`, `world` and others)."""
    pay_wait_seconds: float = _variable("10", values.seconds(0, 60))
    """How long a request for a payment waits for its transaction."""
    paytx_minutes: int = _variable("60", values.whole(1, 10_080))
    """After this many minutes a transaction of `paytx` that nobody has sent is cancelled."""

    seed_passphrase: str | None = _variable("", values.text(1_024), secret=True)
    """What encrypts the seed file. On `main` and `test` nothing is signed without this setting or the
    next."""
    seed_passphrase_file: Path | None = _variable("", values.PATH)
    """A file with the passphrase in it."""

    webhook_retries: tuple[int, ...] = _variable(
        "5,300,1800,7200,18000,36000,50400,72000,86400", values.RETRY_TIMES
    )
    """The seconds before each further attempt of a webhook."""
    webhook_allow_private: tuple[Network, ...] = _variable("false", values.ADDRESSES)
    """The networks that webhooks may go to besides public addresses. `true`: all. `false`: none."""
    event_retention_days: int = _variable("0", values.whole(0, 36_500))
    """How many days events are kept after everybody was told of them. 0: for ever."""

    mqtt_url: str | None = _variable("", values.url("mqtt", "mqtts"), secret=True)
    """The MQTT broker, `mqtt://user:password@host:port`, or `mqtts` for TLS. Unset: no MQTT, except in the
    demo."""
    mqtt_protocol: str = _variable("3.1.1", values.one_of("3.1.1", "5"))
    """The version of MQTT."""
    mqtt_ca: Path | None = _variable("", values.PATH)
    """With `mqtts`: a file (PEM) of the authorities that the broker's certificate is checked against.
    Unset: those of the system."""
    mqtt_cert: Path | None = _variable("", values.PATH)
    """With `mqtts`: a file (PEM) of our certificate, where the broker asks for one. It may hold the key
    too."""
    mqtt_key: Path | None = _variable("", values.PATH)
    """A file (PEM) of the key of that certificate, not encrypted."""
    mqtt_topic: str | None = _variable("kennel/{class}/{foreign_id}", values.TOPIC_OR_OFF)
    """The topic of every event; may hold `{class}`, `{type}` and `{foreign_id}`. `off`: only the topics of
    `[mqtt.queues.NAME]`."""
    broker_bind: Bind = _variable("127.0.0.1:1883", values.BIND)
    """Where the demo's own broker listens."""

    callbacks: tuple[Callback, ...] = ()  # these five come from the sections of the file
    loggers: tuple[Logger, ...] = ()
    event_buses: tuple[EventBus, ...] = ()
    queues: tuple[Queue, ...] = ()
    mqtt_client_id: str | None = None


VARIABLES: Final = {field.name: field for field in dataclasses.fields(Settings) if field.metadata}
