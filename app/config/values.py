"""What the text of a setting may say, each rule with the words that complete `KENNEL_X must be ...`."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from app.db.database_url import WrongUrl, parse
from app.domain import accounts, characters, outbox
from app.events import mqtt_topics
from app.events.address_filter import EVERYWHERE, Network

PORTS = range(65_536)
RETRIES = 50
RETRY_SECONDS = range(1, 30 * 86_400 + 1)
TYPES = 50
NETWORKS = 50
YES_OR_NO = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
HOSTS = 100
FOREIGN_ID = "1 to 255 characters of one line without a slash"


class SettingsError(Exception):
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


def bind(written: str) -> Bind:
    """`host:port`, with `[]` around an IPv6 host; port 0 takes a free one."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", written, re.ASCII)
    if found is None or int(found[2]) not in PORTS:
        raise WrongValueError("host:port")
    return Bind(found[1].strip("[]"), int(found[2]))


def one_of(*words: str) -> Callable[[str], str]:
    """One of the words, in any case."""

    def parse(written: str) -> str:
        if written.lower() not in words:
            raise WrongValueError(f"one of {', '.join(words)}")
        return written.lower()

    return parse


def some_of(*words: str) -> Callable[[str], frozenset[str]]:
    """One or more of the words, with commas between."""

    def parse(written: str) -> frozenset[str]:
        chosen = frozenset(word.strip().lower() for word in written.split(",") if word.strip())
        if not chosen or not chosen <= set(words):
            raise WrongValueError(f"some of {','.join(words)}")
        return chosen

    return parse


def hosts(written: str) -> frozenset[str]:
    """Names of hosts with commas between, or `*` for all."""
    names = frozenset(name.strip().lower() for name in written.split(",") if name.strip())
    if len(names) > HOSTS or not all(re.fullmatch(r"\*|[\w.-]{1,255}", name, re.ASCII) for name in names):
        raise WrongValueError(f"up to {HOSTS} names of hosts with commas between, without a port, or *")
    return names


def yes_or_no(written: str) -> bool:
    """`true` or `false`, and what else people write for them."""
    if written.lower() not in YES_OR_NO:
        raise WrongValueError("true or false")
    return YES_OR_NO[written.lower()]


def networks(written: str) -> tuple[Network, ...]:
    """`true` (all that there are), `false` (none), or networks such as `10.0.0.0/8` with commas between."""
    if written.lower() in YES_OR_NO:
        return EVERYWHERE if YES_OR_NO[written.lower()] else ()
    try:
        found = tuple(ipaddress.ip_network(part.strip()) for part in written.split(","))
    except ValueError:
        found = ()
    if not 0 < len(found) <= NETWORKS:
        raise WrongValueError("true, false, or networks such as 10.0.0.0/8,fd00::/8")
    return found


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number between the two, both included."""

    def parse(written: str) -> int:
        if re.fullmatch(r"\d{1,18}", written, re.ASCII) is None or not least <= int(written) <= most:
            raise WrongValueError(f"a whole number from {least} to {most}")
        return int(written)

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A time in seconds between the two, both included."""

    def parse(written: str) -> float:
        try:
            number = float(written)
        except ValueError:
            number = float("nan")
        if not isfinite(number) or not least <= number <= most:
            raise WrongValueError(f"a number of seconds from {least} to {most}")
        return number

    return parse


def retries(written: str) -> tuple[int, ...]:
    """Seconds to wait before each further attempt; at most 50 of at most 30 days."""
    parts = [part.strip() for part in written.split(",")]
    numbers = tuple(int(part) for part in parts if re.fullmatch(r"\d{1,8}", part, re.ASCII))
    if (
        len(numbers) != len(parts)
        or len(parts) > RETRIES
        or any(number not in RETRY_SECONDS for number in numbers)
    ):
        raise WrongValueError(f"up to {RETRIES} whole numbers of seconds with commas between")
    return numbers


def text(longest: int) -> Callable[[str], str]:
    """Any text of one line."""

    def parse(written: str) -> str:
        if len(written) > longest or characters.forbidden(written):
            raise WrongValueError(f"one line of at most {longest} characters")
        return written

    return parse


def foreign_id(written: str) -> str:
    """What may name an account (the API's limits)."""
    if written and accounts.wrong(written):
        raise WrongValueError(FOREIGN_ID)
    return written


def new_foreign_id(written: str) -> str:
    """What an account may be opened as."""
    refusal = accounts.reserved(foreign_id(written))
    if refusal is not None:
        raise WrongValueError(f"another name, because {refusal.facts['reason']}")
    return written


def url(*schemes: str) -> Callable[[str], str]:
    """A URL of one of the schemes, with a host (or, for ipc, a path)."""

    def parse(written: str) -> str:
        try:
            parts = urlsplit(written)
            whole_url = parts.port != 0 and bool(parts.hostname or (parts.scheme == "ipc" and parts.path))
        except ValueError:
            whole_url = False
        if not whole_url or parts.scheme not in schemes or characters.forbidden(written) or " " in written:
            raise WrongValueError(
                f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
            )
        return written

    return parse


def base_url(written: str) -> str:
    """A URL that paths are put behind."""
    return url("http", "https")(written).rstrip("/")


def database_url(written: str) -> str | None:
    """`embedded` (None), or a PostgreSQL URL in any of its usual spellings."""
    if written == "embedded":
        return None
    try:
        parse(written)
    except WrongUrl as wrong:
        raise WrongValueError(str(wrong)) from None
    return written


def has_login(written: str) -> bool:
    """Whether the URL has a user and a password in it."""
    parts = urlsplit(written)
    return bool(parts.username and parts.password)


def types(written: Any) -> tuple[str, ...]:
    """Event types and classes, in any case: a list in the file, or a single one."""
    given = [written] if isinstance(written, str) else written
    if not isinstance(given, list) or not 0 < len(given) <= TYPES:
        raise WrongValueError("a list of event types")
    if not all(isinstance(item, str) and re.fullmatch(r"[A-Za-z_]{1,64}", item) for item in given):
        raise WrongValueError("a list of event types")
    for item in given:
        if not outbox.known(item.upper()):
            known = ", ".join(sorted(outbox.TYPES))
            raise WrongValueError(
                f"ALL, classes as INV, or event types, of which there is no {item}: there are {known}"
            )
    return tuple(item.upper() for item in given)


def said(longest: int, parse: Callable[[str], str]) -> Callable[[Any], str]:
    """What `parse` says, of a value of the file that must be text."""

    def check(written: Any) -> str:
        if not isinstance(written, str) or len(written) > longest:
            raise WrongValueError(f"text of at most {longest} characters")
        return parse(written)

    return check


def number(least: int, most: int) -> Callable[[Any], int]:
    """A whole number of the file between the two, both included."""

    def parse(written: Any) -> int:
        return whole(least, most)(str(written))

    return parse


def flag(written: Any) -> bool:
    """True or false, in the file."""
    return yes_or_no(str(written))


def topic(written: str) -> str:
    """A topic that can be published to, or the template of one."""
    try:
        mqtt_topics.check(written)
    except mqtt_topics.WrongTemplate as wrong:
        raise WrongValueError(str(wrong)) from None
    return written


def own_topic(written: str) -> str | None:
    """A topic, or `off` (None)."""
    return None if written.lower() == "off" else topic(written)
