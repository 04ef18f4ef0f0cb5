"""The sources of rates that the settings name, and the step that asks them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import own_addresses
from app.config.settings import Settings
from app.domain import rates
from app.events import address_filter
from app.events.address_filter import Guard
from app.events.http_post import Poster
from app.rates import rounds
from app.rates.rounds import Rounds
from app.runtime.lease import Lease
from app.workers.clocks import Step

RESOLVERS: Final = 4
"""Threads that look the sources' names up."""
SECONDS: Final = 1.0
"""How often the loop looks whether a round is due; so often it renews its lease too."""


async def steps(stack: AsyncExitStack, settings: Settings, engine: AsyncEngine, lease: Lease) -> list[Step]:
    """Have the currencies as the settings say; return the step that asks their sources, if there are any."""
    sources = settings.rates or ()
    async with engine.begin() as db:
        codes = list(dict.fromkeys(source.currency for source in sources))
        await rates.configure(db, codes, settings.rate_max_age_seconds)
    if not sources:
        return []
    terms = (settings.rate_seconds, settings.rate_max_age_seconds)
    asked = Rounds(engine, sources, rounds.over_http(_client(stack, settings)), lease, terms)
    stack.push_async_callback(asked.close)
    return [asked.step]


def _client(stack: AsyncExitStack, settings: Settings) -> Poster:
    """Return a client that reaches no address within the operator's network, unless that is allowed."""
    threads = stack.enter_context(ThreadPoolExecutor(RESOLVERS, "rates"))
    guard = Guard(settings.rate_allow_private, own_addresses.of(settings))
    client = Poster(address_filter.resolver(threads), guard=guard, answer_bytes=rounds.ANSWER_BYTES)
    stack.callback(client.close)
    return client
