"""What machines watch of this process: its metrics, and a listener of their own for them."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from fastapi import FastAPI

from app.api import application, context, origins
from app.api.cells.routing import Cells
from app.api.serving import serving
from app.batching.group_commit import GroupCommit
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble, Slots
from app.config.settings import Settings
from app.config.values import SettingsError
from app.db import reads
from app.domain import dogecoin
from app.domain.installation import Installation
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import NodeHeight, Scrape
from app.metrics.siblings import Siblings
from app.metrics.traces import NotInstalled, Traces
from app.runtime.http.limits import Limits
from app.workers import roles
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


async def opened(
    stack: AsyncExitStack, shared: Shared, process: ProcessMetrics, siblings: Siblings | None
) -> tuple[Scrape, int]:
    """Return what answers to Prometheus, and the port of its own listener; 0 where the settings want none.

    It reads by connections of the loops, one at a time. Siblings share the port, and each answers for all.
    """
    node = await stack.enter_async_context(shared.node.with_slots(SLOTS))
    others = [reads(engine) for engine in shared.once.all_cells.engines[1:]]
    answers = Scrape(process, reads(shared.engine), _height_of(node), siblings, others)
    stack.push_async_callback(answers.close)
    if siblings is not None:
        await stack.enter_async_context(siblings.answering(answers.packed))
    if (bind := shared.settings.metrics_bind) is None:
        return answers, 0
    elsewhere = roles.done_elsewhere(shared.settings.roles) if siblings else frozenset()
    app = _application(
        shared, answers, elsewhere, origins.names_of(bind.host, *(shared.settings.allowed_hosts or ()))
    )
    return answers, await stack.enter_async_context(
        serving(app, *bind.address, Limits(shares_port=siblings is not None))
    )


def _application(
    shared: Shared, answers: Scrape, elsewhere: frozenset[str], names: frozenset[str]
) -> FastAPI:
    """Return what answers to /metrics, /ready and /health, without a token; loops `elsewhere` must run too."""
    settings = shared.settings
    installation = Installation(dogecoin.network_by_name(settings.network), settings.confirmations, str)
    contexts = [
        context.of(engine, GroupCommit(engine, installation, lambda _: None))
        for engine in shared.once.all_cells.engines
    ]
    contexts[0] = replace(
        contexts[0],
        health=answers.process.health,
        elsewhere=elsewhere,
        scrape=answers,
    )
    return application.watching(Cells.of(contexts), lambda: secrets.token_hex(8), names)


def _height_of(node: Node) -> NodeHeight:
    async def height() -> int | None:
        try:
            return (await node.chain_state()).height
        except (NodeTrouble, NodeError):
            return None

    return height
