"""Connecting and disconnecting blocks, which is symmetrical; each call runs in one database transaction."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, bulk
from app.db.tables import blocks, chain_state
from app.domain import ledger, outbox, rates
from app.domain.blocks import block_events, block_rows, debts, double_spend_watch, reserves
from app.domain.blocks.block_effects import Block, BlockEffects
from app.domain.dogecoin import Network
from app.domain.ledger import Pending, Posted
from app.domain.payments import pause

_YIELD: Final = 0
"""A sleep of no length lets the event loop run other tasks: they wait for one block, not for the batch."""


class Tip(NamedTuple):
    """The last block that the ledger has connected; `rescan_height` is the next one to read again, if any.

    `reorg_top` is the tip's height when a reorg began, and None once the tip is as high again.
    """

    height: int
    hash: bytes
    chainwork: int
    rescan_height: int | None
    reorg_top: int | None


class Header(NamedTuple):
    """A block without its transactions; `chainwork` is all work up to it."""

    height: int
    hash: bytes
    previous: bytes
    time: int
    chainwork: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The installation's network, the confirmations where nobody asks for others, and the deepest reorg.

    A coinbase can be spent after 240 blocks: a reorg of fewer blocks undoes no coinbase that was spent.
    """

    network: Network
    confirmations: int
    max_reorg_blocks: int = 240


class TipMoved(Exception):
    """Another follower moved the tip meanwhile; nothing was done."""


class LedgerMismatch(Exception):
    """The ledger has an entry that the rows say is new; nothing was done."""


_TIP: Final = Prepared(
    sa.select(
        chain_state.c.height,
        chain_state.c.hash,
        blocks.c.chainwork,
        chain_state.c.rescan_height,
        chain_state.c.reorg_top,
    ).join(blocks, blocks.c.height == chain_state.c.height)
)


async def tip(db: Db) -> Tip | None:
    """Return the tip, or None before the first start."""
    for height, block_hash, chainwork, rescan_height, reorg_top in await bulk.fetch_values(db, _TIP):
        return Tip(height, block_hash, int(chainwork), rescan_height, reorg_top)
    return None


async def hash_at(db: Db, height: int) -> bytes | None:
    """Return the hash of our block at `height`, or None where we have none."""
    return (await db.execute(sa.select(blocks.c.hash).where(blocks.c.height == height))).scalar()


async def hashes(db: Db, first: int, last: int) -> dict[int, bytes]:
    """Return the hashes of our blocks from height `first` to `last`, by height."""
    query = sa.select(blocks.c.height, blocks.c.hash).where(blocks.c.height.between(first, last))
    return {row.height: bytes(row.hash) for row in await db.execute(query)}


async def start(db: Db, headers: Sequence[Header], missed: int | None = None) -> bool:
    """Begin at the last of `headers`, or return False if another has begun.

    With the headers before it, the first reorgs can be followed. Blocks from the height `missed` on may have paid
    us before: they are read too.
    """
    last = headers[-1]
    again = missed if missed is not None and missed <= last.height else None
    values = {
        "id": 1,
        "height": last.height,
        "hash": last.hash,
        "start_height": last.height,
        "rescan_height": again,
    }
    begun = insert(chain_state).values(values).on_conflict_do_nothing()
    if (await db.execute(begun.returning(chain_state.c.id))).first() is None:
        return False
    await bulk.insert(db, blocks, [header._asdict() for header in headers])
    return True


async def connect(db: Db, rules: Rules, connected: Sequence[Block]) -> str:
    """Connect the blocks after the tip, as if one by one. TipMoved if the first does not follow it.

    Returns why that has paused payments, or ""; so do `disconnect` and `rescan`.
    """
    last = connected[-1]
    await _move_up(db, connected)
    effects = await _lock(db, rules, connected, last.height)
    for block in connected:
        effects.connect(block, block.height)
        await asyncio.sleep(_YIELD)
    return await _apply(db, effects)


async def _lock(db: Db, rules: Rules, read: Sequence[Block], tip_height: int) -> BlockEffects:
    final = tip_height - rules.max_reorg_blocks
    effects = await block_rows.of_blocks(db, rules.network, rules.confirmations, read, tip_height, final)
    if effects.addresses and effects.is_valued:
        effects.quotes = await rates.of_times(db, [block.time for block in read])
    return effects


async def disconnect(db: Db, rules: Rules, height: int, block_hash: bytes) -> str:
    """Disconnect the tip; TipMoved if another block is the tip, BeforeTheStart if nothing below is known."""
    if (previous := await hash_at(db, height - 1)) is None:
        raise BeforeTheStart(height)
    await _move(db, block_hash, height, previous, height - 1)
    await db.execute(sa.delete(blocks).where(blocks.c.height == height))
    effects = await block_rows.of_height(db, rules.network, height)
    effects.disconnect(height, block_hash)
    return await _apply(db, effects)


class BeforeTheStart(Exception):
    """A reorg goes deeper than this installation is old: below block {0}."""

    def __str__(self) -> str:
        """Say how deep."""
        return (self.__doc__ or "").format(*self.args)


async def read_again(db: Db, height: int, lowest: int) -> None:
    """Have the follower read the blocks from `height` on again, unless it reads from a lower one already.

    What needs blocks below `lowest` is given up.
    """
    going_on = sa.case((chain_state.c.rescan_height >= lowest, chain_state.c.rescan_height), else_=height)
    await db.execute(sa.update(chain_state).values(rescan_height=sa.func.least(going_on, height)))


