"""The whole program on one screen: shared things, loops and listeners, started in order and stopped in reverse."""

import gc
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from app import configured_node
from app.api import application, client_limits, context, origins, tokens
from app.api.access import key_ring
from app.api.checkout.branding import Branding
from app.api.serving import serving
from app.chain import zmq_announcements
from app.chain.relay_key import RELAY_KEY_FILE
from app.chain.rpc import CALLERS_SLOTS
from app.config.settings import Settings
from app.config.values import SettingsError
from app.db.database import Database
from app.db.embedded.programs import EmbeddedError
from app.domain import dogecoin
from app.domain.installation import Installation
from app.group_commit import GroupCommit
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.metrics.siblings import Siblings
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from app.runtime.notices import QUIET_SECONDS
from app.workers import (
    admin_lock,
    cell_loops,
    listener_limits,
    parts,
    payer_relay,
    questions,
    roles,
    watching,
)
from app.workers.roles import Shared

EXPLORERS: Final = {"main": "https://dogechain.info/tx/{txid}"}
TEND_SECONDS: Final = 0.5
NO_HTTP_OVER_CELLS: Final = "KENNEL_ROLES must be without http while KENNEL_CELLS is above 1: docs/scaling.md says what works with several cells."
COLLECTED_AT: Final = (50_000, 10, 10)
"""How many objects are made before Python looks for garbage in circles: a thousand transfers make ten times this many."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs: the ports of its listeners (0 for one that it has not), and how its loops are."""

    admin: int
    public: int
    health: ProcessHealth
    engine: AsyncEngine
    metrics: int


@asynccontextmanager
async def running(
    settings: Settings, database: Database, holder: str = "", siblings: Siblings | None = None
) -> AsyncIterator[Running]:
    """Run what the settings' roles ask for, for as long as the block lasts.

    `holder` names this process in leases, and the one that is started again in its place; `siblings` are the
    other processes of this program.

    A loop that ends by a fault of ours ends the block too, with its error.
    """
    if database.map.cells > 1 and "http" in settings.roles:
        raise SettingsError(NO_HTTP_OVER_CELLS)
    async with AsyncExitStack() as stack:
        await database.upgrade()
        health = ProcessHealth()
        process = ProcessMetrics(health)
        watching.trace(stack, settings, process)
        opened = cell_loops.of(stack, settings, database, process, holder or _holder(database))
        node, zmq = await stack.enter_async_context(configured_node.running(settings))
        cells = opened(node)
        shared = cells.shareds[0]
        loops = [_tending(database.restart)] if database.restart is not None else []
        loops += await cells.loops(stack)
        tasks = [*(loop.run(health) for loop in loops), process.observers.watch_event_loop()]
        if zmq and "follow" in settings.roles:
            tasks.append(zmq_announcements.listen(zmq, cells.wakes()))
        await stack.enter_async_context(parts.together(tasks))
        scrape, metrics = await watching.opened(stack, shared, process, siblings)
        admin, public = await _listeners(stack, shared, scrape, database)
        collect_less()
        yield Running(admin, public, health, shared.engine, metrics)


