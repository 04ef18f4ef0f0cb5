"""Two programs move the same money at once, also between four cells: nothing is lost, nothing done twice."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.end_to_end.program import Program, until_equal
from tests.end_to_end.shop import Shop, answered
from tests.faults.conftest import ALSO_DIVIDED, schemas

pytestmark = ALSO_DIVIDED
CLIENTS: Final = 200
TURNS: Final = 4
PEOPLE: Final = [f"ring {n}" for n in range(40)]
OPENINGS: Final = 1_000
HOT: Final = "hot"
EACH: Final = 3
"""What each begins with is less than is asked of it: many are refused."""
HOLDS: Final = 20
KEEPER: Final = "keeper"
BEGIN: Final = {**dict.fromkeys(PEOPLE, EACH), HOT: CLIENTS, KEEPER: HOLDS}
PATIENCE_SECONDS: Final = 60


@dataclass(slots=True)
class Till:
    """Asks one of two programs, and counts what is answered."""

    bases: list[httpx.URL]
    clients: list[httpx.AsyncClient]
    """One for each of many: a pool of many connections would take longer than the programs do."""
    statuses: Counter[int] = field(default_factory=Counter)
    moved: dict[int, Any] = field(default_factory=dict)
    """The transfers that were made, by id."""
    fresh: int = 0
    """How often one was made just now."""

    async def ask(self, which: int, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        """A request that had to wait too long for its twin is sent again, as clients do."""
        while True:
            answer = await self.post(which, path, body, {"Idempotency-Key": key})
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200 or answer.json()["error"]["code"] != "conflict" or "hold" in path:
                return answer

    async def post(
        self, which: int, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        client, url = self.clients[which % len(self.clients)], self.bases[which % 2].join(path)
        return await client.post(url, json=body, headers=headers)

    async def transfer(self, which: int, body: dict[str, Any], key: str) -> None:
        answer = await self.ask(which, "/transfers", body, key)
        if answer.status_code == 200:
            self.fresh += "idempotent-replayed" not in answer.headers
            made = answer.json()
            assert self.moved.setdefault(made["id"], made) == made
        else:
            assert answer.json()["error"]["code"] == "insufficient-funds", answer.text


@pytest.fixture
async def harness(programs: list[Program]) -> AsyncIterator[Till]:
    context = ssl.create_default_context()
    clients = [httpx.AsyncClient(timeout=PATIENCE_SECONDS, verify=context) for _ in range(CLIENTS)]
    yield Till([program.admin.base_url for program in programs], clients)
    for client in clients:
        await client.aclose()


def _open(program: Program) -> None:
    """Make an asset, and open everybody with some of it."""
    answered(program.admin.post("/assets", json={"code": "coins", "name": "Coins", "decimals": 0}))
    for name, amount in BEGIN.items():
        Shop(program, name).open(opening={"coins": amount})


async def _client(harness: Till, number: int) -> None:
    """Pay round the ring and from the hot account in turn; every second time the request reaches both programs at once."""
    for batch in range(TURNS):
        at = (number + batch) % len(PEOPLE)
        body = {
            "from": HOT if batch % 2 else PEOPLE[at],
            "to": PEOPLE[(at + 1) % len(PEOPLE)],
            "asset": "coins",
            "amount": 1 + batch // 2,
        }
        key = f"transfer {number} {batch}"
        twice = (number + batch) % 2
        await asyncio.gather(*(harness.transfer(number + n, body, key) for n in range(1 + twice)))


async def _hold(harness: Till, number: int) -> dict[str, Any]:
    """Hold a coin, then release it at one program and capture it at the other, each request twice."""
    body = {"asset": "coins", "amount": 1}
    hold = answered(await harness.ask(number, f"/account/{KEEPER}/hold", body, f"hold {number}"))
    asked = [("release", {}), ("capture", {"to": PEOPLE[number]})]
    answers = await asyncio.gather(
        *(
            harness.ask(number + n, f"/hold/{hold['id']}/{verb}", body, f"{verb} {number}")
            for n, (verb, body) in enumerate(asked * 2)
        )
    )
    ended = {answer.json()["state"] for answer in answers if answer.status_code == 200}
    assert len(ended) == 1, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} == {200, 409}
    return {"state": ended.pop(), "to": PEOPLE[number]}


async def test_two_hundred_clients_of_two_programs_move_money_once_and_lose_none(
    programs: list[Program], harness: Till, module_database: str
) -> None:
    _open(programs[0])

    holding = asyncio.gather(*(_hold(harness, number) for number in range(HOLDS)))
    await asyncio.gather(*(_client(harness, number) for number in range(CLIENTS)))
    holds = await holding

    assert set(harness.statuses) == {200, 409}, harness.statuses
    assert harness.fresh == len(harness.moved)
    expected = Counter(BEGIN)
    for giver, taker, amount in chain(_transfers(harness), _captures(holds)):
        expected[giver] -= amount
        expected[taker] += amount
    for program in programs:
        assert {name: _balance(program, name) for name in expected} == expected
    assert min(expected.values()) >= 0
    assert sum(expected.values()) == sum(BEGIN.values())
    until_equal(lambda: _told(programs[0]), sorted(harness.moved))
    assert programs[1].audit()["ok"]
    assert await _deadlocks(module_database) == 0


async def test_one_name_opened_a_thousand_times_at_once_is_one_account(
    programs: list[Program], harness: Till, cell_count: int, module_database: str
) -> None:
    Shop(programs[0], "before").open()  # keys are ready

    async def open_it(which: int) -> Any:
        return answered(await harness.post(which, "/account/wanted", {"payout_threshold": "1"}))

    opened = await asyncio.gather(*(open_it(number) for number in range(OPENINGS)))

    assert len({account["id"] for account in opened}) == 1
    for program in programs:
        listed = answered(program.admin.get("/accounts?limit=100"))["items"]
        assert [account["foreign_id"] for account in listed].count("wanted") == 1
    until_equal(lambda: len(programs[0].events(types="ACC_CREATED", foreign_id="wanted")), 1)
    assert await _named(module_database, cell_count, "wanted") == 1
    assert programs[1].audit()["ok"]


def _transfers(harness: Till) -> Iterator[tuple[str, str, int]]:
    return ((one["from"], one["to"], int(one["amount"])) for one in harness.moved.values())


def _captures(holds: list[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    return ((KEEPER, hold["to"], 1) for hold in holds if hold["state"] == "CAPTURED")


def _balance(program: Program, name: str) -> int:
    items = answered(program.admin.get(f"/account/{name}/balances"))["items"]
    [found] = [item for item in items if item["asset"] == "coins"]
    assert found["available"] == found["total"]
    return int(found["available"])


def _told(program: Program) -> list[int]:
    """The transfers of which the payers were told."""
    return sorted(event["message"]["transfer"] for event in program.events(types="TRANSFER_SENT"))


async def _named(database: str, cells: int, name: str) -> int:
    """How many accounts have the name, in all cells."""
    engine = create_async_engine(database)
    async with engine.connect() as db:
        counted = f"SELECT count(*) FROM {{}}.accounts WHERE foreign_id = '{name}'"
        found = [await db.scalar(sa.text(counted.format(schema))) for schema in schemas(cells)]
    await engine.dispose()
    return sum(found)


async def _deadlocks(database: str) -> int:
    engine = create_async_engine(database)
    async with engine.connect() as db:
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        found = await db.scalar(sa.text(asked))
    await engine.dispose()
    return int(found or 0)
