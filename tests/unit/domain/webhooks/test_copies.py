"""An endpoint is the same in all cells, and each cell tells it its own events from the moment when it was made."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import deliveries, webhook_endpoints
from app.domain import outbox, webhooks
from app.domain.outbox import OutboxEvent
from app.domain.webhooks import Callback, Change, Endpoint, NewEndpoint, changes, copies
from app.events import sequencer
from tests.cells import MakeCells

URL = "http://shop.example/"


async def create(engine: AsyncEngine, *types: str) -> int:
    async with engine.begin() as db:
        endpoint = await webhooks.create(db, NewEndpoint(URL, types, "x" * 24))
    assert isinstance(endpoint, Endpoint)
    return endpoint.id


async def copy(engines: Sequence[AsyncEngine], endpoint: int) -> None:
    """Have the endpoint of the first cell in the others."""
    first, *others = engines
    async with first.connect() as db:
        rows = await copies.read(db, [endpoint])
    for engine in others:
        async with engine.begin() as db:
            await copies.write(db, rows)


async def shown(engine: AsyncEngine, endpoint: int) -> dict[str, object]:
    """What all cells must have of an endpoint, and its state."""
    async with engine.connect() as db:
        found = sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint)
        row = (await db.execute(found)).mappings().one()
    return {name: row[name] for name in (*copies.COPIED, "state")}


async def tell(engine: AsyncEngine, stride: int) -> None:
    """Have an event of one account told to all endpoints of the cell."""
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "shop", "INV_CREATED", "{}")])
    async with engine.begin() as db:
        await outbox.sequence(db, stride=stride)
    async with engine.begin() as db:
        await webhooks.step(db, stride)


async def delivered(engine: AsyncEngine, endpoint: int) -> int:
    async with engine.connect() as db:
        mine = sa.select(sa.func.count()).where(deliveries.c.endpoint_id == endpoint)
        return int((await db.execute(mine)).scalar_one())


async def test_a_new_endpoint_gets_the_events_of_every_cell_from_now_on(cells: MakeCells) -> None:
    divided = await cells(2)
    old = await create(divided.engines[0], "ALL")
    await copy(divided.engines, old)
    for engine in divided.engines:
        await tell(engine, 2)

    new = await create(divided.engines[0], "INV")
    await copy(divided.engines, new)
    for engine in divided.engines:
        await tell(engine, 2)

    for engine in divided.engines:
        assert [await delivered(engine, endpoint) for endpoint in (old, new)] == [2, 1]


async def test_what_is_changed_in_the_first_cell_is_changed_in_all_but_not_where_they_stand(
    cells: MakeCells,
) -> None:
    divided = await cells(3)
    endpoint = await create(divided.engines[0], "ALL")
    await copy(divided.engines, endpoint)
    async with divided.engines[2].begin() as db:
        await webhooks.disable(db, [endpoint], "it fails here")

    async with divided.engines[0].begin() as db:
        await webhooks.change(db, Change(endpoint, {"url": "http://new.example/", "types": ["INV"]}))
    await copy(divided.engines, endpoint)

    first, second, third = [await shown(engine, endpoint) for engine in divided.engines]
    assert first["url"] == "http://new.example/"
    assert second == first
    assert third == first | {"state": "disabled"}


async def test_what_is_deleted_in_the_first_cell_is_deleted_in_all_with_its_secrets(cells: MakeCells) -> None:
    divided = await cells(2)
    endpoint = await create(divided.engines[0], "ALL")
    await copy(divided.engines, endpoint)

    async with divided.engines[0].begin() as db:
        await changes.delete(db, endpoint)
    await copy(divided.engines, endpoint)

    first, second = [await shown(engine, endpoint) for engine in divided.engines]
    assert (first["state"], first["secret"], first["url"]) == ("deleted", "", "")
    assert second == first


async def test_callbacks_of_the_settings_are_added_changed_and_disabled_in_all_cells(
    cells: MakeCells,
) -> None:
    divided = await cells(2)

    async def prepare(*callbacks: Callback) -> list[list[tuple[object, ...]]]:
        first, second = divided.engines
        await sequencer.prepare(first, callbacks, [])
        await sequencer.prepare(second, callbacks, [], first)
        columns = [webhook_endpoints.c[name] for name in ("name", "url", "state")]
        rows_of = []
        for engine in divided.engines:
            async with engine.connect() as db:
                rows = await db.execute(sa.select(*columns).order_by(webhook_endpoints.c.name))
                rows_of.append([tuple(row) for row in rows])
        return rows_of

    shop, other = Callback("shop", URL), Callback("other", URL)
    first, second = await prepare(shop, other)
    assert first == second == [("other", URL, "active"), ("shop", URL, "active")]

    first, second = await prepare(other)
    assert first == second == [("other", URL, "active"), ("shop", URL, "disabled")]

    moved = Callback("shop", f"{URL}new")
    first, second = await prepare(moved, other)
    assert first == second == [("other", URL, "active"), ("shop", f"{URL}new", "active")]
