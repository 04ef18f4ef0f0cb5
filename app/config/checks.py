"""What the settings ask of one another, each rule with its sentence."""

from collections.abc import Iterator
from typing import Final

from app.config import values
from app.config.settings import Settings

TOKEN_CHARACTERS: Final = 16
"""The fewest of a token that others can try to guess."""
EMBEDDED_CONNECTIONS: Final = 80
"""Of the 100 that PostgreSQL allows: commands beside Kennel need some, and PostgreSQL reserves three."""


PROCESS_CONNECTIONS: Final = 10
"""The fewest of a process, and with several cells of each: its loops and each listener have some for themselves."""


def faults(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong."""
    yield from _database(settings)
    yield from _workers(settings)
    yield from _node(settings)
    yield from _admin_api(settings)
    yield from _mqtt(settings)
    yield from _cold_storage(settings)
    if not settings.demo_shop_bind.loopback:
        yield f"KENNEL_DEMO_SHOP_BIND must be an address of loopback, not {settings.demo_shop_bind}."
    if settings.rate_max_age_seconds <= settings.rate_seconds:
        yield "KENNEL_RATE_MAX_AGE_SECONDS must be above KENNEL_RATE_SECONDS: each rate would be too old too soon."
    paths = [logger.path for logger in settings.loggers.values()]
    if len(set(paths)) < len(paths):
        yield "Two of [loggers] have the same path."


def _database(settings: Settings) -> Iterator[str]:
    if settings.network == "main" and "database_url" not in settings.model_fields_set:
        yield "KENNEL_DATABASE_URL must be set on main (the word embedded is allowed)."
    if settings.database_url is None and settings.database_connections > EMBEDDED_CONNECTIONS:
        most = EMBEDDED_CONNECTIONS
        yield f"KENNEL_DATABASE_CONNECTIONS must be at most {most} with the embedded database."


def _workers(settings: Settings) -> Iterator[str]:
    processes = settings.workers + 1 if settings.workers > 1 else 1
    parts = settings.cells + 1 if settings.cells > 1 else 1
    least = PROCESS_CONNECTIONS * processes * parts
    if settings.database_connections < least:
        counts = {"workers": settings.workers, "cells": settings.cells}
        many = " and ".join(f"{count} {name}" for name, count in counts.items() if count > 1)
        yield f"KENNEL_DATABASE_CONNECTIONS must be {least} or more with {many}."


def _node(settings: Settings) -> Iterator[str]:
    url, cookie = settings.node_url, settings.node_cookie
    if url is None and settings.network != "regtest":
        yield f"KENNEL_NODE_URL must be set on {settings.network}."
    if url is None and settings.node_zmq is not None:
        yield "KENNEL_NODE_ZMQ is set but KENNEL_NODE_URL is not."
    if url is None and cookie is not None:
        yield "KENNEL_NODE_COOKIE is set but KENNEL_NODE_URL is not."
    if url is not None and cookie is None and not values.has_login(url):
        like = "http://user:password@host:port"
        yield f"KENNEL_NODE_URL must be like {like}, or KENNEL_NODE_COOKIE must be set."


def _admin_api(settings: Settings) -> Iterator[str]:
    """A token is not guessed. Where there is none, `workers.admin_lock` asks for a key."""
    bind, token = settings.admin_bind, settings.admin_token
    if token is not None and len(token) < TOKEN_CHARACTERS and not bind.loopback:
        yield (
            f"KENNEL_ADMIN_TOKEN must have {TOKEN_CHARACTERS} characters or more: "
            f"KENNEL_ADMIN_BIND {bind} is not loopback."
        )


def _cold_storage(settings: Settings) -> Iterator[str]:
    """Both or neither are set."""
    if settings.hot_ceiling and settings.cold_address is None:
        yield "KENNEL_HOT_CEILING is set but KENNEL_COLD_ADDRESS is not."
    if settings.cold_address is None:
        return
    from app.domain import dogecoin
    from app.domain.cold import BadTarget, Target  # it knows payments, which most commands do not need

    if not settings.hot_ceiling:
        yield "KENNEL_COLD_ADDRESS is set but KENNEL_HOT_CEILING is not."
    try:
        Target.of(dogecoin.network_by_name(settings.network), settings.cold_address)
    except BadTarget as wrong:
        yield f"KENNEL_COLD_ADDRESS must be an address or an extended public key. {wrong}"


def _mqtt(settings: Settings) -> Iterator[str]:
    if not (settings.mqtt_url or "").startswith("mqtts:"):
        for name in ("mqtt_ca", "mqtt_cert", "mqtt_key"):
            if getattr(settings, name) is not None:
                yield f"KENNEL_{name.upper()} is set but KENNEL_MQTT_URL is not an mqtts:// URL."
    if settings.mqtt_key is not None and settings.mqtt_cert is None:
        yield "KENNEL_MQTT_KEY is set but KENNEL_MQTT_CERT is not."
    if settings.mqtt_url is not None and settings.mqtt_topic is None and not settings.queues:
        yield "KENNEL_MQTT_TOPIC is off and there is no [mqtt.queues.NAME]: nothing would be published."
