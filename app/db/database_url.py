"""A database's URL as libpq writes it: what Kennel takes of it, and how it refuses the rest."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

SCHEMES: Final = ("postgres", "postgresql", "postgresql+asyncpg")
PORTS: Final = range(1, 65_536)
CONNECT_SECONDS: Final = 10.0
"""For each host; libpq's own default is to wait for ever."""

_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_DRIVERS: Final = frozenset(
    {
        *_FILES, "gsslib", "krbsrvname", "passfile", "service", "ssl_max_protocol_version",
        "ssl_min_protocol_version", "sslmode", "sslnegotiation", "sslpassword",
    }
)  # fmt: skip
"""What the driver reads as libpq does."""
_WHERE: Final = frozenset({"host", "port", "dbname", "user", "password"})
_NUMBERS: Final = frozenset(
    {
        "connect_timeout", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
        "tcp_user_timeout",
    }
)  # fmt: skip
_TEXTS: Final = frozenset({"application_name", "fallback_application_name", "options"})
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "read-write"),
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("UTF8", "utf8", "UTF-8", "utf-8", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": ("3.0", "latest"),
    "min_protocol_version": ("3.0",),
    "replication": ("false", "off", "no", "0"),
    "requiressl": ("0",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
"""The values of some options; from the third option on, the values are what Kennel does anyway."""
_INSTEAD: Final[Mapping[str, str]] = {
    "channel_binding": "Kennel's driver cannot bind channels,"
    " and sslmode=verify-full proves who the server is",
    "hostaddr": "name the address as the host",
    "pgbouncer": "KENNEL_DATABASE_POOLER=transaction says that PgBouncer stands between",
    "prepared_statement_cache_size": "KENNEL_DATABASE_POOLER=transaction says that PgBouncer stands between",
    "replication": "Kennel replicates nothing",
    "servicefile": "the variable PGSERVICEFILE names it",
    "statement_cache_size": "KENNEL_DATABASE_POOLER=transaction says that PgBouncer stands between",
    "target_session_attrs": "Kennel writes",
}
_ALIASES: Final[Mapping[str, str]] = {"ssl": "sslmode", "database": "dbname", "username": "user"}
"""The driver's and SQLAlchemy's names, with libpq's."""
_HOST: Final = re.compile(r"(/[^,]*|\[[0-9A-Fa-f:.%\w]+\]|[^:,/\[\]\s]+)(?::(\d{1,5}))?")

Host = tuple[str, int | None]


class WrongUrl(ValueError):
    """The message says what the URL must be, as the end of a sentence; it repeats no part of a password."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """After how much silence TCP asks for a sign of life, and when it gives up; 0 leaves it to the system."""

    idle_seconds: int = 10
    interval_seconds: int = 5
    count: int = 3
    user_timeout_milliseconds: int = 30_000


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where the database is and how to reach it. Without hosts the driver looks where libpq would."""

    hosts: tuple[Host, ...]
    database: str | None
    user: str | None
    password: str | None = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    @property
    def driver(self) -> dict[str, Any]:
        """The arguments of asyncpg's connect, but for the host."""
        query = {name: value for name, value in self.options.items() if name in _DRIVERS}
        login = {"user": self.user, "password": self.password, "database": self.database}
        if query.get("sslrootcert") == "system":
            return login | {"ssl": ssl.create_default_context()}
        return login | ({"dsn": f"postgresql://?{urlencode(query)}"} if query else {})

    @property
    def server_settings(self) -> dict[str, str]:
        """The session's settings at the server."""
        options = self.options
        name = options.get("application_name") or options.get("fallback_application_name") or "kennel"
        return {"application_name": name} | (
            {"options": options["options"]} if options.get("options") else {}
        )

    @property
    def session(self) -> str:
        """The kind of server that will do: of several hosts the one that can be written to."""
        return self.options.get("target_session_attrs", "read-write" if len(self.hosts) > 1 else "any")

    @property
    def connect_seconds(self) -> float:
        """How long connecting to one host may take."""
        return float(self.options.get("connect_timeout", 0)) or CONNECT_SECONDS

    @property
    def keep_alive(self) -> KeepAlive | None:
        """How TCP notices a dead connection; None where the URL switches that off."""
        if self.options.get("keepalives") == "0":
            return None
        default = KeepAlive()
        return KeepAlive(
            int(self.options.get("keepalives_idle", default.idle_seconds)),
            int(self.options.get("keepalives_interval", default.interval_seconds)),
            int(self.options.get("keepalives_count", default.count)),
            int(self.options.get("tcp_user_timeout", default.user_timeout_milliseconds)),
        )

    @property
    def shown(self) -> str:
        """The hosts, for a sentence."""
        return " or ".join(f"{host}:{port or 5432}" for host, port in self.hosts) or "this machine"


def parse(written: str) -> DatabaseUrl:
    """Read the URL; raises WrongUrl with what it must be."""
    parts = _split(written)
    options = _options(parts.query)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return DatabaseUrl(
        hosts=_hosts(unquote(hosts) or options.get("host", ""), options.get("port", "")),
        database=unquote(parts.path[1:]) or options.get("dbname"),
        user=unquote(user) or options.get("user"),
        password=unquote(password) or options.get("password"),
        options=options,
    )


def as_user(written: str, user: str) -> str:
    """Return the URL for another user, who has the same password."""
    parts, password = _split(written), parse(written).password
    login = user if password is None else f"{user}:{quote(password, safe='')}"
    others = [
        (name, value)
        for name, value in (parse_qsl(parts.query) if parts.query else ())
        if _ALIASES.get(name, name) not in ("user", "password")
    ]
    hosts = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{login}@{hosts}", query=urlencode(others)).geturl()


def _split(written: str) -> SplitResult:
    """Take the URL apart, unless its login has characters that end it for a reader of URLs."""
    try:
        parts = urlsplit(written)
    except ValueError:
        raise WrongUrl("a URL whose IPv6 hosts stand in [] and whose password has %5B for [") from None
    if parts.scheme not in SCHEMES:
        raise WrongUrl("the word embedded, or a URL that begins with postgresql://")
    if parts.fragment or ("@" not in parts.netloc and "@" in parts.path + parts.query):
        raise WrongUrl("a URL whose password has %2F for /, %3F for ?, %23 for #, %40 for @ and %3A for :")
    return parts


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError:
        raise WrongUrl("a URL with name=value, and & between, behind the ?") from None
    for written, value in pairs:
        name = _ALIASES.get(written, written)
        _check(name, value)
        options[name] = f"{options[name]},{value}" if name == "host" and name in options else value
    if options.get("sslrootcert") == "system":
        _check_system(options)
    return options


def _check_system(options: dict[str, str]) -> None:
    """The authorities of the system vouch for names, so those are compared; our own certificate has no place."""
    mode = options.setdefault("sslmode", "verify-full")
    if mode != "verify-full" or not options.keys().isdisjoint(_FILES[1:]):
        raise WrongUrl("a URL that has sslmode=verify-full and no files where it has sslrootcert=system")


def _check(name: str, value: str) -> None:
    """Refuse an option that Kennel does not know, or a value that it does not support."""
    instead = f": {_INSTEAD[name]}" if name in _INSTEAD else ""
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise WrongUrl(f"a URL in which {name} is {' or '.join(_WORDS[name])}{instead}")
    elif name in _NUMBERS:
        if re.fullmatch(r"\d{1,7}", value, re.ASCII) is None:
            raise WrongUrl(f"a URL in which {name} is a whole number")
    elif name in _FILES:
        if value != "system" and not Path(value).is_file():
            raise WrongUrl(f"a URL in which {name} is a file that is there")
    elif name not in _DRIVERS | _WHERE | _TEXTS:
        known = name if name in _INSTEAD or re.fullmatch(r"[a-z_]{3,30}", name) else "an option"
        raise WrongUrl(f"a URL without {known}, which Kennel does not know{instead}")


def _hosts(text: str, ports_option: str) -> tuple[Host, ...]:
    """Read `host` or `host:port`, or several with commas between, and the option `port` for all or each."""
    if not text:
        return ()
    hosts = [_HOST.fullmatch(host) for host in text.split(",")]
    ports = ports_option.split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    if len(ports) != len(hosts) or None in hosts:
        raise WrongUrl("a URL with host:port, or several of them with commas between, behind the password")
    return tuple(
        (host[1].strip("[]"), _port(host[2] or port)) for host, port in zip(hosts, ports, strict=True) if host
    )


def _port(written: str) -> int | None:
    if written and (re.fullmatch(r"\d{1,5}", written, re.ASCII) is None or int(written) not in PORTS):
        raise WrongUrl(f"a URL with ports from {PORTS[0]} to {PORTS[-1]}")
    return int(written) if written else None
