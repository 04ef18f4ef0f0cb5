"""Money of invoices over HTTP: paid from another account, and given back."""

from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, ConfigDict
from starlette.responses import Response

from app.api import amounts, answers, bodies, parameters, payments, replays, texts
from app.api.program import Given
from app.api.transfer_views import TransferView
from app.domain import settlements, transfer_text
from app.domain.refunds import Refund
from app.domain.transfers import Transfer
from app.money import Koinu

router = APIRouter()


class PayFrom(bodies.Body):
    """`on_chain` asks for a transaction instead of a transfer in the ledger."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"examples": [{}, {"on_chain": True}]})

    on_chain: bool = False


class NewRefund(bodies.Body):
    """How much goes back; absent: all that was confirmed and has not gone back yet."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"examples": [{}, {"amount": "12.5"}]})

    amount: amounts.KoinuIn | None = None

    def refund(self, invoice: str, to: str) -> Refund:
        """The refund that is wanted; refuses what is no amount."""
        return Refund(invoice, to, None if self.amount is None else Koinu(self.amount))


class PaidView(answers.View):
    """GigaWallet's answer to a payment; of a transfer in the ledger there is no transaction, and no fee."""

    hex: str
    total: amounts.KoinuOut
    paid: amounts.KoinuOut
    fee: amounts.KoinuOut
    tx: str

    @classmethod
    def of(cls, transfer: Transfer) -> "PaidView":
        """Show a transfer as a payment."""
        return cls(hex="", total=transfer.amount, paid=transfer.amount, fee=0, tx="")


From = Annotated[PayFrom, bodies.optional(PayFrom)]
New = Annotated[NewRefund, bodies.optional(NewRefund)]
OnChain = Annotated[bool, Query(description="Pay by a transaction")]
Payee = Annotated[str, Path(description="Who gets it", max_length=64), AfterValidator(texts.decoded)]


@router.post(
    "/invoice/{invoice_id}/payfrom/{foreign_id}",
    response_model=PaidView | payments.SentView,
    summary="Pay an invoice from an account",
)
async def pay_from(
    invoice_id: parameters.InvoiceId,
    foreign_id: parameters.ForeignId,
    asked: From,
    key: replays.Key,
    given: Given,
    *,
    on_chain: OnChain = False,
) -> Response:
    """What the invoice still lacks, at once and free; refused where it is paid. With `on_chain`, by a transaction."""
    wish = settlements.Wish(invoice_id, foreign_id)
    if on_chain or asked.on_chain:
        sent = await given.commits.submit(given.settle_on_chain, wish, key)
        payment = await payments.wait_until_sent(given, sent.thing)
        return answers.show(payments.SentView.of(payment), replayed=sent.replayed)
    done = await given.commits.submit(given.settle_invoice, wish, key)
    return answers.show(PaidView.of(done.thing), replayed=done.replayed)


@router.post(
    "/invoice/{invoice_id}/refundtoaddr/{address}",
    response_model=payments.PaymentView,
    summary="Refund an invoice to an address",
)
async def refund_to_address(
    invoice_id: parameters.InvoiceId, address: Payee, new: New, key: replays.RequiredKey, given: Given
) -> Response:
    """A payment of the invoice's account, which bears the fee; never more than was confirmed and not given back."""
    done = await given.commits.submit(given.refund_to_address, new.refund(invoice_id, address), key)
    payment = await payments.wait_until_sent(given, done.thing)
    return answers.show(payments.PaymentView.of(payment), replayed=done.replayed)


@router.post(
    "/invoice/{invoice_id}/refundtoacc/{foreign_id}",
    response_model=TransferView,
    summary="Refund an invoice to an account",
)
async def refund_to_account(
    invoice_id: parameters.InvoiceId,
    foreign_id: parameters.ForeignId,
    new: New,
    key: replays.RequiredKey,
    given: Given,
) -> Response:
    """In the ledger, at once and free."""
    done = await given.commits.submit(given.refund_to_account, new.refund(invoice_id, foreign_id), key)
    return answers.show_written(transfer_text.shown(done.thing), replayed=done.replayed)
