"""Names of accounts: what a foreign_id may be, and under which of them no account can be opened."""

import re
from typing import Final

from app.domain import characters
from app.domain.ledger.system_accounts import SYSTEM_ACCOUNTS
from app.domain.refusals import Invalid

MOST_CHARACTERS: Final = 255
_FOLDED: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
"""What a client's URL library takes out of a path, in every spelling (WHATWG URL, 4.2): it would ask for another one."""


class NotForAccounts(Invalid):
    """No account can be opened as {foreign_id}: {reason}."""

    field = "foreign_id"


def wrong(foreign_id: str) -> bool:
    """Say whether this cannot be a foreign_id."""
    return not 0 < len(foreign_id) <= MOST_CHARACTERS or "/" in foreign_id or characters.forbidden(foreign_id)


def reserved(foreign_id: str) -> NotForAccounts | None:
    """Return why no account can be opened under this name; one that has it since an older version goes on working."""
    if foreign_id in SYSTEM_ACCOUNTS.values():
        return NotForAccounts(foreign_id=foreign_id, reason="it is the name of a system account")
    if _FOLDED.fullmatch(foreign_id):
        return NotForAccounts(foreign_id=foreign_id, reason="URLs cannot hold it")
    return None
