"""Keys and addresses that ask too often are told when there is room again; others notice nothing."""

from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.api import application, context
from app.api.access.request_rates import FAILURES, RequestRates
from app.api.client_limits import BURST_SECONDS
from tests.unit.api.access.conftest import ADMIN, TOKEN, Made, bearer
from tests.unit.api.conftest import client_of


async def asked(client: httpx.AsyncClient, headers: dict[str, str], number: int) -> list[httpx.Response]:
    return [await client.get("/assets", headers=headers) for _ in range(number)]


def slow(answers: list[httpx.Response]) -> list[httpx.Response]:
    return [answer for answer in answers if answer.status_code == 429]


async def test_a_key_has_the_requests_that_it_was_given(locked: httpx.AsyncClient, make: Made) -> None:
    few, other = await make("ledger:read", requests_per_second=1), await make("ledger:read")

    refused = slow(await asked(locked, bearer(few), 5 * BURST_SECONDS))
    others = slow(await asked(locked, bearer(other), 5 * BURST_SECONDS))

    assert len(refused) > BURST_SECONDS
    assert others == []
    assert refused[0].json()["error"]["code"] == "rate-limited"
    assert int(refused[0].headers["retry-after"]) >= 1


async def test_wrong_keys_of_one_address_are_soon_refused_unread_and_right_ones_are_not(
    locked: httpx.AsyncClient,
) -> None:
    wrong = await asked(locked, {"Authorization": "Bearer guessed"}, 2 * FAILURES * BURST_SECONDS)

    assert {answer.status_code for answer in wrong} == {401, 429}
    assert slow(await asked(locked, ADMIN, 10)) == []


async def test_who_guesses_keys_makes_the_database_look_for_few_of_them(
    locked: httpx.AsyncClient, make: Made, kennel: context.AppContext
) -> None:
    known, read = bearer(await make("ledger:read")), list[str]()
    await locked.get("/assets", headers=known)
    sa.event.listen(
        kennel.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: read.append(statement),
    )

    guesses = [
        await locked.get("/assets", headers={"Authorization": f"Bearer kennel_{number}_{'x' * 43}"})
        for number in range(1_000, 1_000 + 4 * FAILURES * BURST_SECONDS)
    ]

    looked = [statement for statement in read if "api_keys" in statement]
    assert {answer.status_code for answer in guesses} == {401, 429}
    assert len(looked) == len([answer for answer in guesses if answer.status_code == 401])
    assert (await locked.get("/assets", headers=known)).status_code == 200


@pytest.mark.parametrize("headers", [ADMIN, {}])
async def test_an_address_has_a_limit_whoever_asks(
    kennel: context.AppContext, headers: dict[str, Any]
) -> None:
    rates = RequestRates(per_address=1)
    async with client_of(application.admin(kennel, lambda: "id", token=TOKEN, rates=rates)) as client:
        answers = await asked(client, headers, 5 * BURST_SECONDS)
        health = await client.get("/health")

    assert len(slow(answers)) > BURST_SECONDS
    assert health.status_code == 200
