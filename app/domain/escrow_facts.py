"""What is told of escrows, and how an escrow is shown."""

from typing import TYPE_CHECKING, Any

from app.domain.facts import Owner
from app.domain.movements import Telling
from app.fragments import fragment

if TYPE_CHECKING:
    from app.domain.escrows import Escrow


def shown(escrow: "Escrow") -> dict[str, Any]:
    """The escrow as it is, in API and events alike."""
    asset = escrow.asset
    return {
        "id": escrow.id,
        "order_id": escrow.order_id,
        "buyer": escrow.buyer.foreign_id,
        "seller": escrow.seller.foreign_id,
        "asset": asset.code,
        "amount": asset.show(escrow.amount),
        "fee": asset.show(escrow.fee),
        "hold": escrow.hold,
        "state": escrow.state,
        "to_seller": asset.show(escrow.to_seller),
        "to_buyer": asset.show(escrow.to_buyer),
        "to_platform": asset.show(escrow.to_platform),
        "reference_type": escrow.reference[0],
        "reference": escrow.reference[1],
        "metadata": fragment(escrow.metadata),
        "created": escrow.created.isoformat(),
    }


def told(escrow: "Escrow") -> tuple[Telling, Telling]:
    """ESCROW_LOCKED and so on, by the state that it has come to: to the buyer and to the seller."""
    message = {"escrow": shown(escrow)}
    event = f"ESCROW_{escrow.state}"
    return Telling(escrow.buyer, event, message), Telling(escrow.seller, event, message)


def fee_earned(escrow: "Escrow", platform: Owner, fee: int) -> Telling:
    """ESCROW_FEE_EARNED: to the platform, which may be buyer or seller of the order as well."""
    return Telling(platform, "ESCROW_FEE_EARNED", {"amount": escrow.asset.show(fee), "escrow": shown(escrow)})
