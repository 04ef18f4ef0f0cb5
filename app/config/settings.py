"""What the operator set: environment variables over a TOML file over the defaults, read once and checked as a whole."""

import dataclasses
import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import sections, values
from app.config.sections import Callback, EventBus, Logger, Queue
from app.config.values import Bind, SettingsError
from app.events.address_filter import Network

# ruff: noqa: RUF009  each of these calls makes a dataclasses.field

PREFIX = "KENNEL_"
DEFAULT_FILE = Path("kennel.toml")
FILE_BYTES = 1 << 20
VALUE_CHARACTERS = 8192
TOKEN_CHARACTERS = 16
"""The fewest of a token that others can try to guess."""
ROLES = ("http", "follow", "send", "relay")
EMBEDDED_CONNECTIONS = 80  # of 100: commands beside Kennel want some, and PostgreSQL keeps three
NETWORKS = ("main", "test", "regtest")


def _variable(default: str, parse: Callable[[str], Any], *, secret: bool = False) -> Any:
    value = parse(default) if default else None
    return dataclasses.field(
        default=value, repr=not secret, metadata={"default": default, "parse": parse, "secret": secret}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field a variable: `home` is `KENNEL_HOME`, or `home` in the file. None is unset."""

    home: Path = _variable("./.kennel", Path)
    database_url: str | None = _variable("", values.database_url, secret=True)  # None: embedded
    database_pooler: str = _variable("none", values.one_of("none", "transaction"))
    database_connections: int = _variable("40", values.whole(10, 1_000))
    pg_bindir: Path | None = _variable("", Path)
    network: str = _variable("regtest", values.one_of(*NETWORKS))
    node_url: str | None = _variable(
        "", values.url("http", "https"), secret=True
    )  # None: the built-in devnet
    node_cookie: Path | None = _variable("", Path)
    node_zmq: str | None = _variable("", values.url("tcp", "ipc"))
    devnet_bind: Bind = _variable("127.0.0.1:18332", values.bind)
    devnet_zmq_bind: Bind = _variable("127.0.0.1:28332", values.bind)
    devnet_block_seconds: float = _variable("5", values.seconds(0, 86_400))
    poll_seconds: float = _variable("1", values.seconds(0.01, 3_600))
    admin_bind: Bind = _variable("127.0.0.1:8081", values.bind)
    public_bind: Bind = _variable("127.0.0.1:8082", values.bind)
    public_url: str = _variable("http://127.0.0.1:8082", values.base_url)
    allowed_hosts: frozenset[str] | None = _variable("", values.hosts)
    admin_connections: int = _variable("1000", values.whole(10, 100_000))
    public_connections: int = _variable("2000", values.whole(10, 100_000))
    connections_per_address: int = _variable("200", values.whole(1, 100_000))
    admin_token: str | None = _variable("", values.text(255), secret=True)
    auth: str = _variable("auto", values.one_of("auto", "required"))
    confirmations: int = _variable("6", values.whole(1, 1_000))
    max_reorg_blocks: int = _variable("240", values.whole(1, 1_000_000))
    platform_account: str = _variable("platform", values.new_foreign_id)
    pay_wait_seconds: float = _variable("10", values.seconds(0, 60))
    paytx_minutes: int = _variable("60", values.whole(1, 10_080))
    mqtt_url: str | None = _variable("", values.url("mqtt", "mqtts"), secret=True)
    mqtt_protocol: str = _variable("3.1.1", values.one_of("3.1.1", "5"))
    mqtt_ca: Path | None = _variable("", Path)
    mqtt_cert: Path | None = _variable("", Path)
    mqtt_key: Path | None = _variable("", Path)
    mqtt_topic: str | None = _variable("kennel/{class}/{foreign_id}", values.own_topic)  # None: off
    broker_bind: Bind = _variable("127.0.0.1:1883", values.bind)
    webhook_retries: tuple[int, ...] = _variable(
        "5,300,1800,7200,18000,36000,50400,72000,86400", values.retries
    )
    webhook_allow_private: tuple[Network, ...] = _variable("false", values.networks)
    event_retention_days: int = _variable("0", values.whole(0, 36_500))  # 0: kept for ever
    seed_passphrase: str | None = _variable("", values.text(1_024), secret=True)
    seed_passphrase_file: Path | None = _variable("", Path)
    public_items: str = _variable("token", values.one_of("token", "open"))
    roles: frozenset[str] = _variable("http,follow,send,relay", values.some_of(*ROLES))
    log_level: str = _variable("info", values.one_of("debug", "info", "warning", "error"))
    callbacks: tuple[Callback, ...] = ()  # these five come from the file's sections
    loggers: tuple[Logger, ...] = ()
    event_buses: tuple[EventBus, ...] = ()
    queues: tuple[Queue, ...] = ()
    mqtt_client_id: str | None = None


VARIABLES = {field.name: field for field in dataclasses.fields(Settings) if field.metadata}


def read(environ: Mapping[str, str], config_path: Path | None = None) -> Settings:
    """Read everything and check it; SettingsError at the first thing that is wrong.

    `config_path` wins over KENNEL_CONFIG, and the file of either must exist; else `kennel.toml` is read if it is there.
    An empty variable is an unset one.
    """
    file = _load(_config_path(environ, config_path))
    found = sections.read(
        {name: file.pop(name) for name in sections.NAMES if isinstance(file.get(name), dict)}
    )
    texts = found.texts | _file_texts(file) | _environ_texts(environ)
    settings = Settings(
        **_passphrase({name: _parse(name, text) for name, text in texts.items()}), **found.fields
    )
    _check(settings, texts)
    return settings


def _config_path(environ: Mapping[str, str], config_path: Path | None) -> Path | None:
    named = config_path or (Path(environ["KENNEL_CONFIG"]) if environ.get("KENNEL_CONFIG") else None)
    if named is not None and not named.is_file():
        raise SettingsError(f"KENNEL_CONFIG names {named}, which is not a file.")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _load(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    if path.stat().st_size > FILE_BYTES:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is larger than {FILE_BYTES} bytes.")
    try:
        loaded = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is not TOML: {wrong}.") from None
    return {key.lower(): value for key, value in loaded.items()}


def _file_texts(file: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in file.items():
        if isinstance(value, dict):
            raise SettingsError(
                f"The file of KENNEL_CONFIG has a section [{name}]; only {' and '.join(f'[{known}]' for known in sections.NAMES)} are read."
            )
        _known(name, f"{name} in the file of KENNEL_CONFIG")
        texts[name] = _text(value)
    return {name: text for name, text in texts.items() if text}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _environ_texts(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == "KENNEL_CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        _known(name, variable)
        texts[name] = text.strip()
    return {name: text for name, text in texts.items() if text}


def _known(name: str, shown: str) -> None:
    if name in VARIABLES:
        return
    near = difflib.get_close_matches(name, [*VARIABLES, "config"], n=1)
    meant = f"did you mean {PREFIX}{near[0].upper()}?" if near else ".env.example lists those that there are."
    raise SettingsError(f"There is no setting {shown}: {meant}")


def _parse(name: str, text: str) -> Any:
    field = VARIABLES[name]
    shown = "" if field.metadata["secret"] else f", not {text[:100]!r}"
    if len(text) > VALUE_CHARACTERS:
        raise SettingsError(f"{PREFIX}{name.upper()} is longer than {VALUE_CHARACTERS} characters.")
    try:
        return field.metadata["parse"](text)
    except values.WrongValueError as wrong:
        raise SettingsError(f"{PREFIX}{name.upper()} must be {wrong}{shown}.") from None


def _passphrase(read_values: dict[str, Any]) -> dict[str, Any]:
    path = read_values.get("seed_passphrase_file")
    if path is None:
        return read_values
    if "seed_passphrase" in read_values:
        raise SettingsError(
            "KENNEL_SEED_PASSPHRASE and KENNEL_SEED_PASSPHRASE_FILE are both set: only one can be right."
        )
    try:
        with path.open() as file:
            text = file.read(VALUE_CHARACTERS).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(
            f"KENNEL_SEED_PASSPHRASE_FILE names {path}, which cannot be read ({type(wrong).__name__})."
        ) from None
    if not text:
        raise SettingsError(f"KENNEL_SEED_PASSPHRASE_FILE names {path}, which is empty.")
    return read_values | {"seed_passphrase": _parse("seed_passphrase", text)}


def _check(settings: Settings, texts: Mapping[str, str]) -> None:
    """What one variable asks of another."""
    regtest = settings.network == "regtest"
    for wrong, sentence in (
        (
            settings.network == "main" and "database_url" not in texts,
            "KENNEL_DATABASE_URL must be set on main (the word embedded is allowed).",
        ),
        (
            settings.database_url is None and settings.database_connections > EMBEDDED_CONNECTIONS,
            f"KENNEL_DATABASE_CONNECTIONS must be at most {EMBEDDED_CONNECTIONS} with the embedded database.",
        ),
        (not regtest and settings.node_url is None, f"KENNEL_NODE_URL must be set on {settings.network}."),
        (
            settings.node_url is None and settings.node_zmq is not None,
            "KENNEL_NODE_ZMQ is set but KENNEL_NODE_URL is not.",
        ),
        (
            settings.node_url is None and settings.node_cookie is not None,
            "KENNEL_NODE_COOKIE is set but KENNEL_NODE_URL is not.",
        ),
        (
            settings.node_url is not None
            and not values.has_login(settings.node_url)
            and settings.node_cookie is None,
            "KENNEL_NODE_URL must be like http://user:password@host:port, or KENNEL_NODE_COOKIE must be set.",
        ),
        *_open_doors(settings),
        (
            settings.admin_token is None and settings.auth == "required",
            "KENNEL_ADMIN_TOKEN must be set while KENNEL_AUTH is required.",
        ),
        *_wrong_places(settings),
    ):
        if wrong:
            raise SettingsError(sentence)


def _open_doors(settings: Settings) -> list[tuple[bool, str]]:
    """What would let others in than who may, each with whether it is so."""
    bind, token = settings.admin_bind, settings.admin_token
    return [
        (
            token is None and not bind.loopback,
            f"KENNEL_ADMIN_TOKEN must be set while KENNEL_ADMIN_BIND is {bind}, which is not loopback.",
        ),
        (
            token is None and settings.network != "regtest" and "http" in settings.roles,
            f"KENNEL_ADMIN_TOKEN must be set on {settings.network}: without it, what can reach the admin API can pay.",
        ),
        (
            token is not None and len(token) < TOKEN_CHARACTERS and not bind.loopback,
            f"KENNEL_ADMIN_TOKEN must have {TOKEN_CHARACTERS} characters or more: KENNEL_ADMIN_BIND {bind} is not loopback.",
        ),
    ]


def _wrong_places(settings: Settings) -> list[tuple[bool, str]]:
    """What is wrong with where events go, each with whether it is so."""
    tls = (settings.mqtt_url or "").startswith("mqtts:")
    paths = [logger.path for logger in settings.loggers]
    return [
        *(
            (
                getattr(settings, name) is not None and not tls,
                f"KENNEL_{name.upper()} is set but KENNEL_MQTT_URL is not an mqtts:// URL.",
            )
            for name in ("mqtt_ca", "mqtt_cert", "mqtt_key")
        ),
        (
            settings.mqtt_key is not None and settings.mqtt_cert is None,
            "KENNEL_MQTT_KEY is set but KENNEL_MQTT_CERT is not.",
        ),
        (
            settings.mqtt_url is not None and settings.mqtt_topic is None and not settings.queues,
            "KENNEL_MQTT_TOPIC is off and there is no [mqtt.queues.NAME]: nothing would be published.",
        ),
        (len(set(paths)) < len(paths), "Two of [loggers] have the same path."),
    ]
