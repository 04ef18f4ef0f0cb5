"""The API of four cells is that of one: described by the same bytes, and answered in the same way on every route."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import APIRoute

from app.api import application
from tests.cells import MakeCells
from tests.scenario import Chain, doge
from tests.unit.api.cells.conftest import COUNT, Town, listening, stock

STRANGER = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
ITEM = {"type": "item", "name": "Treat", "value": "10", "quantity": 1}
LINK = {"amount": "12.5"}
GOLD = {"asset": "gold", "amount": "1"}
WEBHOOK = {"url": "https://127.0.0.1:9/hook"}
ALSO = (
    "POST /invoice/{invoice_id}/payfrom/{foreign_id}?on_chain=true",
    "GET /account/{foreign_id}/history?format=csv",
    "GET /transfers?foreign_id={foreign_id}",
    "GET /events?foreign_id={foreign_id}",
    "GET /escrow?buyer={foreign_id}",
    "GET /escrow?seller={foreign_id}",
    "GET /reports/ledger/rows?account={foreign_id}",
)
OF_THE_NODE = [
    "GET /account/{foreign_id}/invoice/{invoice_id}/connect",
    "GET /invoice/{invoice_id}/connect",
    "GET /dc/{invoice_id}",
    "POST /dc/{invoice_id}/pay",
]
"""They answer 503 where there is no node."""
NAMES = [f"shop-{number}" for number in (0, 1, 3, 5)]
"""One in each of four cells."""
STREAMS = ("/events/stream", "/invoice/{invoice_id}/events")
Answer = tuple[int, str, Any]


@dataclass(frozen=True)
class Caller:
    """Who asks for one account, with another one beside it; whatever a path names is made for each request."""

    town: Town
    name: str
    other: str

    async def make(self, path: str, body: Any) -> str:
        return str((await self.town.post(path, body))["id"])

    async def invoice(self) -> str:
        return await self.make(f"/account/{self.name}/invoice", {"items": [ITEM]})

    async def bill(self) -> str:
        return await self.make(f"/account/{self.other}/invoice", {"items": [ITEM]})

    async def payment(self) -> str:
        return await self.make(f"/account/{self.name}/pay", {"to": STRANGER, "amount": "1"})

    async def hold(self) -> str:
        return await self.make(f"/account/{self.name}/hold", GOLD)

    async def escrow(self) -> str:
        return await self.make("/escrow", self.deal())

    def deal(self) -> dict[str, str]:
        return {"order_id": f"order-{next(NUMBERS)}", "buyer": self.name, "seller": self.other, **GOLD}

    async def disputed(self) -> str:
        return str((await self.town.post(f"/escrow/{await self.escrow()}/dispute"))["id"])

    async def transfer(self) -> str:
        return await self.make("/transfers", {"from": self.name, "to": self.other, **GOLD})

    async def link(self) -> str:
        return await self.make(f"/account/{self.name}/link", LINK)

    async def webhook(self) -> str:
        return await self.make("/webhooks", WEBHOOK)

    async def key(self) -> str:
        return await self.make("/keys", {"scopes": ["ledger:read"]})

    async def address(self) -> str:
        return str((await self.town.post(f"/account/{self.name}/address"))["address"])

    def maker(self, parameter: str, route: str) -> Callable[[], Awaitable[str]]:
        """Return what makes that which a parameter of a route's path names."""
        by_parameter = {
            "foreign_id": self._text(self.other if "/refundtoacc/" in route else self.name),
            "invoice_id": self.bill if "/payfrom/" in route else self.invoice,
            "payment_id": self.payment,
            "webhook_id": self.webhook,
            "delivery_id": self._text("7"),
            "key_id": self.key,
            "link_id": self.link,
            "address": self._text(STRANGER) if "/refundtoaddr/" in route else self.address,
            "name": self._text("page.css"),
            "blockheight": self._text("0"),
        }
        by_route = {
            "/resolve": self.disputed,
            "/hold/": self.hold,
            "/escrow/": self.escrow,
            "/transfers/": self.transfer,
            "/link/": self.link,
        }
        return by_parameter.get(parameter) or next(make for part, make in by_route.items() if part in route)

    def body(self, route: str, path: str) -> Any:
        """Return what a route is sent."""
        named = path.split("/")[2] if path.startswith("/dc/") else ""
        return {
            "POST /account/{foreign_id}/invoice": {"items": [ITEM]},
            "POST /account/{foreign_id}/invoice/": {"items": [ITEM]},
            "POST /account/{foreign_id}/link": LINK,
            "POST /account/{foreign_id}/pay": {"to": STRANGER, "amount": "1"},
            "POST /account/{foreign_id}/paytx": {"to": STRANGER, "amount": "1"},
            "POST /account/{foreign_id}/hold": GOLD,
            "POST /account/{foreign_id}/transact": GOLD | {"type": "TOPUP"},
            "POST /account/{foreign_id}/limits": {},
            "POST /transfers": {"from": self.name, "to": self.other, **GOLD},
            "POST /hold/{id}/capture": {"to": self.other},
            "POST /escrow": self.deal(),
            "POST /escrow/{id}/resolve": {"to_seller": "0.4", "to_buyer": "0.6"},
            "POST /assets": {"code": "gems", "decimals": 0},
            "POST /webhooks": WEBHOOK,
            "PATCH /webhooks/{webhook_id}": {"state": "disabled"},
            "POST /webhooks/{webhook_id}/replay": {"after": 0},
            "POST /keys": {"scopes": ["ledger:read"]},
            "POST /dc/{invoice_id}/status": {"id": named},
            "POST /dc/{invoice_id}/pay": {"id": named, "tx": "00", "relay_token": "none"},
        }.get(route, {})

    @staticmethod
    def _text(text: str) -> Callable[[], Awaitable[str]]:
        async def return_text() -> str:
            return text

        return return_text


