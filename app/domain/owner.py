"""The account that a rule is about, and the refusals when it is missing or closed."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.refusals import Conflict, NotFound, Refusal


class NoSuchAccount(NotFound):
    """GetAccount: account not found: {foreign_id}"""  # noqa: D400, D415  GigaWallet's words


def no_such(foreign_id: str) -> NoSuchAccount:
    """Refuse the account that the path names."""
    return NoSuchAccount(foreign_id=foreign_id, field="foreign_id")


class AccountClosed(Conflict):
    """The account {foreign_id} is closed."""


class Owner(NamedTuple):
    """An account: its number, its foreign_id, its address (its id in the API), and whether it is open."""

    id: int
    foreign_id: str
    address: str
    open: bool = True


def find_open(owners: Mapping[str, Owner], foreign_id: str, field: str) -> Owner | Refusal:
    """Return the owner, or refuse where it is missing or closed; `field` is the request's field."""
    owner = owners.get(foreign_id)
    if owner is None:
        return NoSuchAccount(foreign_id=foreign_id, field=field)
    return owner if owner.open else AccountClosed(foreign_id=foreign_id, field=field)
