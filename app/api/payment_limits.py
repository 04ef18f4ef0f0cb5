"""Limits on the payments of accounts and keys over HTTP, and approving what is above them."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import Field, Strict
from starlette.responses import Response

from app.api import fields, idempotency_keys, parameters, request_body, responses
from app.api.access.acting import Acting
from app.api.access.callers import Asking
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Commits, Reading
from app.api.parameters import KeyId
from app.api.payments import PaymentId, PaymentView
from app.domain import approvals, dogecoin, key_limits, payment_limits
from app.domain.approvals import Verdict
from app.domain.dogecoin import Network
from app.domain.key_limits import KeyLimits
from app.domain.payment_limits import AccountLimits, Terms
from app.domain.refusals import Invalid
from app.money import Koinu

router = APIRouter(route_class=GuardedRoute)


Payees = Annotated[
    tuple[fields.Label, ...] | None, Field(max_length=payment_limits.MOST_PAYEES), Strict(strict=False)
]
PayeeDelay = Annotated[int, Field(ge=0, le=payment_limits.LONGEST_DELAY_SECONDS)]


def checked_payees(payees: tuple[str, ...] | None, network: Network) -> tuple[str, ...] | None:
    """Return the payees; refuses an address that cannot be paid."""
    for number, address in enumerate(payees or ()):
        if dogecoin.to_script_or_none(network, address) is None:
            raise Invalid(reason="The address cannot be paid on this network.", field=f"payees.{number}")
    return payees


class WantedLimits(request_body.Body):
    """All limits of an account or a key: what is absent is no limit. Amounts are DOGE, with an `explicit_fee`; 0 is none."""

    model_config = request_body.examples(
        {"per_payment": "1000", "per_day": "5000", "approve_above": "500"},
        {"payees": ["n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"], "payee_delay_seconds": 86_400},
    )

    per_payment: fields.KoinuIn = 0
    per_day: fields.KoinuIn = 0
    approve_above: fields.KoinuIn = 0
    payees: Payees = None
    payee_delay_seconds: PayeeDelay = 0

    @property
    def terms(self) -> Terms:
        """The amounts; refuses what is none."""
        return Terms(Koinu(self.per_payment), Koinu(self.per_day), Koinu(self.approve_above))

    def order(self, foreign_id: str, network: Network) -> AccountLimits:
        """Return the limits of an account; refuses an address that cannot be paid."""
        payees = checked_payees(self.payees, network)
        return AccountLimits(foreign_id, self.terms, payees, self.payee_delay_seconds)

    def order_of_key(self, key_id: int, network: Network) -> KeyLimits:
        """Return the limits of a key; refuses an address that cannot be paid."""
        return KeyLimits(key_id, self.terms, checked_payees(self.payees, network), self.payee_delay_seconds)


class _LimitsView(responses.View):
    """Limits; `payees` null: any address may be paid."""

    per_payment: fields.KoinuShown
    per_day: fields.KoinuShown
    approve_above: fields.KoinuShown
    payees: list[str] | None
    payee_delay_seconds: int


class _OfAccount(responses.View):
    foreign_id: str


class _OfKey(responses.View):
    key_id: int


class LimitsView(_LimitsView, _OfAccount):
    """The limits of an account; `payees` null: it may pay any address."""

    @classmethod
    def of(cls, limits: AccountLimits) -> Self:
        """Show them."""
        return cls(**payment_limits.limits_shown(limits))


class KeyLimitsView(_LimitsView, _OfKey):
    """The limits of a key; `payees` null: it may pay any address."""

    @classmethod
    def of(cls, limits: KeyLimits) -> Self:
        """Show them."""
        return cls(**key_limits.limits_shown(limits))


LimitsBody = Annotated[WantedLimits, request_body.of(WantedLimits)]


@router.post("/account/{foreign_id}/limits", response_model=LimitsView, summary="Limit an account's payments")
async def put_limits(
    foreign_id: parameters.ForeignId,
    body: LimitsBody,
    key: idempotency_keys.Key,
    commits: Commits,
    action: Acting,
) -> Response:
    """In place of those before; they hold for payouts and refunds too. A payee that stays listed keeps its time."""
    order = body.order(foreign_id, commits.installation.network)
    result = await commits.submit(payment_limits.PUT, order, key, action=action)
    return responses.show(LimitsView.of(result.resource), replayed=result.replayed)


@router.get(
    "/account/{foreign_id}/limits", response_model=LimitsView, summary="The limits of an account's payments"
)
async def get_limits(foreign_id: parameters.ForeignId, db: Reading) -> Response:
    """Without limits all amounts are 0 and `payees` is null."""
    return responses.show(LimitsView.of(await payment_limits.fetch(db, foreign_id)))


@router.post("/keys/{key_id}/limits", response_model=KeyLimitsView, summary="Limit a key's payments")
async def put_key_limits(
    key_id: KeyId, body: LimitsBody, key: idempotency_keys.Key, commits: Commits, action: Acting
) -> Response:
    """In place of those before, whatever the account. A payee that stays listed keeps its time."""
    order = body.order_of_key(key_id, commits.installation.network)
    result = await commits.submit(key_limits.PUT, order, key, action=action)
    return responses.show(KeyLimitsView.of(result.resource), replayed=result.replayed)


@router.get("/keys/{key_id}/limits", response_model=KeyLimitsView, summary="The limits of a key's payments")
async def get_key_limits(key_id: KeyId, db: Reading) -> Response:
    """Without limits all amounts are 0 and `payees` is null."""
    return responses.show(KeyLimitsView.of(await key_limits.fetch(db, key_id)))


async def _verdict(foreign_id: parameters.ForeignId, payment_id: PaymentId, caller: Asking) -> Verdict:
    return Verdict(foreign_id, payment_id, caller.name)


PaymentVerdict = Annotated[Verdict, Depends(_verdict)]
"""Which payment of which account the caller decides on."""


@router.post(
    "/account/{foreign_id}/payment/{payment_id}/approve",  # noqa: FAST003  the verdict has both
    response_model=PaymentView,
    summary="Approve a payment",
)
async def approve(
    verdict: PaymentVerdict, key: idempotency_keys.BodilessKey, commits: Commits, action: Acting
) -> Response:
    """It is signed and sent. 403 to the key or token that has asked for it: another one decides."""
    result = await commits.submit(approvals.APPROVE, verdict, key, action=action)
    return responses.show(PaymentView.of(result.resource), replayed=result.replayed)


@router.post(
    "/account/{foreign_id}/payment/{payment_id}/reject",  # noqa: FAST003  the verdict has both
    response_model=PaymentView,
    summary="Reject a payment",
)
async def reject(
    verdict: PaymentVerdict, key: idempotency_keys.BodilessKey, commits: Commits, action: Acting
) -> Response:
    """Its money is available again. 403 to the key or token that has asked for it, which may void it."""
    result = await commits.submit(approvals.REJECT, verdict, key, action=action)
    return responses.show(PaymentView.of(result.resource), replayed=result.replayed)
