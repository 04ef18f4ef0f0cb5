"""The hosts and ports of Kennel and of what serves it, as the settings tell them: no webhook may go there."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.config.settings import Settings

PORTS: Final = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
"""The port of a URL that names none."""
POSTGRESQL: Final = 5432

Address = tuple[str, int]


def of(settings: Settings) -> frozenset[Address]:
    """Return where Kennel, devnet, the demo's broker and its shop listen, and the node, the database, the broker."""
    devnet = () if settings.node_url else (settings.devnet_bind, settings.devnet_zmq_bind)
    metrics = (settings.metrics_bind,) if settings.metrics_bind else ()
    demo = (settings.broker_bind, settings.demo_shop_bind)
    binds = (settings.admin_bind, settings.public_bind, *demo, *metrics, *devnet)
    urls = [urlsplit(url) for url in (settings.node_url, settings.node_zmq, settings.mqtt_url) if url]
    addresses = {
        *(bind.address for bind in binds if bind.port),
        *((url.hostname or "", url.port or PORTS.get(url.scheme, 0)) for url in urls),
        *_database(settings.database_url),
    }
    return frozenset(address for address in addresses if address[0])


def _database(url: str | None) -> Iterator[Address]:
    """Yield its hosts: the URL may have several, also in its query. An embedded one has a socket only."""
    parts = urlsplit(url or "")
    in_query = parse_qs(parts.query).get("host", [])
    for host in ",".join([parts.netloc.rpartition("@")[2], *in_query]).split(","):
        name, _, port = host.rpartition(":")
        yield (name.strip("[]"), int(port)) if name and port.isdigit() else (host.strip("[]"), POSTGRESQL)
