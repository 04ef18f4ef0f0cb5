"""Who may use the merchant's API: keys, what they open, and which accounts they reach."""

from app.domain.access.api_keys import (
    CREATE,
    MOST_ACCOUNTS,
    REVOKE,
    ApiKey,
    NewKey,
    NoSuchKey,
    by_ids,
    create,
    fetch,
    key_shown,
    limit,
    lock,
    note_uses,
    page,
    rename,
    revoke,
    usable_exists,
)
from app.domain.access.reach import EVERYTHING, Reach
from app.domain.access.scopes import ADMIN, SCOPES

__all__ = [
    "ADMIN",
    "CREATE",
    "EVERYTHING",
    "MOST_ACCOUNTS",
    "REVOKE",
    "SCOPES",
    "ApiKey",
    "NewKey",
    "NoSuchKey",
    "Reach",
    "by_ids",
    "create",
    "fetch",
    "key_shown",
    "limit",
    "lock",
    "note_uses",
    "page",
    "rename",
    "revoke",
    "usable_exists",
]
