"""The demo: the whole program with a broker of its own where none is configured, and a tour of it."""

import asyncio
import shlex
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from rich.console import Console

from app import configured_node, run
from app.cli import demo_broker, ports
from app.cli.demo_tour import Tour, TourUrls
from app.config.settings import Settings
from app.config.values import Bind, SettingsError
from app.db.database import Database
from app.events.address_filter import EVERYWHERE
from app.run import Running

REQUEST_SECONDS: Final = 10.0


async def show(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    """Run everything and show it until `stop` is set.

    Raises SettingsError, PortTaken, CannotListen or TourEnds where it cannot.
    """
    if "http" not in settings.roles:
        raise SettingsError("The demo talks to Kennel over HTTP: KENNEL_ROLES must have http.")
    settings = _with_real_ports(settings)
    own_broker = settings.mqtt_url is None and "relay" in settings.roles
    ports.check(ports.of(settings, own_broker=own_broker))
    console = Console(highlight=False)
    console.print("Starting Kennel ...")
    async with AsyncExitStack() as stack:
        if own_broker:
            await stack.enter_async_context(demo_broker.running(*settings.broker_bind.address))
            settings = settings.model_copy(update={"mqtt_url": f"mqtt://{settings.broker_bind}"})
        running = await stack.enter_async_context(run.running(settings, database))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=REQUEST_SECONDS, trust_env=False))
        tour = Tour(_urls(settings, running), console, client)
        await _until(stop, tour.run())


async def _until(stop: asyncio.Event, tour: Coroutine[Any, Any, None]) -> None:
    """Run the tour until `stop` is set, or until the tour ends by an error, which is raised."""
    touring, stopping = asyncio.create_task(tour), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((touring, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        touring.cancel()
    if not stop.is_set():
        await touring


def _with_real_ports(settings: Settings) -> Settings:
    """Return the settings with real ports, which can be shown; on regtest webhooks may go to this machine."""
    names = ("devnet_bind", "devnet_zmq_bind", "broker_bind")
    changes: dict[str, Any] = {name: ports.choose(getattr(settings, name)) for name in names}
    if settings.network == "regtest":
        changes["webhook_allow_private"] = EVERYWHERE
    return settings.model_copy(update=changes)


def _urls(settings: Settings, running: Running) -> TourUrls:
    node, login = _wallet(settings)
    return TourUrls(
        admin=_reachable(settings.admin_bind.host, running.admin),
        public=_reachable(settings.public_bind.host, running.public),
        mqtt=_without_login(settings.mqtt_url or ""),
        node=node,
        node_login=login,
        token=settings.admin_token or "",
    )


def _reachable(host: str, port: int) -> str:
    """Return the URL by which this machine reaches a listener: loopback where it listens everywhere."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{Bind(host, port)}"


def _wallet(settings: Settings) -> tuple[str, str]:
    """Return the URL of a node whose wallet may pay, and curl's option for its login; nothing on main.

    The operator's password is not in it: curl asks for it.
    """
    if settings.network == "main":
        return "", ""
    if settings.node_url is None:
        devnet = settings.devnet_bind
        return _reachable(devnet.host, devnet.port), f"--user {configured_node.LOGIN}"
    if settings.node_cookie is not None:
        return _without_login(settings.node_url), f'--user "$(cat {shlex.quote(str(settings.node_cookie))})"'
    user = quote(urlsplit(settings.node_url).username or "", safe="")
    return _without_login(settings.node_url), f"--user {user}"


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
