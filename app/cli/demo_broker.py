"""An MQTT broker inside the process, for the demo: it keeps nothing, and is no proof of how a real one behaves."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def running(host: str, port: int) -> AsyncIterator[None]:
    """Run amqtt on this address, open to whoever reaches it, until the context ends."""
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig

    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    shown = f"[{host}]" if ":" in host else host
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{shown}:{port}")},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )
    broker = Broker(config)
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()
