"""Payments over HTTP: requesting, voiding and listing them."""

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, Strict
from starlette.responses import Response

from app.api import cursors, fast_route, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.callers import Asking
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import merged
from app.api.cells.merged import Listing
from app.api.cells.routing import Cells, InCells
from app.api.context import AppContext, Context
from app.api.fiat import FiatView
from app.domain import payments
from app.domain.dogecoin import Network
from app.domain.idempotency import Claim
from app.domain.payments import Payee, PayOrder, VoidOrder
from app.domain.payments.fees import PERCENT
from app.domain.refusals import Conflict, Invalid
from app.money import Koinu

router = APIRouter(route_class=GuardedRoute)
busy = APIRouter(route_class=fast_route.FastRoute)

_EXAMPLE: Final = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
_NO_AMOUNT: Final = 0
_MINUTE_SECONDS: Final = 60


class PaymentFailed(Conflict):
    """{error}"""  # noqa: D400, D415  what the payment itself says


class NewPayee(request_body.Body):
    """One output of a payment; `deduct_fee_percent` is its part of the fee, together 100 or 0."""

    to: fields.Label
    amount: fields.KoinuIn
    deduct_fee_percent: fields.PercentIn = fields.NO_PERCENT


class NewPayment(request_body.Body):
    """One output by `to` and `amount`, or several in `pay`; fees in DOGE, 0 as if absent."""

    model_config = request_body.examples(
        {"to": _EXAMPLE, "amount": "12.5"},
        {"pay": [{"to": _EXAMPLE, "amount": "12.5", "deduct_fee_percent": "100"}]},
    )

    to: fields.Label = ""
    amount: fields.KoinuIn = _NO_AMOUNT
    pay: Annotated[tuple[NewPayee, ...], Field(max_length=payments.PAYEES), Strict(strict=False)] = ()
    explicit_fee: fields.KoinuIn = _NO_AMOUNT
    max_fee: fields.KoinuIn = _NO_AMOUNT
    batch: bool | None = None
    reference: fields.Label = ""

    def order(self, context: AppContext, foreign_id: str, kind: str, asked_by: str) -> PayOrder:
        """Return the payment to be made; refuses what could never be paid."""
        if not self.pay and not self.to:
            raise Invalid(reason="missing 'pay', or 'to' and 'amount', in JSON body", field="pay")
        if self.pay and self.to:
            raise Invalid(reason="Name the payees in 'pay', or one in 'to': not both.", field="to")
        if self.pay and self.amount and self.amount != sum(payee.amount for payee in self.pay):
            raise Invalid(reason="The amount is not what those in 'pay' get together.", field="amount")
        return PayOrder(
            foreign_id,
            tuple(self._payees(context.network)),
            kind=kind,
            explicit_fee=Koinu(self.explicit_fee),
            max_fee=Koinu(self.max_fee),
            batch=self.batch,
            reference=self.reference,
            seconds=context.paytx_minutes * _MINUTE_SECONDS if kind == "paytx" else None,
            asked_by=asked_by,
        )

    def _payees(self, network: Network) -> Iterator[Payee]:
        if not self.pay:
            yield Payee.of(network, "", self.to, Koinu(self.amount))
        for n, payee in enumerate(self.pay):
            share = int(payee.deduct_fee_percent * PERCENT)
            yield Payee.of(network, f"pay.{n}.", payee.to, Koinu(payee.amount), share)


class PayToView(responses.View):
    """One output as it was asked for."""

    to: str
    amount: fields.KoinuShown
    deduct_fee_percent: fields.KoinuShown


class SentView(responses.View):
    """GigaWallet's answer to a payment (`hex` is the txid, `tx` the transaction), then ours."""

    hex: str
    total: fields.KoinuShown
    paid: fields.KoinuShown
    fee: fields.KoinuShown
    tx: str
    id: int
    state: str

    @classmethod
    def of(cls, payment: payments.Payment) -> "SentView":
        """Show a payment to its caller."""
        shown = payments.payment_shown(payment)
        return cls(**{name: shown[name] for name in cls.model_fields})


class PaymentView(responses.View):
    """A payment."""

    id: int
    foreign_id: str
    state: str
    pay_to: list[PayToView]
    total: fields.KoinuShown
    paid: fields.KoinuShown
    fee: fields.KoinuShown
    hex: str
    tx: str
    confirmations: int
    created: responses.Time
    reference: str
    error: str
    fiat: FiatView | None

    @classmethod
    def of(cls, payment: payments.Payment) -> "PaymentView":
        """Show it whole."""
        return cls(**payments.payment_shown(payment))


