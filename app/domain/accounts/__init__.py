"""Accounts: how they are opened, changed and closed, their addresses, and ready keys for new ones."""

from app.domain.accounts.account import (
    ACCOUNT_KEY,
    FETCH,
    Account,
    NameTaken,
    account_closed,
    account_created,
    account_shown,
    account_updated,
    batching,
    by_names,
    fetch,
    first_opened,
    keep_open,
    key_of,
    load,
    lock,
    lock_shown,
    owners,
    page,
    rename,
)
from app.domain.accounts.addresses import (
    GIVE_ADDRESS,
    IS_OURS,
    Address,
    AddressCursor,
    AddressOrder,
    NoSuchAddress,
    check,
    give,
)
from app.domain.accounts.closing import CLOSE, StillInUse, close
from app.domain.accounts.key_pool import add_ready_keys, count_ready_keys, delete_ready_keys, highest_number
from app.domain.accounts.moved_names import forget_moved, keep_free, note_moved
from app.domain.accounts.names import NotForAccounts, is_malformed, reserved
from app.domain.accounts.opening import CHANGEABLE, AccountOrder, NoReadyKeys, PayoutComesBack, put
from app.domain.accounts.placing import RENAMED, any_renamed, cell_of, cells_of_names
from app.domain.accounts.receiving import ReceivingBranch, lock_branches, write_addresses
