"""The sections of the configuration file: those of GigaWallet with keys of ours beside them, and our own."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from app.config import values
from app.config.values import Rule, SettingsError

ENTRIES: Final = 100
NAMES: Final = ("callbacks", "loggers", "eventbridge", "mqtt")
MQTT_LOGIN: Final = {
    "address": "The broker: `host:port`, or a URL as in `KENNEL_MQTT_URL`, without user and password.",
    "username": "The user, for `address`.",
    "password": "The password of that user.",
    "clientid": "The client identifier that the broker sees.",
}
MQTT_VARIABLES: Final = ("ca", "cert", "key", "protocol", "topic")
"""Keys of [mqtt] that are variables too: `ca` is KENNEL_MQTT_CA."""

Section = TypeVar("Section", "Callback", "EventBus", "Logger", "Queue")


def _key(rule: Rule[Any], default: Any = dataclasses.MISSING, *, secret: bool = False) -> Any:
    """A key of the section; one without a default must be there."""
    return dataclasses.field(default=default, repr=not secret, metadata={"rule": rule})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events a section is for."""

    types: tuple[str, ...] = _key(values.TYPES, ("ALL",))
    """Which events: `ALL`, classes such as `INV`, or single types, in any case. One, or a list."""
    foreign_id: str | None = _key(values.limited(255, values.FOREIGN_ID), None)
    """The account that the events are of. Unset: all accounts."""


@dataclass(frozen=True, slots=True)
class Callback(EventFilter):
    """A webhook of the file: GigaWallet's `[callbacks.NAME]`."""

    name: str
    path: str = _key(values.limited(2_000, values.url("http", "https")), secret=True)  # may hold a token
    """Where events are posted to."""
    description: str = _key(values.limited(1_000, values.text(1_000)), "")
    """A note of your own."""
    hmacsecret: str | None = _key(values.limited(1_024, values.text(1_024)), None, secret=True)
    """The secret that signs each request. Unset: requests are not signed."""
    legacy_base64_message: bool = _key(values.FLAG, default=False)
    """true: `message` is the base64 of its JSON, as GigaWallet sent it before September 2023."""


@dataclass(frozen=True, slots=True)
class Logger(EventFilter):
    """A log file of events: GigaWallet's `[loggers.NAME]`."""

    name: str
    path: str = _key(values.limited(1_000, values.text(1_000)))
    """The file, which gets one event a line as JSON."""
    megabytes: int = _key(values.whole(1, 100_000), 100)
    """The size at which the file is renamed (`.1`) and a new one begun."""
    files: int = _key(values.whole(1, 1_000), 10)
    """How many renamed files are kept."""


@dataclass(frozen=True, slots=True)
class EventBus(EventFilter):
    """An event bus of Amazon EventBridge: `[eventbridge.NAME]`."""

    name: str
    bus: str = _key(values.limited(1_600, values.text(1_600)))
    """The name of the bus, or its ARN."""
    region: str | None = _key(values.limited(100, values.text(100)), None)
    """The region. Unset: as `AWS_REGION` and AWS's own files have it."""
    endpoint: str | None = _key(values.limited(2_000, values.url("http", "https")), None)
    """The URL of the service, where it is not AWS's own."""


@dataclass(frozen=True, slots=True)
class Queue(EventFilter):
    """A topic of the file: GigaWallet's `[mqtt.queues.NAME]`."""

    name: str
    topicfilter: str = _key(values.limited(1_000, values.TOPIC))
    """The topic. `{class}`, `{type}` and `{foreign_id}` in it stand for those of the event."""
    qos: int = _key(values.whole(0, 2), 1)
    """The quality of service of MQTT. At 0 nobody acknowledges a message, and it may be lost."""
    retain: bool = _key(values.FLAG, default=False)
    """true: the broker keeps the last message for whoever subscribes later."""


class Sections(NamedTuple):
    """What the sections say. `texts` are the variables that `[mqtt]` sets."""

    fields: dict[str, Any]
    texts: dict[str, str]


def read(file: Mapping[str, Any]) -> Sections:
    """Read those of NAMES that the file has; SettingsError at the first thing that is wrong."""
    mqtt = {key.lower(): value for key, value in file.get("mqtt", {}).items()}
    fields = {
        "callbacks": _entries(Callback, "callbacks", file.get("callbacks", {})),
        "loggers": _entries(Logger, "loggers", file.get("loggers", {})),
        "event_buses": _entries(EventBus, "eventbridge", file.get("eventbridge", {})),
        "queues": _entries(Queue, "mqtt.queues", mqtt.pop("queues", {})),
        "mqtt_client_id": mqtt.pop("clientid", None) or None,
    }
    return Sections(fields, _mqtt_texts(mqtt))


def _mqtt_texts(mqtt: dict[str, Any]) -> dict[str, str]:
    """Return the variables that the section sets; its address is GigaWallet's host:port, or a URL."""
    texts = {f"mqtt_{key}": str(mqtt.pop(key)) for key in MQTT_VARIABLES if mqtt.get(key, "") != ""}
    address, username, password = (str(mqtt.pop(key, "")) for key in ("address", "username", "password"))
    if mqtt:
        known = ", ".join((*MQTT_LOGIN, *MQTT_VARIABLES))
        raise SettingsError(f"The section [mqtt] has {min(mqtt)}, which is not {known} or queues.")
    if address:
        scheme, _, location = address.rpartition("://")
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
        texts["mqtt_url"] = f"{scheme or 'mqtt'}://{login}{location}"
    return texts


def _entries(kind: type[Section], section: str, entries: Any) -> tuple[Section, ...]:
    if not isinstance(entries, dict) or len(entries) > ENTRIES:
        raise SettingsError(f"[{section}] must be at most {ENTRIES} sections [{section}.NAME].")
    return tuple(_entry(kind, f"{section}.{name}", name, entry) for name, entry in entries.items())


def _entry(kind: type[Section], section: str, name: str, entry: Any) -> Section:
    """GigaWallet's keys have any case."""
    if not isinstance(entry, dict):
        raise SettingsError(f"[{section}] must be a section.")
    keys = {field.name: field for field in dataclasses.fields(kind) if field.metadata}
    written = {key.lower(): value for key, value in entry.items() if value != ""}
    if unknown := written.keys() - keys:
        raise SettingsError(f"[{section}] has {min(unknown)}, which is not one of {', '.join(sorted(keys))}.")
    for key, field in keys.items():
        if key not in written and field.default is dataclasses.MISSING:
            raise SettingsError(f"[{section}] must have {key}.")
    return kind(name=name, **{key: _value(section, keys[key], value) for key, value in written.items()})


def _value(section: str, field: "dataclasses.Field[Any]", value: Any) -> Any:
    try:
        return field.metadata["rule"].read(value)
    except values.WrongValueError as wrong:
        raise SettingsError(f"[{section}] must have {field.name} as {wrong}.") from None
