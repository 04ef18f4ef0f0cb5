"""A rescan that somebody asks for: the follower reads blocks below the tip again, and books what was missed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.cells import CellMap
from app.db import Db
from app.db import cells as cell_schemas
from app.db.tables import chain_state
from app.domain.audit_log import Audited, Shown
from app.domain.blocks import connecting
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.refusals import Invalid, Refusal


class Rescan(NamedTuple):
    """Blocks to be read again, from a height on. `lowest` is the lowest height whose block the node has."""

    height: int
    lowest: int = 0


class Deleted(Invalid):
    """The node is pruned and has blocks from {lowest} on only:

    from {height} on needs a node with all of them.
    """  # noqa: D400, D415  one sentence

    field = "blockheight"


async def _rescan_from_all(db: Db, rescans: Sequence[Rescan]) -> list[int | Refusal]:
    """Note each rescan; the deepest one counts."""
    return [await rescan_from(db, *rescan) for rescan in rescans]


async def _heights(_: Db, ids: Sequence[str]) -> dict[str, int]:
    return {text: int(text) for text in ids}


async def _before(db: Db, rescans: Sequence[Rescan], _: Installation) -> list[Shown | None]:
    height = await db.scalar(sa.select(chain_state.c.rescan_height).with_for_update(key_share=True))
    return [{"rescan_height": height} for _ in rescans]


_AUDITED: Final = Audited(lambda height: {"rescan_height": height}, str, _before)
RESCAN: Final = Command("rescan", plain(_rescan_from_all), plain(_heights), str, audited=_AUDITED)


def over_cells(cells: CellMap) -> Mapping[Command[Any, Any], Command[Any, Any]]:
    """Return the rescan of all cells, by that of one: each reads the blocks again, or none does."""
    first, *_ = cells

    async def run(db: Db, rescans: Sequence[Rescan], _: Installation) -> list[int | Refusal]:
        for cell in cells:
            await db.execute(sa.text(cell_schemas.enter(cell)))
            outcomes = await _rescan_from_all(db, rescans)
            if refused := next((outcome for outcome in outcomes if isinstance(outcome, Refusal)), None):
                raise refused  # it undoes what the cells before this one have noted
        await db.execute(sa.text(cell_schemas.enter(first)))
        return outcomes

    return {RESCAN: replace(RESCAN, run=run)}


async def rescan_from(db: Db, height: int, lowest: int = 0) -> int | Refusal:
    """Have the follower read the blocks from `height` on again and book missed deposits.

    A rescan that needs blocks below `lowest`, which the node does not have, can never end: it is replaced.
    """
    tip_height = (await db.execute(sa.select(chain_state.c.height).with_for_update(key_share=True))).scalar()
    if height < 0 or tip_height is None or height > tip_height:
        upto = "no block yet" if tip_height is None else f"block {tip_height}"
        return Invalid(reason=f"The height is from 0 to the tip, which is {upto}.", field="blockheight")
    if height < lowest:
        return Deleted(lowest=lowest, height=height)
    await connecting.read_again(db, height, lowest)
    return height