class PaymentPage(cursors.Page[PaymentView]):
    """A page of an account's payments, newest first."""


PaymentBody = Annotated[NewPayment, request_body.of(NewPayment)]
PaymentId = Annotated[int, parameters.row_id("The payment's id")]


async def submit_and_wait(cells: Cells, order: PayOrder, key: Claim | None) -> Response:
    """Set the money aside, then wait a while for the sender; no connection or lock is held meanwhile."""
    cell = await cells.cell_of_account(order.foreign_id)
    result = await cells.submit_in((cell,), payments.REQUEST, order, key)
    payment = await wait_until_sent(cells.contexts[cell], result.resource)
    return responses.show(SentView.of(payment), replayed=result.replayed)


async def wait_until_sent(context: AppContext, payment: payments.Payment) -> payments.Payment:
    """Return the payment once it is sent (of `paytx`: signed), or as it is after the wait; or PaymentFailed.

    It is committed already: whatever happens meanwhile, its caller must not be told to try again.
    """
    waits = ("PENDING",) if payment.kind == "paytx" else ("PENDING", "PROCESSING")
    payment = await context.waiter.wait(payment, waits, context.pay_wait_seconds)
    if payment.state == "FAILED":
        raise PaymentFailed(error=payment.error)
    return payment


@router.post("/account/{foreign_id}/pay", response_model=SentView, summary="Pay")
async def pay(
    foreign_id: parameters.ForeignId,
    body: PaymentBody,
    key: idempotency_keys.Key,
    cells: InCells,
    caller: Asking,
) -> Response:
    """The balance falls at once. The answer comes when the payment is sent, or after a while without."""
    return await submit_and_wait(cells, body.order(cells.first, foreign_id, "pay", caller.name), key)


@router.post(
    "/account/{foreign_id}/paytx", response_model=SentView, summary="Sign a payment without sending it"
)
async def paytx(
    foreign_id: parameters.ForeignId,
    body: PaymentBody,
    key: idempotency_keys.Key,
    cells: InCells,
    caller: Asking,
) -> Response:
    """The caller sends `tx`. Unless a block or the node has seen it in time, it is cancelled."""
    return await submit_and_wait(cells, body.order(cells.first, foreign_id, "paytx", caller.name), key)


@router.post(
    "/account/{foreign_id}/payment/{payment_id}/void", response_model=PaymentView, summary="Void a payment"
)
async def void(
    foreign_id: parameters.ForeignId,
    payment_id: PaymentId,
    key: idempotency_keys.BodilessKey,
    context: Context,
) -> Response:
    """At once while it is unsigned; else it is CANCELLING until what cancels it is deep enough."""
    payment = await context.queries.fetch(payments.FETCH, payments.PaymentKey(foreign_id, payment_id))
    raw = payment.raw if payment.state in payments.LIVE else None
    unseen = payment.txid if raw is not None and not await context.node_queries.holds(raw) else None
    result = await context.commits.submit(payments.VOID, VoidOrder(foreign_id, payment_id, unseen), key)
    return responses.show(PaymentView.of(result.resource), replayed=result.replayed)


@busy.get("/account/{foreign_id}/payments", response_model=PaymentPage, summary="An account's payments")
async def list_payments(
    foreign_id: parameters.ForeignId, cells: InCells, request: cursors.ByIdOverCells
) -> Response:
    """Newest first."""
    listing = Listing(
        lambda db, page: payments.page(db, foreign_id, page),
        lambda payment: payment.id,
        lambda payment: payment.created,
    )
    page = await merged.page(await cells.readers_of(foreign_id), listing, request)
    return responses.show_page(map(payments.payment_shown, page.items), page.cursor)


@busy.get("/account/{foreign_id}/payment/{payment_id}", response_model=PaymentView, summary="A payment")
async def get_payment(foreign_id: parameters.ForeignId, payment_id: PaymentId, context: Context) -> Response:
    """404 also where the payment is another account's."""
    key = payments.PaymentKey(foreign_id, payment_id)
    return responses.show(PaymentView.of(await context.queries.fetch(payments.FETCH, key)))
