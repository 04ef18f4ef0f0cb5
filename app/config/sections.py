"""The sections of the configuration's file: GigaWallet's callbacks, loggers and MQTT queues with keys of ours, and ours."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from app.config import values
from app.config.values import SettingsError

SECTIONS = 100
NAMES = ("callbacks", "loggers", "eventbridge", "mqtt")
MQTT_KEYS = ("ca", "cert", "key", "protocol", "topic")
"""Those that are variables of their own: `ca` is KENNEL_MQTT_CA."""

Section = TypeVar("Section", "Callback", "EventBus", "Logger", "Queue")


def _key(parse: Callable[[Any], Any], default: Any = dataclasses.MISSING, *, secret: bool = False) -> Any:
    """A key of the section: how it is read, and what it is where it is not there; without a default it must be."""
    return dataclasses.field(default=default, repr=not secret, metadata={"parse": parse})


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook of the file: GigaWallet's `[callbacks.NAME]`."""

    name: str
    path: str = _key(values.said(2_000, values.url("http", "https")), secret=True)  # some put a token into it
    types: tuple[str, ...] = _key(values.types, ("ALL",))
    foreign_id: str | None = _key(values.said(255, values.foreign_id), None)
    description: str = _key(values.said(1_000, values.text(1_000)), "")
    hmacsecret: str | None = _key(values.said(1_024, values.text(1_024)), None, secret=True)
    legacy_base64_message: bool = _key(values.flag, default=False)


@dataclass(frozen=True, slots=True)
class Logger:
    """A log file of events: GigaWallet's `[loggers.NAME]`."""

    name: str
    path: str = _key(values.said(1_000, values.text(1_000)))
    types: tuple[str, ...] = _key(values.types, ("ALL",))
    foreign_id: str | None = _key(values.said(255, values.foreign_id), None)
    megabytes: int = _key(values.number(1, 100_000), 100)
    files: int = _key(values.number(1, 1_000), 10)


@dataclass(frozen=True, slots=True)
class EventBus:
    """An event bus of Amazon EventBridge: `[eventbridge.NAME]`."""

    name: str
    bus: str = _key(values.said(1_600, values.text(1_600)))
    types: tuple[str, ...] = _key(values.types, ("ALL",))
    foreign_id: str | None = _key(values.said(255, values.foreign_id), None)
    region: str | None = _key(values.said(100, values.text(100)), None)
    endpoint: str | None = _key(values.said(2_000, values.url("http", "https")), None)


@dataclass(frozen=True, slots=True)
class Queue:
    """A topic of the file: GigaWallet's `[mqtt.queues.NAME]`."""

    name: str
    topicfilter: str = _key(values.said(1_000, values.topic))
    types: tuple[str, ...] = _key(values.types, ("ALL",))
    foreign_id: str | None = _key(values.said(255, values.foreign_id), None)
    qos: int = _key(values.number(0, 2), 1)
    retain: bool = _key(values.flag, default=False)


class Sections(NamedTuple):
    """What the sections say; `texts` are variables that `[mqtt]` sets under other names."""

    fields: dict[str, Any]
    texts: dict[str, str]


def read(file: Mapping[str, Any]) -> Sections:
    """Read those of NAMES that the file has; SettingsError at the first thing that is wrong."""
    mqtt = {key.lower(): value for key, value in file.get("mqtt", {}).items()}
    fields = {
        "callbacks": _named(Callback, "callbacks", file.get("callbacks", {})),
        "loggers": _named(Logger, "loggers", file.get("loggers", {})),
        "event_buses": _named(EventBus, "eventbridge", file.get("eventbridge", {})),
        "queues": _named(Queue, "mqtt.queues", mqtt.pop("queues", {})),
        "mqtt_client_id": mqtt.pop("clientid", None) or None,
    }
    return Sections(fields, _mqtt_texts(mqtt))


def _mqtt_texts(mqtt: dict[str, Any]) -> dict[str, str]:
    """Return the variables that the section sets; its address is GigaWallet's host:port, or a URL."""
    texts = {f"mqtt_{key}": str(mqtt.pop(key)) for key in MQTT_KEYS if mqtt.get(key, "") != ""}
    address, username, password = (str(mqtt.pop(key, "")) for key in ("address", "username", "password"))
    if mqtt:
        known = ", ".join(("address", "username", "password", "clientid", *MQTT_KEYS))
        raise SettingsError(f"The section [mqtt] has {min(mqtt)}, which is not {known} or queues.")
    if address:
        scheme, _, place = address.rpartition("://")
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
        texts["mqtt_url"] = f"{scheme or 'mqtt'}://{login}{place}"
    return texts


def _named(kind: type[Section], section: str, entries: Any) -> tuple[Section, ...]:
    """Tables of tables; GigaWallet's keys have any case."""
    if not isinstance(entries, dict) or len(entries) > SECTIONS:
        raise SettingsError(f"[{section}] must be at most {SECTIONS} sections [{section}.NAME].")
    return tuple(_entry(kind, f"{section}.{name}", name, entry) for name, entry in entries.items())


def _entry(kind: type[Section], section: str, name: str, entry: Any) -> Section:
    if not isinstance(entry, dict):
        raise SettingsError(f"[{section}] must be a section.")
    keys = {field.name: field for field in dataclasses.fields(kind) if field.metadata}
    given = {key.lower(): value for key, value in entry.items() if value != ""}
    if unknown := given.keys() - keys:
        raise SettingsError(f"[{section}] has {min(unknown)}, which is not one of {', '.join(sorted(keys))}.")
    for key, field in keys.items():
        if key not in given and field.default is dataclasses.MISSING:
            raise SettingsError(f"[{section}] must have {key}.")
    return kind(name=name, **{key: _value(section, keys[key], value) for key, value in given.items()})


def _value(section: str, field: "dataclasses.Field[Any]", value: Any) -> Any:
    try:
        return field.metadata["parse"](value)
    except values.WrongValueError as wrong:
        raise SettingsError(f"[{section}] must have {field.name} as {wrong}.") from None
