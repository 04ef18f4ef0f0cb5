"""Names of accounts: what a foreign_id can be, and which names no account can take."""

import re
from typing import Final

from app.domain import characters
from app.domain.ledger.system_accounts import SYSTEM_ACCOUNTS
from app.domain.refusals import Invalid

MAX_CHARACTERS: Final = 255
_FOLDED: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
"""Dots that a URL library removes from a path, in each spelling (WHATWG URL, 4.2)."""


class NotForAccounts(Invalid):
    """No account can be opened as {foreign_id}: {reason}."""

    field = "foreign_id"


def is_malformed(foreign_id: str) -> bool:
    """Say whether this cannot be a foreign_id."""
    return not 0 < len(foreign_id) <= MAX_CHARACTERS or "/" in foreign_id or characters.forbidden(foreign_id)


def reserved(foreign_id: str) -> NotForAccounts | None:
    """Return why no account can take this name. One that has it since an older version goes on working."""
    if foreign_id in SYSTEM_ACCOUNTS.values():
        return NotForAccounts(foreign_id=foreign_id, reason="it is the name of a system account")
    if _FOLDED.fullmatch(foreign_id):
        return NotForAccounts(foreign_id=foreign_id, reason="URLs cannot hold it")
    return None
