"""The chain as the ledger follows it: blocks connected and disconnected symmetrically, each in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk
from app.db.tables import blocks, chain_state
from app.domain import ledger, outbox
from app.domain.blocks import block_events, block_rows, debts, double_spend_watch, reserves
from app.domain.blocks.block_effects import Block, BlockEffects
from app.domain.blocks.reserves import ReserveChange
from app.domain.commands import Command, plain
from app.domain.dogecoin import Network
from app.domain.ledger import Posted
from app.domain.payments import pause
from app.domain.refusals import Invalid, Refusal

_OTHERS_RUN: Final = 0
"""The loop is kept to oneself for one block at a time: whoever else waits for it waits no longer, whatever the batch."""


class Tip(NamedTuple):
    """The last block that the ledger has taken; `rescan_height` is the next to be read again, if any.

    `reorg_top` is where the tip was when blocks began to be taken back, and None once it is as high again.
    """

    height: int
    hash: bytes
    chainwork: int
    rescan_height: int | None
    reorg_top: int | None


class Header(NamedTuple):
    """A block without its transactions, `chainwork` being all work up to it."""

    height: int
    hash: bytes
    previous: bytes
    time: int
    chainwork: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What the installation decides: its network, the confirmations of what asks for none, and the deepest reorg.

    A coinbase can be spent after 240 blocks: what only rests on younger ones is followed without anybody's hand.
    """

    network: Network
    confirmations: int
    max_reorg_blocks: int = 240


class TipMoved(Exception):
    """Another follower moved the tip meanwhile; nothing was done."""


class BooksDisagree(Exception):
    """The ledger knows an entry that the rows say is new; nothing was done."""


async def tip(db: Db) -> Tip | None:
    """Return where the ledger is, or None before the first start."""
    found = await db.execute(
        sa.select(chain_state, blocks.c.chainwork).join(blocks, blocks.c.height == chain_state.c.height)
    )
    row = found.first()
    if row is None:
        return None
    return Tip(row.height, bytes(row.hash), int(row.chainwork), row.rescan_height, row.reorg_top)


async def hash_at(db: Db, height: int) -> bytes | None:
    """Return the hash of our block at `height`, or None where we have none."""
    return (await db.execute(sa.select(blocks.c.hash).where(blocks.c.height == height))).scalar()


async def hashes(db: Db, first: int, last: int) -> dict[int, bytes]:
    """Return the hashes of our blocks from height `first` to `last`, by height."""
    found = sa.select(blocks.c.height, blocks.c.hash).where(blocks.c.height.between(first, last))
    return {row.height: bytes(row.hash) for row in await db.execute(found)}


async def start(db: Db, headers: Sequence[Header]) -> bool:
    """Begin at the last of `headers`; the ones before it let the first reorgs be followed. False if another began."""
    last = headers[-1]
    values = {"id": 1, "height": last.height, "hash": last.hash, "start_height": last.height}
    begun = insert(chain_state).values(values).on_conflict_do_nothing()
    if (await db.execute(begun.returning(chain_state.c.id))).first() is None:
        return False
    await bulk.insert(db, blocks, [header._asdict() for header in headers])
    return True


async def connect(db: Db, rules: Rules, given: Sequence[Block]) -> str:
    """Take the blocks that follow the tip, as if one by one. TipMoved if the first does not follow it.

    Returns why that has paused payments, or nothing; so do `disconnect` and `rescan`.
    """
    first, last = given[0], given[-1]
    await _move(db, first.previous, first.height - 1, last.hash, last.height)
    await bulk.insert(db, blocks, _headers(given, await _chainwork(db, first.height - 1)))
    changes = await block_rows.of_blocks(
        db, rules.network, rules.confirmations, given, last.height, last.height - rules.max_reorg_blocks
    )
    for block in given:
        changes.connect(block, block.height)
        await asyncio.sleep(_OTHERS_RUN)
    return await _apply(db, changes)


async def disconnect(db: Db, rules: Rules, height: int, block_hash: bytes) -> str:
    """Take back the block at the tip. TipMoved if it is not the tip; BeforeTheStart if nothing is known below it."""
    if (previous := await hash_at(db, height - 1)) is None:
        raise BeforeTheStart(height)
    await _move(db, block_hash, height, previous, height - 1)
    await db.execute(sa.delete(blocks).where(blocks.c.height == height))
    changes = await block_rows.of_height(db, rules.network, height)
    changes.disconnect(height, block_hash)
    return await _apply(db, changes)


class BeforeTheStart(Exception):
    """A reorg goes deeper than this installation is old: below block {0}."""

    def __str__(self) -> str:
        """Say how deep."""
        return (self.__doc__ or "").format(*self.args)


class Rescan(NamedTuple):
    """Blocks that are to be read again: from a height on. The node has those from `kept_from` on, and no others any more."""

    height: int
    kept_from: int = 0


class Deleted(Invalid):
    """The node is pruned and has blocks from {kept_from} on only: from {height} on needs a node with all of them."""

    field = "blockheight"


async def _rescan_from_all(db: Db, rescans: Sequence[Rescan]) -> list[int | Refusal]:
    """The deepest that was asked for counts."""
    return [await rescan_from(db, *rescan) for rescan in rescans]


async def _heights(_: Db, ids: Sequence[str]) -> dict[str, int]:
    return {text: int(text) for text in ids}


RESCAN: Final = Command("rescan", plain(_rescan_from_all), plain(_heights), str)


