"""Reversals of transfers between cells: all halves go back at once."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import CLEARING, TREASURY, crossings, postings
from app.domain import batch, ledger
from app.domain.crossings import making, parties, posting
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.crossings.posting import Whole
from app.domain.refusals import Refusal
from app.domain.transfers import ReversalOrder, Transfer, reversal
from app.domain.transfers.making import TREASURY_OWNER, Parties, TransferPlan
from app.domain.transfers.reversal import Part
from app.domain.transfers.transfer import load as load_transfers


class _Made(NamedTuple):
    """A transfer as it was made, what each account gave (-) or got (+), and whose that is."""

    transfer: Transfer
    parts: Sequence[Part]
    parties: Parties


class _Line(NamedTuple):
    """What an account gave (-) or got (+) by an entry."""

    entry: int
    account: int
    amount: int


_HERE: Final = sa.select(postings.c.entry_id, postings.c.account_id, postings.c.amount).where(
    postings.c.entry_id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)), postings.c.account_id != CLEARING
)
_ELSEWHERE: Final = sa.select(crossings.c.entry_id, crossings.c.account_id, crossings.c.amount).where(
    crossings.c.entry_id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS))
)


async def reverse(crossing: Crossing, placed: Sequence[Placed[ReversalOrder]]) -> list[Transfer | Refusal]:
    """Reverse the transfers in order; each lies at its home. The key of the entry makes sure that each goes back once."""
    made = await _load(crossing, placed)
    plans = [_plan(order, made.get(order.id)) for order, _ in placed]
    planned = [
        (plan, made[each.request.id].parties, each.home)
        for plan, each in zip(plans, placed, strict=True)
        if not isinstance(plan, Refusal)
    ]
    wholes = [Whole(plan.entry, home) for plan, _, home in planned]
    outcomes, pending = await posting.decide(crossing, wholes)
    posted = [
        reversal.posted_plan(plan, outcome, own)
        for (plan, own, _), outcome in zip(planned, outcomes, strict=True)
    ]
    sides = [each.parties for each in made.values()]
    reversals = await making.write_transfers(crossing, sides, batch.accepted(posted), pending)
    return batch.outcomes(plans, batch.outcomes(posted, reversals))


def _plan(order: ReversalOrder, made: _Made | None) -> TransferPlan | Refusal:
    if made is None:
        return reversal.plan_order(order, None, (), Parties({}, {}))
    return reversal.plan_order(order, *made)


async def _load(crossing: Crossing, placed: Sequence[Placed[ReversalOrder]]) -> dict[int, _Made]:
    """Return the transfers that there are, by id. Accounts are found by number: another may have the name by now."""
    ids: dict[int, list[int]] = {}
    for order, cells in placed:
        ids.setdefault(cells[0], []).append(order.id)
    transfers: list[Transfer] = []
    lines: list[_Line] = []
    for home in sorted(ids):
        db = await enter(crossing, home)
        transfers += await load_transfers(db, ids[home])
        lines += await _lines(db, ids[home])
    assets = await ledger.assets_by_code(crossing.db, {transfer.asset for transfer in transfers})
    parts = await _parts(crossing, lines)
    return {
        each.id: _Made(each, parts[each.id], reversal.parties_of(parts[each.id], assets))
        for each in transfers
    }


async def _lines(db: Db, ids: Sequence[int]) -> list[_Line]:
    rows = [*await db.execute(_HERE, {"ids": list(ids)}), *await db.execute(_ELSEWHERE, {"ids": list(ids)})]
    return [_Line(*row) for row in rows]


async def _parts(crossing: Crossing, lines: Sequence[_Line]) -> Mapping[int, list[Part]]:
    owners = await parties.by_number(crossing, {line.account for line in lines if line.account != TREASURY})
    owners[TREASURY] = TREASURY_OWNER
    parts: dict[int, list[Part]] = {}
    for line in lines:
        if line.account in owners:
            parts.setdefault(line.entry, []).append(Part(owners[line.account], line.amount))
    return parts
