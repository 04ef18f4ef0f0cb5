"""Atomic transfers: a group of transfers is made as a whole or not at all, such as a trade of two assets."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.db import Db
from app.domain import batch, ledger
from app.domain.commands import Command, plain
from app.domain.idempotency import KeyReused
from app.domain.ledger import Failed, Posted
from app.domain.refusals import Refusal
from app.domain.transfers import making
from app.domain.transfers.making import Parties, PostedPlan, TransferOrder, TransferPlan
from app.domain.transfers.transfer import Transfer
from app.domain.transfers.transfer import by_ids as transfers_by_ids

TransferGroup = tuple[Transfer, ...]


async def make(db: Db, groups: Sequence[Sequence[TransferOrder]]) -> list[TransferGroup | Refusal]:
    """Make the groups in order; a refusal names the first transfer of a group that cannot be made."""
    parties = await making.load_parties(db, [order for orders in groups for order in orders])
    plans = [plan_group(orders, [parties] * len(orders)) for orders in groups]
    accepted = batch.accepted(plans)
    outcomes, pending = await ledger.decide_together(
        db, [[plan.entry for plan in group] for group in accepted]
    )
    posted = [
        posted_group(group, outcome, [parties] * len(group))
        for group, outcome in zip(accepted, outcomes, strict=True)
    ]
    made = batch.accepted(posted)
    transfers = iter(
        await making.write_transfers(db, parties, [plan for group in made for plan in group], pending)
    )
    return batch.outcomes(
        plans, batch.outcomes(posted, [tuple(next(transfers) for _ in group) for group in made])
    )


def plan_group(orders: Sequence[TransferOrder], sides: Sequence[Parties]) -> list[TransferPlan] | Refusal:
    """Return the entries of a group, or what is wrong with it; `sides` are the parties of each order."""
    plans: list[TransferPlan] = []
    for index, (order, parties) in enumerate(zip(orders, sides, strict=True)):
        plan = making.plan_order(order, parties)
        if isinstance(plan, Refusal):
            return _of_transfer(index, plan)
        plans.append(plan)
    return plans


def posted_group(
    plans: Sequence[TransferPlan], outcome: Sequence[Posted] | Failed, sides: Sequence[Parties]
) -> list[PostedPlan] | Refusal:
    """Return the plans with their entries, or the refusal of the group."""
    if isinstance(outcome, Failed):
        index = outcome.position
        refusal = making.refusal_of(plans[index], outcome.outcome, sides[index])
        if isinstance(refusal, making.LacksFunds):
            refusal.facts["wanted"] = plans[index].asset.show(_given(plans, plans[index]))
        return _of_transfer(index, refusal)
    return [PostedPlan(plan, posted) for plan, posted in zip(plans, outcome, strict=True)]


def _given(plans: Sequence[TransferPlan], refused: TransferPlan) -> int:
    """Return what the payer of a plan gives of its asset in all of them."""
    first, *_ = refused.entry.postings
    gifts = [plan.entry.postings[0] for plan in plans]
    return -sum(gift.amount for gift in gifts if gift.balance_key == first.balance_key)


def _of_transfer(index: int, refusal: Refusal) -> Refusal:
    """Name the transfer that is refused; all transfers of a group have one key."""
    if isinstance(refusal, KeyReused):
        return refusal
    return refusal.about(f"transfers.{index}.{refusal.field}" if refusal.field else f"transfers.{index}")


async def _by_ids(db: Db, ids: Sequence[str]) -> Mapping[str, TransferGroup]:
    """Return the groups by their ids, the transfers of each in the order of the request."""
    parts = {group_id: group_id.split(",") for group_id in ids}
    transfers = await transfers_by_ids(db, [part for group in parts.values() for part in group])
    return {group_id: tuple(transfers[part] for part in group) for group_id, group in parts.items()}


def id_of(group: TransferGroup) -> str:
    """Return the ids of all its transfers."""
    return ",".join(str(transfer.id) for transfer in group)


MAKE_ATOMIC: Final = Command("trade", plain(make), plain(_by_ids), id_of)
