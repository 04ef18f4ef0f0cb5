"""The sinks that the settings ask for."""

from pathlib import Path
from typing import Final

from app.config.settings import Settings
from app.config.values import SettingsError
from app.events import eventbridge_sink, file_sink, mqtt_sink, mqtt_topics
from app.events.sink_runner import Sink
from app.events.tls import Certificates, Uncertified

MEGABYTE: Final = 1_000_000


def of(settings: Settings) -> list[Sink]:
    """Return them all, each under the name of its section; SettingsError where one could never take anything."""
    return [*_mqtt(settings), *_logs(settings), *_buses(settings)]


def _mqtt(settings: Settings) -> list[Sink]:
    if settings.mqtt_url is None:
        return []
    queues = [
        mqtt_topics.Queue(queue.topicfilter, queue.types, queue.qos, queue.retain, queue.foreign_id)
        for queue in settings.queues
    ]
    own = [] if settings.mqtt_topic is None else [mqtt_topics.Queue(settings.mqtt_topic)]
    certificates = Certificates(settings.mqtt_ca, settings.mqtt_cert, settings.mqtt_key)
    broker = mqtt_sink.parse(settings.mqtt_url, settings.mqtt_client_id, settings.mqtt_protocol, certificates)
    try:
        broker.context()
    except Uncertified as wrong:
        raise SettingsError(str(wrong)) from None
    return [mqtt_sink.sink(broker, [*own, *queues])]


def _logs(settings: Settings) -> list[Sink]:
    return [
        file_sink.sink(
            f"loggers.{one.name}",
            file_sink.File(Path(one.path), one.megabytes * MEGABYTE, one.files),
            one.types,
            one.foreign_id,
        )
        for one in settings.loggers
    ]


def _buses(settings: Settings) -> list[Sink]:
    try:
        return [
            eventbridge_sink.sink(
                f"eventbridge.{one.name}",
                eventbridge_sink.Bus(one.bus, one.region, one.endpoint),
                one.types,
                one.foreign_id,
            )
            for one in settings.event_buses
        ]
    except eventbridge_sink.NotInstalled as missing:
        raise SettingsError(
            f"[eventbridge.{settings.event_buses[0].name}] cannot be used: {missing.__doc__}"
        ) from None
