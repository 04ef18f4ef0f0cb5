"""Shops that sell and give each other gold, and customers who pay while things die, and what must be true of it afterwards."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, NamedTuple

import httpx

from app import money
from tests.end_to_end.program import Node, Program, until, until_equal
from tests.end_to_end.shop import Shop, answered, order
from tests.faults.conftest import spread

CLIENTS = 4
PAYMENTS_A_BLOCK = 5
PATIENCE_SECONDS = 0.2
GOLD = 1_000_000
GIFTS = "/transfers"
GIFT_SECONDS = 0.05


class Asked(NamedTuple):
    """A request that may be repeated."""

    path: str
    body: dict[str, Any]


@dataclass(slots=True)
class Traffic:
    """Each request has a key of its own. `invoices` has what was answered, by key, and `gifts` what was given.

    Nobody gives where the shops have no gold.
    """

    program: Program
    shops: list[Shop]
    gold: int = 0
    invoices: dict[str, str] = field(default_factory=dict)
    gifts: list[dict[str, str]] = field(default_factory=list)
    open: dict[str, Asked] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    _unpaid: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _numbers: "count[int]" = field(default_factory=count)
    _over: Event = field(default_factory=Event)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Clients and a payer are busy within the block; what is not answered is asked again until the block ends."""
        self._over.clear()
        busy = [*[self._sell] * CLIENTS, self._buy, *([self._give] if self.gold else [])]
        with ThreadPoolExecutor(len(busy)) as people:
            futures = [people.submit(work) for work in busy]
            try:
                yield
            finally:
                self._over.set()
        for future in futures:
            future.result()

    def ask_again(self) -> None:
        """Ask once more for what was not answered: it is made now, or was made then."""
        for key, asked in list(self.open.items()):
            until(partial(self._ask, key, asked))

    def wait_for_sales(self) -> None:
        """Wait until more was sold."""
        before = len(self.invoices)
        until(lambda: len(self.invoices) > before + 20)

    def settle(self) -> None:
        """Let all payments be confirmed."""
        self.program.mine(6)

    def _sell(self) -> None:
        while not self._over.is_set():
            number = next(self._numbers)
            key, shop = f"sale {number}", self.shops[number % len(self.shops)]
            self._insist(key, Asked(f"{shop.path}/invoice", order(reference=key)))

    def _give(self) -> None:
        """Each gives the next a piece of gold in turn; it lies in another cell, where there are several."""
        while not self._over.wait(GIFT_SECONDS):
            number = next(self._numbers)
            giver, taker = (self.shops[nth % len(self.shops)] for nth in (number, number + 1))
            self._insist(f"gift {number}", gift_of(giver, taker))

    def _insist(self, key: str, asked: Asked) -> None:
        """Ask until it is answered, or until all is over."""
        self.open[key] = asked
        while not (self._is_made(key, asked) or self._over.wait(PATIENCE_SECONDS)):
            pass

    def _is_made(self, key: str, asked: Asked) -> bool:
        try:
            return self._ask(key, asked)
        except httpx.TransportError:
            return False

    def _ask(self, key: str, asked: Asked) -> bool:
        headers = {"Idempotency-Key": key}
        response = self.program.admin.post(asked.path, json=asked.body, headers=headers)
        self.statuses[response.status_code] += 1
        if response.status_code != 200:
            return False
        del self.open[key]
        if asked.path == GIFTS:
            self.gifts.append(asked.body)
        else:
            self.invoices[key] = answered(response)["id"]
            self._unpaid.put(self.invoices[key])
        return True

    def _buy(self) -> None:
        for number in count(1):
            try:
                invoice = self._unpaid.get(timeout=PATIENCE_SECONDS)
                self.paid.add(self.program.pay(invoice, f"{number % 7}.5"))
                if number % PAYMENTS_A_BLOCK == 0:
                    self.program.node.mine()
            except (httpx.TransportError, Empty):
                if self._over.is_set():
                    return
            if self._over.is_set():
                return


def gift_of(giver: Shop, taker: Shop) -> Asked:
    """Ask for a piece of gold to be given."""
    return Asked(GIFTS, {"from": giver.foreign_id, "to": taker.foreign_id, "asset": "gold", "amount": "1"})


def gold_of(shop: Shop) -> int:
    balances = answered(shop.program.admin.get(f"{shop.path}/balances"))["items"]
    return sum(int(item["available"]) for item in balances if item["asset"] == "gold")


