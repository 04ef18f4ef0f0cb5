import asyncio

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests import scenario

END = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
CANCEL = sa.text(
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
NO_ROOM = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN RAISE 'No space left' USING ERRCODE = 'disk_full'; END$$
"""
FULL = (
    NO_ROOM,
    "CREATE TRIGGER no_room BEFORE INSERT ON outbox EXECUTE FUNCTION refuse()",
)
"""Let each statement that writes fail as on a server whose disk is full."""
INVOICE = '{"items":[{"type":"item","value":1,"quantity":1}]}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/a"),
        ("GET", "/accounts"),
        ("POST", "/account/a"),
        ("POST", "/account/a/invoice"),
        ("GET", "/events"),
        ("GET", "/audit"),
        ("POST", "/admin/setsyncheight/1"),
    ],
)
async def test_without_a_database_every_request_is_503(
    homeless: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await homeless.request(method, path, content=INVOICE if method == "POST" else None)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not-available"
    assert answer.headers["retry-after"] == "1"


async def test_without_a_database_the_program_is_still_healthy(homeless: httpx.AsyncClient) -> None:
    assert (await homeless.get("/health")).status_code == 200


async def test_connections_that_the_database_ends_are_replaced(
    admin: httpx.AsyncClient, ready: AsyncEngine, database: str
) -> None:
    await admin.post("/account/a", content="{}")
    await asyncio.gather(*(admin.get("/account/a") for _ in range(5)))
    other = create_async_engine(database, poolclass=NullPool)
    async with other.begin() as db:
        ended = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await db.execute(ended)
    await other.dispose()

    answers = [await admin.get("/account/a") for _ in range(3)]

    assert {answer.status_code for answer in answers} <= {200, 503}
    assert answers[-1].status_code == 200


async def test_a_statement_that_the_database_cancels_is_503_and_leaves_nothing(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await admin.post("/account/a", content="{}")
    async with ready.begin() as blocker:
        await blocker.execute(sa.text("SELECT 1 FROM accounts FOR UPDATE"))
        request = asyncio.create_task(admin.post("/account/a/invoice", content=INVOICE))
        async with asyncio.timeout(scenario.DEADLINE_SECONDS), ready.connect() as db:
            while not (await db.execute(CANCEL)).all():
                await db.rollback()  # the activity that a transaction sees does not change

    answer = await request

    assert answer.status_code == 503
    assert "took the database too long" in answer.json()["error"]["message"]
    assert (await admin.get("/account/a/invoices")).json() == {"items": [], "cursor": 0}


async def test_while_the_databases_disk_is_full_requests_are_503_and_done_once_there_is_room(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await admin.post("/account/a", content="{}")
    async with ready.begin() as db:
        for statement in FULL:
            await db.execute(sa.text(statement))

    headers = {"Idempotency-Key": "once"}
    refused = await admin.post("/account/a/invoice", content=INVOICE, headers=headers)
    async with ready.begin() as db:
        await db.execute(sa.text("DROP TRIGGER no_room ON outbox"))
    before = (await admin.get("/account/a/invoices")).json()["items"]
    done = await admin.post("/account/a/invoice", content=INVOICE, headers=headers)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not-available")
    assert before == []
    assert done.status_code == 200
    assert "idempotent-replayed" not in done.headers
