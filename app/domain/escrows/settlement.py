"""How escrows end: the seller is paid and the platform gets a fee, the buyer is paid back, or they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from app.db import Db
from app.db.tables import OPEN_ESCROWS
from app.domain import accounts, batch, transfers
from app.domain.accounts import AccountOrder
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.escrows import escrow as escrows
from app.domain.escrows.escrow import Escrow, NoSuchEscrow
from app.domain.holds import AVAILABLE, HELD
from app.domain.installation import Installation
from app.domain.ledger import BadAmount, Posting, RawAmount
from app.domain.owner import Owner
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import AccountEvent, EntryGroup


class NotInThatState(Conflict):
    """The escrow {id} is {state}: it cannot be {wanted}."""

    field = "id"


class OtherSum(Invalid):
    """to_seller and to_buyer make {sum}, and the escrow has {amount}."""

    field = "to_seller"


@dataclass(frozen=True, slots=True)
class End:
    """An escrow that is to get into `state`. Of a resolved one: what each side gets, before the fee."""

    escrow: int
    state: str
    to_seller: RawAmount = 0
    to_buyer: RawAmount = 0


class Parts(NamedTuple):
    """What the seller and the buyer get, and the fee that is taken from the seller's part."""

    seller: int
    buyer: int
    fee: int


FROM: Final[Mapping[str, tuple[str, ...]]] = {
    "RELEASED": OPEN_ESCROWS,
    "REFUNDED": OPEN_ESCROWS,
    "DISPUTED": ("LOCKED",),
    "RESOLVED": ("DISPUTED",),
}
"""The states from which an escrow can get into each."""

KINDS: Final = {"RELEASED": "ESCROW_RELEASE", "REFUNDED": "ESCROW_REFUND", "RESOLVED": "ESCROW_RESOLVE"}
"""The kind of the entry that brings it there."""


async def end(db: Db, orders: Sequence[End], installation: Installation) -> list[Escrow | Refusal]:
    """Release, refund, dispute or resolve escrows, in order.

    Fees go to the platform's account. A seller is paid even if it was closed meanwhile.
    """
    locked = await escrows.lock(db, [order.escrow for order in orders])
    decided = batch.decide(orders, locked, lambda order: order.escrow, decide)
    steps = batch.accepted(decided)
    earns = any(parts is not None and parts.fee for _, parts in steps)
    payee = await platform_of(db, installation) if earns else None
    await transfers.post_groups(db, [group_of(escrow, parts, payee) for escrow, parts in steps])
    await escrows.write(db, list({escrow.id: escrow for escrow, _ in steps}.values()))
    return batch.outcomes(decided, [escrow for escrow, _ in steps])


END: Final = Command("escrow-end", end, plain(escrows.by_ids), lambda escrow: str(escrow.id))


async def platform_of(db: Db, installation: Installation) -> Owner:
    """Return the account that gets the fees. The first fee opens it, also where two come at once.

    Raises NoReadyKeys where no key is ready for it.
    """
    foreign_id = installation.platform
    if (owner := (await accounts.owners(db, [foreign_id])).get(foreign_id)) is not None:
        return owner
    [account] = await accounts.put(db, [AccountOrder(foreign_id, {})], installation.network)
    if isinstance(account, Refusal):
        raise account
    return Owner(account.id, account.foreign_id, account.address)


def decide(order: End, escrow: Escrow | None) -> Step[Escrow, Parts | None] | Refusal:
    """Return the escrow after the order, and who gets what (None: nothing is paid yet)."""
    if escrow is None:
        return NoSuchEscrow(id=order.escrow, field="id")
    if escrow.state not in FROM[order.state]:
        return NotInThatState(id=escrow.id, state=escrow.state, wanted=order.state)
    if order.state == "DISPUTED":
        return Step(replace(escrow, state=order.state), None)
    parts = _parts(order, escrow)
    if isinstance(parts, Refusal):
        return parts
    ended = replace(escrow, state=order.state, to_seller=parts.seller - parts.fee, to_buyer=parts.buyer)
    return Step(ended, parts)


def _parts(order: End, escrow: Escrow) -> Parts | Refusal:
    """Return who gets what. The seller bears the fee of a resolved escrow too, as far as the part goes."""
    if order.state == "RELEASED":
        return Parts(escrow.amount, 0, escrow.fee)
    if order.state == "REFUNDED":
        return Parts(0, escrow.amount, 0)
    try:
        seller = escrow.asset.parse_any(order.to_seller, "to_seller")
        buyer = escrow.asset.parse_any(order.to_buyer, "to_buyer")
    except BadAmount as refusal:
        return refusal
    if seller + buyer != escrow.amount:
        return OtherSum(sum=escrow.asset.show(seller + buyer), amount=escrow.asset.show(escrow.amount))
    return Parts(seller, buyer, min(escrow.fee, seller))


def group_of(escrow: Escrow, parts: Parts | None, platform: Owner | None) -> EntryGroup:
    """Return the entry of the end, and its events.

    The seller is credited with the whole part, and debited with the fee, so that a statement shows both.
    """
    events: tuple[AccountEvent, ...] = escrows.state_events(escrow)
    if parts is None:
        return EntryGroup(escrow.asset, (), events)
    seller, code = escrow.seller.id, escrow.asset.code
    postings = _shares(escrow, parts)
    if parts.fee and platform is not None:
        fee = (Posting(seller, AVAILABLE, -parts.fee, code), Posting(platform.id, AVAILABLE, parts.fee, code))
        postings.extend(fee)
        events = (*events, escrows.fee_earned(escrow, platform, parts.fee))
    return EntryGroup(escrow.asset, (escrow.entry(KINDS[escrow.state], postings),), events)


def _shares(escrow: Escrow, parts: Parts) -> list[Posting]:
    """Give buyer and seller their parts of what the buyer has held."""
    buyer, seller, code = escrow.buyer.id, escrow.seller.id, escrow.asset.code
    return [
        Posting(buyer, HELD, -escrow.amount, code),
        Posting(buyer, AVAILABLE, parts.buyer, code),
        Posting(seller, AVAILABLE, parts.seller, code),
    ]
