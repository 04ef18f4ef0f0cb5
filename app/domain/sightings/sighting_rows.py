"""The rows of sightings, and of what their transactions spend."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from app.db import Db, Prepared, Row, bulk
from app.db.tables import NOW, STATEMENT_NOW, accounts, addresses, coins, sighted_inputs, sightings
from app.domain import dogecoin
from app.domain.dogecoin import Network, Outpoint
from app.domain.owner import Owner
from app.domain.sightings.sighting import Sighting
from app.money import Koinu

INPUTS: Final = 1_000
"""Watched of one transaction; what nodes relay has fewer."""
KEPT: Final = timedelta(days=7)
"""How long a sighting stays after its end: it may come back, or turn out to be double-spent."""

FORGOTTEN: Final = 1_000
"""How many of those are deleted at once."""

_KEY: Final = ("account_id", "txid", "vout")
_OUTPOINT: Final = ("txid", "vout")
_COLUMNS: Final = (
    *_KEY, "branch", "index", "invoice", "amount", "required_confirmations", "acceptable",
)  # fmt: skip


async def in_no_block(db: Db, found: Sequence[Sighting]) -> list[Sighting]:
    """Return those whose output no block up to our tip holds."""
    if not found:
        return []
    outpoints = bulk.columns(_OUTPOINT, [sighting.outpoint for sighting in found])
    in_blocks = {Outpoint(*row) for row in await bulk.fetch_values(db, _IN_BLOCKS, outpoints)}
    return [sighting for sighting in found if sighting.outpoint not in in_blocks]


async def insert(db: Db, found: Sequence[Sighting]) -> list[Sighting]:
    """Insert those that are not seen yet, or not any more; return them."""
    if not found:
        return []
    ordered = sorted(found, key=lambda sighting: (sighting.owner.id, sighting.outpoint))
    rows = await bulk.fetch_values(db, _INSERT, bulk.arrays([_row(sighting) for sighting in ordered]))
    new = {(account, Outpoint(txid, vout)) for account, txid, vout in rows}
    return [sighting for sighting in ordered if (sighting.owner.id, sighting.outpoint) in new]


async def watch(db: Db, inputs: Mapping[bytes, Sequence[Outpoint]]) -> None:
    """Remember what transactions spend."""
    rows = [
        {**outpoint._asdict(), "spent_by": txid}
        for txid in sorted(inputs)
        for outpoint in inputs[txid][:INPUTS]
    ]
    await bulk.execute(db, _WATCH, bulk.arrays(rows))


async def lock(db: Db, network: Network, txids: Sequence[bytes], states: Sequence[str]) -> list[Sighting]:
    """Lock the sightings of these transactions that are in one of the states, in the order of their keys."""
    rows = await bulk.fetch_all(db, _LOCK, {"txids": txids, "states": list(states)})
    return [_sighting(network, row) for row in rows]


async def end(db: Db, ended: Sequence[Sighting]) -> None:
    """Write the states of sightings that are locked and have ended."""
    rows = [{**_key(sighting), "state": sighting.state} for sighting in ended]
    await bulk.execute(db, _END, bulk.arrays(rows))


async def delete(db: Db, mined: Sequence[Sighting]) -> None:
    """Delete all sightings of transactions, which are locked: they are deposits now. Nothing watches what these spend."""
    txids = {sighting.outpoint.txid for sighting in mined}
    await bulk.execute(db, _DELETE, {"txids": list(txids)})


async def forget(db: Db, limit: int = FORGOTTEN) -> None:
    """Delete up to `limit` of what ended long ago; the rest is deleted with the next sightings."""
    await _unwatch(db, {txid for (txid,) in await bulk.fetch_values(db, _FORGET, {"limit": limit})})


async def _unwatch(db: Db, txids: set[bytes]) -> None:
    """Forget what transactions spend of which no sighting is left."""
    if txids:
        await bulk.execute(db, _UNWATCH, {"txids": list(txids)})


def _sighting(network: Network, row: Row) -> Sighting:
    return Sighting(
        Owner(row["account_id"], row["foreign_id"], row["account_address"]),
        Outpoint(bytes(row["txid"]), row["vout"]),
        row["branch"],
        row["index"],
        row["invoice"],
        dogecoin.to_address(network, bytes(row["script"])) or "",
        Koinu(row["amount"]),
        row["required_confirmations"],
        row["acceptable"],
        row["state"],
    )


def _key(sighting: Sighting) -> dict[str, object]:
    return {"account_id": sighting.owner.id, **sighting.outpoint._asdict()}


def _row(sighting: Sighting) -> dict[str, object]:
    names = ("branch", "index", "invoice", "amount", "required_confirmations", "acceptable")
    return _key(sighting) | {name: getattr(sighting, name) for name in names}


def _insertion() -> Prepared:
    new = sa.select(bulk.unnested(sightings, _COLUMNS), STATEMENT_NOW)
    rows = postgresql.insert(sightings).from_select((*_COLUMNS, "created"), new)
    again = {
        "state": bulk.constant("seen"),
        "ended": sa.null(),
        **{name: rows.excluded[name] for name in ("created", "acceptable")},
    }
    upsert = rows.on_conflict_do_update(
        index_elements=_KEY, set_=again, where=sightings.c.state != again["state"]
    )
    return Prepared(upsert.returning(*(sightings.c[name] for name in _KEY)))


def _locking(condition: sa.ColumnElement[bool]) -> Prepared:
    """Lock sightings in the order of their keys, and read their owners and scripts with them."""
    same = (addresses.c[name] == sightings.c[name] for name in ("account_id", "branch", "index"))
    owner = (accounts.c.foreign_id, accounts.c.address.label("account_address"))
    query = sa.select(sightings, addresses.c.script, *owner).join(addresses, sa.and_(*same))
    query = query.join(accounts, accounts.c.id == sightings.c.account_id).where(condition)
    return Prepared(query.order_by(*sightings.primary_key).with_for_update(of=sightings))


_TXIDS: Final = sa.bindparam("txids", type_=bulk.BYTES)
_MADE: Final = bulk.unnested(coins, _OUTPOINT)
_IN_BLOCKS: Final = Prepared(
    sa.select(coins.c.txid, coins.c.vout)
    .join(_MADE, sa.and_(*(coins.c[name] == _MADE.c[name] for name in _OUTPOINT)))
    .where(coins.c.height.is_not(None))
)
_INSERT: Final = _insertion()
_INPUTS: Final = (*_OUTPOINT, "spent_by")
_WATCH: Final = Prepared(
    postgresql.insert(sighted_inputs)
    .from_select(_INPUTS, sa.select(bulk.unnested(sighted_inputs, _INPUTS)))
    .on_conflict_do_nothing()
)
_LOCK: Final = _locking(
    sa.and_(
        sightings.c.txid == sa.any_(_TXIDS),
        sightings.c.state == sa.any_(sa.bindparam("states", type_=bulk.TEXTS)),
    )
)
_ENDED: Final = bulk.unnested(sightings, (*_KEY, "state"))
_END: Final = Prepared(
    sa.update(sightings)
    .values(state=_ENDED.c.state, ended=STATEMENT_NOW)
    .where(*(sightings.c[name] == _ENDED.c[name] for name in _KEY))
)
_DELETE: Final = Prepared(
    sa.delete(sighted_inputs)
    .where(sighted_inputs.c.spent_by == sa.any_(_TXIDS))
    .add_cte(sa.delete(sightings).where(sightings.c.txid == sa.any_(_TXIDS)).cte("deleted"))
)
_OLD: Final = (
    sa.select(*(sightings.c[name] for name in _KEY))
    .where(sightings.c.ended < NOW - KEPT)
    .order_by(sightings.c.ended)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .cte("old")
)
_FORGET: Final = Prepared(
    sa.delete(sightings)
    .where(*(sightings.c[name] == _OLD.c[name] for name in _KEY))
    .returning(sightings.c.txid)
)
_UNWATCH: Final = Prepared(
    sa.delete(sighted_inputs).where(
        sighted_inputs.c.spent_by == sa.any_(_TXIDS),
        ~sa.exists().where(sightings.c.txid == sighted_inputs.c.spent_by),
    )
)
