"""MQTT: every event in order, to the topics of its queues, as fast as the broker acknowledges."""

import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from app.domain.events import Event
from app.events import topics
from app.events.certificates import Certificates, Uncertified
from app.events.mqtt_link import Broker, Link, LinkLost
from app.events.sinks import Sink, Untold
from app.events.topics import Queue

NAME: Final = "mqtt"
MESSAGES: Final = 400
"""Published between two moves of the cursor."""

_log = logging.getLogger(__name__)


def parse(
    url: str, client_id: str | None = None, protocol: str = "3.1.1", certificates: Certificates | None = None
) -> Broker:
    """Take `mqtt[s]://user:password@host:port` apart; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("not an mqtt or mqtts URL")
    tls = (certificates or Certificates()) if parts.scheme == "mqtts" else None
    username, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    return Broker(parts.hostname, parts.port or (8883 if tls else 1883), tls, username, password, client_id, protocol)


def sink(broker: Broker, queues: Sequence[Queue]) -> Sink:
    """Return the broker as a place for events. Nothing is accepted over MQTT: it subscribes to nothing."""
    publisher = _Publisher(broker, queues)
    return Sink(
        NAME,
        f"the MQTT broker {broker}",
        publisher.send,
        types=tuple(sorted({kind for queue in queues for kind in queue.types})),
        batch=max(1, MESSAGES // max(1, len(queues))),
        ready=publisher.ready,
        rest=publisher.rest,
    )


class _Publisher:
    """A connection to the broker that is made when it is needed, and made anew when it was lost."""

    def __init__(self, broker: Broker, queues: Sequence[Queue]) -> None:
        self._broker = broker
        self._queues = queues
        self._link: Link | None = None

    async def ready(self) -> None:
        """Connect, unless we are."""
        if self._link is not None and self._link.lost:
            await self.rest()
        if self._link is not None:
            return
        try:
            self._link = await Link.open(self._broker)
        except (LinkLost, Uncertified) as error:
            raise Untold(str(error)) from None
        _log.info("connected to the MQTT broker %s", self._broker)

    async def send(self, page: Sequence[Event]) -> None:
        """Publish each event to all its topics."""
        if self._link is None:
            raise Untold("not connected")
        told, reason = await self._link.publish([(topics.of(event, self._queues), event) for event in page])
        if reason:
            raise Untold(reason, told)

    async def rest(self) -> None:
        """Log out."""
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()
