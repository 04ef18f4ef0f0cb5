"""Recovery of a lost database from the chain: accounts, addresses, deposits and coins, in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, TypeVar

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import WORLD, accounts, addresses, chain_state, ready_keys
from app.domain import ledger, outbox
from app.domain.accounts import Account, account_created
from app.domain.blocks import block_rows, double_spend_watch
from app.domain.blocks.block_effects import Block, BlockEffects, Step
from app.domain.blocks.connecting import LedgerMismatch, Rules, Tip, TipMoved
from app.domain.blocks.deposits import Coin
from app.domain.ledger import Bucket, Entry, Posted, Posting
from app.domain.owner import Owner
from app.domain.refusals import Conflict

MOVEMENTS: Final = 5_000
"""How many payments and spends are booked at once, if one block has no more."""
ROWS: Final = 10_000

Item = TypeVar("Item")


class NotEmpty(Conflict):
    """This database has accounts; a recovery needs an empty one."""


@dataclass(frozen=True, slots=True)
class RecoveredAccount:
    """An account as the seed and the chain have it; `address` is that of its own key.

    `scripts` are its addresses: purpose (deposit, change, account), branch, index, script.
    """

    number: int
    xpub: str
    address: str
    next_index: int
    next_change: int
    scripts: Sequence[tuple[str, int, int, bytes]]

    @property
    def foreign_id(self) -> str:
        """Its name until it is renamed."""
        return f"recovered-{self.number}"


async def check_empty(db: Db) -> None:
    """Refuse with NotEmpty where there is an account."""
    if (await db.execute(sa.select(accounts.c.id).limit(1))).first() is not None:
        raise NotEmpty


async def restore(
    db: Db,
    rules: Rules,
    at: Tip,
    recovered: Sequence[RecoveredAccount],
    blocks: Sequence[Block],
    handed_out: int,
) -> None:
    """Open the accounts, and book what the blocks, in the order of heights, paid them and spent of theirs.

    Account numbers up to `handed_out` may have been opened before, so their keys are ready no longer. Of the
    past, only the balances have events. Refuses with NotEmpty; TipMoved if the ledger is not `at` that tip.
    """
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    is_tip = sa.and_(chain_state.c.height == at.height, chain_state.c.hash == at.hash)
    if (await db.execute(sa.select(chain_state.c.id).where(is_tip).with_for_update())).first() is None:
        raise TipMoved
    await db.execute(sa.text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"))
    await check_empty(db)
    await db.execute(sa.delete(ready_keys).where(ready_keys.c.number <= handed_out))
    opened = await _open(db, recovered)
    final = at.height - rules.max_reorg_blocks
    effects = await block_rows.of_blocks(db, rules.network, rules.confirmations, blocks, at.height, final)
    for portion in _portions(blocks):
        await _book(db, effects, portion, at.height)
    await _emit(db, opened)


async def _emit(db: Db, opened: Sequence[Account]) -> None:
    for part in _parts(opened, ROWS):
        balances = await ledger.balances_of(db, [account.id for account in part])
        events = [account_created(account) for account in part]
        for account in part:
            if account.id in balances:
                owner = Owner(account.id, account.foreign_id, account.address)
                events.append(outbox.balance_change(owner, balances[account.id]))
        await outbox.emit(db, events)


async def _open(db: Db, recovered: Sequence[RecoveredAccount]) -> list[Account]:
    opened: list[Account] = []
    for part in _parts(recovered, ROWS):
        rows = [
            {
                "id": account.number,
                "foreign_id": account.foreign_id,
                "xpub": account.xpub,
                "address": account.address,
                "next_index": account.next_index,
                "next_change": account.next_change,
            }
            for account in part
        ]
        opened += [Account.of(row) for row in await bulk.insert(db, accounts, rows, tuple(Account.__slots__))]
    for address_rows in _parts(_addresses(recovered), ROWS):
        await bulk.insert(db, addresses, address_rows)
    return opened


def _addresses(recovered: Sequence[RecoveredAccount]) -> Iterator[dict[str, object]]:
    for account in recovered:
        for purpose, branch, index, script in account.scripts:
            path = {"account_id": account.number, "branch": branch, "index": index}
            yield {"script": script, **path, "purpose": purpose}


async def _book(db: Db, effects: BlockEffects, blocks: Sequence[Block], tip_height: int) -> None:
    """Connect some blocks, and drop their entries from memory."""
    for block in blocks:
        effects.connect(block, tip_height)
    entries = [entry for step in effects.steps for entry in _entries(effects, step)]
    outcomes = await ledger.post(db, entries)
    if not all(isinstance(outcome, Posted) for outcome in outcomes):
        raise LedgerMismatch(next(str(outcome) for outcome in outcomes if not isinstance(outcome, Posted)))
    await block_rows.write(db, effects)
    await double_spend_watch.end(db, effects.watch)
    effects.steps.clear()
    effects.changed.clear()
    effects.watch.mined.clear()


def _entries(effects: BlockEffects, step: Step) -> Iterator[Entry]:
    """Let the account bear the unknown spends of its coins: nobody else can have wanted them.

    So at the end an account has what its coins are worth.
    """
    unknown_spends = {coin.entry(back=False).key: coin for coin in step.unknown_spends}
    for entry in step.entries:
        if (coin := unknown_spends.get(entry.key)) is None:
            yield entry
        else:
            yield from _confirmed_early(effects, coin)
            yield _spent(entry, coin)


def _confirmed_early(effects: BlockEffects, coin: Coin) -> Iterator[Entry]:
    """Confirm a deposit that was spent before its confirmation."""
    deposit = effects.deposits[coin.outpoint]
    if deposit.state == "incoming":
        yield deposit.entry("confirmed")
        effects.deposits[coin.outpoint] = deposit.confirmed()
        effects.changed.add(coin.outpoint)


def _spent(entry: Entry, coin: Coin) -> Entry:
    payer = Posting(coin.address.account, Bucket.AVAILABLE, -coin.amount)
    postings = (payer, Posting(WORLD, Bucket.AVAILABLE, coin.amount))
    return replace(entry, kind="SPENT_BEFORE_RECOVERY", postings=postings)


def _portions(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    portion: list[Block] = []
    movements = 0
    for block in blocks:
        portion.append(block)
        movements += len(block.outputs) + len(block.spends)
        if movements >= MOVEMENTS:
            yield portion
            portion, movements = [], 0
    if portion:
        yield portion


def _parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
