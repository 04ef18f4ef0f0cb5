"""A listener that knows only events: it adds them up, and must come to the accounts' balances."""

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

REPEATED: Final = 20
"""How many events are read once more whenever there are new ones."""

Message = Mapping[str, Any]


class PaymentOutcome(NamedTuple):
    """What a payment's last event says: its account, the amount, whether it came back, and what it cost."""

    account: str
    amount: int
    returned: bool
    cost: int


class Listener:
    """Adds up amounts in the assets' smallest units; it reads every event at least once, and some twice."""

    def __init__(self) -> None:
        self.amounts: Counter[tuple[str, str]] = Counter()
        """By account and asset, everything but payments."""
        self.payments: dict[int, PaymentOutcome] = {}
        self.flows: Counter[tuple[str, str]] = Counter()
        """Deposits and payments as ACC_PAYMENT has them, by account and direction."""
        self.deposits: Counter[str] = Counter()
        self.debts: Counter[str] = Counter()
        self._decimals: dict[str, int] = {}
        self._known: set[str] = set()
        self._position = 0

    async def listen(self, engine: AsyncEngine) -> None:
        """Read the new events, each account's in their order, and some of those before."""
        async with engine.begin() as db:
            while await outbox.sequence(db):
                pass
            self._decimals = {row.code: row.decimals for row in await db.execute(sa.select(assets))}
            later = events.c.position > self._position - REPEATED
            rows = (await db.execute(sa.select(events).where(later).order_by(*events.primary_key))).all()
        self.read(rows)
        self.read(rows[:REPEATED])
        self._position = max((row.position for row in rows), default=self._position)

    def read(self, rows: Iterable[sa.Row[Any]]) -> None:
        """Apply each event once, however often it comes."""
        for row in rows:
            if row.event_id not in self._known:
                self._known.add(row.event_id)
                self._apply(row.type, json.loads(row.message))

    def of(self, account: str, asset: str = DOGE) -> int:
        """What the account has, without unconfirmed deposits."""
        costs = sum(payment.cost for payment in self.payments.values() if payment.account == account)
        return self.amounts[account, asset] - (costs if asset == DOGE else 0)

    def agrees_with_itself(self, account: str) -> bool:
        """Whether the sums of ACC_PAYMENT are those of the events of deposits and payments."""
        requested = sum(
            payment.amount
            for payment in self.payments.values()
            if payment.account == account and not payment.returned
        )
        return (self.flows[account, "in"], self.flows[account, "out"]) == (self.deposits[account], requested)

    # ------------------------------------------------------------ by type

    def _apply(self, event: str, message: Message) -> None:
        for prefix, apply in self._readers.items():
            if event.startswith(prefix):
                apply(self, event, message)

    def _deposit(self, event: str, message: Message) -> None:
        amount = parse(message["amount"]) * (1 if event == "DEPOSIT_CONFIRMED" else -1)
        self.amounts[message["foreign_id"], DOGE] += amount
        self.deposits[message["foreign_id"]] += amount

    def _payment(self, _: str, message: Message) -> None:
        total, returned = parse(message["total"]), parse(message.get("returned", "0"))
        cost = total - returned if message["state"] in (*RETURNED, "CONFIRMED") else 0
        requested = sum(parse(output["amount"]) for output in message["pay_to"])
        self.payments[message["payment_id"]] = PaymentOutcome(
            message["foreign_id"], requested, message["state"] in RETURNED, cost
        )

    def _flow(self, _: str, message: Message) -> None:
        account, direction = message["foreign_id"], message["direction"]
        amount = parse(message["amount"]) * (-1 if message["reversed"] else 1)
        if message["kind"] in ("deposit", "invoice", "payment"):
            self.flows[account, direction] += amount
        else:
            self.amounts[account, DOGE] += amount if direction == "in" else -amount

    def _debt(self, event: str, message: Message) -> None:
        amount = parse(message["amount"]) * (1 if event == "ACC_DEBT_INCURRED" else -1)
        self.amounts[message["foreign_id"], DOGE] += amount
        self.debts[message["foreign_id"]] += amount
        assert self.debts[message["foreign_id"]] == parse(message["owed"]), message

    def _transfer(self, event: str, message: Message) -> None:
        amount = self._amount(message["amount"], message["asset"])
        self.amounts[message["foreign_id"], message["asset"]] += (
            amount if event == "TRANSFER_RECEIVED" else -amount
        )

    def _capture(self, _: str, message: Message) -> None:
        asset = message["hold"]["asset"]
        amount = self._amount(message["amount"], asset)
        self.amounts[message["foreign_id"], asset] += (
            amount if message["foreign_id"] == message["to"] else -amount
        )

    def _escrow(self, event: str, message: Message) -> None:
        escrow, account = message["escrow"], message["foreign_id"]
        parts = {
            name: self._amount(escrow[name], escrow["asset"]) for name in ("amount", "to_buyer", "to_seller")
        }
        if event == "ESCROW_FEE_EARNED":
            self.amounts[account, escrow["asset"]] += self._amount(message["amount"], escrow["asset"])
        elif event not in ("ESCROW_LOCKED", "ESCROW_DISPUTED"):
            gets = parts["to_seller"] if account == escrow["seller"] else parts["to_buyer"] - parts["amount"]
            self.amounts[account, escrow["asset"]] += gets

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
