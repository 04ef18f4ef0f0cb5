"""Cursors: what a client was given goes on where it was, in every release."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.api import addresses, assets, cursors, history, transfer_views
from app.domain.accounts import AddressCursor
from app.domain.blocks import DepositCursor
from app.domain.ledger import StatementCursor
from app.domain.transfers import TransferCursor
from tests.unit.api.conftest import TEXTS

DEPOSIT_CURSOR = (
    "MTc5NTIzMzAwMCAxNyAwMDAxMDIwMzA0MDUwNjA3MDgwOTBhMGIwYzBkMGUwZjEw"
    "MTExMjEzMTQxNTE2MTcxODE5MWExYjFjMWQxZTFmIDE"
)
MOMENT = datetime(2026, 11, 21, 3, 50, 0, 17, UTC)


@pytest.mark.parametrize("key", ["17", "2026-11-21T03:50:00Z 17", "ü🐕"])
async def test_an_opaque_cursor_gives_its_key_back(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.get("/after", params={"cursor": TEXTS.write(key)})

    assert answer.text == f"{key}|None"


@pytest.mark.parametrize("cursor", ["!", "a", "%00", "_w", "AA", "x" * 401, "QUFB" * 101, "QQ QQ"])
async def test_a_cursor_that_no_list_gave_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"/after?cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "cursor"


@pytest.mark.parametrize(
    ("of_list", "key", "cursor"),
    [
        (cursors.IDS, 17, "MTc"),
        (assets.CURSORS, "gold_coins", "Z29sZF9jb2lucw"),
        (addresses.ADDRESSES, AddressCursor(0, 17), "MCAxNw"),
        (
            addresses.DEPOSITS,
            DepositCursor(MOMENT, bytes(range(32)), 1),
            DEPOSIT_CURSOR,
        ),
        (history.CURSORS, StatementCursor(MOMENT, "DOGE", 17), "MTc5NTIzMzAwMDAwMDAxNyBET0dFIDE3"),
        (transfer_views.CURSORS, TransferCursor(17), "MTc"),
        (transfer_views.CURSORS, TransferCursor(17, MOMENT), "MTcgMTc5NTIzMzAwMDAwMDAxNw"),
    ],
)
def test_a_cursor_keeps_its_text(of_list: cursors.Cursor[Any], key: object, cursor: str) -> None:
    assert of_list.write(key) == cursor
    assert of_list.read(cursor) == key


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(cursors.ForeignCursor):
        history.CURSORS.read(cursors.IDS.write(17))
