"""The demo: the whole program with a broker of its own where none is configured, a shop, and a tour of it."""

import asyncio
import shlex
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from rich.console import Console

from app import configured_node, run
from app.cli import ports
from app.cli.command import started
from app.cli.demo import broker
from app.cli.demo.api import DemoApi
from app.cli.demo.shop.shop import Shop
from app.cli.demo.shop.wallet import Wallet
from app.cli.demo.tour import Tour, TourUrls
from app.config.settings import Settings
from app.config.values import Bind, SettingsError
from app.db.database import Database
from app.events.address_filter import EVERYWHERE
from app.run import Running
from app.runtime import stopping

REQUEST_SECONDS: Final = 10.0


def demo() -> None:
    """Run everything until it is told to stop."""
    with started() as (settings, database):
        stopping.until_stopped(lambda stop: show(settings, database, stop))


async def show(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    """Run everything and show it until `stop` is set.

    Raises SettingsError, PortTaken, CannotListen or TourEnds where it cannot.
    """
    if "http" not in settings.roles:
        raise SettingsError("The demo talks to Kennel over HTTP: KENNEL_ROLES must have http.")
    settings = _of_the_demo(settings)
    own = _own_listeners(settings)
    ports.check(ports.of(settings, own))
    console = Console(highlight=False)
    console.print("Starting Kennel ...")
    async with AsyncExitStack() as stack:
        if "broker_bind" in own:
            await stack.enter_async_context(broker.running(*settings.broker_bind.address))
            settings = settings.model_copy(update={"mqtt_url": f"mqtt://{settings.broker_bind}"})
        running = await stack.enter_async_context(run.running(settings, database))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=REQUEST_SECONDS, trust_env=False))
        urls = _urls(settings, running)
        api = DemoApi(client, urls.admin, urls.token)
        if urls.shop:
            shop = Shop(urls.shop, urls.public, api, _wallet(client, urls))
            await stack.enter_async_context(shop.running(*settings.demo_shop_bind.address))
        await _until(stop, Tour(urls, console, api).run())


def _own_listeners(settings: Settings) -> list[str]:
    """Return which listeners the demo has besides those of the program: a broker, and a shop beside the devnet."""
    broker = settings.mqtt_url is None and "relay" in settings.roles
    shop = settings.node_url is None
    return ["broker_bind"] * broker + ["demo_shop_bind"] * shop


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


def _of_the_demo(settings: Settings) -> Settings:
    """Return the settings with real ports, which can be shown, and with what the demo allows.

    The shop's page may show the checkout. On regtest webhooks may go to this machine.
    """
    names = ("devnet_bind", "devnet_zmq_bind", "broker_bind", "demo_shop_bind", "public_bind")
    changes: dict[str, Any] = {name: ports.choose(getattr(settings, name)) for name in names}
    if settings.node_url is None:
        port = changes["demo_shop_bind"].port
        shop = {f"http://{changes['demo_shop_bind']}", f"http://localhost:{port}"}
        changes["frame_origins"] = (settings.frame_origins or frozenset()) | shop
    if "public_url" not in settings.model_fields_set:
        changes["public_url"] = _reachable(*changes["public_bind"].address)
    if settings.network == "regtest":
        changes["webhook_allow_private"] = EVERYWHERE
    return settings.model_copy(update=changes)


def _urls(settings: Settings, running: Running) -> TourUrls:
    node, login = _node(settings)
    return TourUrls(
        admin=_reachable(settings.admin_bind.host, running.admin),
        public=_reachable(settings.public_bind.host, running.public),
        shop="" if settings.node_url else f"http://{settings.demo_shop_bind}",
        mqtt=_without_login(settings.mqtt_url or ""),
        node=node,
        node_login=login,
        token=settings.admin_token or "",
    )


def _wallet(client: httpx.AsyncClient, urls: TourUrls) -> Wallet:
    """Return the wallet of the devnet."""
    user, _, password = configured_node.LOGIN.partition(":")
    return Wallet(client, urls.node, (user, password))


def _reachable(host: str, port: int) -> str:
    """Return the URL by which this machine reaches a listener: loopback where it listens everywhere."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{Bind(host, port)}"


def _node(settings: Settings) -> tuple[str, str]:
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
