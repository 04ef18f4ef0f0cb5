"""The ledger: balanced entries, the balances that they move, statements, assets, and the hash chain."""

from app.domain.ledger.assets import (
    ASSET_COLUMNS,
    CREATE_ASSET,
    MAX_DECIMALS,
    Asset,
    AssetTaken,
    BadAmount,
    NewAsset,
    NoSuchAsset,
    RawAmount,
    asset_of,
    assets_by_code,
    create,
    fetch_asset,
    parse_amount,
)
from app.domain.ledger.balance_locks import delete_unused
from app.domain.ledger.balances import (
    BALANCE,
    BALANCES,
    INSTANT,
    AssetBalance,
    BalanceTime,
    LastPostings,
    asset_balances,
    asset_balances_at,
    balance,
    balances_of,
    last_postings,
    seqs_before,
    seqs_before_times,
)
from app.domain.ledger.hash_chain import (
    SEAL_AFTER,
    SafeHorizon,
    Seal,
    is_past,
    last_entry,
    safe_horizon,
    seal,
    sealed_lines,
)
from app.domain.ledger.journal import (
    MAX_BALANCE,
    AlreadyPosted,
    AppliedPosting,
    Balance,
    BalanceKey,
    BalanceTooLarge,
    Bucket,
    Decided,
    Entry,
    Failed,
    InsufficientFunds,
    Journal,
    Posted,
    Posting,
    balances_after,
)
from app.domain.ledger.posting import (
    Opened,
    Outcome,
    Pending,
    decide,
    decide_together,
    lock,
    lock_available,
    open_journal,
    post,
    post_together,
    write,
)
from app.domain.ledger.statement import (
    ENTRY_KINDS,
    STATEMENT_TYPES,
    StatementCursor,
    StatementFilter,
    StatementLine,
    check_export,
)
from app.domain.ledger.system_accounts import (
    SYSTEM_ACCOUNTS,
    SystemBalance,
    clearing_balances,
    system_balances,
    treasury_balances,
)
