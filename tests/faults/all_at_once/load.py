"""32 clients who sell, transfer and pay through any instance, and customers who pay them, while things die."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple

import httpx

from tests.end_to_end.program import Node, NodeError, until
from tests.end_to_end.shop import Shop, answered, order
from tests.faults.all_at_once.installation import ANSWER_SECONDS, Installation, Instance

CLIENTS: Final = 32
SHOPS: Final = [f"shop-{number}" for number in (0, 1, 3, 5)]
PLAYERS: Final = [f"player-{number}" for number in (0, 1, 3, 4, 14, 17)]
PAYERS: Final = [f"payer-{number}" for number in (0, 3, 4, 8)]
"""In an installation of four cells some of each kind lie in each cell."""
PAYEES: Final = 150
GOLD: Final = 1_000_000
COINS: Final = 5
"""Of each payer."""
PAUSE_SECONDS: Final = 0.3
"""A client rests up to so long: the machine has to do all the rest as well."""
ASK_SECONDS: Final = 120
AGAIN: Final = {409, 503}
"""What asks for another try: with 409 the same request is still running."""


class Order(NamedTuple):
    """A request that may be repeated: its key, path and body."""

    key: str
    path: str
    body: dict[str, Any]


@dataclass(slots=True)
class Load:
    """`done` has what was answered, by keys; `open` what was asked for and not answered.

    `refused` has what was answered otherwise, by the ids of the requests.
    """

    installation: Installation
    seed: int
    done: dict[str, tuple[Order, Any]] = field(default_factory=dict)
    open: dict[str, Order] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    blocks: int = 0
    _payees: list[str] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _over: threading.Event = field(default_factory=threading.Event)

    def prepare(self) -> None:
        """Open accounts that have gold, and some that have coins."""
        first, node = self.installation.instances[0], self.installation.node.node
        answered(first.admin.post("/assets", json={"code": "gold", "decimals": 0}))
        for name in (*SHOPS, *PLAYERS, *PAYERS):
            Shop(first, name).open()
        for name in PLAYERS:
            gold = {"asset": "gold", "amount": str(GOLD), "type": "TOPUP"}
            answered(
                first.admin.post(f"/account/{name}/transact", json=gold, headers={"Idempotency-Key": name})
            )
        for shop in [Shop(first, name) for name in PAYERS for _ in range(COINS)]:
            first.pay(shop.invoice("100", required_confirmations=1)["id"], "100")
        first.mine()
        self._payees = [node("getnewaddress") for _ in range(PAYEES)]

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Everyone is busy within the block."""
        with ThreadPoolExecutor(CLIENTS + 1) as people:
            busy = [people.submit(self._work, number) for number in range(CLIENTS)]
            busy.append(people.submit(self._live))
            try:
                yield
            finally:
                self._over.set()
        for person in busy:
            person.result()

    def ask_again(self) -> None:
        """Ask for what was not answered until it is."""
        for asked in self.open.copy().values():
            until(partial(self._ask, self.installation.instances[0].admin, asked), ASK_SECONDS)

    def of(self, word: str) -> dict[str, tuple[Order, Any]]:
        """What was answered of a kind, by keys."""
        return {key: done for key, done in self.done.copy().items() if key.startswith(word)}

    def _work(self, number: int) -> None:
        """Ask for one thing after the other, each until it is answered, whoever answers."""
        chance = random.Random(f"{self.seed} client {number}")
        clients = [_client(instance) for instance in self.installation.instances]
        while not self._over.is_set():
            asked = self._next(chance)
            self.open[asked.key] = asked
            while not self._over.is_set() and not self._try(chance.choice(clients), asked):
                time.sleep(chance.uniform(0.05, PAUSE_SECONDS))
            time.sleep(chance.uniform(0, PAUSE_SECONDS))  # what the load is, is the test's input
        for client in clients:
            client.close()

    def _next(self, chance: random.Random) -> Order:
        number = next(self._numbers)
        if chance.random() < 0.1 and self._payees:
            with suppress(IndexError):
                body = {"to": self._payees.pop(), "amount": "1.5", "reference": f"pay {number}"}
                return Order(f"pay {number}", f"/account/{chance.choice(PAYERS)}/pay", body)
        if chance.random() < 0.5:
            key, shop = f"sale {number}", chance.choice(SHOPS)
            return Order(key, f"/account/{shop}/invoice", order(reference=key, required_confirmations=1))
        key, (payer, payee) = f"move {number}", chance.sample(PLAYERS, 2)
        body = {"from": payer, "to": payee, "asset": "gold", "amount": "1", "reference": key}
        return Order(key, "/transfers", body)

    def _try(self, client: httpx.Client, asked: Order) -> bool:
        try:
            return self._ask(client, asked)
        except httpx.TransportError:
            self.statuses[0] += 1
            return False

    def _ask(self, client: httpx.Client, asked: Order) -> bool:
        response = client.post(asked.path, json=asked.body, headers={"Idempotency-Key": asked.key})
        self.statuses[response.status_code] += 1
        if response.status_code in AGAIN:
            return False
        if response.status_code == 200:
            self.done[asked.key] = asked, response.json()
        else:
            request = response.headers.get("x-request-id", "")
            self.refused[request] = f"{asked.key}: {response.status_code} {response.text}"
        self.open.pop(asked.key, None)
        return True

    def _live(self) -> None:
        """Customers pay, blocks come, and now and then others take their place."""
        chance = random.Random(f"{self.seed} chain")
        with _node(self.installation) as node:
            while not self._over.is_set():
                with suppress(httpx.TransportError, NodeError):
                    self._happens(node, chance)
                time.sleep(chance.uniform(0.1, 0.6))  # when blocks come is the test's input

    def _happens(self, node: Node, chance: random.Random) -> None:
        act = chance.random()
        sales = list(self.of("sale").values())
        if act < 0.6 and sales:
            node("sendtoaddress", chance.choice(sales)[1]["id"], chance.choice(["10", "2.5", "0.75"]))
        elif act < 0.95:
            node.mine()
            self.blocks += 1
        else:
            node("invalidateblock", node("getbestblockhash"))
            node.mine(2)


def _client(instance: Instance) -> httpx.Client:
    return httpx.Client(base_url=instance.admin.base_url, timeout=ANSWER_SECONDS)


@contextmanager
def _node(installation: Installation) -> Iterator[Node]:
    node = Node(installation.node.port, ANSWER_SECONDS)
    try:
        yield node
    finally:
        node.close()