def collect_less() -> None:
    """Keep what was made for good out of the collector's sight; with its own numbers it took a third of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(*COLLECTED_AT)


def _holder(database: Database) -> str:
    """Name this process in leases.

    Beside an embedded database there is only ever one, which after a kill takes up at once what it held before.
    """
    return "home" if database.restart is not None else secrets.token_hex(8)


def _tending(tend: Callable[[], bool]) -> Loop:
    """Watch over the PostgreSQL of our own; it must be started from this thread, and that does not block."""

    async def step() -> bool:
        return tend()

    return Loop("postgres", step, WakeUp(), TEND_SECONDS, (EmbeddedError,))


async def _listeners(
    stack: AsyncExitStack, shared: Shared, scrape: Scrape, database: Database
) -> tuple[int, int]:
    settings = shared.settings
    if "http" not in settings.roles:
        return 0, 0
    api = await _context(stack, shared, scrape, database)
    new_id = tokens.words(8, bytes.hex)
    names = _names(settings)
    closed, rates = await admin_lock.is_closed(settings, api.engine), listener_limits.of_callers(settings)
    admin = application.admin(api, new_id, settings.admin_token or "", names, closed=closed, rates=rates)
    payers_engine = parts.engine(stack, database, scrape.process, "public")
    payers = api.for_payers(payers_engine, shared.wake_up("payers"), shared.performed)
    stack.push_async_callback(payers.close)
    watch = payers.invoice_watch
    for_admin, for_public = listener_limits.of_connections(settings)
    public = application.public(
        payers,
        new_id,
        names,
        settings.public_origins,
        listener_limits.of_payers(settings, for_public.connections),
    )
    await stack.enter_async_context(
        parts.together([loop.run(scrape.process.health) for loop in _waking(api, payers, shared)])
    )
    listening = (
        await stack.enter_async_context(serving(admin, *settings.admin_bind.address, for_admin)),
        await stack.enter_async_context(serving(public, *settings.public_bind.address, for_public)),
    )
    for waiting in (api.event_signal, api.waiter, watch, payers.submissions):
        stack.callback(waiting.end)
    return listening


def _waking(api: context.AppContext, payers: context.AppContext, shared: Shared) -> Sequence[Loop]:
    """Return the loops that wake requests which wait, and read keys again."""
    trouble, seconds, watch = roles.DATABASE_TROUBLE, QUIET_SECONDS, payers.invoice_watch
    return (
        Loop("streams", api.event_signal.step, shared.wake_up("streams"), seconds, trouble),
        Loop("waiters", api.waiter.step, shared.wake_up("waiters"), seconds, trouble),
        Loop("access", api.keys.step, WakeUp(), key_ring.STEP_SECONDS, trouble),
        Loop("payers", watch.step, watch.wake_up, seconds, trouble),
        Loop("wallets", payers.submissions.step, shared.wake_up("wallets"), seconds, trouble),
    )


async def _context(
    stack: AsyncExitStack, shared: Shared, scrape: Scrape, database: Database
) -> context.AppContext:
    """Return what requests share, as the settings have it."""
    settings = shared.settings
    engine = parts.engine(stack, database, scrape.process, "admin")
    installation = Installation(
        dogecoin.network_by_name(settings.network),
        settings.confirmations,
        tokens.words(16, tokens.urlsafe),
        settings.platform_account,
        settings.quote_minutes,
    )
    observe = scrape.process.observers.committed
    commits = GroupCommit(engine, installation, shared.performed, observe=observe)
    node = await stack.enter_async_context(shared.node.with_slots(CALLERS_SLOTS))
    payers_node = await stack.enter_async_context(shared.node.with_slots(payer_relay.SLOTS))
    relay_key = settings.relay_key_file or settings.home / RELAY_KEY_FILE
    api = replace(
        context.of(engine, commits),
        node_queries=questions.to(node),
        relay=await payer_relay.opened(relay_key, payers_node),
        health=scrape.process.health,
        elsewhere=roles.done_elsewhere(settings.roles),
        scrape=scrape,
        open_items=settings.public_items == "open",
        public_url=settings.public_url,
        pay_wait_seconds=settings.pay_wait_seconds,
        paytx_minutes=settings.paytx_minutes,
        branding=_branding(settings),
        openings=client_limits.per_hour(settings.link_invoices_per_address),
    )
    stack.push_async_callback(api.close)
    return api


def _branding(settings: Settings) -> Branding:
    """Return how the pages of payers look, and what they may load."""
    return Branding(
        name=settings.shop_name or "",
        url=settings.shop_url or "",
        contact=settings.shop_contact or "",
        logo=settings.shop_logo or "",
        colour=settings.shop_colour,
        frame_origins=settings.frame_origins or frozenset(),
        image_origins=settings.image_origins or frozenset(),
        explorer_url=settings.explorer_url or EXPLORERS.get(settings.network, ""),
    )


def _names(settings: Settings) -> frozenset[str]:
    """Return by which names callers may reach the listeners, beside loopback's and addresses."""
    binds = (settings.admin_bind.host, settings.public_bind.host)
    return origins.names_of(
        socket.gethostname(),
        *binds,
        urlsplit(settings.public_url).hostname or "",
        *(settings.allowed_hosts or ()),
    )
