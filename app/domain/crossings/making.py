"""Transfers between accounts of several cells: alone, to several payees, many at once, or all or none."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from app.domain import batch, ledger
from app.domain.crossings import parties, posting
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.crossings.posting import Pending, Whole
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.domain.refusals import Refusal
from app.domain.transfers import Transfer, TransferOrder, atomic, json, making
from app.domain.transfers.atomic import TransferGroup
from app.domain.transfers.making import ISSUER, TREASURY_OWNER, Parties, PostedPlan, TransferPlan
from app.domain.transfers.transfer import by_ids, of_posted


async def make(crossing: Crossing, placed: Sequence[Placed[TransferOrder]]) -> list[Transfer | Refusal]:
    """Make the transfers in order, each if its payer has the money."""
    sides = await load_parties(crossing, [(order, cells) for order, cells in placed])
    plans = [making.plan_order(order, own) for (order, _), own in zip(placed, sides, strict=True)]
    planned = [
        (plan, own, each.home)
        for plan, own, each in zip(plans, sides, placed, strict=True)
        if not isinstance(plan, Refusal)
    ]
    wholes = [Whole(plan.entry, home) for plan, _, home in planned]
    outcomes, pending = await posting.decide(crossing, wholes)
    posted = [
        making.posted_plan(plan, outcome, own)
        for (plan, own, _), outcome in zip(planned, outcomes, strict=True)
    ]
    transfers = await write_transfers(crossing, sides, batch.accepted(posted), pending)
    return batch.outcomes(plans, batch.outcomes(posted, transfers))


async def make_together(
    crossing: Crossing, placed: Sequence[Placed[Sequence[TransferOrder]]]
) -> list[TransferGroup | Refusal]:
    """Make the groups in order, each as a whole or not at all; a refusal names the first transfer that cannot be made."""
    named = [(order, cells) for orders, cells in placed for order in orders]
    sides = await load_parties(crossing, named)
    own = iter(sides)
    sides_of = [[next(own) for _ in orders] for orders, _ in placed]
    plans = [
        atomic.plan_group(orders, group_sides)
        for (orders, _), group_sides in zip(placed, sides_of, strict=True)
    ]
    planned = [
        (plan, group_sides)
        for plan, group_sides in zip(plans, sides_of, strict=True)
        if not isinstance(plan, Refusal)
    ]
    groups = [[_of_payer(crossing, plan) for plan in group] for group, _ in planned]
    outcomes, pending = await posting.decide_together(crossing, groups)
    posted = [
        atomic.posted_group(group, outcome, group_sides)
        for (group, group_sides), outcome in zip(planned, outcomes, strict=True)
    ]
    made = batch.accepted(posted)
    transfers = iter(
        await write_transfers(crossing, sides, [plan for group in made for plan in group], pending)
    )
    return batch.outcomes(
        plans, batch.outcomes(posted, [tuple(next(transfers) for _ in group) for group in made])
    )


async def load_groups(crossing: Crossing, ids: Sequence[str]) -> Mapping[str, TransferGroup]:
    """Return groups by their ids, each transfer read in the cell of its payer."""
    parts: dict[int, list[str]] = {}
    for number in chain.from_iterable(group_id.split(",") for group_id in ids):
        parts.setdefault(crossing.map.of_number(int(number)), []).append(number)
    transfers: dict[str, Transfer] = {}
    for cell in sorted(parts):
        transfers |= await by_ids(await enter(crossing, cell), parts[cell])
    return {group_id: tuple(transfers[number] for number in group_id.split(",")) for group_id in ids}


async def load_parties(
    crossing: Crossing, named: Sequence[tuple[TransferOrder, tuple[int, ...]]]
) -> list[Parties]:
    """Look up the accounts and assets that each order names, in the cells beside it.

    Orders of the same cells have the same parties.
    """
    names: dict[tuple[int, ...], set[str]] = {}
    for order, cells in named:
        names.setdefault(cells, set()).update(_names(order))
    known = await parties.find_among(crossing, names)
    # All cells have the same assets: they are read in the one that was entered last.
    assets = await ledger.assets_by_code(crossing.db, {order.asset for order, _ in named})
    sides = {cells: Parties(_with_issuer(owners), assets) for cells, owners in known.items()}
    return [sides[cells] for _, cells in named]


def _with_issuer(owners: dict[str, Owner]) -> dict[str | None, Owner]:
    named: dict[str | None, Owner] = {ISSUER: TREASURY_OWNER}
    named.update(owners)
    return named


async def write_transfers(
    crossing: Crossing, sides: Sequence[Parties], posted: Sequence[PostedPlan], pending: Pending
) -> list[Transfer]:
    """Write the entries and tell them, in each cell its accounts; return the transfers."""
    distinct = {id(own): own for own in sides}.values()
    owners = {owner.id: owner for own in distinct for owner in own.owners.values()}
    transfers: list[Transfer] = []
    await posting.write(crossing, pending, _rendered(posted, owners, transfers), owners)
    return transfers


def _rendered(
    posted: Sequence[PostedPlan], owners: Mapping[int, Owner], transfers: list[Transfer]
) -> Iterator[list[OutboxEvent]]:
    """Put the transfers into `transfers`, and yield their events, those of SLICE transfers at a time."""
    names = {account: owner.foreign_id for account, owner in owners.items()}
    for first in range(0, len(posted), making.SLICE):
        events: list[OutboxEvent] = []
        for plan, entry in posted[first : first + making.SLICE]:
            transfers.append(of_posted(entry, names, plan.asset.decimals))
            events += json.transfer_events(entry, transfers[-1], owners)
        yield events


def _names(order: TransferOrder) -> list[str]:
    names = (order.payer, *(payee.account for payee in order.payees))
    return [name for name in names if name is not ISSUER]


def _of_payer(crossing: Crossing, plan: TransferPlan) -> Whole:
    """Return the entry, whose home is the cell of the account that gives."""
    return Whole(plan.entry, crossing.cell_of(plan.entry.postings[0].account))