def among_givers(program: Program) -> Traffic:
    """Return the traffic of shops that have gold, each in another cell where there are several."""
    answered(program.admin.post("/assets", json={"code": "gold", "decimals": 0}))
    shops = [Shop(program, name).open(opening={"gold": GOLD}) for name in spread("shop")]
    return Traffic(program, shops, GOLD)


def assert_nothing_lost_and_nothing_twice(traffic: Traffic) -> None:
    """Hold what was answered, what the chain says, and what the program says against each other."""
    listed = {invoice["id"]: invoice for shop in traffic.shops for invoice in shop.invoices()}
    assert sorted(listed) == sorted(traffic.invoices.values())
    assert {invoice["reference"] for invoice in listed.values()} == set(traffic.invoices)

    received, txids = chain_of(traffic.program.node)
    assert traffic.paid <= txids
    for invoice, shown in listed.items():
        assert money.parse(shown["total_incoming"]) == received[invoice], shown
        assert money.parse(shown["total_confirmed"]) == received[invoice], shown
    for shop in traffic.shops:
        owed = sum(received[invoice["id"]] for invoice in shop.invoices())
        assert shop.balance() == ("0", money.show(owed))
    _assert_gifts(traffic)
    traffic.program.audit()
    assert_events_are_whole(traffic.program)


def _assert_gifts(traffic: Traffic) -> None:
    """Each gift that was answered was made once, and no other was."""
    has = Counter({shop.foreign_id: traffic.gold for shop in traffic.shops})
    has.subtract(gift["from"] for gift in traffic.gifts)
    has.update(gift["to"] for gift in traffic.gifts)
    assert {shop.foreign_id: gold_of(shop) for shop in traffic.shops} == has


NOBODY = ""
"""Events of the installation are counted together in each cell, as if one account had them."""


def assert_events_are_whole(program: Program) -> None:
    """The creation of every invoice that there is was told once, and everything under numbers without gaps in each cell."""
    accounts = answered(program.admin.get("/accounts?limit=100"))["items"]
    made = [
        invoice["id"] for account in accounts for invoice in Shop(program, account["foreign_id"]).invoices()
    ]
    until_equal(lambda: _created(program.events(types="INV_CREATED")), sorted(made))
    events = until(program.events)
    assert_positions(events, program.cells)
    for told in by_cell(events, program.cells):
        _assert_counted(told)


def assert_positions(events: list[dict[str, Any]], cells: int) -> None:
    """Each event has an id of its own, and those of each cell have positions without gaps."""
    assert len({event["event_id"] for event in events}) == len(events)
    for cell, told in enumerate(by_cell(events, cells)):
        positions = [event["position"] for event in told]
        assert positions == [cell + cells * number for number in range(1, len(told) + 1)]


def by_cell(events: Iterable[dict[str, Any]], cells: int) -> list[list[dict[str, Any]]]:
    """The events of each cell, in their order."""
    told: list[list[dict[str, Any]]] = [[] for _ in range(cells)]
    for event in events:
        told[event["position"] % cells].append(event)
    return told


def _assert_counted(events: list[dict[str, Any]]) -> None:
    """Each account's events have numbers without gaps."""
    last: Counter[str] = Counter()
    for event in events:
        account = event["message"].get("foreign_id") or event["message"].get("account", NOBODY)
        account = account if event["event_type"] != "INV_CREATED" else _owner(events, account)
        last[account] += 1
        assert event["sequence"] == last[account], event


def _owner(events: list[dict[str, Any]], account: str) -> str:
    """The foreign_id of the account with this id on the wire."""
    opened = (event["message"] for event in events if event["event_type"] == "ACC_CREATED")
    return next(str(message["foreign_id"]) for message in opened if message["id"] == account)


def _created(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["message"]["id"] for event in events)


def chain_of(node: Node) -> tuple[Counter[str], set[str]]:
    """What every address received in the node's best chain, in koinu, and the transactions that are in it."""
    received: Counter[str] = Counter()
    txids = set()
    for height in range(1, node.height + 1):
        for transaction in node("getblock", node("getblockhash", height), 2)["tx"]:
            txids.add(transaction["txid"])
            for output in transaction["vout"]:
                for address in output["scriptPubKey"].get("addresses", []):
                    received[address] += money.parse(output["value"])
    return received, txids
