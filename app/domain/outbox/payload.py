"""Payloads that several nouns share: names and fields of events, as GigaWallet and docs/api.md have them."""

from typing import Any, Final, NamedTuple

import orjson

from app.db.tables import NOBODY
from app.domain.ledger import Balance
from app.domain.outbox.writing import OutboxEvent
from app.domain.owner import Owner
from app.money import Koinu, show

TXID_CHANGED: Final = "PAYMENT_TXID_CHANGED"


class Flow(NamedTuple):
    """Money that comes to an account (`in`) or goes from it (`out`), as ACC_PAYMENT shows it."""

    direction: str
    kind: str
    reference: str
    amount: Koinu
    txid: str = ""


def balance_change(owner: Owner, balance: "Balance") -> OutboxEvent:
    """ACC_BALANCE_CHANGE: the three sums that GigaWallet knows, after the change."""
    message = {
        "current_balance": show(balance.available),
        "incoming_balance": show(balance.incoming),
        "outgoing_balance": show(balance.outgoing),
    }
    return of_account(owner, "ACC_BALANCE_CHANGE", message)


def account_payment(owner: Owner, flow: Flow, *, back: bool = False) -> OutboxEvent:
    """ACC_PAYMENT; `back` takes back one that was emitted before."""
    message = {
        "direction": flow.direction,
        "kind": flow.kind,
        "reference": flow.reference,
        "amount": show(flow.amount),
        "fee": "0",
        "txid": flow.txid,
        "reversed": back,
    }
    return of_account(owner, "ACC_PAYMENT", message)


def of_account(owner: Owner, event: str, message: dict[str, Any]) -> OutboxEvent:
    """Return an event whose message begins with its account."""
    of_owner = {"account_id": owner.address, "foreign_id": owner.foreign_id}
    return OutboxEvent(owner.id, owner.foreign_id, event, json_text(of_owner | message))


def of_nobody(event: str, message: dict[str, Any]) -> OutboxEvent:
    """Return an event of the installation, which is about no account."""
    return OutboxEvent(NOBODY, "", event, json_text(message))


def json_text(message: dict[str, Any]) -> str:
    """Return the message as JSON text; an `orjson.Fragment` in it stays as it is."""
    return orjson.dumps(message).decode()
