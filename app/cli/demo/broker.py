"""An MQTT broker inside the process, for the demo. It stores nothing, and a real one may behave otherwise."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def running(host: str, port: int) -> AsyncIterator[None]:
    """Run amqtt on this address, open to everybody, until the context ends."""
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
