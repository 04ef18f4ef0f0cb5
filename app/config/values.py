"""What a setting may say: each rule reads a value, and has the words that complete `KENNEL_X must be ...`."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from app.db.database_url import WrongUrl
from app.db.database_url import parse as parse_database_url
from app.domain import accounts, characters, outbox
from app.events import mqtt_topics
from app.events.address_filter import EVERYWHERE, Network
from app.events.mqtt_topics import WrongTemplate

PORTS: Final = range(65_536)
RETRIES: Final = 50
RETRY_SECONDS: Final = range(1, 30 * 86_400 + 1)
EVENT_TYPES: Final = 50
MOST_NETWORKS: Final = 50
HOSTS: Final = 100
PICTURE_CHARACTERS: Final = 40_000
"""With it the checkout page has less than 60 KB."""
YES_OR_NO: Final = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "off"), False
)

Value = TypeVar("Value")


class SettingsError(Exception):
    """The program does not start: one sentence that names the variable, and never a secret."""


class WrongValueError(ValueError):
    """What the value must be, in words that go on a sentence."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[Value]):
    """What a value may be.

    `parse` raises WrongValueError, or a ValueError or LookupError that `words` explain.
    """

    words: str
    parse: Callable[[Any], Value]

    def read(self, written: Any) -> Value:
        """Return the value; raises WrongValueError."""
        try:
            return self.parse(written)
        except (WrongValueError, WrongUrl, WrongTemplate) as wrong:
            raise WrongValueError(str(wrong)) from None
        except (ValueError, LookupError):
            raise WrongValueError(self.words) from None


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


def one_of(*words: str) -> Rule[str]:
    """One of the words, in any case."""
    return Rule(f"one of {', '.join(words)}", lambda written: words[words.index(written.lower())])


def some_of(*words: str) -> Rule[frozenset[str]]:
    """One or more of the words, with commas between."""

    def parse(written: str) -> frozenset[str]:
        members = frozenset(words[words.index(part)] for part in _parts(written.lower()) if part)
        _require(members)
        return members

    return Rule(f"some of {','.join(words)}", parse)


def whole(least: int, most: int) -> Rule[int]:
    """A whole number between the two, both included."""

    def parse(written: Any) -> int:
        _require(re.fullmatch(r"\d{1,18}", str(written), re.ASCII) and least <= int(written) <= most)
        return int(written)

    return Rule(f"a whole number from {least} to {most}", parse)


def seconds(least: float, most: float) -> Rule[float]:
    """A time in seconds between the two, both included."""

    def parse(written: str) -> float:
        number = float(written)
        _require(least <= number <= most)  # which nan is not
        return number

    return Rule(f"a number of seconds from {least} to {most}", parse)


def text(longest: int) -> Rule[str]:
    """Any text of one line."""

    def parse(written: str) -> str:
        _require(len(written) <= longest and not characters.forbidden(written))
        return written

    return Rule(f"one line of at most {longest} characters", parse)


def url(*schemes: str) -> Rule[str]:
    """A URL of one of the schemes, with a host (or, for ipc, a path)."""

    def parse(written: str) -> str:
        parts = urlsplit(written)
        _require(parts.scheme in schemes and parts.port != 0)
        _require(parts.hostname or (parts.scheme == "ipc" and parts.path))
        _require(not characters.forbidden(written) and " " not in written)
        return written

    return Rule(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}", parse)


def has_login(written: str) -> bool:
    """Whether the URL has a user and a password in it."""
    parts = urlsplit(written)
    return bool(parts.username and parts.password)


def limited(longest: int, rule: Rule[Value]) -> Rule[Value]:
    """The same rule for a value of the file that must be text."""

    def parse(written: Any) -> Value:
        if not isinstance(written, str) or len(written) > longest:
            raise WrongValueError(f"text of at most {longest} characters")
        return rule.read(written)

    return Rule(rule.words, parse)


def _require(condition: object) -> None:
    if not condition:
        raise ValueError


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(",")]


