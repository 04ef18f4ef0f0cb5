"""Captures of holds by accounts of other cells."""

from collections.abc import Sequence

from app.domain import batch, holds
from app.domain.crossings import groups, parties
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.holds import Capture, Hold, release
from app.domain.owner import Owner
from app.domain.refusals import Refusal


async def capture(crossing: Crossing, placed: Sequence[Placed[Capture]]) -> list[Hold | Refusal]:
    """Capture holds, in order; each lies at its home. A hold is captured once, and what is not captured then goes back."""
    known = await parties.find(crossing, [(order.to, cells) for order, cells in placed])
    locked = await lock(crossing, [(order.hold, cells[0]) for order, cells in placed])
    time = await holds.clock(crossing.db, locked)

    def decide(each: Placed[Capture], hold: Hold | None) -> release.HoldStep | Refusal:
        return release.decide_capture(each.request, hold, _payee(known, each), time)

    decided = batch.decide(placed, locked, lambda each: each.request.hold, decide)
    steps = batch.accepted(decided)
    await groups.post_groups(crossing, [group for _, group in steps])
    await write(crossing, [hold for hold, _ in steps])
    return batch.outcomes(decided, [hold for hold, _ in steps])


def _payee(known: dict[parties.Sought, Owner], each: Placed[Capture]) -> dict[str, Owner]:
    sought = each.request.to, each.cells
    return {sought[0]: known[sought]} if sought in known else {}


async def lock(crossing: Crossing, ids: Sequence[tuple[int, int]]) -> dict[int, Hold]:
    """Lock the holds that exist of these, each with its cell."""
    ids_of: dict[int, list[int]] = {}
    for number, cell in ids:
        ids_of.setdefault(cell, []).append(number)
    locked: dict[int, Hold] = {}
    for cell in sorted(ids_of):
        locked |= await holds.lock(await enter(crossing, cell), ids_of[cell])
    return locked


async def write(crossing: Crossing, changed: Sequence[Hold]) -> None:
    """Write these holds, which are locked; of several states of one the last."""
    holds_of: dict[int, dict[int, Hold]] = {}
    for hold in changed:
        holds_of.setdefault(crossing.cell_of(hold.owner.id), {})[hold.id] = hold
    for cell in sorted(holds_of):
        await holds.write(await enter(crossing, cell), list(holds_of[cell].values()))
