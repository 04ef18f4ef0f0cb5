"""How escrows begin: money is locked for an order, out of what the buyer has available or has held already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.db import Db
from app.domain import accounts, batch, holds, ledger, transfers
from app.domain.commands import Command, plain
from app.domain.escrows import escrow as escrows
from app.domain.escrows.escrow import Escrow
from app.domain.holds import AVAILABLE, HELD, Hold, NoSuchHold
from app.domain.ledger import Asset, NoSuchAsset, Posting, RawAmount
from app.domain.owner import Owner, find_open
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import EntryGroup


class OrderTaken(Conflict):
    """The order {order_id} has an escrow already."""

    field = "order_id"


class SameSides(Invalid):
    """The account {foreign_id} is buyer and seller."""

    field = "seller"


class FeeAboveAmount(Invalid):
    """The fee of {fee} is above the amount of {amount}."""

    field = "fee"


class OtherAsset(Invalid):
    """The hold {id} is of {asset}."""

    field = "asset"


class SameOrder(Exception):
    """A batch has two escrows of one order: run the requests one by one."""


@dataclass(frozen=True, slots=True)
class NewEscrow:
    """The escrow that a caller wants; `hold` is one of the buyer's to take the money from."""

    order_id: str
    buyer: str
    seller: str
    asset: str
    amount: RawAmount
    fee: RawAmount = 0
    hold: int | None = None
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"


class EscrowTerms(NamedTuple):
    """An escrow that is in order but for its money: who, and how much in the asset's smallest unit."""

    new: NewEscrow
    buyer: Owner
    seller: Owner
    asset: Asset
    amount: int
    fee: int

    def row(self) -> dict[str, Any]:
        """What is written of it."""
        new = self.new
        return {
            "order_id": new.order_id,
            "account_id": self.buyer.id,
            "seller_id": self.seller.id,
            "asset": self.asset.code,
            "amount": self.amount,
            "fee": self.fee,
            "hold_id": new.hold,
            "reference_type": new.reference[0],
            "reference": new.reference[1],
            "metadata": new.metadata,
        }

    def escrow(self, number: int, created: datetime) -> Escrow:
        """It, as it was written."""
        return Escrow(
            id=number,
            order_id=self.new.order_id,
            buyer=self.buyer,
            seller=self.seller,
            asset=self.asset,
            amount=self.amount,
            fee=self.fee,
            hold=self.new.hold,
            state="LOCKED",
            to_seller=0,
            to_buyer=0,
            reference=self.new.reference,
            metadata=self.new.metadata,
            created=created,
        )


class LockedEscrow(NamedTuple):
    """An escrow that was decided on, what locks its money, and its hold as that leaves it."""

    escrow: Escrow
    movement: EntryGroup
    hold: Hold | None


async def lock(db: Db, wanted: Sequence[NewEscrow]) -> list[Escrow | Refusal]:
    """Lock, one order after the other, as far as each buyer's money and holds go.

    An order is claimed before any balance is locked, and let go again where there is no money for it. Nobody is closed
    meanwhile who is to be paid: whoever closes an account finds its escrows, or was first.
    """
    now = await holds.lock(db, [new.hold for new in wanted if new.hold is not None])
    await accounts.keep_open(db, [new.seller for new in wanted])
    owners = await accounts.owners(db, [name for new in wanted for name in (new.buyer, new.seller)])
    known = await ledger.assets_by_code(db, [new.asset for new in wanted])
    terms = [agreed(new, owners, known) for new in wanted]
    accepted = batch.accepted(terms)
    rows = {accepted_terms.new.order_id: accepted_terms.row() for accepted_terms in accepted}
    if len(rows) < len(accepted):
        raise SameOrder
    time = await holds.clock(db, now)
    claimed = await escrows.claim(db, rows)
    decided = [_decide(accepted_terms, claimed, now, time) for accepted_terms in accepted]
    steps = batch.accepted(decided)
    refusals = await transfers.post_groups(db, [step.movement for step in steps])
    locked = [refusal or step.escrow for refusal, step in zip(refusals, steps, strict=True)]
    await holds.write(db, [step.hold for step in steps if step.hold is not None])
    made = {escrow.id for escrow in batch.accepted(locked)}
    await escrows.delete_expired(db, [number for number, _ in claimed.values() if number not in made])
    return batch.outcomes(terms, batch.outcomes(decided, locked))


LOCK: Final = Command("escrow", plain(lock), plain(escrows.by_ids), lambda escrow: str(escrow.id))


def agreed(new: NewEscrow, owners: Mapping[str, Owner], known: Mapping[str, Asset]) -> EscrowTerms | Refusal:
    """Say who and how much is meant, or what is wrong with it."""
    try:
        return _agreed(new, owners, known)
    except Refusal as refusal:
        return refusal


def _agreed(new: NewEscrow, owners: Mapping[str, Owner], known: Mapping[str, Asset]) -> EscrowTerms:
    buyer = _side(new.buyer, "buyer", owners)
    seller = _side(new.seller, "seller", owners)
    if buyer.id == seller.id:
        raise SameSides(foreign_id=new.seller)
    asset = known.get(new.asset)
    if asset is None:
        raise NoSuchAsset(code=new.asset)
    amount, fee = asset.parse(new.amount), asset.parse_any(new.fee, "fee")
    if fee > amount:
        raise FeeAboveAmount(fee=asset.show(fee), amount=asset.show(amount))
    return EscrowTerms(new, buyer, seller, asset, amount, fee)


def _side(name: str, field: str, owners: Mapping[str, Owner]) -> Owner:
    owner = find_open(owners, name, field)
    if isinstance(owner, Refusal):
        raise owner
    return owner


def _decide(
    terms: EscrowTerms,
    claimed: Mapping[str, tuple[int, datetime]],
    now: dict[int, Hold],
    time: datetime | None,
) -> LockedEscrow | Refusal:
    """Take the money from the hold, where one is named, else from what is available."""
    if terms.new.order_id not in claimed:
        return OrderTaken(order_id=terms.new.order_id)
    escrow = terms.escrow(*claimed[terms.new.order_id])
    buyer, code = terms.buyer.id, terms.asset.code
    postings = (Posting(buyer, AVAILABLE, -terms.amount, code), Posting(buyer, HELD, terms.amount, code))
    locked = escrow.entry("ESCROW_LOCK", postings, terms.new.metadata)
    told = escrows.told(escrow)
    if terms.new.hold is None:
        return LockedEscrow(escrow, EntryGroup(terms.asset, (locked,), told, alone=True), None)
    hold = _convertible(terms, now.get(terms.new.hold), time)
    if isinstance(hold, Refusal):
        return hold
    # All of the hold goes back first: what is of the hold and what is of the escrow is then told apart by the entries.
    now[hold.id], back = hold.given_back(hold.remaining, "CONVERTED")
    return LockedEscrow(escrow, EntryGroup(terms.asset, (back, locked), told), now[hold.id])


def _convertible(terms: EscrowTerms, hold: Hold | None, time: datetime | None) -> Hold | Refusal:
    """Another's hold is none."""
    if hold is None or hold.owner.id != terms.buyer.id:
        return NoSuchHold(id=terms.new.hold, field="hold")
    if refusal := hold.over(time):
        return refusal.about("hold")
    if hold.asset.code != terms.asset.code:
        return OtherAsset(id=hold.id, asset=hold.asset.code)
    return hold.lacks(terms.amount) or hold