async def rescan_from(db: Db, height: int, kept_from: int = 0) -> int | Refusal:
    """Read the blocks from `height` on again; what they paid us and was missed is booked, the rest is recognised.

    A rescan that needs blocks which the node has not, those below `kept_from`, can never go on: it is replaced.
    """
    tip_height = (await db.execute(sa.select(chain_state.c.height).with_for_update(key_share=True))).scalar()
    if height < 0 or tip_height is None or height > tip_height:
        upto = "no block yet" if tip_height is None else f"block {tip_height}"
        return Invalid(reason=f"The height is from 0 to the tip, which is {upto}.", field="blockheight")
    if height < kept_from:
        return Deleted(kept_from=kept_from, height=height)
    going_on = sa.case((chain_state.c.rescan_height >= kept_from, chain_state.c.rescan_height), else_=height)
    await db.execute(sa.update(chain_state).values(rescan_height=sa.func.least(going_on, height)))
    return height


async def rescan(db: Db, rules: Rules, at: Tip, given: Sequence[Block]) -> str:
    """Book what the blocks paid us and was missed; they are below the tip `at`, which does not move."""
    await _move(db, at.hash, at.height, at.hash, at.height)
    await _check_known(db, given)
    changes = await block_rows.of_blocks(
        db, rules.network, rules.confirmations, given, at.height, at.height - rules.max_reorg_blocks
    )
    for block in given:
        changes.connect(block, at.height if block is given[-1] else None)
        await asyncio.sleep(_OTHERS_RUN)
    fault = await _apply(db, changes)
    after = given[-1].height + 1
    rest = sa.update(chain_state).where(chain_state.c.rescan_height == at.rescan_height)
    await db.execute(rest.values(rescan_height=after if after <= at.height else None))
    return fault


async def _move(db: Db, from_hash: bytes, from_height: int, to_hash: bytes, to_height: int) -> None:
    """Guarded, and first of all locks: two followers can never both take a block.

    A rescan that would begin above the tip has nothing left to do: what comes there is read for the first time.
    How high the tip was stays written while it is lower: whoever follows next counts a reorg's depth from there.
    """
    here = sa.and_(chain_state.c.hash == from_hash, chain_state.c.height == from_height)
    rescan_height = sa.case((chain_state.c.rescan_height <= to_height, chain_state.c.rescan_height))
    top = sa.func.greatest(chain_state.c.reorg_top, from_height)
    reorg_top = sa.case((top > to_height, top))
    values = {"hash": to_hash, "height": to_height, "rescan_height": rescan_height, "reorg_top": reorg_top}
    moved = sa.update(chain_state).where(here).values(values).returning(chain_state.c.id)
    if (await db.execute(moved)).first() is None:
        raise TipMoved


async def _chainwork(db: Db, height: int) -> int:
    return int(
        (await db.execute(sa.select(blocks.c.chainwork).where(blocks.c.height == height))).scalar_one()
    )


def _headers(given: Sequence[Block], chainwork: int) -> list[dict[str, object]]:
    rows = []
    for block in given:
        chainwork += block.work
        rows.append(Header(block.height, block.hash, block.previous, block.time, chainwork)._asdict())
    return rows


async def _check_known(db: Db, given: Sequence[Block]) -> None:
    """Blocks that we have must be the ones that are read again: the node may have switched meanwhile."""
    known = await hashes(db, given[0].height, given[-1].height)
    if any(known.get(block.height, block.hash) != block.hash for block in given):
        raise TipMoved


async def _apply(db: Db, changes: BlockEffects) -> str:
    """Post all entries in one go, then write the rows, then tell; entries of blocks are never refused."""
    outcomes = await ledger.post(db, changes.entries)
    posted = {outcome.entry.key: outcome for outcome in outcomes if isinstance(outcome, Posted)}
    if len(posted) != len(outcomes):
        raise BooksDisagree(next(str(outcome) for outcome in outcomes if not isinstance(outcome, Posted)))
    changes.charge(posted.values())
    await double_spend_watch.write(db, changes.watches)
    faults = [await _write(db, changes, [one.id for one in posted.values()])]
    faults += [
        f"coin {coin.outpoint} was spent by a transaction that is not ours" for coin in changes.lost[:1]
    ]
    why = "; ".join(fault for fault in faults if fault)
    if why:
        why += "; look, then run `kennel resume`"
        await pause.pause(db, why)
    await _tell(db, changes, posted)
    return why


async def _tell(db: Db, changes: BlockEffects, posted: Mapping[str, Posted]) -> None:
    """Tell what each block did, in their order."""
    owed = await debts.of_accounts(db, sorted(debts.borrowers(posted.values())))
    parts = []
    for told in block_events.told(changes, posted, owed):
        parts += [outbox.encode(told)] if told else []
        await asyncio.sleep(_OTHERS_RUN)
    await outbox.emit_encoded(db, parts)


async def _write(db: Db, changes: BlockEffects, numbers: Sequence[int]) -> str:
    """Write the rows, and hold what they moved on disk against what the entries posted; say what does not fit."""
    if not (changes.moved or numbers or changes.sendings.changed):
        return ""
    before = await reserves.assets(db, changes)
    await block_rows.write(db, changes)
    moved = ReserveChange(
        await reserves.liabilities(db, numbers), await reserves.assets(db, changes) - before
    )
    sums = {"owned": chain_state.c.owned + moved.owned, "kept": chain_state.c.kept + moved.kept}
    await db.execute(sa.update(chain_state).values(sums))
    return moved.fault