async def rescan(db: Db, rules: Rules, at: Tip, read: Sequence[Block]) -> str:
    """Book what the blocks paid us and was missed; they are below the tip `at`, which does not move."""
    await _move(db, at.hash, at.height, at.hash, at.height)
    await _check_known(db, read)
    effects = await _lock(db, rules, read, at.height)
    for block in read:
        effects.connect(block, at.height if block is read[-1] else None)
        await asyncio.sleep(_YIELD)
    fault = await _apply(db, effects)
    after = read[-1].height + 1
    going_on = sa.update(chain_state).where(chain_state.c.rescan_height == at.rescan_height)
    await db.execute(going_on.values(rescan_height=after if after <= at.height else None))
    return fault


def _moving() -> sa.Update:
    """Move the tip, guarded, and as the first of all locks: two followers can never both connect a block.

    Returns the work of the chain up to the block that was the tip.

    A rescan that would begin above the tip is over: those blocks will be read for the first time. A lower tip
    keeps the height of the reorg's top, from which the next follower counts the reorg's depth.
    """
    from_hash, to_hash = (sa.bindparam(name, type_=sa.LargeBinary) for name in ("from_hash", "to_hash"))
    from_height, to_height = (sa.bindparam(name, type_=sa.Integer) for name in ("from_height", "to_height"))
    is_tip = sa.and_(chain_state.c.hash == from_hash, chain_state.c.height == from_height)
    rescan_height = sa.case((chain_state.c.rescan_height <= to_height, chain_state.c.rescan_height))
    top = sa.func.greatest(chain_state.c.reorg_top, from_height)
    reorg_top = sa.case((top > to_height, top))
    values = {"hash": to_hash, "height": to_height, "rescan_height": rescan_height, "reorg_top": reorg_top}
    update = sa.update(chain_state).where(is_tip, blocks.c.height == chain_state.c.height).values(values)
    return update.returning(blocks.c.chainwork)


def _moving_up() -> sa.Insert:
    """Move the tip, and insert the blocks up to it: the work of each is given as what comes on top of the old tip."""
    moved, new = _moving().cte("moved"), bulk.unnested(blocks, Header._fields)
    columns = [new.c[name] for name in Header._fields[:-1]]
    return sa.insert(blocks).from_select(
        Header._fields, sa.select(*columns, moved.c.chainwork + new.c.chainwork).join(moved, sa.true())
    )


_MOVE: Final = Prepared(_moving())
_MOVE_UP: Final = Prepared(_moving_up())


async def _move(db: Db, from_hash: bytes, from_height: int, to_hash: bytes, to_height: int) -> None:
    """Move the tip down, or nowhere; the blocks stay as they are."""
    move = {"from_hash": from_hash, "from_height": from_height, "to_hash": to_hash, "to_height": to_height}
    if not await bulk.fetch_values(db, _MOVE, move):
        raise TipMoved


async def _move_up(db: Db, connected: Sequence[Block]) -> None:
    """Move the tip to the last of the blocks, and insert them."""
    first, last = connected[0], connected[-1]
    move = {
        "from_hash": first.previous,
        "from_height": first.height - 1,
        "to_hash": last.hash,
        "to_height": last.height,
    }
    works = accumulate(block.work for block in connected)
    headers = [
        Header(block.height, block.hash, block.previous, block.time, work)
        for block, work in zip(connected, works, strict=True)
    ]
    if not await bulk.execute(db, _MOVE_UP, move | bulk.columns(Header._fields, headers)):
        raise TipMoved


async def _check_known(db: Db, read: Sequence[Block]) -> None:
    """Raise TipMoved where our block at a height is another: the node may have reorganised meanwhile."""
    known = await hashes(db, read[0].height, read[-1].height)
    if any(known.get(block.height, block.hash) != block.hash for block in read):
        raise TipMoved


async def _apply(db: Db, effects: BlockEffects) -> str:
    """Post all entries at once, write the rows, then the events; entries of blocks are never refused.

    The events are rendered while the database writes: each of both takes a third of the time.
    """
    outcomes, pending = await ledger.decide(db, effects.entries)
    posted = {outcome.entry.key: outcome for outcome in outcomes if isinstance(outcome, Posted)}
    if len(posted) != len(outcomes):
        raise LedgerMismatch(next(str(outcome) for outcome in outcomes if not isinstance(outcome, Posted)))
    effects.charge(posted.values())
    owed = await debts.of_accounts(db, sorted(debts.changes_of(posted.values())))
    fault, events = await bulk.meanwhile(_write(db, effects, pending), _rendered(effects, posted, owed))
    faults = [fault]
    faults += [
        f"coin {coin.outpoint} was spent by a transaction that is not ours"
        for coin in effects.unknown_spends[:1]
    ]
    reason = "; ".join(fault for fault in faults if fault)
    if reason:
        reason += "; look, then run `kennel resume`"
        await pause.pause(db, reason)
    await outbox.emit_encoded(db, [part for part in events if part])
    return reason


def _rendered(
    effects: BlockEffects, posted: Mapping[str, Posted], owed: Mapping[int, int]
) -> Iterator[bytes]:
    """Yield the events of each block in their order, as they are emitted; nothing of a block without."""
    for events in block_events.by_block(effects, posted, owed):
        yield outbox.encode(events) if events else b""


async def _write(db: Db, effects: BlockEffects, pending: Pending) -> str:
    """Write entries and rows, and return how the changes of reserves and liabilities differ, or ""."""
    await ledger.write(db, pending)
    entry_ids = [outcome.id for outcome in pending.posted]
    fault = ""
    if entry_ids or block_rows.has_changed(effects):
        before = await block_rows.write(db, effects)
        fault = (await reserves.add_change(db, effects, entry_ids, before)).fault
    await double_spend_watch.end(db, effects.watch)
    return fault
