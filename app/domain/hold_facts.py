"""What is told of holds, and how a hold is shown."""

from typing import TYPE_CHECKING, Any

from app.domain.facts import Owner
from app.domain.movements import Telling

if TYPE_CHECKING:
    from app.domain.holds import Hold


def shown(hold: "Hold") -> dict[str, Any]:
    """The hold as it is, in API and events alike."""
    return {
        "id": hold.id,
        "foreign_id": hold.owner.foreign_id,
        "asset": hold.asset.code,
        "amount": hold.asset.show(hold.amount),
        "remaining": hold.asset.show(hold.remaining),
        "captured": hold.asset.show(hold.captured),
        "state": hold.state,
        "reference_type": hold.reference[0],
        "reference": hold.reference[1],
        "expires": hold.expires and hold.expires.isoformat(),
        "created": hold.created.isoformat(),
    }


def created(hold: "Hold") -> Telling:
    """HOLD_CREATED."""
    return _of(hold, hold.owner, "HOLD_CREATED", hold.amount)


def released(hold: "Hold", amount: int) -> Telling:
    """HOLD_RELEASED: `amount` went back, of one that may go on."""
    return _of(hold, hold.owner, "HOLD_RELEASED", amount)


def expired(hold: "Hold", amount: int) -> Telling:
    """HOLD_EXPIRED: what was left went back."""
    return _of(hold, hold.owner, "HOLD_EXPIRED", amount)


def captured(hold: "Hold", payee: Owner, amount: int) -> tuple[Telling, Telling]:
    """HOLD_CAPTURED: to whoever gave it, and to whoever got it."""
    payer = _of(hold, hold.owner, "HOLD_CAPTURED", amount, payee)
    return payer, payer._replace(owner=payee)


def _of(hold: "Hold", owner: Owner, event: str, amount: int, payee: Owner | None = None) -> Telling:
    message: dict[str, Any] = {"amount": hold.asset.show(amount)}
    if payee is not None:
        message |= {"from": owner.foreign_id, "to": payee.foreign_id}
    return Telling(owner, event, message | {"hold": shown(hold)})
