"""The operator's endpoints: health, readiness, audit, system balances, and reading the chain again."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from app import audit
from app.api import fields, idempotency_keys, parameters, responses
from app.api.access.acting import Acting
from app.api.access.guarded_route import GuardedRoute
from app.api.cells.routing import Cells, InCells
from app.api.context import Context
from app.api.routes.lazy_route import LazyRoute
from app.audit import over_cells
from app.domain import blocks, ledger
from app.domain.audit import Totals
from app.domain.blocks import Rescan
from app.domain.ledger import SystemBalance
from app.domain.payments import pause
from app.money import Koinu, show
from app.runtime import lease
from app.runtime.loop import LoopHealth

PATIENCE_SECONDS: Final = 1.0
"""How long readiness waits for the database: the answer on the loops must come at once."""

router = APIRouter(route_class=GuardedRoute)
ready = APIRouter(route_class=GuardedRoute)
health = APIRouter(route_class=LazyRoute)


class LoopView(responses.View):
    """A loop: `running`, in `trouble` while it tries again, or `stopped` for good; and the reason."""

    name: str
    state: str
    reason: str


class Health(responses.View):
    """The program answers; `status` is `ok` while all of its loops run, else `trouble`."""

    status: str


class Readiness(Health):
    """The status with each loop, and whether the coins cover the balances; null if the database is silent."""

    loops: list[LoopView]
    solvent: bool | None
    owing: fields.AmountOut | None


class CheckView(responses.View):
    """One check: how many rows it read. `detail` names the first wrong row, or if `ok` what was not read."""

    name: str
    ok: bool
    checked: int
    detail: str


class TotalsView(responses.View):
    """Who owns and who holds, per asset; the difference is always zero."""

    asset: str
    customers: fields.AmountOut
    clawback: fields.AmountOut
    coins: fields.AmountOut
    in_transit: fields.AmountOut
    cold: fields.AmountOut
    difference: fields.AmountOut
    treasury: fields.AmountOut

    @classmethod
    def of(cls, totals: Totals) -> "TotalsView":
        """Show the totals."""
        sums = {name: totals.shown(name) for name in cls.model_fields if name != "asset"}
        return cls(asset=totals.asset, **sums)


class SystemBalanceView(responses.View):
    """What a system account has of an asset; below zero where it gave more than it took."""

    account: str
    asset: str
    balance: fields.AmountOut

    @classmethod
    def of(cls, balance: SystemBalance) -> "SystemBalanceView":
        """Show a balance."""
        asset = balance.asset
        return cls(account=balance.account, asset=asset.code, balance=asset.show(balance.amount))


class SystemBalances(responses.View):
    """World, network fees, clawback and cold storage in DOGE, then the treasury in every credit."""

    items: list[SystemBalanceView]

    @classmethod
    def of(cls, balances: Sequence[SystemBalance]) -> "SystemBalances":
        """Show the balances."""
        return cls(items=[SystemBalanceView.of(balance) for balance in balances])


class AuditView(responses.View):
    """The result of an audit; a mismatch is `"ok":false`, not an error.

    `ok` is about the books. Right books may still show more balances than there are coins, by `owing`: then
    `solvent` is false.
    """

    ok: bool
    solvent: bool
    owing: fields.AmountOut
    checks: list[CheckView]
    height: int | None
    totals: list[TotalsView]
    payments_paused: str | None

    @classmethod
    def of(cls, report: audit.AuditReport, paused: str | None) -> "AuditView":
        """Show a report. `height` is null before the first block; `paused` says why payments are stopped."""
        checks = [CheckView.showing(finding) for finding in report.findings]
        totals = [TotalsView.of(sums) for sums in report.totals]
        owing = show(report.shortfall)
        return cls.showing(report, owing=owing, checks=checks, totals=totals, payments_paused=paused)


@router.get("/audit", response_model=AuditView, summary="Hold the books against each other")
async def get_audit(cells: InCells, part: parameters.Percent = None) -> Response:
    """Always 200. One audit runs at a time, for 15 s at most; callers that come meanwhile share the next one.

    Of large books each check reads the oldest rows, and others from `part` percent of the way on (without it:
    by chance); `detail` says so. `kennel audit` reads all.
    """
    percent, context = secrets.randbelow(100) if part is None else part, cells.first
    report = await context.audits.result(
        lambda: over_cells.run(cells.together, context.node_queries.coins, audit.Sample(percent))
    )
    context.scrape.process.audited(ok=report.ok)
    return responses.show(AuditView.of(report, await _paused(cells)))


async def _paused(cells: Cells) -> str | None:
    """Return why payments are paused, in the first cell in which they are."""
    for context in cells.contexts:
        async with context.reads.connect() as db:
            if reason := await pause.reason(db):
                return reason
    return None


@router.get("/balances/system", response_model=SystemBalances, summary="What the system accounts have")
async def get_system_balances(cells: InCells) -> Response:
    """What came from the chain or was issued is negative: with the customers each asset sums to zero."""
    together = cells.together
    balances: list[SystemBalance] = []
    async with together.moment() as db:
        for cell in range(len(together)):
            await together.enter(db, cell)
            balances = ledger.added(balances, await ledger.system_balances(db))
    return responses.show(SystemBalances.of(balances))


@router.post(
    "/admin/setsyncheight/{blockheight}", response_model=str, summary="Read the chain again from a height"
)
async def set_sync_height(
    blockheight: parameters.Height, key: idempotency_keys.BodilessKey, cells: InCells, action: Acting
) -> Response:
    """Missed deposits are posted, known ones are recognised; balances do not change meanwhile.

    The lowest height of all requests counts. A height whose blocks a pruned node has removed is refused.
    """
    rescan = Rescan(blockheight, await cells.first.node_queries.lowest_height())
    result = await cells.submit_everywhere(blocks.RESCAN, rescan, key, action=action)
    return responses.show_written('"Set sync height"', replayed=result.replayed)


@ready.get(
    "/ready",
    response_model=Readiness,
    responses={503: {"model": Readiness}},
    summary="Whether the program's loops run, and why not",
)
async def get_ready(cells: InCells) -> Response:
    """503 while a loop is in trouble or has stopped: blocks are not read, or payments or events are not sent.

    It is about the installation: the loops of this process, and those that other processes run.

    With too few coins for the balances (`solvent` is false) it is still 200: a restart would not bring them.
    """
    owing, others = await _owing(cells), await _others(cells)
    loops = {**others, **cells.first.health.now()}
    ok = all(loop.state == "running" for loop in loops.values())
    shown = Readiness(
        status="ok" if ok else "trouble",
        loops=[
            LoopView(name=name, state=loop.state, reason=loop.reason) for name, loop in sorted(loops.items())
        ],
        solvent=None if owing is None else not owing,
        owing=None if owing is None else show(owing),
    )
    return responses.show(shown, status=200 if ok else 503)


async def _others(cells: Cells) -> Mapping[str, LoopHealth]:
    """Return how the work of other processes goes; nothing if the database is slow or away, as `owing` tells."""
    loops: dict[str, LoopHealth] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for cell, context in zip(cells.cell_map, cells.contexts, strict=True):
                async with context.reads.connect() as db:
                    found = await lease.of_work(db, cells.first.elsewhere)
                loops |= {cell.named(name): health for name, health in found.items()}
    except (TimeoutError, SQLAlchemyError, OSError):
        return {}
    return loops


async def _owing(cells: Cells) -> Koinu | None:
    """Return by how much the coins fall short of the balances, of each cell alone; None if the database is slow or away."""
    owing = 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for context in cells.contexts:
                async with context.reads.connect() as db:
                    owing += await blocks.shortfall(db)
    except (TimeoutError, SQLAlchemyError, OSError):
        return None
    return Koinu(owing)


@health.get("/health", response_model=Health, summary="Whether the program answers")
async def get_health(context: Context) -> Response:
    """Always 200, without the database: a supervisor's restart would not mend the database."""
    return responses.show(Health(status=_status(context)))


def _status(context: Context) -> str:
    return "ok" if context.health.ok else "trouble"
