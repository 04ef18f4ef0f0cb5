"""A merchant's API that is closed, and keys for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.api import application, context
from tests.unit.api.conftest import client_of

TOKEN = "such-token-of-16"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
Made = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def locked(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.admin(kennel, lambda: "id", token=TOKEN)) as opened:
        yield opened


@pytest.fixture
def make(locked: httpx.AsyncClient) -> Made:
    """Makes a key as the holder of the token, and returns the answer."""

    async def made(*scopes: str, **more: Any) -> dict[str, Any]:
        answer = await locked.post("/keys", json={"scopes": scopes, **more}, headers=ADMIN)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    return made


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['secret']}"}