def _bind(written: str) -> Bind:
    """Port 0 takes a free one."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", written, re.ASCII)
    if match is None or int(match[2]) not in PORTS:
        raise ValueError
    return Bind(match[1].strip("[]"), int(match[2]))


def _hosts(written: str) -> frozenset[str]:
    names = frozenset(part.lower() for part in _parts(written) if part)
    _require(len(names) <= HOSTS)
    _require(all(re.fullmatch(r"\*|[\w.-]{1,255}", name, re.ASCII) for name in names))
    return names


def _origins(written: str) -> frozenset[str]:
    if written.lower() == "none":
        return frozenset()
    origins = frozenset(part.lower() for part in _parts(written) if part)
    _require(0 < len(origins) <= HOSTS)
    _require(
        all(
            re.fullmatch(r"\*|https?://([\w.-]+|\[[0-9a-f:]+\])(:\d{1,5})?", origin, re.ASCII)
            for origin in origins
        )
    )
    return origins


def _plain_networks(written: str) -> tuple[Network, ...]:
    _require(written.count(",") < MOST_NETWORKS)
    return tuple(ipaddress.ip_network(part) for part in _parts(written))


def _networks(written: str) -> tuple[Network, ...]:
    if written.lower() in YES_OR_NO:
        return EVERYWHERE if YES_OR_NO[written.lower()] else ()
    return _plain_networks(written)


def _retries(written: str) -> tuple[int, ...]:
    parts = _parts(written)
    _require(len(parts) <= RETRIES and all(re.fullmatch(r"\d{1,8}", part, re.ASCII) for part in parts))
    _require(all(int(part) in RETRY_SECONDS for part in parts))
    return tuple(int(part) for part in parts)


def _foreign_id(written: str) -> str:
    _require(not written or not accounts.is_malformed(written))
    return written


def _new_foreign_id(written: str) -> str:
    refusal = accounts.reserved(FOREIGN_ID.read(written))
    if refusal is not None:
        raise WrongValueError(f"another name, because {refusal.facts['reason']}")
    return written


def _database_url(written: str) -> str | None:
    """`embedded` is None."""
    if written == "embedded":
        return None
    parse_database_url(written)
    return written


def _event_types(written: Any) -> tuple[str, ...]:
    """In any case: a list in the file, or a single one."""
    names = [written] if isinstance(written, str) else written
    _require(isinstance(names, list) and 0 < len(names) <= EVENT_TYPES)
    _require(all(isinstance(name, str) and re.fullmatch(r"[A-Za-z_]{1,64}", name) for name in names))
    for name in names:
        if not outbox.known(name.upper()):
            known = ", ".join(sorted(outbox.TYPES))
            raise WrongValueError(
                f"ALL, classes as INV, or event types, of which there is no {name}: there are {known}"
            )
    return tuple(name.upper() for name in names)


def _topic(written: str) -> str:
    mqtt_topics.check(written)
    return written


def _picture(written: str) -> str:
    if not written.startswith("data:image/"):
        return url("http", "https").read(written)
    _require(len(written) <= PICTURE_CHARACTERS and not characters.forbidden(written))
    return written


def _contact(written: str) -> str:
    if not written.startswith("mailto:"):
        return url("http", "https").read(written)
    _require("@" in written and not characters.forbidden(written) and " " not in written)
    return written


def _colour(written: str) -> str:
    match = re.fullmatch(r"#?([0-9a-f]{6})", written.lower(), re.ASCII)
    _require(match)
    return match[1] if match else ""


def _origins(written: str) -> frozenset[str]:
    """Browsers write an origin in lower case, without a slash at its end."""
    origins = frozenset(part.lower().rstrip("/") for part in _parts(written) if part)
    _require(len(origins) <= HOSTS)
    _require(
        all(
            re.fullmatch(r"\*|https?://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", name, re.ASCII)
            for name in origins
        )
    )
    return origins


PATH: Final = Rule("a path", Path)
BIND: Final = Rule("host:port", _bind)
FLAG: Final = Rule("true or false", lambda written: YES_OR_NO[str(written).lower()])
HOST_NAMES: Final = Rule(f"up to {HOSTS} names of hosts with commas between, without a port, or *", _hosts)
ADDRESSES: Final = Rule("true, false, or networks such as 10.0.0.0/8,fd00::/8", _networks)
ORIGINS: Final = Rule(
    f"*, none, or up to {HOSTS} origins such as https://shop.example with commas between", _origins
)
NETWORKS: Final = Rule("networks such as 10.0.0.0/8,fd00::/8", _plain_networks)
RETRY_TIMES: Final = Rule(f"up to {RETRIES} whole numbers of seconds with commas between", _retries)
FOREIGN_ID: Final = Rule("1 to 255 characters of one line without a slash", _foreign_id)
NEW_FOREIGN_ID: Final = Rule(FOREIGN_ID.words, _new_foreign_id)
BASE_URL: Final = Rule(
    url("http", "https").words, lambda written: url("http", "https").read(written).rstrip("/")
)
DATABASE_URL: Final = Rule("the word embedded, or a URL that begins with postgresql://", _database_url)
CONTACT: Final = Rule("a URL that begins with http://, https:// or mailto:", _contact)
PICTURE: Final = Rule("a URL that begins with http://, https:// or data:image/", _picture)
COLOUR: Final = Rule("a colour as six hexadecimal digits, RRGGBB", _colour)
ORIGINS: Final = Rule(
    f"up to {HOSTS} origins such as https://shop.example with commas between, or *", _origins
)
TYPES: Final = Rule("a list of event types", _event_types)
TOPIC: Final = Rule("a topic without wildcards", _topic)
TOPIC_OR_OFF: Final = Rule(
    "a topic without wildcards, or off", lambda written: None if written.lower() == "off" else _topic(written)
)
