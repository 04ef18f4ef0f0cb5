"""The platform's account where there are several cells: it is in all of them, and shown as one."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from app.api.cells import merged
from app.api.cells.routing import Cells
from app.api.context import AppContext
from app.domain import accounts, ledger
from app.domain.ledger import AssetBalance, Balance

Answer = TypeVar("Answer")


async def balance(cells: Cells) -> Balance:
    """Return what it has of DOGE in all cells together; NoSuchAccount where no cell has it yet."""
    return _sum(await _of_each(cells, lambda context: context.queries.fetch(ledger.BALANCE, cells.platform)))


async def balances(cells: Cells, at: datetime | None) -> list[AssetBalance]:
    """Return what it has of each asset in all cells together, now or at a time."""
    by_asset: dict[str, list[AssetBalance]] = {}
    for of_cell in await _of_each(cells, lambda context: balances_in(context, cells.platform, at)):
        for each in of_cell:
            by_asset.setdefault(each.asset, []).append(each)
    first, *others = by_asset  # DOGE, then the others by code
    return [
        AssetBalance(asset, by_asset[asset][0].decimals, _sum([each.balance for each in by_asset[asset]]))
        for asset in (first, *sorted(others))
    ]


async def balances_in(context: AppContext, foreign_id: str, at: datetime | None) -> Sequence[AssetBalance]:
    """Return what an account has of each asset in a cell."""
    if at is None:
        return await context.queries.fetch(ledger.BALANCES, foreign_id)
    async with context.reads.connect() as db:
        account = await accounts.fetch(db, foreign_id)
        return await ledger.asset_balances_at(db, account.id, at)


async def _of_each(
    cells: Cells, ask: Callable[[AppContext], Coroutine[Any, Any, Answer]]
) -> Sequence[Answer]:
    """Return the answers of the cells that have the account; a cell opens it when it needs it."""
    answers = await merged.at_once_where_known((ask(context) for context in cells.contexts), None)
    return [answer for answer in answers if answer is not None]


def _sum(balances: Sequence[Balance]) -> Balance:
    return Balance(*map(sum, zip(*balances, strict=True)))