NUMBERS = iter(range(10**9))


def routes(town: Town) -> Iterator[tuple[httpx.AsyncClient, str]]:
    """Yield each route of both listeners, with a client of it, and again where a parameter asks for another answer."""
    yield from ((town.admin, route) for route in ALSO)
    for client, build in ((town.admin, application.admin), (town.payer, application.public)):
        for route in build(town.cells, lambda: "id").routes:
            if isinstance(route, APIRoute):
                yield from (
                    (client, f"{method} {route.path_format}") for method in sorted(route.methods or ())
                )


async def ask(client: httpx.AsyncClient, route: str, caller: Caller) -> Answer:
    """Ask a route for what was made for it; return the status, the code of the refusal, and which fields the answer has."""
    method, path = route.split(" ")
    for parameter in re.findall("{([^}]*)}", path):
        path = path.replace(f"{{{parameter}}}", await caller.maker(parameter, route)())
    headers = {"Idempotency-Key": f"walk-{next(NUMBERS)}"}
    if route.endswith(STREAMS):
        async with client.stream(method, path) as stream:
            return stream.status_code, "", await anext(stream.aiter_lines())
    content = "" if method == "GET" else json.dumps(caller.body(route, path))
    answer = await client.request(method, path, content=content, headers=headers)
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return answer.status_code, answer.headers.get("content-type", ""), None
    shown = answer.json()
    fault = shown.get("error") if isinstance(shown, dict) else None
    return answer.status_code, fault["code"] if isinstance(fault, dict) else str(fault), fields(shown)


def fields(value: Any) -> Any:
    """Return the names of all fields, but of those in lists, which are longer or shorter."""
    return {name: fields(each) for name, each in value.items()} if isinstance(value, dict) else None


@asynccontextmanager
async def watching(town: Town) -> AsyncIterator[None]:
    """Have payers who wait be read within the block, as a loop of the program does."""

    async def step() -> None:
        while True:
            for context in town.cells.contexts:
                await context.invoice_watch.step()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(step())
    yield
    task.cancel()


async def pay(town: Town, addresses: list[str]) -> None:
    """Pay 1,000 DOGE to each address in a block that all cells have."""
    for engine in town.database.engines:
        chain = await Chain(engine).start()
        await chain.mine(*((address, doge(1_000)) for address in addresses))
        await chain.deepen(10)


@asynccontextmanager
async def serving(cells: MakeCells, count: int) -> AsyncIterator[Town]:
    """Yield an installation of so many cells, with accounts that have gold and DOGE."""
    database = await cells(count)
    await stock(database, 100)
    async with listening(database) as town, watching(town):
        await town.post("/assets", {"code": "gold", "decimals": 2})
        opened = await town.open(*NAMES, "platform", opening={"gold": "100"})
        await pay(town, [account["id"] for account in opened])
        await town.number()
        yield town


async def descriptions(town: Town) -> list[bytes]:
    return [(await client.get("/openapi.json")).content for client in (town.admin, town.payer)]


async def test_every_route_is_described_and_answers_an_account_of_any_cell_as_with_one_cell(
    cells: MakeCells,
) -> None:
    async with serving(cells, 1) as town:
        described = await descriptions(town)
        caller = Caller(town, NAMES[0], NAMES[1])
        asked = {route: await ask(client, route, caller) for client, route in routes(town)}

    async with serving(cells, COUNT) as town:
        assert await descriptions(town) == described
        for number, (client, route) in enumerate(routes(town)):
            name, other = NAMES[number % COUNT], NAMES[(number + 1) % COUNT]
            assert await ask(client, route, Caller(town, name, other)) == asked[route], (name, route)
        for client, route in routes(town):
            if "{foreign_id}" in route:
                assert await ask(client, route, Caller(town, "platform", NAMES[0])) == asked[route], route
    assert len(asked) > 100
    assert [route for route, answer in asked.items() if answer[0] >= 500] == OF_THE_NODE
