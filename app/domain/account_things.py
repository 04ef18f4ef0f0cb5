"""What the key of a request about an account remembers: the account's number, as what it is called may change."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import accounts
from app.domain.accounts import Account
from app.tables import accounts as rows

_NUMBER: Final = "\N{INFORMATION SEPARATOR ONE}"
"""Begins no name: names can be printed."""


def name(account: Account) -> str:
    """Name the account for a key."""
    return f"{_NUMBER}{account.id}"


async def load(db: Db, names: Sequence[str]) -> dict[str, Account]:
    """Return those of the accounts that there are, by `name`; the version before used their foreign_ids."""
    numbers = [int(one.removeprefix(_NUMBER)) for one in names if one.startswith(_NUMBER)]
    numbered = sa.select(rows).where(rows.c.id == sa.any_(sa.literal(numbers, bulk.BIGINTS)))
    found = [Account.of(row) for row in await bulk.fetch_all(db, numbered)] if numbers else []
    foreign_ids = [one for one in names if not one.startswith(_NUMBER)]
    return {name(account): account for account in found} | (await accounts.by_names(db, foreign_ids))
