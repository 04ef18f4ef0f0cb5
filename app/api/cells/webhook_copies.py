"""Webhook endpoints as they are in all cells: the same in each, but for what became of deliveries there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.api.cells import merged
from app.api.context import AppContext
from app.domain import webhooks
from app.domain.access import Reach
from app.domain.pages import Page, PageRequest
from app.domain.webhooks import Endpoint


async def fetch(cells: Sequence[AppContext], webhook_id: int, within: Reach) -> Endpoint:
    """Return the endpoint as it is where it has most trouble, or refuse with NoSuchEndpoint."""
    return worst(await merged.at_once(_fetch(context, webhook_id, within) for context in cells))


async def page(cells: Sequence[AppContext], request: PageRequest[int], within: Reach) -> Page[Endpoint, int]:
    """Return a page of the endpoints, each as it is where it has most trouble."""
    pages = await merged.at_once(_page(context, request, within) for context in cells)
    by_cell = [{endpoint.id: endpoint for endpoint in each.items} for each in pages]
    shown = [
        worst([copies[endpoint.id] for copies in by_cell if endpoint.id in copies])
        for endpoint in pages[0].items
    ]
    return Page(shown, pages[0].rest)


def worst(copies: Sequence[Endpoint]) -> Endpoint:
    """Return the copy whose cell has most trouble with the endpoint: disabled there, or failing for longest."""
    never = datetime.max.replace(tzinfo=UTC)
    return min(copies, key=lambda copy: (copy.state == "active", copy.failing_since or never))


async def _fetch(context: AppContext, webhook_id: int, within: Reach) -> Endpoint:
    async with context.reads.connect() as db:
        return await webhooks.fetch(db, webhook_id, within)


async def _page(context: AppContext, request: PageRequest[int], within: Reach) -> Page[Endpoint, int]:
    async with context.reads.connect() as db:
        return await webhooks.page(db, request, within)
