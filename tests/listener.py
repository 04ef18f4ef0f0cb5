"""Somebody outside who knows nothing but events: adds up what they say, and must come to what accounts have."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import assets, events
from app.domain import outbox
from app.domain.payments import RETURNED
from app.money import DOGE, parse

AGAIN: Final = 20
"""So many events are heard once more, whenever there are new ones."""

Message = Mapping[str, Any]


class Fate(NamedTuple):
    """What the last event of a payment says: whose it is, what was asked for, whether that came back, and what it cost."""

    account: str
    amount: int
    returned: bool
    cost: int


class Listener:
    """Adds up, in an asset's smallest unit; hears every event at least once, and some twice."""

    def __init__(self) -> None:
        self.moved: Counter[tuple[str, str]] = Counter()
        """By account and asset, all that moved but for payments."""
        self.payments: dict[int, Fate] = {}
        self.flows: Counter[tuple[str, str]] = Counter()
        """What ACC_PAYMENT says, by account and direction, of deposits and payments."""
        self.deposits: Counter[str] = Counter()
        self.owed: Counter[str] = Counter()
        self._decimals: dict[str, int] = {}
        self._known: set[str] = set()
        self._position = 0

    async def listen(self, engine: AsyncEngine) -> None:
        """Hear what is new, each account's events in their order; and some of what was heard before."""
        async with engine.begin() as db:
            while await outbox.sequence(db):
                pass
            self._decimals = {row.code: row.decimals for row in await db.execute(sa.select(assets))}
            later = events.c.position > self._position - AGAIN
            rows = (await db.execute(sa.select(events).where(later).order_by(*events.primary_key))).all()
        self.hear(rows)
        self.hear(rows[:AGAIN])
        self._position = max((row.position for row in rows), default=self._position)

    def hear(self, told: Iterable[sa.Row[Any]]) -> None:
        """Take each event once, however often it comes."""
        for row in told:
            if row.event_id not in self._known:
                self._known.add(row.event_id)
                self._take(row.type, json.loads(row.message))

    def of(self, account: str, asset: str = DOGE) -> int:
        """What the account has, but for what is not confirmed yet."""
        costs = sum(fate.cost for fate in self.payments.values() if fate.account == account)
        return self.moved[account, asset] - (costs if asset == DOGE else 0)

    def agrees_with_itself(self, account: str) -> bool:
        """Whether ACC_PAYMENT alone comes to the same as the events of deposits and of payments."""
        asked = sum(
            fate.amount for fate in self.payments.values() if fate.account == account and not fate.returned
        )
        return (self.flows[account, "in"], self.flows[account, "out"]) == (self.deposits[account], asked)

    # ------------------------------------------------------------ how

    def _take(self, event: str, message: Message) -> None:
        for begins, take in self._readers.items():
            if event.startswith(begins):
                take(self, event, message)

    def _deposit(self, event: str, message: Message) -> None:
        amount = parse(message["amount"]) * (1 if event == "DEPOSIT_CONFIRMED" else -1)
        self.moved[message["foreign_id"], DOGE] += amount
        self.deposits[message["foreign_id"]] += amount

    def _payment(self, _: str, message: Message) -> None:
        total, returned = parse(message["total"]), parse(message.get("returned", "0"))
        cost = total - returned if message["state"] in (*RETURNED, "CONFIRMED") else 0
        asked = sum(parse(output["amount"]) for output in message["pay_to"])
        self.payments[message["payment_id"]] = Fate(
            message["foreign_id"], asked, message["state"] in RETURNED, cost
        )

    def _flow(self, _: str, message: Message) -> None:
        account, direction = message["foreign_id"], message["direction"]
        amount = parse(message["amount"]) * (-1 if message["reversed"] else 1)
        if message["kind"] in ("deposit", "invoice", "payment"):
            self.flows[account, direction] += amount
        else:
            self.moved[account, DOGE] += amount if direction == "in" else -amount

    def _debt(self, event: str, message: Message) -> None:
        amount = parse(message["amount"]) * (1 if event == "ACC_DEBT_INCURRED" else -1)
        self.moved[message["foreign_id"], DOGE] += amount
        self.owed[message["foreign_id"]] += amount
        assert self.owed[message["foreign_id"]] == parse(message["owed"]), message

    def _transfer(self, event: str, message: Message) -> None:
        amount = self._amount(message["amount"], message["asset"])
        self.moved[message["foreign_id"], message["asset"]] += (
            amount if event == "TRANSFER_RECEIVED" else -amount
        )

    def _capture(self, _: str, message: Message) -> None:
        asset = message["hold"]["asset"]
        amount = self._amount(message["amount"], asset)
        self.moved[message["foreign_id"], asset] += (
            amount if message["foreign_id"] == message["to"] else -amount
        )

    def _escrow(self, event: str, message: Message) -> None:
        escrow, account = message["escrow"], message["foreign_id"]
        parts = {
            name: self._amount(escrow[name], escrow["asset"]) for name in ("amount", "to_buyer", "to_seller")
        }
        if event == "ESCROW_FEE_EARNED":
            self.moved[account, escrow["asset"]] += self._amount(message["amount"], escrow["asset"])
        elif event not in ("ESCROW_LOCKED", "ESCROW_DISPUTED"):
            gets = parts["to_seller"] if account == escrow["seller"] else parts["to_buyer"] - parts["amount"]
            self.moved[account, escrow["asset"]] += gets

    def _amount(self, shown: str, asset: str) -> int:
        return parse(shown, self._decimals[asset])

    _readers: Final[Mapping[str, Callable[["Listener", str, Message], None]]] = {
        "DEPOSIT_": _deposit,
        "PAYMENT_": _payment,
        "ACC_PAYMENT": _flow,
        "ACC_DEBT_": _debt,
        "TRANSFER_": _transfer,
        "HOLD_CAPTURED": _capture,
        "ESCROW_": _escrow,
    }
