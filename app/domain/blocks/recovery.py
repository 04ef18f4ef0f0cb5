"""A lost database made again from the chain: accounts, addresses, deposits and coins, all in one transaction."""

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
from app.domain.blocks.connecting import BooksDisagree, Rules, Tip, TipMoved
from app.domain.blocks.deposits import Coin
from app.domain.ledger import Bucket, Entry, Posted, Posting
from app.domain.owner import Owner
from app.domain.refusals import Conflict

MOVEMENTS: Final = 5_000
"""Payments and spends that are booked at once, or those of one block."""
ROWS: Final = 10_000

Thing = TypeVar("Thing")


class NotEmpty(Conflict):
    """This database has accounts; a recovery needs an empty one."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account as the seed and the chain know it; `address` is that of its own key.

    `scripts` are its addresses, by purpose (deposit, change, account), branch and index.
    """

    number: int
    xpub: str
    address: str
    next_index: int
    next_change: int
    scripts: Sequence[tuple[str, int, int, bytes]]

    @property
    def foreign_id(self) -> str:
        """What it is called until it is renamed."""
        return f"recovered-{self.number}"


async def check_empty(db: Db) -> None:
    """Refuse with NotEmpty where there is an account."""
    if (await db.execute(sa.select(accounts.c.id).limit(1))).first() is not None:
        raise NotEmpty


async def restore(
    db: Db, rules: Rules, at: Tip, wallets: Sequence[Wallet], given: Sequence[Block], handed_out: int
) -> None:
    """Open the accounts, and book what the blocks paid them and what they spent; `given` is in the order of heights.

    Account numbers up to `handed_out` may have been opened before, and are not ready for others. Of the past only the
    balances are told. Refuses with NotEmpty; TipMoved if the ledger is not `at` that tip.
    """
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    here = sa.select(chain_state.c.id).where(chain_state.c.height == at.height, chain_state.c.hash == at.hash)
    if (await db.execute(here.with_for_update())).first() is None:
        raise TipMoved
    await db.execute(sa.text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"))
    await check_empty(db)
    await db.execute(sa.delete(ready_keys).where(ready_keys.c.number <= handed_out))
    opened = await _open(db, wallets)
    final = at.height - rules.max_reorg_blocks
    changes = await block_rows.of_blocks(db, rules.network, rules.confirmations, given, at.height, final)
    for some in _portions(given):
        await _book(db, changes, some, at.height)
    await _tell(db, opened)


async def _tell(db: Db, opened: Sequence[Account]) -> None:
    for some in _parts(opened, ROWS):
        balances = await ledger.balances_of(db, [account.id for account in some])
        told = [account_created(account) for account in some]
        told += [
            outbox.balance_change(
                Owner(account.id, account.foreign_id, account.address), balances[account.id]
            )
            for account in some
            if account.id in balances
        ]
        await outbox.emit(db, told)


async def _open(db: Db, wallets: Sequence[Wallet]) -> list[Account]:
    opened: list[Account] = []
    for some in _parts(wallets, ROWS):
        rows = [
            {
                "id": wallet.number,
                "foreign_id": wallet.foreign_id,
                "xpub": wallet.xpub,
                "address": wallet.address,
                "next_index": wallet.next_index,
                "next_change": wallet.next_change,
            }
            for wallet in some
        ]
        made = await bulk.insert(db, accounts, rows, tuple(Account.__slots__))
        opened += [Account.of(row) for row in made]
    for part in _parts(_addresses(wallets), ROWS):
        await bulk.insert(db, addresses, part)
    return opened


def _addresses(wallets: Sequence[Wallet]) -> Iterator[dict[str, object]]:
    for wallet in wallets:
        for purpose, branch, index, script in wallet.scripts:
            yield {
                "script": script,
                "account_id": wallet.number,
                "branch": branch,
                "index": index,
                "purpose": purpose,
            }


async def _book(db: Db, changes: BlockEffects, given: Sequence[Block], tip: int) -> None:
    """Take some blocks, whose entries then need no memory any more."""
    for block in given:
        changes.connect(block, tip)
    entries = [entry for step in changes.steps for entry in _entries(changes, step)]
    outcomes = await ledger.post(db, entries)
    if not all(isinstance(outcome, Posted) for outcome in outcomes):
        raise BooksDisagree(next(str(outcome) for outcome in outcomes if not isinstance(outcome, Posted)))
    await block_rows.write(db, changes)
    await double_spend_watch.write(db, changes.watches)
    changes.steps.clear()
    changes.moved.clear()
    changes.watches.kept.clear()


def _entries(changes: BlockEffects, step: Step) -> Iterator[Entry]:
    """Let the account bear what was spent of its coins: nobody else is known who could have wanted that.

    So what an account has at the end is what its coins are worth.
    """
    lost = {coin.entry(back=False).key: coin for coin in step.lost}
    for entry in step.entries:
        if (coin := lost.get(entry.key)) is None:
            yield entry
        else:
            yield from _confirmed_early(changes, coin)
            yield _spent(entry, coin)


def _confirmed_early(changes: BlockEffects, coin: Coin) -> Iterator[Entry]:
    """What was spent before its confirmation need not wait for it any more."""
    deposit = changes.deposits[coin.outpoint]
    if deposit.state == "incoming":
        yield deposit.entry("confirmed")
        changes.deposits[coin.outpoint] = deposit.confirmed()
        changes.moved.add(coin.outpoint)


def _spent(entry: Entry, coin: Coin) -> Entry:
    out = Posting(coin.place.account, Bucket.AVAILABLE, -coin.amount)
    return replace(
        entry, kind="SPENT_BEFORE_RECOVERY", postings=(out, Posting(WORLD, Bucket.AVAILABLE, coin.amount))
    )


def _portions(given: Sequence[Block]) -> Iterator[list[Block]]:
    portion: list[Block] = []
    movements = 0
    for block in given:
        portion.append(block)
        movements += len(block.outputs) + len(block.spends)
        if movements >= MOVEMENTS:
            yield portion
            portion, movements = [], 0
    if portion:
        yield portion


def _parts(given: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    rest = iter(given)
    while part := list(islice(rest, size)):
        yield part
