"""What each route of the merchant's API asks of its caller: one page, and no route without a line."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from app.domain.access import ADMIN


class Accounts(Enum):
    """How a route keeps a key of some accounts to those."""

    IN_PATH = "the path names the account"
    BY_ENDPOINT = "the endpoint looks whose it is, or shows only theirs"
    NONE = "it concerns no account"
    ALL = "it concerns all accounts: such a key is refused"


@dataclass(frozen=True, slots=True)
class Rule:
    """The scopes of which a caller must have one, and how accounts beyond its reach are kept from it.

    Of several scopes the endpoint looks which one a request needs.
    """

    scopes: tuple[str, ...]
    accounts: Accounts


_CLOSED: Final = Rule((ADMIN,), Accounts.ALL)
"""What a route without a line asks."""


def _routes(scopes: str, accounts: Accounts, *routes: str) -> Iterator[tuple[str, Rule]]:
    """Give the routes a rule; `scopes` has a blank between two."""
    return ((route, Rule(tuple(scopes.split()), accounts)) for route in routes)


_IN_PATH, _BY_ENDPOINT, _NONE, _ALL = Accounts.IN_PATH, Accounts.BY_ENDPOINT, Accounts.NONE, Accounts.ALL
RULES: Final[Mapping[str, Rule]] = dict(
    [
        *_routes(
            "accounts:read",
            _IN_PATH,
            "GET /account/{foreign_id}",
            "GET /account/{foreign_id}/balance",
            "GET /account/{foreign_id}/balances",
            "GET /account/{foreign_id}/addresses",
            "GET /account/{foreign_id}/deposits",
        ),
        *_routes("accounts:read", _BY_ENDPOINT, "GET /accounts"),
        *_routes(
            "accounts:write",
            _IN_PATH,
            "POST /account/{foreign_id}",
            "POST /account/{foreign_id}/close",
            "POST /account/{foreign_id}/address",
        ),
        *_routes(
            "invoices:read",
            _IN_PATH,
            "GET /account/{foreign_id}/invoices",
            "GET /account/{foreign_id}/links",
            "GET /account/{foreign_id}/invoice/{invoice_id}",
            "GET /account/{foreign_id}/invoice/{invoice_id}/connect",
        ),
        *_routes(
            "invoices:write",
            _IN_PATH,
            "POST /account/{foreign_id}/invoice",
            "POST /account/{foreign_id}/invoice/",
            "POST /account/{foreign_id}/invoice/{invoice_id}/cancel",
            "POST /account/{foreign_id}/invoice/{invoice_id}/renew",
            "POST /account/{foreign_id}/link",
        ),
        *_routes("invoices:write", _BY_ENDPOINT, "POST /link/{id}/close"),
        *_routes(
            "payments:read",
            _IN_PATH,
            "GET /account/{foreign_id}/payments",
            "GET /account/{foreign_id}/payment/{payment_id}",
            "GET /account/{foreign_id}/limits",
        ),
        *_routes("payments:read", _NONE, "POST /decode-txn"),
        *_routes(
            "payments:write",
            _IN_PATH,
            "POST /account/{foreign_id}/pay",
            "POST /account/{foreign_id}/paytx",
            "POST /account/{foreign_id}/payment/{payment_id}/void",
        ),
        *_routes(
            "ledger:write payments:write", _BY_ENDPOINT, "POST /invoice/{invoice_id}/payfrom/{foreign_id}"
        ),
        *_routes(
            "payments:approve",
            _IN_PATH,
            "POST /account/{foreign_id}/payment/{payment_id}/approve",
            "POST /account/{foreign_id}/payment/{payment_id}/reject",
        ),
        *_routes(
            "payments:write",
            _BY_ENDPOINT,
            "POST /invoice/{invoice_id}/refundtoaddr/{address}",
            "POST /invoice/{invoice_id}/refundtoaddr",
        ),
        *_routes(
            "ledger:read",
            _IN_PATH,
            "GET /account/{foreign_id}/history",
            "GET /account/{foreign_id}/transfers",
            "GET /account/{foreign_id}/holds",
        ),
        *_routes(
            "ledger:read",
            _BY_ENDPOINT,
            "GET /transfers",
            "GET /transfers/{id}",
            "GET /hold/{id}",
            "GET /escrow",
            "GET /escrow/{id}",
        ),
        *_routes("ledger:read", _NONE, "GET /assets", "GET /rates"),
        *_routes("ledger:write", _IN_PATH, "POST /account/{foreign_id}/hold"),
        *_routes(
            "ledger:write",
            _BY_ENDPOINT,
            "POST /transfers",
            "POST /transfers/{id}/reverse",
            "POST /hold/{id}/release",
            "POST /hold/{id}/capture",
            "POST /escrow",
            "POST /escrow/{id}/release",
            "POST /escrow/{id}/refund",
            "POST /escrow/{id}/dispute",
            "POST /escrow/{id}/resolve",
            "POST /invoice/{invoice_id}/refundtoacc/{foreign_id}",
        ),
        *_routes("ledger:issue", _IN_PATH, "POST /account/{foreign_id}/transact"),
        *_routes("ledger:issue", _ALL, "POST /assets"),
        *_routes("events:read", _IN_PATH, "GET /account/{foreign_id}/events"),
        *_routes("events:read", _BY_ENDPOINT, "GET /events", "GET /events/stream"),
        *_routes(
            "webhooks:read",
            _BY_ENDPOINT,
            "GET /webhooks",
            "GET /webhooks/{webhook_id}",
            "GET /webhooks/{webhook_id}/deliveries",
        ),
        *_routes(
            "webhooks:write",
            _BY_ENDPOINT,
            "POST /webhooks",
            "PATCH /webhooks/{webhook_id}",
            "DELETE /webhooks/{webhook_id}",
            "POST /webhooks/{webhook_id}/rotate",
            "POST /webhooks/{webhook_id}/test",
            "POST /webhooks/{webhook_id}/replay",
            "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
        ),
        *_routes(
            "reports:read",
            _BY_ENDPOINT,
            "GET /reports/invoices",
            "GET /reports/invoices/rows",
            "GET /reports/payments",
            "GET /reports/payments/rows",
            "GET /reports/ledger",
            "GET /reports/ledger/rows",
            "GET /reports/fees",
            "GET /reports/fees/rows",
            "GET /reports/balances",
            "GET /reports/balances/rows",
        ),
        *_routes("operations:read", _ALL, "GET /audit", "GET /balances/system", "GET /ready", "GET /metrics"),
        *_routes(
            ADMIN,
            _ALL,
            "POST /admin/setsyncheight/{blockheight}",
            "POST /admin/cold/return",
            "POST /account/{foreign_id}/limits",
            "GET /audit/log",
            "GET /keys",
            "POST /keys",
            "GET /keys/{key_id}",
            "DELETE /keys/{key_id}",
            "POST /keys/{key_id}/limits",
            "GET /keys/{key_id}/limits",
        ),
    ]
)
"""Each route that needs a key, by method and path."""

ACTIONS: Final[Mapping[str, str]] = {
    "POST /account/{foreign_id}": "account.change",
    "POST /account/{foreign_id}/close": "account.close",
    "POST /account/{foreign_id}/limits": "account.limit",
    "POST /account/{foreign_id}/payment/{payment_id}/approve": "payment.approve",
    "POST /account/{foreign_id}/payment/{payment_id}/reject": "payment.reject",
    "POST /account/{foreign_id}/transact": "account.transact",
    "POST /transfers/{id}/reverse": "account.reverse",
    "POST /assets": "asset.create",
    "POST /webhooks": "webhook.create",
    "PATCH /webhooks/{webhook_id}": "webhook.change",
    "DELETE /webhooks/{webhook_id}": "webhook.delete",
    "POST /webhooks/{webhook_id}/rotate": "webhook.rotate",
    "POST /webhooks/{webhook_id}/test": "webhook.test",
    "POST /webhooks/{webhook_id}/replay": "webhook.replay",
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": "webhook.redeliver",
    "POST /admin/setsyncheight/{blockheight}": "chain.rescan",
    "POST /admin/cold/return": "cold.return",
    "POST /keys": "key.create",
    "POST /keys/{key_id}/limits": "key.limit",
    "DELETE /keys/{key_id}": "key.revoke",
}
"""Routes by which an administrator changes something, with its name in the audit log."""


def rule_of(methods: Collection[str], path: str) -> Rule:
    """Return what a route asks; one without a line is the administrator's alone."""
    rules = {RULES.get(f"{method} {path}", _CLOSED) for method in methods}
    return rules.pop() if len(rules) == 1 else _CLOSED
