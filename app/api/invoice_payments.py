"""Money of invoices over HTTP: paid from another account, and given back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from app.api import fields, idempotency_keys, parameters, payments, request_body, responses
from app.api.context import Commits, Context
from app.api.transfer_models import TransferView
from app.domain import invoices, transfers
from app.domain.invoices import Refund
from app.domain.transfers import Transfer
from app.money import Koinu

router = APIRouter()


class PayFrom(request_body.Body):
    """`on_chain` asks for a transaction instead of a transfer in the ledger."""

    model_config = request_body.examples({}, {"on_chain": True})

    on_chain: bool = False


class NewRefund(request_body.Body):
    """How much goes back; absent: all that was confirmed and has not gone back yet."""

    model_config = request_body.examples({}, {"amount": "12.5"})

    amount: fields.KoinuIn | None = None

    def refund(self, invoice: str, to: str) -> Refund:
        """The refund that is wanted; refuses what is no amount."""
        return Refund(invoice, to, None if self.amount is None else Koinu(self.amount))


class PaidView(responses.View):
    """GigaWallet's answer to a payment; of a transfer in the ledger there is no transaction, and no fee."""

    hex: str
    total: fields.KoinuOut
    paid: fields.KoinuOut
    fee: fields.KoinuOut
    tx: str

    @classmethod
    def of(cls, transfer: Transfer) -> "PaidView":
        """Show a transfer as a payment."""
        return cls(hex="", total=transfer.amount, paid=transfer.amount, fee=0, tx="")


From = Annotated[PayFrom, request_body.optional(PayFrom)]
New = Annotated[NewRefund, request_body.optional(NewRefund)]
OnChain = Annotated[bool, Query(description="Pay by a transaction")]
Payee = Annotated[str, Path(description="Who gets it", max_length=64), AfterValidator(fields.decoded)]


@router.post(
    "/invoice/{invoice_id}/payfrom/{foreign_id}",
    response_model=PaidView | payments.SentView,
    summary="Pay an invoice from an account",
)
async def pay_from(
    invoice_id: parameters.InvoiceId,
    foreign_id: parameters.ForeignId,
    body: From,
    key: idempotency_keys.Key,
    context: Context,
    *,
    on_chain: OnChain = False,
) -> Response:
    """What the invoice still lacks, at once and free; refused where it is paid. With `on_chain`, by a transaction."""
    order = invoices.PayFromOrder(invoice_id, foreign_id)
    if on_chain or body.on_chain:
        sent = await context.commits.submit(invoices.PAY_FROM_ON_CHAIN, order, key)
        payment = await payments.wait_until_sent(context, sent.resource)
        return responses.show(payments.SentView.of(payment), replayed=sent.replayed)
    result = await context.commits.submit(invoices.PAY_FROM, order, key)
    return responses.show(PaidView.of(result.resource), replayed=result.replayed)


@router.post(
    "/invoice/{invoice_id}/refundtoaddr/{address}",
    response_model=payments.PaymentView,
    summary="Refund an invoice to an address",
)
async def refund_to_address(
    invoice_id: parameters.InvoiceId,
    address: Payee,
    new: New,
    key: idempotency_keys.RequiredKey,
    context: Context,
) -> Response:
    """A payment of the invoice's account, which bears the fee; never more than was confirmed and not given back."""
    result = await context.commits.submit(invoices.REFUND_TO_ADDRESS, new.refund(invoice_id, address), key)
    payment = await payments.wait_until_sent(context, result.resource)
    return responses.show(payments.PaymentView.of(payment), replayed=result.replayed)


@router.post(
    "/invoice/{invoice_id}/refundtoacc/{foreign_id}",
    response_model=TransferView,
    summary="Refund an invoice to an account",
)
async def refund_to_account(
    invoice_id: parameters.InvoiceId,
    foreign_id: parameters.ForeignId,
    new: New,
    key: idempotency_keys.RequiredKey,
    commits: Commits,
) -> Response:
    """In the ledger, at once and free."""
    result = await commits.submit(invoices.REFUND_TO_ACCOUNT, new.refund(invoice_id, foreign_id), key)
    return responses.show_written(transfers.shown(result.resource), replayed=result.replayed)
