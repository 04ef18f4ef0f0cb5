"""Shops that sell and customers who pay while things die, and what must be true of it afterwards."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

import httpx

from app import money
from tests.end_to_end.program import Node, Program, until, until_equal
from tests.end_to_end.shop import Shop, answered, order

CLIENTS = 4
PAYMENTS_A_BLOCK = 5
PATIENCE_SECONDS = 0.2


@dataclass(slots=True)
class Traffic:
    """Invoices are asked for with a key each; `invoices` has what was answered, by key."""

    program: Program
    shops: list[Shop]
    invoices: dict[str, str] = field(default_factory=dict)
    open: dict[str, Shop] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    replayed: int = 0
    _unpaid: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _numbers: "count[int]" = field(default_factory=count)
    _over: Event = field(default_factory=Event)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Clients and a payer are busy within the block; what is not answered is asked again until the block ends."""
        self._over.clear()
        with ThreadPoolExecutor(CLIENTS + 1) as people:
            futures = [people.submit(self._sell) for _ in range(CLIENTS)] + [people.submit(self._buy)]
            try:
                yield
            finally:
                self._over.set()
        for future in futures:
            future.result()

    def ask_again(self) -> None:
        """Ask once more for what was not answered: it is made now, or was made then."""
        for key, shop in list(self.open.items()):
            until(partial(self._ask, key, shop))

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
            self.open[key] = shop
            while not (self._is_made(key, shop) or self._over.wait(PATIENCE_SECONDS)):
                pass

    def _is_made(self, key: str, shop: Shop) -> bool:
        try:
            return self._ask(key, shop)
        except httpx.TransportError:
            return False

    def _ask(self, key: str, shop: Shop) -> bool:
        headers = {"Idempotency-Key": key}
        response = self.program.admin.post(f"{shop.path}/invoice", json=order(reference=key), headers=headers)
        self.statuses[response.status_code] += 1
        if response.status_code != 200:
            return False
        self.invoices[key] = answered(response)["id"]
        del self.open[key]
        self.replayed += "idempotent-replayed" in response.headers
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
    traffic.program.audit()
    assert_events_are_whole(traffic.program)


NOBODY = ""
"""Events of the installation are counted together in each cell, as if one account had them."""


def assert_events_are_whole(program: Program, cells: int = 1) -> None:
    """The creation of every invoice that there is was told once, and everything under numbers without gaps in each cell."""
    accounts = answered(program.admin.get("/accounts?limit=100"))["items"]
    made = [
        invoice["id"] for account in accounts for invoice in Shop(program, account["foreign_id"]).invoices()
    ]
    until_equal(lambda: _created(program.events(types="INV_CREATED")), sorted(made))
    events = until(program.events)
    assert len({event["event_id"] for event in events}) == len(events)
    for cell, told in enumerate(by_cell(events, cells)):
        positions = [event["position"] for event in told]
        assert positions == [cell + cells * number for number in range(1, len(told) + 1)]
        _assert_counted(told)


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
