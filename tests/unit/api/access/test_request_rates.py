"""Keys and addresses that ask too often are told when there is room again; others notice nothing."""

from typing import Any

import httpx
import pytest

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
