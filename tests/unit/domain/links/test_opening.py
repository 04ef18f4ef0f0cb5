"""Opening pay links from several processes at once."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import invoices, links
from app.domain.dogecoin import REGTEST
from app.domain.invoices import InvoiceFilter, Price
from app.domain.links import LinkOrder, OpenOrder
from tests import scenario
from tests.scenario import doge

PROCESSES, EACH = 3, 8


async def opened(engine: AsyncEngine, *, once: bool) -> tuple[set[str], int]:
    """Open a link in several processes at once; return the invoices that came of it, and how many there are."""
    await scenario.open_account(engine)
    processes = [scenario.commits(engine) for _ in range(PROCESSES)]
    order = LinkOrder("shop", Price((), amount=doge(5)), once=once)
    link = (await processes[0].submit(links.MAKE, order)).resource
    answers = await asyncio.gather(
        *(process.submit(links.OPEN, OpenOrder(link.id)) for process in processes for _ in range(EACH))
    )
    for process in processes:
        await process.close()
    async with engine.connect() as db:
        made = await invoices.page(db, REGTEST, "shop", 0, 100, InvoiceFilter())
    return {answer.resource.address for answer in answers}, len(made)


async def test_a_link_for_once_makes_one_invoice_in_all_processes_together(engine: AsyncEngine) -> None:
    addresses, made = await opened(engine, once=True)

    assert (len(addresses), made) == (1, 1)


async def test_a_link_for_ever_makes_one_for_each_payer(engine: AsyncEngine) -> None:
    addresses, made = await opened(engine, once=False)

    assert (len(addresses), made) == (PROCESSES * EACH, PROCESSES * EACH)
