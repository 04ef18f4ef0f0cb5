"""The owner of what a rule is about: an account as others name it, and the refusals where there is none or it is closed."""

from typing import NamedTuple

from app.domain.refusals import Conflict, NotFound


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
