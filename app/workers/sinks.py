"""The sinks that the settings ask for."""

from pathlib import Path
from typing import Final

from app.cells import Cell
from app.config.settings import Settings
from app.config.values import SettingsError
from app.events import eventbridge_sink, file_sink, mqtt_topics
from app.events.sink_runner import Sink
from app.events.tls import BadCertificate, Certificates

MEGABYTE: Final = 1_000_000


def of(settings: Settings, cell: Cell) -> list[Sink]:
    """Return the sinks of a cell, each named as its section. Raises SettingsError for one that can never work.

    Each cell has a file and a name at the broker of its own: another process may write for the next cell.
    """
    return [*_mqtt(settings, cell), *_files(settings, cell), *_buses(settings)]


def _mqtt(settings: Settings, cell: Cell) -> list[Sink]:
    if settings.mqtt_url is None:
        return []
    from app.events import mqtt_sink  # loads paho

    certificates = Certificates(settings.mqtt_ca, settings.mqtt_cert, settings.mqtt_key)
    client = settings.mqtt_client_id
    if client is not None and cell.cells > 1:
        client = f"{client}-{cell.number:03}"
    broker = mqtt_sink.parse(settings.mqtt_url, client, settings.mqtt_protocol, certificates)
    try:
        broker.context()
    except BadCertificate as error:
        raise SettingsError(str(error)) from None
    return [mqtt_sink.sink(broker, _queues(settings))]


def _queues(settings: Settings) -> list[mqtt_topics.Queue]:
    """Return the topic of every event, if there is one, and those of the file."""
    own = [] if settings.mqtt_topic is None else [mqtt_topics.Queue(settings.mqtt_topic)]
    return own + [
        mqtt_topics.Queue(queue.topicfilter, queue.types, queue.qos, queue.retain, queue.foreign_id)
        for queue in settings.queues.values()
    ]


def _files(settings: Settings, cell: Cell) -> list[Sink]:
    return [
        file_sink.sink(
            f"loggers.{name}",
            file_sink.File(_path(logger.path, cell), logger.megabytes * MEGABYTE, logger.files),
            logger.types,
            logger.foreign_id,
        )
        for name, logger in settings.loggers.items()
    ]


def _path(path: str, cell: Cell) -> Path:
    """Return the file of a cell: `events.json` is `events-003.json` in an installation with several."""
    whole = Path(path)
    return whole if cell.cells == 1 else whole.with_stem(f"{whole.stem}-{cell.number:03}")


def _buses(settings: Settings) -> list[Sink]:
    try:
        return [
            eventbridge_sink.sink(
                f"eventbridge.{name}",
                eventbridge_sink.Bus(bus.bus, bus.region, bus.endpoint),
                bus.types,
                bus.foreign_id,
            )
            for name, bus in settings.event_buses.items()
        ]
    except eventbridge_sink.NotInstalled as error:
        raise SettingsError(
            f"[eventbridge.{next(iter(settings.event_buses))}] cannot be used: {error.__doc__}"
        ) from None
