"""The platform has an account in each cell. Before one of them pays more than it has, the others give it what it lacks."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.db import Db
from app.domain import accounts, ledger, outbox
from app.domain.commands import Command, plain
from app.domain.crossings import posting
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.crossings.posting import Whole
from app.domain.ledger import Balance, Bucket, Entry, Posted, Posting
from app.domain.owner import Owner
from app.domain.refusals import Refusal

KIND: Final = "GATHER"


class Gather(NamedTuple):
    """The platform's account at home is to have so much of an asset, in its smallest unit; None: all that it has anywhere."""

    asset: str
    amount: int | None = None


class Gathered(NamedTuple):
    """How much came from the platform's accounts of other cells."""

    asset: str
    amount: int


async def gather(crossing: Crossing, placed: Sequence[Placed[Gather]]) -> list[Gathered | Refusal]:
    """Move to each request's home what the platform lacks there, as far as it has it in the request's other cells.

    One after the other: of a request that finds nothing the amount is zero.
    """
    owners = await _owners(crossing, sorted({cell for _, cells in placed for cell in cells}))
    balances = await _lock(crossing, owners, {order.asset for order, _ in placed})
    taken = [_take(each, owners, balances) for each in placed]
    entries = [(entry, each.home) for entry, each in zip(taken, placed, strict=True) if entry is not None]
    outcomes, pending = await posting.decide(crossing, [Whole(entry, home) for entry, home in entries])
    lines = [line for outcome in outcomes if isinstance(outcome, Posted) for line in outcome.lines]
    if refusal := next((outcome for outcome in outcomes if not isinstance(outcome, Posted)), None):
        raise refusal if isinstance(refusal, Refusal) else AssertionError(refusal)
    events = outbox.balance_changes(owners.values(), lines)
    await posting.write(crossing, pending, events, {owner.id: owner for owner in owners.values()})
    return [
        Gathered(order.asset, 0 if entry is None else entry.postings[-1].amount)
        for (order, _), entry in zip(placed, taken, strict=True)
    ]


async def _owners(crossing: Crossing, cells: Sequence[int]) -> dict[int, Owner]:
    """Return the platform's accounts, by cell."""
    owners: dict[int, Owner] = {}
    for cell in cells:
        name = crossing.installations[cell].platform
        known = await accounts.owners(await enter(crossing, cell), [name])
        owners |= {cell: known[name]} if name in known else {}
    return owners


async def _lock(
    crossing: Crossing, owners: Mapping[int, Owner], assets: set[str]
) -> dict[tuple[int, str], Balance]:
    """Lock the platform's balances, cell by cell."""
    locked: dict[tuple[int, str], Balance] = {}
    for cell, owner in sorted(owners.items()):
        keys = sorted((owner.id, asset) for asset in assets)
        balances = await ledger.lock(await enter(crossing, cell), keys)
        locked |= {(cell, asset): balance for (_, asset), balance in balances.items()}
    return locked


def _take(
    each: Placed[Gather], owners: Mapping[int, Owner], balances: dict[tuple[int, str], Balance]
) -> Entry | None:
    """Take what is lacking from those who have most; `balances` are those that are left."""
    asset, wanted = each.request
    at_home = balances.get((each.home, asset))
    if at_home is None:
        return None
    lacking = None if wanted is None else max(0, wanted - at_home.available)
    others = sorted((balances[cell, asset].available, cell) for cell in each.cells[1:] if cell in owners)
    lines: list[Posting] = []
    for available, cell in reversed(others):
        part = available if lacking is None else min(available, lacking - sum(-line.amount for line in lines))
        if part > 0:
            lines.append(Posting(owners[cell].id, Bucket.AVAILABLE, -part, asset))
            balances[cell, asset] = balances[cell, asset].after(Bucket.AVAILABLE, -part)
    total = -sum(line.amount for line in lines)
    if not total:
        return None
    balances[each.home, asset] = at_home.after(Bucket.AVAILABLE, total)
    lines.append(Posting(owners[each.home].id, Bucket.AVAILABLE, total, asset))
    cause = ("platform", str(owners[each.home].id))
    return Entry(KIND, cause, f"gather:{owners[each.home].id}:{asset}:{at_home.seq}", tuple(lines))


async def _in_one_cell(_: Db, orders: Sequence[Gather]) -> list[Gathered | Refusal]:
    return [Gathered(order.asset, 0) for order in orders]


async def _load(_: Db, ids: Sequence[str]) -> dict[str, Gathered]:
    return {text: Gathered(text, 0) for text in ids}


GATHER: Final = Command("gather", plain(_in_one_cell), plain(_load), lambda gathered: gathered.asset)
"""It takes no idempotency key: asked again, it moves only what is lacking then."""
