"""Accounts: opening, changing and closing them, their addresses, and the keys that are kept ready for new ones."""

from app.domain.accounts.account import (
    ACCOUNT_KEY,
    Account,
    NameTaken,
    account_closed,
    account_created,
    account_updated,
    fetch,
    keep_open,
    load,
    lock,
    name,
    owners,
    page,
    rename,
    sharing,
)
from app.domain.accounts.addresses import Address, AddressCursor, NoSuchAddress, Wanted, check, give, giving
from app.domain.accounts.closing import StillInUse, close
from app.domain.accounts.key_pool import add, count, forget, highest
from app.domain.accounts.names import NotForAccounts, reserved, wrong
from app.domain.accounts.opening import CHANGEABLE, AccountOrder, NoReadyKeys, PayoutComesBack, put

__all__ = [
    "ACCOUNT_KEY",
    "CHANGEABLE",
    "Account",
    "AccountOrder",
    "Address",
    "AddressCursor",
    "NameTaken",
    "NoReadyKeys",
    "NoSuchAddress",
    "NotForAccounts",
    "PayoutComesBack",
    "StillInUse",
    "Wanted",
    "account_closed",
    "account_created",
    "account_updated",
    "add",
    "check",
    "close",
    "count",
    "fetch",
    "forget",
    "give",
    "giving",
    "highest",
    "keep_open",
    "load",
    "lock",
    "name",
    "owners",
    "page",
    "put",
    "rename",
    "reserved",
    "sharing",
    "wrong",
]
