"""The events of all cells are one list and one stream, which lose none of any cell."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.api.cells.conftest import COUNT, Town

Heard = tuple[str, dict[str, Any]]


@asynccontextmanager
async def listening(town: Town, query: str = "", last: str = "") -> AsyncIterator[AsyncIterator[Heard]]:
    headers = {"Last-Event-ID": last} if last else {}
    async with town.admin.stream("GET", f"/events/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith("id: "):
            pass
        yield _events(lines)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Heard]:
    cursor = ""
    async for line in lines:
        if line.startswith("id: "):
            cursor = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield cursor, json.loads(line.removeprefix("data: "))


async def heard(events: AsyncIterator[Heard], count: int) -> list[Heard]:
    return [await anext(events) for _ in range(count)]


def names_of(items: list[dict[str, Any]]) -> list[str]:
    return [item["message"]["foreign_id"] for item in items]


async def read(town: Town, path: str, limit: int, cursor: str = "") -> tuple[list[dict[str, Any]], str]:
    """Read the list to its end; return the events, and the cursor behind them."""
    listed: list[dict[str, Any]] = []
    while True:
        page = await town.get(f"{path}{'&' if '?' in path else '?'}limit={limit}&cursor={cursor}")
        cursor = page["cursor"]
        if not page["items"]:
            return listed, cursor
        listed += page["items"]


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_events_of_all_cells_are_listed_by_time(town: Town, limit: int) -> None:
    first = [*town.names("a"), *town.names("b")]
    await town.open(*first)
    await town.number()

    listed, cursor = await read(town, "/events?types=ACC_CREATED", limit)
    later = town.names("c")[:2]
    await town.open(*later)
    await town.number()
    after, _ = await read(town, "/events?types=ACC_CREATED", limit, cursor)

    assert names_of(listed) == first
    assert names_of(after) == later
    assert len({event["position"] for event in listed}) == len(listed)


async def test_the_events_of_an_account_have_their_own_cursor(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    for name in ("x", "y", "z"):
        await town.open(*names, name=name)
    await town.number()

    for path in (f"/account/{names[2]}/events", f"/events?foreign_id={names[2]}"):
        listed, cursor = await read(town, path, 3)
        assert [event["sequence"] for event in listed] == [1, 2, 3, 4]
        assert {event["position"] % COUNT for event in listed} == {2}
        assert cursor == str(listed[-1]["position"])
    assert (await town.admin.get("/account/nobody/events")).status_code == 404


@pytest.mark.parametrize(
    "cursor", ["8", "1_2", "0_0_0_0_0", "0_0_0_", "_0_0_0", "0_0_0_x", "0_0_0_999999", "999999_0_0_0"]
)
@pytest.mark.parametrize("path", ["/events", "/events/stream"])
async def test_a_cursor_that_is_not_of_all_cells_is_refused(town: Town, path: str, cursor: str) -> None:
    refused = await town.admin.get(f"{path}?cursor={cursor}")

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "cursor")


async def test_a_stream_tells_the_events_of_all_cells_and_goes_on_where_it_was(town: Town) -> None:
    before, during, after = (town.names(stem) for stem in ("a", "b", "c"))
    await town.open(*before)
    await town.number()

    async with listening(town, "?types=ACC_CREATED") as events:
        for name in during:
            await town.open(name)
            await town.number()
        told = await heard(events, len(during))
    await town.open(*after)
    await town.number()
    async with listening(town, "?types=ACC_CREATED", told[1][0]) as events:
        rest = await heard(events, len(during) - 2 + len(after))

    assert names_of([event for _, event in told]) == during
    assert names_of([event for _, event in rest]) == [*during[2:], *after]


async def test_a_stream_from_the_beginning_misses_nothing(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    for number in range(30):
        await town.open(names[0], name=f"n{number}")
    await town.number()

    async with listening(town, "?cursor=0") as events:
        told = await heard(events, 34)

    by_account: dict[str, list[int]] = {}
    for _, event in told:
        by_account.setdefault(event["message"]["foreign_id"], []).append(event["sequence"])
    assert by_account == {name: [1] for name in names[1:]} | {names[0]: [*range(1, 32)]}


async def test_a_stream_of_an_account_tells_its_own(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    await town.number()

    async with listening(town, f"?foreign_id={names[1]}") as events:
        await town.open(names[0], names[1], name="new")
        await town.number()
        [(cursor, event)] = await heard(events, 1)

    assert (event["message"]["foreign_id"], cursor) == (names[1], str(event["position"]))


async def test_a_position_in_a_cursor_of_now_finds_an_event_that_came_without_its_message(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    await town.number()
    listed, cursor = await read(town, "/events", 100)

    for event in listed:
        positions = cursor.split("_")
        positions[event["position"] % COUNT] = str(event["position"] - 1)
        page = await town.get(f"/events?limit=1&cursor={'_'.join(positions)}")

        assert page["items"] == [event]
