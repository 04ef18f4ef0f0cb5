import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import keys
from app.cli.command import CannotBeDone
from app.domain.access import NewKey, Reach

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("", None),
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_end_of_a_key_is_a_time_or_how_long_it_lasts(text: str, ends: datetime | None) -> None:
    assert keys.expiry(text, NOW) == ends


@pytest.mark.parametrize("text", ["soon", "0d", "90", "2030-01-01", "2030-01-01T00:00:00", "99999999d"])
def test_an_end_without_its_zone_or_unit_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(CannotBeDone, match="neither like 90d or 12h") as raised:
        keys.expiry(text, NOW)

    assert "\n" not in str(raised.value)


async def test_a_key_is_listed_with_what_it_opens_until_it_is_revoked_and_never_with_its_hash(
    engine: AsyncEngine,
) -> None:
    scopes = frozenset({"invoices:read", "invoices:write"})
    made = await keys.make(engine, NewKey(b"d" * 32, scopes, Reach(prefix="tenant-7."), "the shop"))

    ended = await keys.end(engine, made.id)
    with pytest.raises(CannotBeDone, match="There is no key 999"):
        await keys.end(engine, 999)
    written = io.StringIO()
    Console(file=written, width=120).print(keys.table(await keys.listed(engine)))

    assert ended.startswith(f"Key {made.id} is revoked.")
    for text in ("invoices:read", "invoices:write", "tenant-7.*", "revoked", "the shop", "never"):
        assert text in written.getvalue()
    assert "dddd" not in written.getvalue()


async def test_a_key_that_would_have_ended_already_is_not_made(engine: AsyncEngine) -> None:
    new = NewKey(b"d" * 32, frozenset({"admin"}), expires=NOW - timedelta(days=9_000))

    with pytest.raises(CannotBeDone, match="expires must be later than now"):
        await keys.make(engine, new)

    assert await keys.listed(engine) == []
