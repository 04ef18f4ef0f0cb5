"""Writes sightings, ends them, and tells both. The chain's row is locked, so no block comes in between."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa

from app.db import Db
from app.db.tables import chain_state
from app.domain import invoices, outbox
from app.domain.dogecoin import Network, Outpoint
from app.domain.outbox import OutboxEvent
from app.domain.sightings import sighting_rows
from app.domain.sightings.sighting import Sighting, sighting_event


class _Change(NamedTuple):
    """A sighting after it changed: what happened, and by how much the invoice's `seen` changes."""

    sighting: Sighting
    happened: str
    seen: int
    spent_by: str = ""


async def record(
    db: Db, network: Network, found: Sequence[Sighting], inputs: Mapping[bytes, Sequence[Outpoint]]
) -> bool:
    """Write and tell what was found, as far as it is new and in no block; say whether anything was.

    `inputs` is what each transaction spends. What was seen before is not told again; what had ended is.
    """
    await _lock_tip(db)
    new = await sighting_rows.insert(db, await sighting_rows.in_no_block(db, found))
    if new:
        await sighting_rows.watch(
            db, {sighting.outpoint.txid: inputs[sighting.outpoint.txid] for sighting in new}
        )
        await _tell(db, network, [_Change(sighting, "SEEN", sighting.amount) for sighting in new])
        await sighting_rows.forget(db)
    return bool(new)


async def double_spent(db: Db, network: Network, spenders: Mapping[bytes, bytes]) -> bool:
    """End the sightings of these transactions: each one's spender takes its coins. Say whether any ended."""
    await _lock_tip(db)
    ended = await sighting_rows.lock(db, network, list(spenders), ("dropped", "seen"))
    changes = [
        _Change(after, "DOUBLE_SPENT", -lost, spenders[after.outpoint.txid][::-1].hex())
        for after, lost in map(double_spend, ended)
    ]
    await _write(db, network, changes)
    return bool(changes)


def double_spend(sighting: Sighting) -> tuple[Sighting, int]:
    """Return it double-spent, and how much less its invoice's `seen` is now."""
    return replace(sighting, state="double_spent"), sighting.amount if sighting.state == "seen" else 0


async def dropped(db: Db, network: Network, txids: Collection[bytes], tip: bytes) -> bool:
    """End the sightings of these transactions, which the mempool lacked when `tip` was the node's.

    Nothing is done while our tip is another: a block that we do not know yet may have them.
    """
    if await _lock_tip(db) != tip:
        return False
    ended = await sighting_rows.lock(db, network, list(txids), ("seen",))
    changes = [_Change(replace(sighting, state="dropped"), "DROPPED", -sighting.amount) for sighting in ended]
    await _write(db, network, changes)
    return bool(changes)


async def _lock_tip(db: Db) -> bytes | None:
    """Keep the follower from moving the tip until the transaction ends; return the tip's hash."""
    return await db.scalar(sa.select(chain_state.c.hash).with_for_update(read=True))


async def _write(db: Db, network: Network, changes: Sequence[_Change]) -> None:
    if changes:
        await sighting_rows.end(db, [change.sighting for change in changes])
        await _tell(db, network, changes)


async def _tell(db: Db, network: Network, changes: Sequence[_Change]) -> None:
    """Change the sums of the invoices, and tell each change and what follows from it."""
    paid = [change.sighting.address for change in changes if change.sighting.invoice is not None]
    locked = await invoices.lock(db, network, paid) if paid else {}
    events: list[OutboxEvent] = []
    for sighting, happened, seen, spent_by in changes:
        more = {"spent_by": spent_by} if spent_by else {}
        if (invoice := locked.get(sighting.address)) is None:
            events.append(sighting_event(sighting, happened, None, **more))
            continue
        locked[sighting.address], following = invoice.add_seen(seen, acceptable=sighting.acceptable)
        events += [sighting_event(sighting, happened, invoice.receipts, **more), *following]
    await invoices.write(db, list(locked.values()))
    await outbox.emit(db, events)
