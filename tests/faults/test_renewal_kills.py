"""The program dies while payers get new prices: each order has its one new invoice, and it was told once."""

import asyncio
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice

import httpx
import pytest
import sqlalchemy as sa

from app.db.engine import open_engine
from tests.end_to_end.program import Program, until
from tests.end_to_end.shop import Shop
from tests.faults.conftest import ALSO_DIVIDED, Said, schemas, spread

pytestmark = ALSO_DIVIDED
ORDERS, KILLS, PAYERS, SEED = 30, 2, 6, 20131206
AGED = "UPDATE {}.invoices SET created = created - interval '1 hour', expires = expires - interval '1 hour'"


@pytest.fixture
def program(following: Program, said: Said) -> Program:
    said.by(following)
    following.restart(KENNEL_RATES="EUR=0.15", KENNEL_LINK_INVOICES_PER_ADDRESS="100000")
    until(lambda: following.admin.get("/rates").json()["items"])
    return following


def age(database: str, cells: int) -> None:
    """Let the time of all invoices that wait be over."""

    async def write() -> None:
        engine = open_engine(database)
        async with engine.begin() as db:
            for schema in schemas(cells):
                await db.execute(sa.text(AGED.format(schema)))
        await engine.dispose()

    asyncio.run(write())


def pressed(program: Program, invoice: str) -> str | None:
    """Press the button of the invoice's page; return where it leads, None where nobody answers."""
    try:
        answer = program.public.post(f"/pay/{invoice}")
    except httpx.TransportError:
        return None
    return answer.headers["location"].partition("?")[0] if answer.status_code == 303 else None


def test_kill_9_while_payers_get_new_prices_makes_one_for_each_order(
    program: Program, module_database: str, cell_count: int
) -> None:
    shops, chance = [Shop(program, name).open() for name in spread("renewing")], random.Random(SEED)
    order = {"fiat_currency": "EUR", "fiat_total": "1.50"}
    for _ in range(KILLS):
        sellers = islice(cycle(shops), ORDERS)
        made = [program.admin.post(f"{shop.path}/invoice", json=order).json()["id"] for shop in sellers]
        age(module_database, cell_count)

        with ThreadPoolExecutor(PAYERS) as payers:
            answers = payers.map(partial(pressed, program), made * 2)
            time.sleep(chance.uniform(0.0, 0.3))  # the moment is the test's input
            program.kill()
        program.start()

        led = {(invoice, answer) for invoice, answer in zip(made * 2, answers, strict=True) if answer}
        led |= {(invoice, until(partial(pressed, program, invoice)) or "") for invoice in made}
        assert len(led) == len(made)
        age(module_database, cell_count)

    told = [event for shop in shops for event in program.events(types="INV", foreign_id=shop.foreign_id)]
    created = Counter(e["message"]["renews"] for e in told if e["event_type"] == "INV_CREATED")
    renewed = Counter(e["message"]["invoice_id"] for e in told if e["event_type"] == "INV_RENEWED")
    originals = created.pop("")
    assert originals == ORDERS * KILLS
    assert created == renewed
    assert set(created.values()) == {1}
    program.audit()
