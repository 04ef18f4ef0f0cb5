"""Limits on an account's payments over HTTP, and approving what is above them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, Strict
from starlette.responses import Response

from app.api import fields, idempotency_keys, parameters, request_body, responses
from app.api.access.callers import Asking
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Commits, Reading
from app.api.payments import PaymentId, PaymentView
from app.domain import approvals, dogecoin, payment_limits
from app.domain.approvals import Verdict
from app.domain.dogecoin import Network
from app.domain.payment_limits import AccountLimits, Terms
from app.domain.refusals import Invalid
from app.money import Koinu, show

router = APIRouter(route_class=GuardedRoute)


class WantedLimits(request_body.Body):
    """All limits of an account: what is absent is no limit. Amounts are DOGE, with an `explicit_fee`; 0 is no limit."""

    model_config = request_body.examples(
        {"per_payment": "1000", "per_day": "5000", "approve_above": "500"},
        {"payees": ["n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"], "payee_delay_seconds": 86_400},
    )

    per_payment: fields.KoinuIn = 0
    per_day: fields.KoinuIn = 0
    approve_above: fields.KoinuIn = 0
    payees: Annotated[
        tuple[fields.Label, ...] | None, Field(max_length=payment_limits.MOST_PAYEES), Strict(strict=False)
    ] = None
    payee_delay_seconds: Annotated[int, Field(ge=0, le=payment_limits.LONGEST_DELAY_SECONDS)] = 0

    def order(self, foreign_id: str, network: Network) -> AccountLimits:
        """Return the limits; refuses an address that cannot be paid."""
        for number, address in enumerate(self.payees or ()):
            if dogecoin.to_script_or_none(network, address) is None:
                raise Invalid(reason="The address cannot be paid on this network.", field=f"payees.{number}")
        terms = Terms(Koinu(self.per_payment), Koinu(self.per_day), Koinu(self.approve_above))
        return AccountLimits(foreign_id, terms, self.payees, self.payee_delay_seconds)


class LimitsView(responses.View):
    """The limits of an account; `payees` null: it may pay any address."""

    foreign_id: str
    per_payment: fields.KoinuShown
    per_day: fields.KoinuShown
    approve_above: fields.KoinuShown
    payees: list[str] | None
    payee_delay_seconds: int

    @classmethod
    def of(cls, limits: AccountLimits) -> "LimitsView":
        """Show them."""
        amounts = {name: show(getattr(limits.terms, name)) for name in payment_limits.AMOUNTS}
        payees = None if limits.payees is None else list(limits.payees)
        return cls.showing(limits, **amounts, payees=payees)


LimitsBody = Annotated[WantedLimits, request_body.of(WantedLimits)]


@router.post("/account/{foreign_id}/limits", response_model=LimitsView, summary="Limit an account's payments")
async def put_limits(
    foreign_id: parameters.ForeignId, body: LimitsBody, key: idempotency_keys.Key, commits: Commits
) -> Response:
    """In place of those before; they hold for payouts and refunds too. A payee that stays listed keeps its time."""
    order = body.order(foreign_id, commits.installation.network)
    result = await commits.submit(payment_limits.PUT, order, key)
    return responses.show(LimitsView.of(result.resource), replayed=result.replayed)


@router.get(
    "/account/{foreign_id}/limits", response_model=LimitsView, summary="The limits of an account's payments"
)
async def get_limits(foreign_id: parameters.ForeignId, db: Reading) -> Response:
    """Without limits all amounts are 0 and `payees` is null."""
    return responses.show(LimitsView.of(await payment_limits.fetch(db, foreign_id)))


async def _verdict(foreign_id: parameters.ForeignId, payment_id: PaymentId, caller: Asking) -> Verdict:
    return Verdict(foreign_id, payment_id, caller.name)


PaymentVerdict = Annotated[Verdict, Depends(_verdict)]
"""Which payment of which account the caller decides on."""


@router.post(
    "/account/{foreign_id}/payment/{payment_id}/approve",  # noqa: FAST003  the verdict has both
    response_model=PaymentView,
    summary="Approve a payment",
)
async def approve(verdict: PaymentVerdict, key: idempotency_keys.BodilessKey, commits: Commits) -> Response:
    """It is signed and sent. 403 to the key or token that has asked for it: another one decides."""
    result = await commits.submit(approvals.APPROVE, verdict, key)
    return responses.show(PaymentView.of(result.resource), replayed=result.replayed)


@router.post(
    "/account/{foreign_id}/payment/{payment_id}/reject",  # noqa: FAST003  the verdict has both
    response_model=PaymentView,
    summary="Reject a payment",
)
async def reject(verdict: PaymentVerdict, key: idempotency_keys.BodilessKey, commits: Commits) -> Response:
    """Its money is available again. 403 to the key or token that has asked for it, which may void it."""
    result = await commits.submit(approvals.REJECT, verdict, key)
    return responses.show(PaymentView.of(result.resource), replayed=result.replayed)
