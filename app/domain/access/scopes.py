"""The scopes of a key: what it may do."""

from collections.abc import Collection, Mapping
from typing import Final

from app.domain.refusals import Invalid

ADMIN: Final = "admin"
"""Everything, the keys themselves too."""
SCOPES: Final[Mapping[str, str]] = {
    "accounts:read": "See accounts, their balances, addresses and deposits.",
    "accounts:write": "Open, change and close accounts, and give out addresses.",
    "invoices:read": "See invoices.",
    "invoices:write": "Issue and cancel invoices.",
    "payments:read": "See payments, and look into transactions.",
    "payments:write": "Pay, void payments, pay invoices from accounts by transactions, and refund to addresses.",
    "payments:approve": "Approve or reject payments that others have asked for.",
    "ledger:read": "See transfers, holds, escrows, histories and assets.",
    "ledger:write": "Make and reverse transfers, holds and escrows, pay invoices in the ledger, and refund to accounts.",
    "ledger:issue": "Give credits, take them and take them back, and make assets.",
    "events:read": "Read events, and follow them as they happen.",
    "webhooks:read": "See webhook endpoints and their deliveries.",
    "webhooks:write": "Make and change webhook endpoints: they get events too.",
    "reports:read": "Read reports.",
    "operations:read": "See how the installation is: audit, system balances, readiness, metrics.",
    ADMIN: "Everything, also keys, limits and the audit log.",
}
"""Each scope, and what it opens."""


class NoSuchScope(Invalid):
    """There is no scope {scope}: a scope is one of {scopes}."""

    field = "scopes"


def checked(scopes: Collection[str]) -> frozenset[str]:
    """Return the scopes, or raise Invalid where there is none, or NoSuchScope."""
    if not scopes:
        raise Invalid(reason="A key has one scope or more.", field="scopes")
    for scope in scopes:
        if scope not in SCOPES:
            raise NoSuchScope(scope=scope, scopes=_Names(", ".join(SCOPES)))
    return frozenset(scopes)


class _Names:
    """Our own words in a refusal, which clips a caller's."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text
