"""Where Kennel listens, and where it is served: hosts and ports that no webhook may go to, as far as the settings tell."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.config.settings import Settings

PORTS: Final = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
"""What a URL means that names none."""
POSTGRESQL: Final = 5432

Place = tuple[str, int]


def of(settings: Settings) -> frozenset[Place]:
    """Return the listeners, the devnet's and the broker's among them, and the node, the database and the broker."""
    devnet = () if settings.node_url else (settings.devnet_bind, settings.devnet_zmq_bind)
    binds = (settings.admin_bind, settings.public_bind, settings.broker_bind, *devnet)
    urls = [urlsplit(url) for url in (settings.node_url, settings.node_zmq, settings.mqtt_url) if url]
    served = {(one.hostname or "", one.port or PORTS.get(one.scheme, 0)) for one in urls}
    listening = {(bind.host, bind.port) for bind in binds if bind.port}
    return frozenset(
        place for place in listening | served | set(_database(settings.database_url)) if place[0]
    )


def _database(url: str | None) -> Iterator[Place]:
    """An embedded one is reached by a socket only; there may be several, in the URL's place for one or in its query."""
    parts = urlsplit(url or "")
    named = parse_qs(parts.query).get("host", [])
    for host in ",".join([parts.netloc.rpartition("@")[2], *named]).split(","):
        name, _, port = host.rpartition(":")
        yield (name.strip("[]"), int(port)) if name and port.isdigit() else (host.strip("[]"), POSTGRESQL)
