"""Events of accounts beyond a key's reach are not told to it, in lists and in streams, and an ended key hears none."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api import context, streams
from app.api.cells.event_log import EventLog, Wanted
from app.db import Db
from app.domain import access, outbox
from app.domain.access import Reach
from tests import scenario
from tests.unit.api.access.conftest import Made, bearer


@pytest.fixture
async def told(kennel: context.AppContext) -> context.AppContext:
    for name in ("other", "my.a", "mine", "my.b"):
        await scenario.open_account(kennel.engine, name)
    async with kennel.engine.begin() as db:
        await outbox.sequence(db)
    return kennel


@pytest.mark.parametrize("reach", [{"prefix": "my."}, {"accounts": ["my.a", "my.b"]}])
async def test_a_list_of_events_has_those_within_reach(
    told: context.AppContext, locked: httpx.AsyncClient, make: Made, reach: dict[str, str]
) -> None:
    key = bearer(await make("events:read", **reach))

    page = (await locked.get("/events?limit=1", headers=key)).json()
    rest = (await locked.get(f"/events?cursor={page['cursor']}", headers=key)).json()

    names = [event["message"]["foreign_id"] for event in (*page["items"], *rest["items"])]
    assert names == ["my.a", "my.b"]
    async with told.reads.connect() as db:
        assert rest["cursor"] == str(await outbox.last_position(db))
    assert (await locked.get("/events?foreign_id=other", headers=key)).status_code == 404
    assert (await locked.get("/events/stream?foreign_id=other", headers=key)).status_code == 404


async def test_a_stream_has_those_within_reach(told: context.AppContext) -> None:
    log = EventLog(told.event_signal, [told.reads.connect], [0], Wanted(reach=Reach(prefix="my.")))
    chunks = streams.stream(log, {0: 0})

    heard = b"".join([await anext(chunks) for _ in range(3)])

    assert (b'"my.a"' in heard, b'"my.b"' in heard, b'"mine"' in heard, b'"other"' in heard) == (
        True,
        True,
        False,
        False,
    )


async def test_a_stream_ends_with_the_key_of_its_listener(told: context.AppContext, make: Made) -> None:
    number = (await make("events:read"))["id"]

    async def beats() -> AsyncIterator[bytes]:
        yield b"first"
        async with told.engine.begin() as db:
            await revoked(db, number)
        told.keys.forget(number)
        yield b"second"

    heard = [chunk async for chunk in told.keys.while_open(number, beats())]

    assert heard == [b"first"]


async def revoked(db: Db, number: int) -> None:
    await access.revoke(db, number)
