"""The settings: one field a variable, with its default, what it may be, and what it sets."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.cells import MOST
from app.config import periods, values
from app.config.sections import ENTRIES, Callback, EventBus, Logger, Queue

PREFIX: Final = "KENNEL_"
TEXT_CHARACTERS: Final = 8_192


class Settings(BaseSettings):
    """One field a variable: `home` is `KENNEL_HOME`, or `home` in the file. None is unset.

    The text below a field says what it sets; `make docs` writes it into docs/settings.md and .env.example.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        enable_decoding=False,  # lists have commas, and are no JSON
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # an error may be logged
        str_max_length=TEXT_CHARACTERS,
    )

    def __init__(self, *sources: PydanticBaseSettingsSource) -> None:
        """From the sources, of which the first wins."""
        super().__init__(_build_sources=(sources, {}))

    home: Path = Field("./.kennel", validate_default=True)
    """The folder of the seed file, of the embedded database and of the test network."""
    network: Annotated[Literal["main", "test", "regtest"], values.ANY_CASE] = "regtest"
    """The Dogecoin network. Coins have worth on `main` only."""
    roles: values.Roles = Field("http,follow,send,relay", validate_default=True)
    """What this process does: `http` serves both APIs, `follow` follows the chain, `send` holds the seed
    and sends payments, `relay` sends webhooks and the other events, and asks for rates."""
    workers: int = Field(1, ge=1, le=64)
    """How many processes answer HTTP, all on the same ports; with more than one the other roles run in one process
    more. They share `KENNEL_DATABASE_CONNECTIONS`, ten for each process at least, and the limits of the listeners,
    but those of one address."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], values.ANY_CASE] = "info"
    """The lowest level of the lines in the log."""
    log_format: Annotated[Literal["text", "json"], values.ANY_CASE] = "text"
    """How the log is written: lines for people, or a JSON object a line for machines."""

    node_url: values.WebUrl | None = Field(None, repr=False)
    """The JSON-RPC of a Dogecoin Core node, `http://user:password@host:port`. Must be set on `main` and
    `test`. Unset on `regtest`: Kennel runs the built-in test network."""
    node_cookie: Path | None = None
    """The cookie file of the node, where the URL has no user and password."""
    node_zmq: values.ZmqUrl | None = None
    """The `zmqpubhashblock` and `zmqpubhashtx` of the node, `tcp://host:port` for both. Unset: Kennel only
    asks the node for new blocks and transactions."""
    poll_seconds: float = Field(1, ge=0.01, le=3_600)
    """How often Kennel asks the node for new blocks and transactions while the node announces none."""

    devnet_bind: values.HostPort = Field("127.0.0.1:18332", validate_default=True)
    """Where the test network serves JSON-RPC (user and password `kennel`)."""
    devnet_zmq_bind: values.HostPort = Field("127.0.0.1:28332", validate_default=True)
    """Where the test network announces blocks."""
    devnet_block_seconds: float = Field(5, ge=0, le=86_400)
    """The time between two blocks of the test network. 0: it makes a block only when it is asked to."""
    demo_shop_bind: values.HostPort = Field("127.0.0.1:8083", validate_default=True)
    """Where the demo's shop listens, for this machine only: an address of loopback."""

    database_url: values.DatabaseUrl | None = Field(None, repr=False)
    """The PostgreSQL database, `postgresql://user:password@host:port/name`. Must be set on `main`. Unset,
    or with the word `embedded`: a PostgreSQL of Kennel's own runs in `KENNEL_HOME`."""
    database_pooler: Annotated[Literal["none", "transaction"], values.ANY_CASE] = "none"
    """`transaction`: the URL leads to PgBouncer in transaction mode."""
    database_connections: int = Field(40, ge=10, le=1_000)
    """How many connections to the database this process opens at most: 80 at most with an embedded one.
    The connections of all processes must fit into the server's `max_connections`."""
    cells: int = Field(1, ge=1, le=MOST)
    """Into how many cells the installation is divided (docs/scaling.md). It is fixed at the first start: another
    number than then is refused. With more than one, `KENNEL_DATABASE_CONNECTIONS` has ten for each cell and ten
    more."""
    pg_bindir: Path | None = None
    """The folder of PostgreSQL's programs for the embedded database. Unset: the programs that are
    installed with Kennel, else the newest of the system."""

    admin_bind: values.HostPort = Field("127.0.0.1:8081", validate_default=True)
    """Where the merchant's API listens."""
    public_bind: values.HostPort = Field("127.0.0.1:8082", validate_default=True)
    """Where the payers' API listens."""
    metrics_bind: values.HostPort | None = None
    """Where this process serves `/metrics`, `/ready` and `/health` to machines, without a token. Unset: only the
    merchant's API has them. It tells sums of money and names no account."""
    otel_url: values.WebUrl | None = Field(None, repr=False)
    """The collector of OpenTelemetry to which traces are sent (OTLP over HTTP), as `http://collector:4318`. It needs
    `make otel` once. Unset: no traces."""
    public_url: values.BaseUrl = "http://127.0.0.1:8082"
    """The URL by which payers reach the payers' API. Kennel answers to the name in it."""
    allowed_hosts: values.HostNames | None = None
    """More names by which callers reach Kennel: what a reverse proxy or another container sends as `Host`.
    `*`: any name. Addresses, `localhost`, the name of this machine and the names in the three settings
    above need no entry. All other names are refused with 403."""
    admin_connections: int = Field(1000, ge=10, le=100_000)
    """How many connections the merchant's API has at once. When all are taken, idle ones are closed for
    new ones."""
    public_connections: int = Field(2000, ge=10, le=100_000)
    """How many connections the payers' API has at once. When all are taken, idle ones are closed for new
    ones."""
    connections_per_address: int = Field(200, ge=1, le=100_000)
    """How many connections one public address (one /64 with IPv6) has to each API. Loopback and private
    addresses, where proxies are, have no such limit."""
    public_origins: values.Readers = Field("*", validate_default=True)
    """The web sites whose scripts may read the payers' API (CORS), as `https://shop.example`. `*`: all. `none`:
    no other site. Images of it may be shown everywhere."""
    trusted_proxies: values.PlainNetworks | None = None
    """The networks of the reverse proxies before the payers' API. Only these are believed when they say in
    `X-Forwarded-For` for whom they ask, and so each payer has limits of their own. Unset: the limits go by the
    address that connects."""
    public_requests: int = Field(1000, ge=1, le=1_000_000)
    """How many requests a second the payers' API answers. More are refused with 503. After a quiet time the
    requests of four seconds may come at once."""
    requests_per_address: int = Field(50, ge=1, le=1_000_000)
    """How many requests a second one address (one /64 with IPv6) may send to the payers' API, likewise. More are
    refused with 429."""
    public_streams: int = Field(1500, ge=1, le=100_000)
    """How many payers may wait at once for a change of their invoice, at most three quarters of
    `KENNEL_PUBLIC_CONNECTIONS`. More are refused with 503."""
    streams_per_address: int = Field(100, ge=1, le=100_000)
    """How many of them may come from one address. More are refused with 429."""
    link_invoices_per_address: int = Field(60, ge=1, le=1_000_000)
    """How many invoices an hour one address may have pay links and new prices make. More get 429."""
    admin_token: values.Line | None = Field(None, max_length=255, repr=False)
    """The bearer token that opens all of the merchant's API, as in GigaWallet. On `main` and `test`, and where
    that API does not listen on loopback, Kennel starts only with a token, or with a key that `kennel key create`
    has made. Where it does not listen on loopback, a token has 16 characters or more."""
    auth: Annotated[Literal["auto", "required"], values.ANY_CASE] = "auto"
    """`auto`: on `regtest` and on loopback, requests need neither token nor key where no token is set. `required`:
    they always do."""
    requests_per_key: int = Field(1000, ge=1, le=1_000_000)
    """How many requests a second a key may send to one process of the merchant's API, where the key does not say
    otherwise. More are refused with 429. After a quiet time the requests of four seconds may come at once."""
    admin_requests_per_address: int = Field(10_000, ge=1, le=1_000_000)
    """How many requests a second one address may send to one process of the merchant's API, likewise."""
    public_items: Annotated[Literal["token", "open"], values.ANY_CASE] = "token"
    """Who sees the items of an invoice in the payers' API. `token`: who has the invoice's token. `open`:
    who knows its address."""
    relay_key_file: Path | None = None
    """The file of the key that signs the payment requests for wallets (DogeConnect). Kennel makes it at the
    first start. All processes that serve payers must have the same. Unset: `relay.key` in `KENNEL_HOME`."""

    shop_name: values.Line | None = Field(None, max_length=80)
    """The shop's name on the checkout page, for accounts without a `vendor_name`."""
    shop_url: values.WebUrl | None = None
    """The shop's page, to which the checkout page leads back where neither an invoice nor its account has
    one."""
    shop_contact: values.Contact | None = None
    """Where a payer asks for help: a web page, or an address as `mailto:help@shop.example`. `{order}` in it
    stands for the order's number. Without `{order}` it is appended as `order`, or as the subject."""
    shop_logo: values.Picture | None = None
    """The picture of the shop, for accounts without a `vendor_icon`: a URL, or the picture itself as a `data:`
    URL."""
    shop_colour: values.Colour = "c2a633"
    """The colour of the checkout page."""
    frame_origins: values.Origins | None = None
    """The origins whose pages may show the checkout page in a frame, as `kennel.js` does. `*`: all. Unset:
    none."""
    image_origins: values.Origins | None = None
    """The origins from which the checkout page may load the picture in an account's `vendor_icon`. Unset: it
    shows only pictures in `data:` URLs, so that no other site hears of a payer."""
    explorer_url: values.WebUrl | None = None
    """The page of a transaction, with `{txid}` in it. Unset: `https://dogechain.info/tx/{txid}` on `main`,
    and no links on the other networks."""

    confirmations: int = Field(6, ge=1, le=1_000)
    """How many confirmations a payment needs, where an invoice does not say otherwise."""
    audit_every: periods.Period = Field("1d", validate_default=True)
    """How often Kennel checks all its books by itself, in the role `relay`: `30m`, `12h`, `7d`. It works a tenth of the
    time and rests, so that nothing waits for it. 0: never."""
    max_reorg_blocks: int = Field(240, ge=1, le=1_000_000)
    """The deepest reorganisation of the chain that Kennel follows. After a deeper one nothing is credited
    until an operator has looked."""
    platform_account: values.NewForeignId = "platform"
    """The account of the platform's own money: it gets the fees of escrows and the DOGE of SPEND, and it
    bears what `kennel consolidate` costs and what `kennel cover` covers. It cannot be closed, and is no
    system account (`treasury`, `world` and others)."""
    hot_ceiling: values.Doge = Field("0", validate_default=True)
    """How many DOGE Kennel's own coins may be worth beside what is on its way. What is above goes to
    `KENNEL_COLD_ADDRESS` by itself, once it is a tenth of the ceiling and 100 DOGE. `KENNEL_PLATFORM_ACCOUNT`
    bears the fee. 0: there is no ceiling."""
    cold_address: values.Line | None = Field(None, max_length=200)
    """Where cold storage is: an address whose key is elsewhere, or the extended public key of an account of such
    a wallet (`dgub...`), whose fresh addresses are used one after the other."""
    pay_wait_seconds: float = Field(10, ge=0, le=60)
    """How long a request for a payment waits for its transaction."""
    paytx_minutes: int = Field(60, ge=1, le=10_080)
    """After this many minutes a transaction of `paytx` that nobody has sent is cancelled."""

    rates: values.Rates | None = Field(None, repr=False)
    """What a DOGE is worth: sources with blanks between, each a currency and a number, or a URL whose JSON has
    the number at the place behind `#`: `EUR=https://api.example/ticker#/result/price EUR=0.15`. Several of a
    currency: their median. Deposits and payments are valued in the first currency. Unset: no prices in money."""
    rate_seconds: int = Field(60, ge=5, le=3_600)
    """How often the sources are asked."""
    rate_max_age_seconds: int = Field(600, ge=10, le=86_400)
    """How long a rate counts. Without a younger one nothing is priced by it: such requests get 503."""
    quote_minutes: int = Field(15, ge=1, le=1_440)
    """How many minutes the price of an invoice holds that is in money, or that a pay link has made."""
    rate_retention_days: int = Field(400, ge=1, le=36_500)
    """How many days rates are kept. What deposits, payments and invoices were worth stays with them."""
    rate_allow_private: values.Networks = Field("false", validate_default=True)
    """The networks in which sources of rates may be besides public addresses. `true`: all. `false`: none."""

    seed_passphrase: values.Line | None = Field(None, max_length=1_024, repr=False)
    """What encrypts the seed file. On `main` and `test` nothing is signed without it."""

    backup_passphrase: values.Line | None = Field(None, max_length=1_024, repr=False)
    """What encrypts backups (`kennel backup`), 12 characters or more. Unset: the command asks for it."""

    webhook_retries: values.RetryTimes = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400", validate_default=True
    )
    """The seconds before each further attempt of a webhook."""
    webhook_allow_private: values.Networks = Field("false", validate_default=True)
    """The networks that webhooks may go to besides public addresses. `true`: all. `false`: none."""
    event_retention_days: int = Field(0, ge=0, le=36_500)
    """How many days events are kept after everybody was told of them. 0: for ever."""

    mqtt_url: values.MqttUrl | None = Field(None, repr=False)
    """The MQTT broker, `mqtt://user:password@host:port`, or `mqtts` for TLS. Unset: no MQTT, except in the
    demo."""
    mqtt_protocol: Annotated[Literal["3.1.1", "5"], values.ANY_CASE] = "3.1.1"
    """The version of MQTT."""
    mqtt_ca: Path | None = None
    """With `mqtts`: a file (PEM) of the authorities that the broker's certificate is checked against.
    Unset: those of the system."""
    mqtt_cert: Path | None = None
    """With `mqtts`: a file (PEM) of our certificate, where the broker asks for one. It may hold the key
    too."""
    mqtt_key: Path | None = None
    """A file (PEM) of the key of that certificate, not encrypted."""
    mqtt_topic: values.TopicOrOff | None = "kennel/{class}/{foreign_id}"
    """The topic of every event; may hold `{class}`, `{type}` and `{foreign_id}`. `off`: only the topics of
    `[mqtt.queues.NAME]`."""
    broker_bind: values.HostPort = Field("127.0.0.1:1883", validate_default=True)
    """Where the demo's own broker listens."""

    callbacks: dict[str, Callback] = Field({}, max_length=ENTRIES, alias="callbacks")
    loggers: dict[str, Logger] = Field({}, max_length=ENTRIES, alias="loggers")
    event_buses: dict[str, EventBus] = Field({}, max_length=ENTRIES, alias="eventbridge")
    queues: dict[str, Queue] = Field({}, max_length=ENTRIES, alias="mqtt.queues")
    mqtt_client_id: str | None = Field(None, alias="mqtt.clientid")


VARIABLES: Final = {name: field for name, field in Settings.model_fields.items() if field.alias is None}
"""The others are sections of the file."""
SECRETS: Final = frozenset(name for name, field in VARIABLES.items() if not field.repr)
"""What no message repeats. Each may come from a file, or from a command (`app.config.secrets`)."""
