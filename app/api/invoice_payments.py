"""Invoices over HTTP: paying them from another account, and refunds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import fields, idempotency_keys, parameters, payments, request_body, responses
from app.api.access.callers import Asking, Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells.routing import Cells, InCells
from app.api.context import AppContext
from app.api.transfer_views import TransferView
from app.domain import invoices, transfers
from app.domain.access import Reach
from app.domain.idempotency import Claim
from app.domain.invoices import Refund
from app.domain.transfers import Transfer
from app.money import Koinu

router = APIRouter(route_class=GuardedRoute)


class PayFrom(request_body.Body):
    """`on_chain` asks for a transaction instead of a transfer in the ledger."""

    model_config = request_body.examples({}, {"on_chain": True})

    on_chain: bool = False


class NewRefund(request_body.Body):
    """How much goes back; without an amount all that was confirmed and not refunded yet."""

    model_config = request_body.examples({}, {"amount": "12.5"})

    amount: fields.KoinuIn | None = None

    def refund(self, invoice: str, to: str, asked_by: str = "") -> Refund:
        """Return the refund to be made."""
        return Refund(invoice, to, None if self.amount is None else Koinu(self.amount), asked_by)


class PaidView(responses.View):
    """GigaWallet's answer to a payment; a transfer in the ledger has no transaction and no fee."""

    hex: str
    total: fields.KoinuOut
    paid: fields.KoinuOut
    fee: fields.KoinuOut
    tx: str

    @classmethod
    def of(cls, transfer: Transfer) -> "PaidView":
        """Show a transfer as a payment."""
        return cls(hex="", total=transfer.amount, paid=transfer.amount, fee=0, tx="")


async def _pay_from_order(
    invoice_id: parameters.InvoiceId, foreign_id: parameters.ForeignId, caller: Asking
) -> invoices.PayFromOrder:
    return invoices.PayFromOrder(invoice_id, foreign_id, caller.name)


PayFromOrder = Annotated[invoices.PayFromOrder, Depends(_pay_from_order)]
PayFromBody = Annotated[PayFrom, request_body.optional(PayFrom)]
RefundBody = Annotated[NewRefund, request_body.optional(NewRefund)]
OnChain = Annotated[bool, Query(description="Pay by a transaction")]
Payee = Annotated[str, Path(description="Who gets it", max_length=64), AfterValidator(fields.decoded)]


@router.post(
    "/invoice/{invoice_id}/payfrom/{foreign_id}",  # noqa: FAST003  the order has both
    response_model=PaidView | payments.SentView,
    summary="Pay an invoice from an account",
)
async def pay_from(
    order: PayFromOrder,
    body: PayFromBody,
    key: idempotency_keys.Key,
    cells: InCells,
    caller: Asking,
    *,
    on_chain: OnChain = False,
) -> Response:
    """What the invoice still lacks, at once and free; 409 if it is paid.

    With `on_chain` by a transaction: that takes the scope `payments:write`, a transfer `ledger:write`.
    """
    by_transaction = on_chain or body.on_chain
    caller.require("payments:write" if by_transaction else "ledger:write")
    payer, seller = await cells.cell_of_account(order.foreign_id), await cells.cell_of_address(order.address)
    await _check(cells.contexts[seller], order.address, caller.reach)
    if by_transaction:
        return await _pay_on_chain(cells, payer, seller, order, key)
    result = await cells.submit_in((payer, seller), invoices.PAY_FROM, order, key)
    return responses.show(PaidView.of(result.resource), replayed=result.replayed)


@router.post(
    "/invoice/{invoice_id}/refundtoaddr/{address}",
    response_model=payments.PaymentView,
    summary="Refund an invoice to an address",
)
async def refund_to_address(
    invoice_id: parameters.InvoiceId,
    address: Payee,
    body: RefundBody,
    key: idempotency_keys.RequiredKey,
    cells: InCells,
    caller: Asking,
) -> Response:
    """A payment of the invoice's account, it bears the fee; at most what was confirmed and not refunded."""
    return await _refund(cells, caller.reach, body.refund(invoice_id, address, caller.name), key)


@router.post(
    "/invoice/{invoice_id}/refundtoaddr",
    response_model=payments.PaymentView,
    summary="Refund an invoice to the address that the payer's wallet has named",
)
async def refund_to_payer(
    invoice_id: parameters.InvoiceId,
    body: RefundBody,
    key: idempotency_keys.RequiredKey,
    cells: InCells,
    caller: Asking,
) -> Response:
    """As with an address; 400 where the invoice was not paid by DogeConnect, or no address was named."""
    return await _refund(cells, caller.reach, body.refund(invoice_id, "", caller.name), key)


@router.post(
    "/invoice/{invoice_id}/refundtoacc/{foreign_id}",
    response_model=TransferView,
    summary="Refund an invoice to an account",
)
async def refund_to_account(
    invoice_id: parameters.InvoiceId,
    foreign_id: parameters.ForeignId,
    body: RefundBody,
    key: idempotency_keys.RequiredKey,
    cells: InCells,
    within: Within,
) -> Response:
    """In the ledger, at once and free."""
    seller, payee = await cells.cell_of_address(invoice_id), await cells.cell_of_account(foreign_id)
    await _check(cells.contexts[seller], invoice_id, within)
    order = body.refund(invoice_id, foreign_id)
    result = await cells.submit_in((seller, payee), invoices.REFUND_TO_ACCOUNT, order, key)
    return responses.show_written(transfers.transfer_json(result.resource), replayed=result.replayed)


async def _pay_on_chain(
    cells: Cells, payer: int, seller: int, order: invoices.PayFromOrder, key: Claim | None
) -> Response:
    """Pay by a transaction. From another cell the invoice is looked at before: only a block makes it paid."""
    if payer == seller:
        sent = await cells.submit_in((payer,), invoices.PAY_FROM_ON_CHAIN, order, key)
    else:
        async with cells.contexts[seller].reads.connect() as db:
            asked = await invoices.on_chain_order(db, order, cells.first.network)
        sent = await cells.submit_in((payer,), invoices.PAY_ELSEWHERE, asked, key)
    payment = await payments.wait_until_sent(cells.contexts[payer], sent.resource)
    return responses.show(payments.SentView.of(payment), replayed=sent.replayed)


async def _check(context: AppContext, invoice_id: str, within: Reach) -> None:
    """Refuse an invoice of an account beyond the caller's reach as one that does not exist."""
    if within.limited:
        async with context.reads.connect() as db:
            invoice = await invoices.fetch(db, context.network, invoice_id)
        if not within.covers(invoice.owner.foreign_id):
            raise invoices.NoSuchInvoice(address=invoice_id, field="id")


async def _refund(cells: Cells, within: Reach, refund: Refund, key: Claim) -> Response:
    seller = await cells.cell_of_address(refund.invoice)
    await _check(cells.contexts[seller], refund.invoice, within)
    result = await cells.submit_in((seller,), invoices.REFUND_TO_ADDRESS, refund, key)
    payment = await payments.wait_until_sent(cells.contexts[seller], result.resource)
    return responses.show(payments.PaymentView.of(payment), replayed=result.replayed)
