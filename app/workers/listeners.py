"""The two listeners: what the requests of each cell share, the loops that wake them, and the applications."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from app.api import application, client_limits, context, origins, tokens
from app.api.access import key_ring
from app.api.cells import renamed_accounts
from app.api.cells.crossing_lane import OverCells
from app.api.cells.everywhere import Everywhere
from app.api.cells.routing import Cells
from app.api.checkout.branding import Branding
from app.api.context import AppContext
from app.api.relay import Relay
from app.api.serving import serving
from app.batching.crossings import Crossings
from app.batching.group_commit import GroupCommit
from app.chain.relay_key import RELAY_KEY_FILE
from app.chain.rpc import CALLERS_SLOTS
from app.config.settings import Settings
from app.db.database import Database
from app.domain import blocks, dogecoin, webhooks
from app.domain.commands import Command
from app.domain.installation import Installation
from app.metrics.scrape import Scrape
from app.runtime.loop import Loop, WakeUp
from app.runtime.notices import QUIET_SECONDS
from app.workers import admin_lock, listener_limits, parts, payer_relay, questions, roles
from app.workers.clocks import Step
from app.workers.roles import Shared

EXPLORERS: Final = {"main": "https://dogechain.info/tx/{txid}"}
_TROUBLE: Final = roles.DATABASE_TROUBLE


async def opened(
    stack: AsyncExitStack, shareds: Sequence[Shared], scrape: Scrape, database: Database
) -> tuple[int, int]:
    """Listen where the settings want HTTP, and return the ports of the admin and the public listener; else 0 and 0.

    `shareds` has what the loops of each cell share.
    """
    settings = shareds[0].settings
    if "http" not in settings.roles:
        return 0, 0
    merchants = await _for_merchants(stack, shareds, scrape, database)
    payers = _for_payers(stack, merchants, shareds, scrape, database)
    new_id, names = tokens.words(8, bytes.hex), _names(settings)
    closed, rates = (
        await admin_lock.is_closed(settings, merchants.first.engine),
        listener_limits.of_callers(settings),
    )
    admin = application.admin(
        merchants, new_id, settings.admin_token or "", names, closed=closed, rates=rates
    )
    for_admin, for_public = listener_limits.of_connections(settings)
    limits = listener_limits.of_payers(settings, for_public.connections)
    public = application.public(payers, new_id, names, settings.public_origins, limits)
    await stack.enter_async_context(
        parts.together([loop.run(scrape.process.health) for loop in _loops(merchants, payers, shareds)])
    )
    listening = (
        await stack.enter_async_context(serving(admin, *settings.admin_bind.address, for_admin)),
        await stack.enter_async_context(serving(public, *settings.public_bind.address, for_public)),
    )
    for context_of_cell in (*merchants.contexts, *payers.contexts):
        stack.callback(context_of_cell.let_go)
    return listening


def _loops(merchants: Cells, payers: Cells, shareds: Sequence[Shared]) -> list[Loop]:
    """Return the loops that wake requests which wait for something in a cell, and those that read keys and names again."""
    access = Loop("access", merchants.first.keys.step, WakeUp(), key_ring.STEP_SECONDS, _TROUBLE)
    names = Loop("names", merchants.renamed.step, WakeUp(), renamed_accounts.STEP_SECONDS, _TROUBLE)
    by_cell = zip(merchants.contexts, payers.contexts, shareds, strict=True)
    waking = [loop for cell in by_cell for loop in _waking(*cell)]
    return [access, *waking] if merchants.only else [access, names, *waking]


def _waking(merchants: AppContext, payers: AppContext, shared: Shared) -> Iterator[Loop]:
    watch, told = payers.invoice_watch, partial(merchants.event_signal.step, shared.cell.number)
    steps: Mapping[str, tuple[Step, WakeUp]] = {
        "streams": (told, shared.wake_up("streams")),
        "waiters": (merchants.waiter.step, shared.wake_up("waiters")),
        "payers": (watch.step, watch.wake_up),
        "wallets": (payers.submissions.step, shared.wake_up("wallets")),
    }
    for name, (step, wake_up) in steps.items():
        yield Loop(shared.cell.named(name), step, wake_up, QUIET_SECONDS, _TROUBLE)


async def _for_merchants(
    stack: AsyncExitStack, shareds: Sequence[Shared], scrape: Scrape, database: Database
) -> Cells:
    """Return what requests of the merchant's API share, as the settings have it."""
    settings = shareds[0].settings
    contexts = [
        _of_cell(stack, shared, scrape, cell) for shared, cell in zip(shareds, database.cells, strict=True)
    ]
    node = await stack.enter_async_context(shareds[0].node.with_slots(CALLERS_SLOTS))
    contexts[0] = replace(
        contexts[0],
        node_queries=questions.to(node),
        relay=await _relay(stack, shareds[0]),
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
    cells = Cells.of(contexts, _over_cells(stack, shareds, database, contexts) if len(contexts) > 1 else None)
    if cells.only is None:
        await cells.renamed.step()
    for each in cells.contexts:
        stack.push_async_callback(each.close)
    return cells


def _over_cells(
    stack: AsyncExitStack, shareds: Sequence[Shared], database: Database, contexts: Sequence[AppContext]
) -> OverCells:
    """Return what carries out requests over several cells, on connections of its own."""
    engine = database.crossing_engine()
    stack.push_async_callback(engine.dispose)
    first = shareds[0].cell
    commands = {**webhooks.over_cells(database.map), **blocks.over_cells(database.map)}

    def changed(command: Command[Any, Any]) -> None:
        for shared in shareds:
            shared.performed(command)

    def crossed(command: Command[Any, Any], cells: Sequence[int]) -> None:
        for cell in cells:
            shareds[cell].performed(command)

    installations = [each.commits.installation for each in contexts]
    everywhere = Everywhere(engine, installations[0], changed, first, commands)
    crossings = Crossings(engine, installations, crossed)
    stack.push_async_callback(crossings.close)
    over_cells = OverCells(crossings, everywhere, engine)
    stack.push_async_callback(over_cells.close)
    return over_cells


async def _relay(stack: AsyncExitStack, shared: Shared) -> Relay:
    node = await stack.enter_async_context(shared.node.with_slots(payer_relay.SLOTS))
    settings = shared.settings
    return await payer_relay.opened(settings.relay_key_file or settings.home / RELAY_KEY_FILE, node)


def _of_cell(stack: AsyncExitStack, shared: Shared, scrape: Scrape, database: Database) -> AppContext:
    settings = shared.settings
    engine = parts.engine(stack, database, scrape.process, "admin")
    installation = Installation(
        dogecoin.network_by_name(settings.network),
        settings.confirmations,
        database.cell.naming(tokens.words(16, tokens.urlsafe)),
        settings.platform_account,
        settings.quote_minutes,
    )
    observe = scrape.process.observers.committed
    return context.of(engine, GroupCommit(engine, installation, shared.performed, observe=observe))


def _for_payers(
    stack: AsyncExitStack, merchants: Cells, shareds: Sequence[Shared], scrape: Scrape, database: Database
) -> Cells:
    """Return the same for the public listener, with connections of its own."""
    payers = []
    for each, shared, cell in zip(merchants.contexts, shareds, database.cells, strict=True):
        engine = parts.engine(stack, cell, scrape.process, "public")
        payers.append(each.for_payers(engine, shared.wake_up("payers"), shared.performed))
        stack.push_async_callback(payers[-1].close)
    return Cells(payers)


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
