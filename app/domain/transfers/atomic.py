"""Atomic transfers: they stand together, all of them or none; two of two assets are an exchange."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.db import Db
from app.domain import batch, ledger
from app.domain.commands import Command, plain
from app.domain.idempotency import KeyReused
from app.domain.ledger import Failed, Posted
from app.domain.refusals import Refusal
from app.domain.transfers.making import Made, Parties, TransferOrder, TransferPlan, post_orders
from app.domain.transfers.making import named as parties_named
from app.domain.transfers.making import plan as plan_transfer
from app.domain.transfers.making import verdict as verdict_on_transfer
from app.domain.transfers.transfer import Transfer
from app.domain.transfers.transfer import by_ids as transfers_by_ids

Trade = tuple[Transfer, ...]


async def make(db: Db, wanted: Sequence[Sequence[TransferOrder]]) -> list[Trade | Refusal]:
    """Make the groups in their order; a refusal names the first transfer of a group that cannot be made."""
    parties = await parties_named(db, [order for orders in wanted for order in orders])
    plans = [_plans(orders, parties) for orders in wanted]
    accepted = batch.accepted(plans)
    decided, pending = await ledger.decide_together(
        db, [[plan.entry for plan in group] for group in accepted]
    )
    verdicts = [_verdict(group, outcome, parties) for group, outcome in zip(accepted, decided, strict=True)]
    made = batch.accepted(verdicts)
    transfers = iter(await post_orders(db, parties, [plan for group in made for plan in group], pending))
    trades = [tuple(next(transfers) for _ in group) for group in made]
    return batch.outcomes(plans, batch.outcomes(verdicts, trades))


def _plans(orders: Sequence[TransferOrder], parties: Parties) -> list[TransferPlan] | Refusal:
    plans: list[TransferPlan] = []
    for index, order in enumerate(orders):
        plan = plan_transfer(order, parties)
        if isinstance(plan, Refusal):
            return _at(index, plan)
        plans.append(plan)
    return plans


def _verdict(
    plans: Sequence[TransferPlan], outcome: Sequence[Posted] | Failed, parties: Parties
) -> list[Made] | Refusal:
    if isinstance(outcome, Failed):
        refusal = verdict_on_transfer(plans[outcome.position], outcome.outcome, parties)
        return _at(outcome.position, refusal) if isinstance(refusal, Refusal) else [refusal]
    return [Made(plan, posted) for plan, posted in zip(plans, outcome, strict=True)]


def _at(index: int, refusal: Refusal) -> Refusal:
    """Name the transfer that is refused; a key is that of all."""
    if isinstance(refusal, KeyReused):
        return refusal
    return refusal.about(f"transfers.{index}.{refusal.field}" if refusal.field else f"transfers.{index}")


async def _by_ids(db: Db, ids: Sequence[str]) -> Mapping[str, Trade]:
    """Return the groups, the transfers of each in the order in which they were asked for."""
    wanted = {trade_id: trade_id.split(",") for trade_id in ids}
    transfers = await transfers_by_ids(db, [number for numbers in wanted.values() for number in numbers])
    return {trade_id: tuple(transfers[number] for number in numbers) for trade_id, numbers in wanted.items()}


def _id(trade: Trade) -> str:
    """A group is known by the ids of all of its transfers."""
    return ",".join(str(transfer.id) for transfer in trade)


MAKE_ATOMIC: Final = Command("trade", plain(make), plain(_by_ids), _id)
