"""What machines watch of this process: its metrics, and a listener of their own for them."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from app.api import application, context, origins
from app.api.serving import serving
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble, Slots
from app.config.settings import Settings
from app.config.values import Bind, SettingsError
from app.db import reads
from app.domain import dogecoin
from app.domain.installation import Installation
from app.group_commit import GroupCommit
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import NodeHeight, Scrape
from app.metrics.traces import NotInstalled, Traces
from app.workers.roles import Shared

SLOTS: Final = Slots(1, 2)
"""Prometheus takes one of the node's threads, and none that a loop has."""


def trace(stack: AsyncExitStack, settings: Settings, process: ProcessMetrics) -> None:
    """Send traces where the settings name a collector; raises SettingsError where the extra is missing."""
    if settings.otel_url is None:
        return
    try:
        traces = Traces(settings.otel_url)
    except NotInstalled as error:
        raise SettingsError(str(error.__doc__)) from None
    stack.push_async_callback(asyncio.to_thread, traces.close)
    process.observers.traces = traces


async def opened(stack: AsyncExitStack, shared: Shared, process: ProcessMetrics) -> tuple[Scrape, int]:
    """Return what answers to Prometheus, and the port of its own listener; 0 where the settings want none.

    It reads by connections of the loops, one at a time.
    """
    node = await stack.enter_async_context(shared.node.with_slots(SLOTS))
    answers = Scrape(process, reads(shared.engine), _height_of(node))
    stack.push_async_callback(answers.close)
    bind = shared.settings.metrics_bind
    return answers, 0 if bind is None else await _listen(stack, shared, answers, bind)


async def _listen(stack: AsyncExitStack, shared: Shared, answers: Scrape, bind: Bind) -> int:
    """Serve /metrics, /ready and /health, without a token."""
    settings = shared.settings
    names = origins.names_of(bind.host, *(settings.allowed_hosts or ()))
    installation = Installation(dogecoin.network_by_name(settings.network), settings.confirmations, str)
    commits = GroupCommit(shared.engine, installation, lambda _: None)
    api = replace(context.of(shared.engine, commits), health=answers.process.health, scrape=answers)
    app = application.watching(api, lambda: secrets.token_hex(8), names)
    return await stack.enter_async_context(serving(app, *bind.address))


def _height_of(node: Node) -> NodeHeight:
    async def height() -> int | None:
        try:
            return (await node.chain_state()).height
        except (NodeTrouble, NodeError):
            return None

    return height
