"""Transfers: money between accounts in the ledger, alone or in groups, and the operator's credits."""

from app.domain.transfers.account_opening import PUT_ACCOUNT
from app.domain.transfers.atomic import MAKE_ATOMIC
from app.domain.transfers.credit import Credit, holder, is_credit
from app.domain.transfers.elsewhere import Share
from app.domain.transfers.grouped import (
    AccountEvent,
    Available,
    EntryGroup,
    InvoiceTransfer,
    apply,
    post_groups,
    post_invoice_transfers,
    with_balance,
)
from app.domain.transfers.json import transfer_events, transfer_json
from app.domain.transfers.listing import ListedTransfer, TransferCursor, TransferFilter, page
from app.domain.transfers.making import (
    ISSUER,
    MAKE,
    MAX_PAYEES,
    KeyAlreadyUsed,
    LacksFunds,
    Payee,
    PayeeTwice,
    SameAccount,
    TotalTooLarge,
    TransferOrder,
    make,
    open_and_make,
)
from app.domain.transfers.reversal import (
    REVERSE,
    AboveTransfer,
    AlreadyReversed,
    NotReversible,
    PartOfSeveral,
    ReversalOrder,
    reverse,
)
from app.domain.transfers.transfer import FETCH, NoSuchTransfer, Transfer, by_ids, within
