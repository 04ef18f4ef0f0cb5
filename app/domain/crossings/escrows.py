"""Escrows whose buyer and seller are in two cells: the escrow lies in the buyer's, and a copy of it in the seller's."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NOW, escrows
from app.db.tables import assets as asset_rows
from app.domain import accounts, batch, ledger
from app.domain.batch import Step
from app.domain.crossings import captures, counterparties, groups, parties
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.escrows import End, Escrow, NewEscrow, escrow, locking, settlement
from app.domain.escrows.locking import EscrowTerms, SameOrder
from app.domain.owner import Owner
from app.domain.refusals import Refusal


class _Valid(NamedTuple):
    """Valid terms, the number that the escrow is to have, and its cells."""

    terms: EscrowTerms
    number: int
    cells: tuple[int, ...]


_Claimed = Mapping[str, tuple[int, datetime]]


async def lock(crossing: Crossing, placed: Sequence[Placed[NewEscrow]]) -> list[Escrow | Refusal]:
    """Lock money for orders, in order, as far as each buyer's money and holds go; the buyer is at home.

    Claims each order in both cells before it locks any balance, and deletes the claims where the buyer lacks the money.
    """
    holds = [(order.hold, cells[0]) for order, cells in placed if order.hold is not None]
    locked_holds = await captures.lock(crossing, holds)
    checked = await _check(crossing, placed)
    now: datetime = (await crossing.db.execute(sa.select(NOW))).scalar_one()
    valid = await _numbered(crossing, placed, checked)
    claimed = await _claim(crossing, valid, now)
    decided = [locking.decide(each.terms, claimed, locked_holds, now) for each in valid]
    accepted = batch.accepted(decided)
    refusals = await groups.post_groups(crossing, [locked.group for locked in accepted])
    await captures.write(crossing, [locked.hold for locked in accepted if locked.hold is not None])
    outcomes = [refusal or locked.escrow for refusal, locked in zip(refusals, accepted, strict=True)]
    await _keep(crossing, valid, batch.accepted(outcomes))
    return batch.outcomes(checked, batch.outcomes(decided, outcomes))


async def _check(crossing: Crossing, placed: Sequence[Placed[NewEscrow]]) -> list[EscrowTerms | Refusal]:
    """Read whom and how much the orders mean, or refuse them; sellers cannot be closed meanwhile."""
    for cell in sorted({cell for _, cells in placed for cell in cells}):
        sellers = sorted({order.seller for order, cells in placed if cell in cells})
        await accounts.keep_open(await enter(crossing, cell), sellers)
    sought = [((order.buyer, cells), (order.seller, cells)) for order, cells in placed]
    owners = await parties.find(crossing, chain.from_iterable(sought))
    assets = await ledger.assets_by_code(crossing.db, [order.asset for order, _ in placed])
    sides = [
        {name: owners[name, cells] for name, cells in pair if (name, cells) in owners} for pair in sought
    ]
    return [locking.check(order, own, assets) for (order, _), own in zip(placed, sides, strict=True)]


async def _numbered(
    crossing: Crossing, placed: Sequence[Placed[NewEscrow]], checked: Sequence[EscrowTerms | Refusal]
) -> list[_Valid]:
    """Give each escrow a number of its home."""
    pairs = [
        (terms, each) for terms, each in zip(checked, placed, strict=True) if not isinstance(terms, Refusal)
    ]
    if len({terms.order.order_id for terms, _ in pairs}) < len(pairs):
        raise SameOrder
    numbers = {}
    for home in sorted({each.home for _, each in pairs}):
        count = sum(each.home == home for _, each in pairs)
        numbers[home] = iter(await bulk.new_ids(await enter(crossing, home), escrows, count))
    return [_Valid(terms, next(numbers[each.home]), each.cells) for terms, each in pairs]


async def _claim(crossing: Crossing, valid: Sequence[_Valid], now: datetime) -> _Claimed:
    """Insert the rows into the cells of both sides; return the id and the time of each order that was free in both."""
    taken: set[str] = set()
    for cell, of_cell in _by_cell(valid):
        rows: dict[str, Row] = {
            each.terms.order.order_id: {**each.terms.row(), "id": each.number, "created": now}
            for each in of_cell
        }
        taken |= rows.keys() - (await escrow.claim(await enter(crossing, cell), rows)).keys()
    orders = ((each.terms.order.order_id, each.number) for each in valid)
    return {order_id: (number, now) for order_id, number in orders if order_id not in taken}


async def _keep(crossing: Crossing, valid: Sequence[_Valid], made: Sequence[Escrow]) -> None:
    """Delete the claims of which nothing came, and note in each cell who the other side is."""
    of_number = {each.id: each for each in made}
    for cell, of_cell in _by_cell(valid):
        db = await enter(crossing, cell)
        await escrow.unclaim(db, [each.number for each in of_cell if each.number not in of_number])
        sides = chain.from_iterable(
            (of_number[each.number].buyer, of_number[each.number].seller)
            for each in of_cell
            if each.number in of_number
        )
        if strangers := [side for side in sides if crossing.cell_of(side.id) != cell]:
            await counterparties.meet(db, strangers)


def _by_cell(valid: Iterable[_Valid]) -> list[tuple[int, list[_Valid]]]:
    """Group by the cells in which the escrow has a row, in the order of the cells."""
    of_cell: dict[int, list[_Valid]] = {}
    for each in valid:
        for cell in each.cells:
            of_cell.setdefault(cell, []).append(each)
    return sorted(of_cell.items(), key=lambda pair: pair[0])


_LOCK: Final = (
    sa.select(escrows, *ledger.ASSET_COLUMNS)
    .join(asset_rows, asset_rows.c.code == escrows.c.asset)
    .where(escrows.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
    .order_by(escrows.c.id)
    .with_for_update(key_share=True, of=escrows)
)


async def end(crossing: Crossing, placed: Sequence[Placed[End]]) -> list[Escrow | Refusal]:
    """Release, refund, dispute or resolve escrows, in order. A fee goes to the platform's account of the seller's cell."""
    locked = await _locked(crossing, placed)
    decided = batch.decide(placed, locked, lambda each: each.request.escrow, _decide)
    steps = batch.accepted(decided)
    earning = {crossing.cell_of(ended.seller.id) for ended, parts in steps if parts is not None and parts.fee}
    platforms: dict[int, Owner] = {}
    for cell in sorted(earning):
        installation = crossing.installations[cell]
        platforms[cell] = await settlement.platform_of(await enter(crossing, cell), installation)
    await groups.post_groups(
        crossing,
        [
            settlement.group_of(ended, parts, platforms.get(crossing.cell_of(ended.seller.id)))
            for ended, parts in steps
        ],
    )
    await _write(crossing, {ended.id: ended for ended, _ in steps}.values())
    return batch.outcomes(decided, [ended for ended, _ in steps])


def _decide(each: Placed[End], locked: Escrow | None) -> Step[Escrow, settlement.Parts | None] | Refusal:
    return settlement.decide(each.request, locked)


async def _locked(crossing: Crossing, placed: Sequence[Placed[End]]) -> dict[int, Escrow]:
    """Lock the rows of the escrows in all their cells; return the escrows as their homes have them."""
    rows: dict[int, Row] = {}
    for cell in sorted({cell for _, cells in placed for cell in cells}):
        ids = {order.escrow: cells[0] for order, cells in placed if cell in cells}
        for row in await _lock(await enter(crossing, cell), sorted(ids)):
            if ids[row["id"]] == cell:
                rows[row["id"]] = row
    sides = {row[name] for row in rows.values() for name in ("account_id", "seller_id")}
    owners = await parties.by_number(crossing, sides)
    return {
        number: escrow.between(row, owners[row["account_id"]], owners[row["seller_id"]])
        for number, row in rows.items()
    }


async def _lock(db: Db, ids: Sequence[int]) -> Sequence[Row]:
    return await bulk.fetch_all(db, _LOCK, {"ids": list(ids)})


async def _write(crossing: Crossing, changed: Iterable[Escrow]) -> None:
    """Write these escrows into the cells of both sides."""
    of_cell: dict[int, list[Escrow]] = {}
    for ended in changed:
        for cell in {crossing.cell_of(ended.buyer.id), crossing.cell_of(ended.seller.id)}:
            of_cell.setdefault(cell, []).append(ended)
    for cell in sorted(of_cell):
        await escrow.write(await enter(crossing, cell), of_cell[cell])
