import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import sources
from app.config.values import SettingsError
from app.domain import access
from app.domain.access import ApiKey, NewKey
from app.workers import admin_lock

REAL = {
    "KENNEL_NETWORK": "main",
    "KENNEL_DATABASE_URL": "postgresql://kennel@db/kennel",
    "KENNEL_NODE_URL": "http://user:word@node:22555",
}
CLOSED = [
    (REAL, "on main"),
    (REAL | {"KENNEL_NETWORK": "test"}, "on test"),
    ({"KENNEL_ADMIN_BIND": "0.0.0.0:8081"}, "0.0.0.0:8081, which is not loopback"),
    ({"KENNEL_ADMIN_BIND": "[::]:8081"}, "which is not loopback"),
    ({"KENNEL_AUTH": "required"}, "while KENNEL_AUTH is required"),
]


@pytest.mark.parametrize(("written", "reason"), CLOSED)
async def test_where_the_api_must_be_closed_nothing_starts_without_a_token_or_a_key(
    engine: AsyncEngine, written: dict[str, str], reason: str
) -> None:
    settings = sources.read(written)

    with pytest.raises(SettingsError) as raised:
        await admin_lock.is_closed(settings, engine)

    assert reason in str(raised.value)
    assert "KENNEL_ADMIN_TOKEN must be set" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("written", "reason"), CLOSED)
async def test_a_key_is_enough_until_it_is_revoked(
    engine: AsyncEngine, written: dict[str, str], reason: str
) -> None:
    settings = sources.read(written)
    async with engine.begin() as db:
        made = await access.create(db, NewKey(b"d" * 32, frozenset({"events:read"})))
    assert isinstance(made, ApiKey)
    assert await admin_lock.is_closed(settings, engine)

    async with engine.begin() as db:
        await access.revoke(db, made.id)

    with pytest.raises(SettingsError, match="KENNEL_ADMIN_TOKEN"):
        await admin_lock.is_closed(settings, engine)
    assert reason


@pytest.mark.parametrize("written", [written for written, _ in CLOSED])
async def test_a_token_closes_it_too(engine: AsyncEngine, written: dict[str, str]) -> None:
    assert await admin_lock.is_closed(sources.read(written | {"KENNEL_ADMIN_TOKEN": "t" * 16}), engine)


async def test_on_regtest_and_loopback_it_is_open_without_a_token(engine: AsyncEngine) -> None:
    assert not await admin_lock.is_closed(sources.read({}), engine)
    assert await admin_lock.is_closed(sources.read({"KENNEL_ADMIN_TOKEN": "t"}), engine)
