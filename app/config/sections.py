"""The sections of the configuration file: those of GigaWallet with keys of ours beside them, and our own."""

from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.config import values
from app.config.values import SettingsError

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


class EventFilter(BaseModel):
    """Which events a section is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: values.EventTypes = ("ALL",)
    """Which events: `ALL`, classes such as `INV`, or single types, in any case. One, or a list."""
    foreign_id: values.ForeignId | None = None
    """The account that the events are of. Unset: all accounts."""

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, entry: Any) -> Any:
        return any_case(entry) if isinstance(entry, dict) else entry


class Callback(EventFilter):
    """A webhook of the file: GigaWallet's `[callbacks.NAME]`."""

    path: values.WebUrl = Field(max_length=2_000, repr=False)  # may hold a token
    """Where events are posted to."""
    description: values.Line = Field(default="", max_length=1_000)
    """A note of your own."""
    hmacsecret: values.Line | None = Field(default=None, max_length=1_024, repr=False)
    """The secret that signs each request. Unset: requests are not signed."""
    legacy_base64_message: bool = False
    """true: `message` is the base64 of its JSON, as GigaWallet sent it before September 2023."""


class Logger(EventFilter):
    """A log file of events: GigaWallet's `[loggers.NAME]`."""

    path: values.Line = Field(max_length=1_000)
    """The file, which gets one event a line as JSON."""
    megabytes: values.Whole = Field(default=100, ge=1, le=100_000)
    """The size at which the file is renamed (`.1`) and a new one begun."""
    files: values.Whole = Field(default=10, ge=1, le=1_000)
    """How many renamed files are kept."""


class EventBus(EventFilter):
    """An event bus of Amazon EventBridge: `[eventbridge.NAME]`."""

    bus: values.Line = Field(max_length=1_600)
    """The name of the bus, or its ARN."""
    region: values.Line | None = Field(default=None, max_length=100)
    """The region. Unset: as `AWS_REGION` and AWS's own files have it."""
    endpoint: values.WebUrl | None = Field(default=None, max_length=2_000)
    """The URL of the service, where it is not AWS's own."""


class Queue(EventFilter):
    """A topic of the file: GigaWallet's `[mqtt.queues.NAME]`."""

    topicfilter: values.Topic = Field(max_length=1_000)
    """The topic. `{class}`, `{type}` and `{foreign_id}` in it stand for those of the event."""
    qos: values.Whole = Field(default=1, ge=0, le=2)
    """The quality of service of MQTT. At 0 nobody acknowledges a message, and it may be lost."""
    retain: bool = False
    """true: the broker keeps the last message for whoever subscribes later."""


KINDS: Final[dict[str, type[EventFilter]]] = {
    "callbacks": Callback,
    "loggers": Logger,
    "eventbridge": EventBus,
    "mqtt.queues": Queue,
}


def any_case(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table with its keys in lower case, as GigaWallet's have any. An empty text is unset."""
    return {key.lower(): value for key, value in table.items() if value != ""}


def flat(file: dict[str, Any]) -> dict[str, Any]:
    """Return the file with its values as variables have them, and with what its section [mqtt] sets."""
    file = any_case(file)
    for name, value in file.items():
        if isinstance(value, dict) and name not in NAMES:
            known = " and ".join(f"[{section}]" for section in NAMES)
            raise SettingsError(f"The file of KENNEL_CONFIG has a section [{name}]; only {known} are read.")
    mqtt = _mqtt(any_case(file.pop("mqtt"))) if isinstance(file.get("mqtt"), dict) else {}
    return mqtt | {name: _text(value) for name, value in file.items() if value != []}


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, dict) else str(value)


def _mqtt(mqtt: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that the section sets; its address is GigaWallet's host:port, or a URL."""
    texts = {f"mqtt_{key}": str(mqtt.pop(key)) for key in MQTT_VARIABLES if key in mqtt}
    texts |= {f"mqtt.{key}": _text(mqtt.pop(key)) for key in ("queues", "clientid") if key in mqtt}
    address, username, password = (str(mqtt.pop(key, "")) for key in ("address", "username", "password"))
    if mqtt:
        known = ", ".join((*MQTT_LOGIN, *MQTT_VARIABLES))
        raise SettingsError(f"The section [mqtt] has {min(mqtt)}, which is not {known} or queues.")
    if address:
        scheme, _, location = address.rpartition("://")
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
        texts["mqtt_url"] = f"{scheme or 'mqtt'}://{login}{location}"
    return texts


def sentence(section: str, below: list[int | str], error: Any) -> str:
    """Return what is wrong with a section. `below` are the name and the key, as far as they are at fault."""
    if not below:
        return f"[{section}] must be at most {ENTRIES} sections [{section}.NAME]."
    entry = f"[{section}.{below[0]}]"
    if len(below) == 1:
        return f"{entry} must be a section."
    key, fields = str(below[1]), KINDS[section].model_fields
    if error["type"] == "extra_forbidden":
        return f"{entry} has {key}, which is not one of {', '.join(sorted(fields))}."
    if error["type"] == "missing":
        return f"{entry} must have {key}."
    return f"{entry} must have {key} as {values.words_of_error(error, fields[key])}."
