"""What a setting may say: types that check it, each with the words that complete `KENNEL_X must be ...`."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

from annotated_types import Ge, Le, MaxLen, Predicate
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.fields import FieldInfo

from app.db.database_url import WrongUrl
from app.db.database_url import parse as parse_database_url
from app.domain import accounts, characters, outbox
from app.errors import OperatorError
from app.events import mqtt_topics
from app.events.address_filter import EVERYWHERE, Network
from app.events.mqtt_topics import WrongTemplate
from app.money import MAX_MONEY, parse
from app.rates import source

WORDS_OF_TYPES: Final[dict[Any, str]] = {
    Path: "a path",
    bool: "true or false",
    int: "a whole number",
    float: "a number of seconds",
}


class SettingsError(OperatorError):
    """The program does not start: one sentence that names the variable, and never a secret."""


class WrongValueError(ValueError):
    """What the value must be, in words that go on a sentence."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Where a listener listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def words(field: FieldInfo) -> str:
    """Return what the value of the field must be."""
    kind = field.annotation
    kind = get_args(kind)[0] if type(None) in get_args(kind) else kind
    kind, *inner = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    marks: dict[type, Any] = {type(mark): mark for mark in (*inner, *field.metadata)}
    if str in marks:
        return str(marks[str])
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if kind is str:
        return f"one line of at most {marks[MaxLen].max_length} characters"
    limits = f" from {marks[Ge].ge} to {marks[Le].le}" if Ge in marks else ""
    return WORDS_OF_TYPES[kind] + limits


def words_of_error(error: Any, field: FieldInfo) -> str:
    """Return what the value of the field must be, in view of pydantic's error."""
    context = error.get("ctx", {})
    if isinstance(context.get("error"), WrongValueError | WrongUrl | WrongTemplate):
        return str(context["error"])
    if error["type"].endswith("too_long") and isinstance(error["input"], str):
        return f"text of at most {context['max_length']} characters"
    return words(field)


def has_login(written: str) -> bool:
    """Whether the URL has a user and a password in it."""
    parts = urlsplit(written)
    return bool(parts.username and parts.password)


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(",")]


def _members(written: str) -> list[str]:
    return [part for part in _parts(written.lower()) if part]


def _listed(written: object) -> object:
    return [written] if isinstance(written, str) else written


def _url(*schemes: str) -> Callable[[str], bool]:
    """Of one of the schemes, with a host (or, for ipc, a path)."""

    def is_url(written: str) -> bool:
        parts = urlsplit(written)
        leads_somewhere = parts.hostname or (parts.scheme == "ipc" and parts.path)
        return bool(leads_somewhere) and parts.scheme in schemes and parts.port != 0 and _is_word(written)

    return is_url


def _is_word(written: str) -> bool:
    return not characters.forbidden(written) and " " not in written


def _is_picture(written: str) -> bool:
    if written.startswith("data:image/"):
        return not characters.forbidden(written)
    return IS_WEB_URL(written)


def _is_contact(written: str) -> bool:
    return "@" in written and _is_word(written) if written.startswith("mailto:") else IS_WEB_URL(written)


def _origins(written: str) -> list[str]:
    """Browsers write an origin in lower case, without a slash at its end."""
    return [origin.rstrip("/") for origin in _members(written)]


def _origins_or_none(written: str) -> list[str]:
    if written.lower() == "none":
        return []
    if not (origins := _origins(written)):
        raise ValueError
    return origins


