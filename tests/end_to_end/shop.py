"""What a merchant does with one account, by HTTP only."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.end_to_end.program import Program, until_equal

PAID = ["INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED"]
SIGHTINGS = ("INV_PAYMENT_SEEN", "INV_PAYMENT_DROPPED", "DEPOSIT_SEEN", "DEPOSIT_DROPPED")


def order(value: str = "10", **terms: Any) -> dict[str, Any]:
    """One item of this value."""
    return {"items": [{"type": "item", "name": "Treat", "value": value, "quantity": 1}], **terms}


def answered(response: httpx.Response) -> Any:
    """What a request that must succeed answered."""
    assert response.status_code == 200, response.text
    return response.json()


@dataclass(frozen=True, slots=True)
class Shop:
    """One account of a program."""

    program: Program
    foreign_id: str

    @property
    def path(self) -> str:
        return f"/account/{self.foreign_id}"

    def open(self, **fields: Any) -> "Shop":
        """Open or change it; a program that has just begun asks for patience until its first keys are ready."""
        while (response := self.program.admin.post(self.path, json=fields)).status_code == 503:
            time.sleep(int(response.headers["retry-after"]))
        answered(response)
        return self

    def invoice(self, value: str = "10", **terms: Any) -> dict[str, Any]:
        made: dict[str, Any] = answered(
            self.program.admin.post(f"{self.path}/invoice", json=order(value, **terms))
        )
        return made

    def shown(self, invoice: str) -> dict[str, Any]:
        found: dict[str, Any] = answered(self.program.admin.get(f"{self.path}/invoice/{invoice}"))
        return found

    def flags(self, invoice: str) -> dict[str, Any]:
        """What is told of an invoice's payment: only the flags that are up, and the sums."""
        found = self.shown(invoice)
        flags = (
            "part_payment_detected",
            "total_payment_detected",
            "total_payment_confirmed",
            "payment_unconfirmed",
        )
        up = [flag for flag in flags if found[flag]]
        return {"up": up, "incoming": found["total_incoming"], "confirmed": found["total_confirmed"]}

    def balance(self) -> tuple[str, str]:
        """What is coming in, and what can be spent; nothing goes out."""
        found = answered(self.program.admin.get(f"{self.path}/balance"))
        assert found["OutgoingBalance"] == "0"
        return found["IncomingBalance"], found["CurrentBalance"]

    def invoices(self) -> list[dict[str, Any]]:
        """All of them, page by page."""
        found: list[dict[str, Any]] = []
        cursor = 0
        while True:
            page = answered(self.program.admin.get(f"{self.path}/invoices?limit=100&cursor={cursor}"))
            found += page["items"]
            cursor = page["cursor"]
            if cursor == 0:
                return found

    def told(self, types: str = "INV") -> list[str]:
        """The types of the account's events, in order, without those of the mempool.

        Whether a payment is seen before its block depends on which of the two comes first.
        """
        events = self.program.events(foreign_id=self.foreign_id, types=types)
        return [event["event_type"] for event in events if event["event_type"] not in SIGHTINGS]

    def hears(self, expected: list[str], types: str = "INV") -> None:
        """Wait until exactly these events were told of the account, since it was opened."""
        until_equal(lambda: self.told(types), expected)

    def message(self, event_type: str) -> dict[str, Any]:
        """What the last event of this type said."""
        found: dict[str, Any] = self.program.events(foreign_id=self.foreign_id, types=event_type)[-1][
            "message"
        ]
        return found
