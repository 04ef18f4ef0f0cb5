"""How escrows begin: the buyer's money is locked for an order, from what is available or from a hold."""

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
    """An escrow to be made. `hold` is a hold of the buyer's that the money is taken from."""

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
    """An order that is valid, unless the buyer lacks the money. Amounts in the asset's smallest unit."""

    order: NewEscrow
    buyer: Owner
    seller: Owner
    asset: Asset
    amount: int
    fee: int

    def row(self) -> dict[str, Any]:
        """Return the columns of its row."""
        order = self.order
        return {
            "order_id": order.order_id,
            "account_id": self.buyer.id,
            "seller_id": self.seller.id,
            "asset": self.asset.code,
            "amount": self.amount,
            "fee": self.fee,
            "hold_id": order.hold,
            "reference_type": order.reference[0],
            "reference": order.reference[1],
            "metadata": order.metadata,
        }

    def escrow(self, number: int, created: datetime) -> Escrow:
        """Return the escrow of the row."""
        return Escrow(
            id=number,
            order_id=self.order.order_id,
            buyer=self.buyer,
            seller=self.seller,
            asset=self.asset,
            amount=self.amount,
            fee=self.fee,
            hold=self.order.hold,
            state="LOCKED",
            to_seller=0,
            to_buyer=0,
            reference=self.order.reference,
            metadata=self.order.metadata,
            created=created,
        )


class LockedEscrow(NamedTuple):
    """An accepted escrow, the entries that lock its money, and its hold after that."""

    escrow: Escrow
    group: EntryGroup
    hold: Hold | None


async def lock(db: Db, orders: Sequence[NewEscrow]) -> list[Escrow | Refusal]:
    """Lock money for orders, in order, as far as each buyer's money and holds go.

    Claims an order before it locks any balance, and deletes the claim where the buyer lacks the money.
    Sellers cannot be closed meanwhile: a transaction that closes one waits and then finds the escrow, or was
    first.
    """
    locked_holds = await holds.lock(db, [order.hold for order in orders if order.hold is not None])
    await accounts.keep_open(db, [order.seller for order in orders])
    owners = await accounts.owners(db, [name for order in orders for name in (order.buyer, order.seller)])
    assets = await ledger.assets_by_code(db, [order.asset for order in orders])
    checked = [check(order, owners, assets) for order in orders]
    valid = batch.accepted(checked)
    rows = {terms.order.order_id: terms.row() for terms in valid}
    if len(rows) < len(valid):
        raise SameOrder
    now = await holds.clock(db, locked_holds)
    claimed = await escrows.claim(db, rows)
    decided = [decide(terms, claimed, locked_holds, now) for terms in valid]
    accepted = batch.accepted(decided)
    refusals = await transfers.post_groups(db, [locked.group for locked in accepted])
    outcomes = [refusal or locked.escrow for refusal, locked in zip(refusals, accepted, strict=True)]
    await holds.write(db, [locked.hold for locked in accepted if locked.hold is not None])
    made = {escrow.id for escrow in batch.accepted(outcomes)}
    await escrows.unclaim(db, [number for number, _ in claimed.values() if number not in made])
    return batch.outcomes(checked, batch.outcomes(decided, outcomes))


LOCK: Final = Command("escrow", plain(lock), plain(escrows.by_ids), lambda escrow: str(escrow.id))


def check(
    order: NewEscrow, owners: Mapping[str, Owner], assets: Mapping[str, Asset]
) -> EscrowTerms | Refusal:
    """Read whom and how much the order means, or refuse it."""
    try:
        return _terms(order, owners, assets)
    except Refusal as refusal:
        return refusal


def _terms(order: NewEscrow, owners: Mapping[str, Owner], assets: Mapping[str, Asset]) -> EscrowTerms:
    buyer = _side(order.buyer, "buyer", owners)
    seller = _side(order.seller, "seller", owners)
    if buyer.id == seller.id:
        raise SameSides(foreign_id=order.seller)
    asset = assets.get(order.asset)
    if asset is None:
        raise NoSuchAsset(code=order.asset)
    amount, fee = asset.parse(order.amount), asset.parse_any(order.fee, "fee")
    if fee > amount:
        raise FeeAboveAmount(fee=asset.show(fee), amount=asset.show(amount))
    return EscrowTerms(order, buyer, seller, asset, amount, fee)


def _side(name: str, field: str, owners: Mapping[str, Owner]) -> Owner:
    owner = find_open(owners, name, field)
    if isinstance(owner, Refusal):
        raise owner
    return owner


def decide(
    terms: EscrowTerms,
    claimed: Mapping[str, tuple[int, datetime]],
    locked_holds: dict[int, Hold],
    now: datetime | None,
) -> LockedEscrow | Refusal:
    """Take the money from the hold, where one is named, else from what is available."""
    if terms.order.order_id not in claimed:
        return OrderTaken(order_id=terms.order.order_id)
    escrow = terms.escrow(*claimed[terms.order.order_id])
    buyer, code = terms.buyer.id, terms.asset.code
    postings = (Posting(buyer, AVAILABLE, -terms.amount, code), Posting(buyer, HELD, terms.amount, code))
    entry = escrow.entry("ESCROW_LOCK", postings, terms.order.metadata)
    events = escrows.state_events(escrow)
    if terms.order.hold is None:
        return LockedEscrow(escrow, EntryGroup(terms.asset, (entry,), events, alone=True), None)
    hold = _convertible(terms, locked_holds.get(terms.order.hold), now)
    if isinstance(hold, Refusal):
        return hold
    # The whole hold is given back first, so that each entry is either of the hold or of the escrow.
    converted, back = hold.give_back(hold.remaining, "CONVERTED")
    locked_holds[hold.id] = converted
    return LockedEscrow(escrow, EntryGroup(terms.asset, (back, entry), events), converted)


def _convertible(terms: EscrowTerms, hold: Hold | None, now: datetime | None) -> Hold | Refusal:
    """Return the hold, or refuse. A hold of another account counts as none."""
    if hold is None or hold.owner.id != terms.buyer.id:
        return NoSuchHold(id=terms.order.hold, field="hold")
    if refusal := hold.over(now):
        return refusal.about("hold")
    if hold.asset.code != terms.asset.code:
        return OtherAsset(id=hold.id, asset=hold.asset.code)
    return hold.above(terms.amount) or hold
