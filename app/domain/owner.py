"""The owner of what a rule is about: an account as others name it, and the refusals where there is none or it is closed."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.refusals import Conflict, NotFound, Refusal


class NoSuchAccount(NotFound):
    """GetAccount: account not found: {foreign_id}"""  # noqa: D400, D415  GigaWallet's words


class AccountClosed(Conflict):
    """The account {foreign_id} is closed."""


class Owner(NamedTuple):
    """Whom an event is about: the account's number, its foreign_id, and its address (the wire's id); whether it is open."""

    id: int
    foreign_id: str
    address: str
    open: bool = True


def find_open(owners: Mapping[str, Owner], foreign_id: str, field: str) -> Owner | Refusal:
    """Return the owner of that name, or refuse: there is none, or it is closed; the request has the name in `field`."""
    owner = owners.get(foreign_id)
    if owner is None:
        return NoSuchAccount(foreign_id=foreign_id, field=field)
    return owner if owner.open else AccountClosed(foreign_id=foreign_id, field=field)
