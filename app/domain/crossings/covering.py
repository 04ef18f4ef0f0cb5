"""The platform bears what all cells lack, with the money that it has in any of them."""

from collections.abc import Mapping

from app.db.tables import CLAWBACK
from app.domain import blocks, ledger
from app.domain.blocks import PlatformTooPoor
from app.domain.crossings import gathering
from app.domain.crossings.crossing import Crossing, enter
from app.domain.owner import Owner
from app.domain.refusals import Conflict, Refusal
from app.money import DOGE, Koinu, show


class NotInThatCell(Conflict):
    """{account} has no account in cell {cell}, where accounts are owed {owing} DOGE more than there are coins: open it by POST /account/{account}, which opens it in all cells."""


async def cover(crossing: Crossing, platform: str) -> list[Koinu] | Refusal:
    """Let the accounts `platform` pay the shortfall of each cell, as `blocks.cover` does; returns the amounts, by cell.

    What has been repaid goes back to the platform first, and can be paid with. Nothing is paid where it lacks money.
    """
    owners = await gathering.accounts_named(crossing, range(crossing.map.cells), platform)
    owing = await _owing(crossing, owners)
    for cell, amount in owing.items():
        if amount > 0 and cell not in owners:
            return NotInThatCell(account=platform, cell=cell, owing=show(amount))
    amounts = {cell: await _cover(crossing, cell, platform) for cell, amount in owing.items() if amount <= 0}
    lacking = {cell: amount for cell, amount in owing.items() if amount > 0}
    if lacking and (refusal := await _gather(crossing, owners, platform, lacking)):
        return refusal
    amounts |= {cell: await _cover(crossing, cell, platform) for cell in lacking}
    return [amounts[cell] for cell in sorted(amounts)]


async def _owing(crossing: Crossing, owners: Mapping[int, Owner]) -> dict[int, Koinu]:
    """Lock all that is paid with and for, cell by cell, and return what each cell lacks; below zero it was repaid."""
    owing = {}
    clawback = CLAWBACK, DOGE
    for cell in range(crossing.map.cells):
        own = [(owners[cell].id, DOGE)] if cell in owners else []
        locked = await ledger.lock(await enter(crossing, cell), sorted([clawback, *own]))
        owing[cell] = Koinu(-locked[clawback].available)
    return owing


async def _gather(
    crossing: Crossing, owners: Mapping[int, Owner], platform: str, lacking: Mapping[int, Koinu]
) -> Refusal | None:
    """Bring the money to where it lacks, or refuse."""
    by_asset = await gathering.lock(crossing, owners, [DOGE])
    funds = by_asset[DOGE]
    if not all(funds.reserve(cell, amount, amount) for cell, amount in lacking.items()):
        has, needed = show(funds.total), show(sum(lacking.values()))
        return PlatformTooPoor(account=platform, available=has, owing=needed)
    await gathering.move(crossing, owners, by_asset)
    return None


async def _cover(crossing: Crossing, cell: int, platform: str) -> Koinu:
    covered = await blocks.cover(await enter(crossing, cell), platform)
    if isinstance(covered, Refusal):
        raise covered
    return covered