def _bind(written: str) -> Bind:
    """Port 0 takes a free one."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", written, re.ASCII)
    if match is None or int(match[2]) > 65_535:
        raise ValueError
    return Bind(match[1].strip("[]"), int(match[2]))


def _networks(written: str) -> tuple[Network, ...] | list[str]:
    if written.lower() in ("true", "1", "yes", "on"):
        return EVERYWHERE
    return () if written.lower() in ("false", "0", "no", "off") else _parts(written)


def _not_reserved(written: str) -> str:
    refusal = accounts.reserved(written)
    if refusal is not None:
        raise WrongValueError(f"another name, because {refusal.facts['reason']}")
    return written


def _sources(written: str) -> tuple[source.Source, ...]:
    """A comma or blanks stand between two; a URL may have commas, but none before a currency and =."""
    try:
        sources = tuple(map(source.parse, re.split(r"[,\s]+(?=[A-Za-z]{3}=)", written)))
    except source.BadSource as wrong:
        raise WrongValueError(str(wrong)) from None
    names = [(entry.currency, entry.name) for entry in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise WrongValueError(f"sources of which no two of {twice[0]} are at {twice[1]}")
    return sources


def _database_url(written: str) -> str | None:
    """`embedded` is None."""
    if written == "embedded":
        return None
    parse_database_url(written)
    return written


def _event_type(written: str) -> str:
    if not outbox.known(written.upper()):
        known = ", ".join(sorted(outbox.TYPES))
        raise WrongValueError(
            f"ALL, classes as INV, or event types, of which there is no {written}: there are {known}"
        )
    return written.upper()


def _topic(written: str) -> str:
    mqtt_topics.check(written)
    return written


def _topic_or_off(written: str) -> str | None:
    return None if written.lower() == "off" else _topic(written)


ANY_CASE: Final = BeforeValidator(str.lower)
Whole = Annotated[int, BeforeValidator(str)]  # of the file, whose true is no number
Line = Annotated[str, Predicate(lambda written: not characters.forbidden(written))]
HostPort = Annotated[Bind, BeforeValidator(_bind), "host:port"]
Roles = Annotated[
    frozenset[Literal["http", "follow", "send", "relay"]],
    BeforeValidator(_members),
    Field(min_length=1),
    "some of http,follow,send,relay",
]
HostNames = Annotated[
    frozenset[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9_.-]{1,255})$")]],
    BeforeValidator(_members),
    Field(max_length=100),
    "up to 100 names of hosts with commas between, without a port, or *",
]
_Origin = Annotated[
    str, StringConstraints(pattern=r"^(\*|https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$")
]
Readers = Annotated[
    frozenset[_Origin],
    BeforeValidator(_origins_or_none),
    Field(max_length=100),
    "*, none, or up to 100 origins such as https://shop.example with commas between",
]
Origins = Annotated[
    frozenset[_Origin],
    BeforeValidator(_origins),
    Field(max_length=100),
    "up to 100 origins such as https://shop.example with commas between, or *",
]
PlainNetworks = Annotated[
    tuple[Network, ...],
    BeforeValidator(_parts),
    Field(max_length=50),
    "networks such as 10.0.0.0/8,fd00::/8",
]
Networks = Annotated[
    tuple[Network, ...],
    BeforeValidator(_networks),
    Field(max_length=50),
    "true, false, or networks such as 10.0.0.0/8,fd00::/8",
]
RetryTimes = Annotated[
    tuple[Annotated[int, Field(ge=1, le=30 * 86_400)], ...],
    BeforeValidator(_parts),
    Field(max_length=50),
    "up to 50 whole numbers of seconds with commas between",
]
Rates = Annotated[
    tuple[source.Source, ...],
    BeforeValidator(_sources),
    Field(max_length=20),
    "up to 20 sources such as EUR=0.15 or EUR=https://api.example/ticker#/result/price with blanks between",
]
EventTypes = Annotated[
    tuple[Annotated[str, StringConstraints(pattern="^[A-Za-z_]{1,64}$"), AfterValidator(_event_type)], ...],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=50),
    "a list of event types",
]
Doge = Annotated[int, BeforeValidator(parse), Field(ge=0, le=MAX_MONEY), "an amount of DOGE such as 0.5"]
"""In koinu."""
FOREIGN_ID: Final = "1 to 255 characters of one line without a slash"
ForeignId = Annotated[str, Predicate(lambda written: not accounts.is_malformed(written)), FOREIGN_ID]
NewForeignId = Annotated[ForeignId, AfterValidator(_not_reserved)]
IS_WEB_URL: Final = _url("http", "https")
WebUrl = Annotated[str, Predicate(IS_WEB_URL), "a URL that begins with http:// or https://"]
BaseUrl = Annotated[WebUrl, AfterValidator(lambda url: url.rstrip("/"))]
ZmqUrl = Annotated[str, Predicate(_url("tcp", "ipc")), "a URL that begins with tcp:// or ipc://"]
MqttUrl = Annotated[str, Predicate(_url("mqtt", "mqtts")), "a URL that begins with mqtt:// or mqtts://"]
Contact = Annotated[str, Predicate(_is_contact), "a URL that begins with http://, https:// or mailto:"]
Picture = Annotated[
    str,
    Field(max_length=40_000),  # with it the checkout page has less than 60 KB
    Predicate(_is_picture),
    "a URL that begins with http://, https:// or data:image/",
]
Colour = Annotated[
    str,
    StringConstraints(pattern="^#?[0-9a-fA-F]{6}$"),
    AfterValidator(lambda colour: colour.removeprefix("#").lower()),
    "a colour as six hexadecimal digits, RRGGBB",
]
DatabaseUrl = Annotated[
    str, AfterValidator(_database_url), "the word embedded, or a URL that begins with postgresql://"
]
Topic = Annotated[str, AfterValidator(_topic), "a topic without wildcards"]
TopicOrOff = Annotated[str, AfterValidator(_topic_or_off), "a topic without wildcards, or off"]
